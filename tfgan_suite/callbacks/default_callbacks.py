"""The callbacks that a run wants."""

from pathlib import Path

from tfgan_suite.callbacks.actions import LowerRate, Note, RaiseAugmentation, RollBack, Save, Stop
from tfgan_suite.callbacks.checkpointing import Checkpointing
from tfgan_suite.callbacks.collapse_monitor import CollapseMonitor
from tfgan_suite.callbacks.image_grid import ImageGrid
from tfgan_suite.callbacks.progress import Progress
from tfgan_suite.callbacks.scores import Scores
from tfgan_suite.callbacks.stability_monitor import StabilityMonitor
from tfgan_suite.callbacks.stop_on_non_finite import StopOnNonFinite
from tfgan_suite.callbacks.training_log import TrainingLog
from tfgan_suite.foundation.choices import ALERT_ACTIONS
from tfgan_suite.foundation.errors import unknown_name


def default_callbacks(
    run_dir,
    *,
    total_images=None,
    score=None,
    score_every_ticks=1,
    keep_checkpoints=3,
    hyperparameters=None,
    seed=0,
    on_instability="note",
    on_collapse="note",
    collapse_probe=None,
    any_worker=None,
):
    """Checkpoints, pictures, logs, monitors and a stop at NaN, in the order in which they must run.

    Args:
        run_dir: Gets `checkpoints/`, `images/`, `tensorboard/`, `history.jsonl` and, if there are alerts, `alerts.jsonl`.
        total_images: Images at the end of training; with it, progress is printed (use `fit(verbose=0)` then).
        score: Function from the model to a dict of scores, or `None`.
        score_every_ticks: Ticks from one scoring to the next.
        keep_checkpoints: How many checkpoints to keep.
        hyperparameters: Flat dict for TensorBoard.
        seed: Of the latents of the pictures, and of those that the collapse monitor looks at.
        on_instability: What to do about alerts of `StabilityMonitor`, a name out of `config.ALERT_ACTIONS`. With
            `"roll_back"` also about a loss that is no number.
        on_collapse: What to do about alerts of `CollapseMonitor`, likewise.
        collapse_probe: Dict of arguments of `CollapseMonitor`, its `real_images` at least; `None` for no such monitor.
        any_worker: A `distribution.AnyWorker`, where several workers train.

    Returns:
        A list for `fit(callbacks=...)`.

    Raises:
        UserError: An unknown action.

    Example:

    >>> callbacks = default_callbacks("runs/digits")
    >>> images_seen = tg.resume(gan, "runs/digits")
    >>> info, train = tg.load_dataset("data/digits", batch_size=64, start_image=images_seen)
    >>> gan.fit(train, epochs=10, steps_per_epoch=100, callbacks=callbacks, initial_epoch=images_seen // 6400)
    """
    run_dir = Path(run_dir)
    log_dir = run_dir / "tensorboard"
    checkpointing = Checkpointing(run_dir / "checkpoints", keep=keep_checkpoints, any_worker=any_worker)
    actions = _actions(checkpointing)
    for name in (on_instability, on_collapse):
        if name not in actions:
            raise unknown_name("action", name, ALERT_ACTIONS)
    shown = {"log_dir": log_dir, "alerts_path": run_dir / "alerts.jsonl"}
    monitors = []
    if on_instability != "off":
        monitors.append(StabilityMonitor(actions=[actions[on_instability]], **shown))
    roll_back = actions["roll_back"] if on_instability == "roll_back" else None
    callbacks = [StopOnNonFinite(checkpointing, roll_back, monitors[0] if roll_back else None)]
    if on_collapse != "off" and collapse_probe is not None:
        monitors.append(CollapseMonitor(**collapse_probe, actions=[actions[on_collapse]], seed=seed, **shown))
    checkpointing.companions = monitors + _with_state({on_instability, on_collapse}, actions)
    if score is not None:
        callbacks.append(Scores(score, every_ticks=score_every_ticks))
    callbacks += [
        *monitors,
        ImageGrid(run_dir / "images", log_dir=log_dir, seed=seed),
        TrainingLog(run_dir / "history.jsonl", log_dir, hyperparameters),
        checkpointing,
    ]
    if total_images is not None:
        callbacks.append(Progress(total_images))  # Last: what is printed as done is saved.
    return callbacks


def _actions(checkpointing):
    """The actions that have a name. Both monitors share them, so that there is one count and one factor."""
    lower_rate = LowerRate()
    return {
        "off": None,
        "note": Note(),
        "save": Save(checkpointing),
        "stop": Stop(checkpointing),
        "lower_rate": lower_rate,
        "roll_back": RollBack(checkpointing, lower_rate),
        "raise_augmentation": RaiseAugmentation(),
    }


def _with_state(names, actions):
    """Those of the chosen actions that remember something."""
    if "roll_back" in names:
        return [actions["roll_back"], actions["lower_rate"]]
    return [actions["lower_rate"]] if "lower_rate" in names else []
