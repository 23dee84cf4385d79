"""Growing a ProGAN: one ordinary `fit` after another."""

import numpy as np

from tfgan_suite.engine.training_phase import fit_calls, plan_ticks


def fit_progressively(gan, dataset_at, schedule=None, callbacks=None, images_per_tick=None, verbose=0, **fit_arguments):
    """Trains a compiled ProGAN through the phases of a schedule, from the images it has seen to the end.

    After a stop at any point of any phase, restore the model and call this again: it goes on as it would have.

    Args:
        gan: A compiled `ProGAN`.
        dataset_at: Function `(size, batch_size)` to an endless data set of batches of `size` x `size` pixels. It is
            called before each `fit`; for an exact restart the data begin with image number `gan.examples_seen`.
        schedule: A `ProGANSchedule`; by default the model's.
        callbacks: List of Keras callbacks, for each `fit`.
        images_per_tick: Images of an epoch, at whose end callbacks act; by default a whole phase.
        verbose: As in `fit`.
        **fit_arguments: More arguments of `fit`.

    Returns:
        List of Keras `History` objects, one for each `fit`.

    Example:

    >>> gan = ProGAN(image_shape=(8, 8, 1), latent_size=4, channel_base=16, max_channels=4)
    >>> gan.compile()
    >>> def dataset_at(size, batch_size):
    ...     return tf.data.Dataset.from_tensors(tf.zeros([batch_size, size, size, 1])).repeat()
    >>> schedule = ProGANSchedule(stable_images=8, fade_images=8, batch_size=4)
    >>> histories = fit_progressively(gan, dataset_at, schedule)
    >>> [round(history.history["level_of_detail"][-1], 2) for history in histories]
    [1.0, 0.25, 0.0]
    >>> def dataset_at(size, batch_size):  # Of a prepared set, at any point of training.
    ...     seen = int(gan.examples_seen)
    ...     return tg.load_dataset("data/faces", batch_size=batch_size, image_size=size, start_image=seen)[1]

    Reference: Karras et al., "Progressive Growing of GANs" (2018), section 2.
    """
    phases = (schedule or gan.schedule).phases(gan.image_shape[0])
    ticks = plan_ticks(phases, images_per_tick or phases[-1].end_image, gan.steps_per_execution)
    histories = []
    for call in fit_calls(ticks, int(np.asarray(gan.examples_seen))):
        gan.begin_phase(call.phase)
        history = gan.fit(
            dataset_at(call.phase.size, call.phase.batch_size),
            initial_epoch=call.first_tick,
            epochs=call.end_tick,
            steps_per_epoch=call.steps,
            callbacks=callbacks,
            verbose=verbose,
            **fit_arguments,
        )
        histories.append(history)
    return histories
