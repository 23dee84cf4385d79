"""default_callbacks: the callbacks that a run wants."""

from tfgan_suite.callbacks.actions import LowerRate, Note, RaiseAugmentation, RollBack, Save, Stop
from tfgan_suite.callbacks.checkpointing import Checkpointing
from tfgan_suite.callbacks.collapse_monitor import CollapseMonitor
from tfgan_suite.callbacks.discriminator_monitor import DiscriminatorMonitor
from tfgan_suite.callbacks.image_grid import ImageGrid
from tfgan_suite.callbacks.progress import Progress
from tfgan_suite.callbacks.scores import Scores
from tfgan_suite.callbacks.sound_clips import SoundClips
from tfgan_suite.callbacks.stability_monitor import StabilityMonitor
from tfgan_suite.callbacks.stop_on_non_finite import StopOnNonFinite
from tfgan_suite.callbacks.text_samples import TextSamples
from tfgan_suite.callbacks.training_log import TrainingLog
from tfgan_suite.callbacks.video_clips import VideoClips
from tfgan_suite.foundation.choices import ALERT_ACTIONS
from tfgan_suite.foundation.errors import unknown_name
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.foundation.terminal import say
from tfgan_suite.generative.abilities import Discriminates


def default_callbacks(
    run_dir,
    *,
    model=None,
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
    report=say,
):
    """Checkpoints, pictures, logs, monitors and a stop at NaN, in the order in which they must run.

    Args:
        run_dir: String. Gets `checkpoints/`, `images/`, of sounds `sounds/`, of clips `videos/`, `tensorboard/`, `history.jsonl` and, if there are alerts,
            `alerts.jsonl`.
        model: The model to be trained. If given, callbacks that need something it cannot do are left out, and one line says
            so.
        total_images: Integer. Examples at the end of training; with it, progress is printed (use `fit(verbose=0)` then).
        score: Function from the model to a dict of scores, or `None`.
        score_every_ticks: Integer. Ticks from one scoring to the next.
        keep_checkpoints: Integer. How many checkpoints to keep.
        hyperparameters: Flat dict for TensorBoard.
        seed: Integer. Seed of the samples in the pictures and of those that monitors look at.
        on_instability: String, one of `ALERT_ACTIONS`. What to do about alerts of `StabilityMonitor`. With `"roll_back"`
            also about a loss that is not a number.
        on_collapse: String, likewise. What to do about alerts of `CollapseMonitor` and `DiscriminatorMonitor`.
        collapse_probe: Dict of arguments of these two, their `real_images` at least; `None` for no such monitors.
        any_worker: A `distribution.AnyWorker`, where several workers train.
        report: Function. Called with the line about what is left out.

    Returns:
        A list for `fit(callbacks=...)`.

    Raises:
        UserError: An unknown action.

    Example:

    >>> callbacks = default_callbacks("runs/digits")
    >>> examples_seen = tg.resume(gan, "runs/digits")
    >>> info, train = tg.load_dataset("data/digits", batch_size=64, start_image=examples_seen)
    >>> gan.fit(train, epochs=10, steps_per_epoch=100, callbacks=callbacks, initial_epoch=examples_seen // 6400)
    """
    run_dir = local_path(run_dir)
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
    left_out = []
    if on_collapse != "off" and collapse_probe is not None:
        monitors += _sample_monitors(
            model, collapse_probe, {"actions": [actions[on_collapse]], "seed": seed, **shown}, left_out
        )
    checkpointing.companions = monitors + _with_state({on_instability, on_collapse}, actions)
    if score is not None:
        callbacks.append(Scores(score, every_ticks=score_every_ticks))
    callbacks += monitors
    if model is None or model.spec.is_drawn:
        callbacks.append(ImageGrid(run_dir / "images", log_dir=log_dir, seed=seed))
    elif model.spec.is_written:
        callbacks.append(TextSamples(run_dir / "texts", log_dir=log_dir, seed=seed))
    else:
        left_out.append(f"ImageGrid ({model.spec.unit[1]} have no `draw`)")
    if model is not None and model.spec.sample_rate_hz is not None:
        callbacks.append(SoundClips(run_dir / "sounds", log_dir=log_dir, seed=seed))
    if model is not None and model.spec.frames_per_second is not None:
        callbacks.append(VideoClips(run_dir / "videos", log_dir=log_dir, seed=seed))
    callbacks += [TrainingLog(run_dir / "history.jsonl", log_dir, hyperparameters), checkpointing]
    if total_images is not None:
        callbacks.append(Progress(total_images))  # Last: what is printed as done is saved.
    if left_out:
        report(f"Left out for {type(model).__name__}: {', '.join(left_out)}.")
    return callbacks


def _sample_monitors(model, probe, shared, left_out):
    """The monitors of samples that a model can have; the others are added to `left_out`."""
    monitors = []
    if model is None or model.spec.is_picture:
        monitors.append(CollapseMonitor(**probe, **shared))
    else:
        left_out.append("CollapseMonitor (it compares images)")
    if model is None or model.can(Discriminates):
        of_images = ("extractor", "perceptual_distance", "grace_images")
        probe = {name: value for name, value in probe.items() if name not in of_images}
        samples_of = monitors[0] if monitors else None
        monitors.append(DiscriminatorMonitor(**probe, **shared, samples_of=samples_of))
    else:
        left_out.append("DiscriminatorMonitor (the model cannot discriminate)")
    return monitors


def _actions(checkpointing):
    """The actions that have a name. All monitors share them, so that there is one count and one factor."""
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


def check_actions(model, names):
    """Refuses what cannot be done to a model, for whoever wants to know before anything is written.

    Args:
        model: The model, compiled.
        names: Strings, of `ALERT_ACTIONS`.

    Raises:
        UserError: One of the actions needs something that the model does not have, such as a constant learning rate.
    """
    actions = _actions(None)
    for name in names:
        if actions[name] is not None:
            actions[name].begin(model)


def _with_state(names, actions):
    """Those of the chosen actions that remember something."""
    if "roll_back" in names:
        return [actions["roll_back"], actions["lower_rate"]]
    return [actions["lower_rate"]] if "lower_rate" in names else []
