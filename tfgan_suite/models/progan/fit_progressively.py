"""Progressive growing: one ordinary call of `fit` after another."""

import numpy as np

from tfgan_suite.engine.training_phase import fit_calls, plan_ticks


def fit_progressively(gan, dataset_at, schedule=None, callbacks=None, images_per_tick=None, verbose=0, **fit_arguments):
    """Trains a compiled ProGAN through the phases of a schedule, starting after the images it has already seen.

    After an interruption at any point of any phase, restore the model and call this function again to resume with
    identical results.

    Args:
        gan: A compiled `ProGAN`.
        dataset_at: Callable that takes `(size, batch_size)` and returns an infinite dataset of batches of images of
            `size` x `size` pixels. It is called before each `fit`. To resume exactly, its data must start with image
            number `gan.examples_seen`.
        schedule: A `ProGANSchedule`. Defaults to the model's schedule.
        callbacks: List of Keras callbacks, for each `fit`.
        images_per_tick: Integer >= 1, or `None`. Number of images in an epoch, at whose end callbacks act; defaults to
            a whole phase.
        verbose: Verbosity, as in `fit`.
        **fit_arguments: Additional arguments of `fit`.

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
    >>> def dataset_at(size, batch_size):  # From a prepared dataset, at any point of training.
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
