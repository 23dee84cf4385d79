"""The callbacks that a run wants."""

from pathlib import Path

from tfgan_suite.callbacks.checkpointing import Checkpointing
from tfgan_suite.callbacks.image_grid import ImageGrid
from tfgan_suite.callbacks.progress import Progress
from tfgan_suite.callbacks.scores import Scores
from tfgan_suite.callbacks.stop_on_non_finite import StopOnNonFinite
from tfgan_suite.callbacks.training_log import TrainingLog


def default_callbacks(
    run_dir, *, total_images=None, score=None, score_every_ticks=1, keep_checkpoints=3, hyperparameters=None, seed=0
):
    """Checkpoints, pictures, logs and a stop at NaN, in the order in which they must run.

    Args:
        run_dir: Gets `checkpoints/`, `images/`, `tensorboard/` and `history.jsonl`.
        total_images: Images at the end of training; with it, progress is printed (use `fit(verbose=0)` then).
        score: Function from the model to a dict of scores, or `None`.
        score_every_ticks: Ticks from one scoring to the next.
        keep_checkpoints: How many checkpoints to keep.
        hyperparameters: Flat dict for TensorBoard.
        seed: Of the latents of the pictures.

    Returns:
        A list for `fit(callbacks=...)`.

    Example:

    >>> callbacks = default_callbacks("runs/digits")
    >>> images_seen = tg.resume(gan, "runs/digits")
    >>> info, train = tg.load_dataset("data/digits", batch_size=64, start_image=images_seen)
    >>> gan.fit(train, epochs=10, steps_per_epoch=100, callbacks=callbacks, initial_epoch=images_seen // 6400)
    """
    run_dir = Path(run_dir)
    log_dir = run_dir / "tensorboard"
    checkpointing = Checkpointing(run_dir / "checkpoints", keep=keep_checkpoints)
    callbacks = [StopOnNonFinite(checkpointing)]
    if score is not None:
        callbacks.append(Scores(score, every_ticks=score_every_ticks))
    callbacks += [
        ImageGrid(run_dir / "images", log_dir=log_dir, seed=seed),
        TrainingLog(run_dir / "history.jsonl", log_dir, hyperparameters),
    ]
    if total_images is not None:
        callbacks.append(Progress(total_images))
    return [*callbacks, checkpointing]
