"""train(config): data set, model, fit, scores. The command line and the TFX trainer both call this."""

import dataclasses
import shutil
import tempfile
from pathlib import Path

import numpy as np

from tfgan_suite.callbacks.actions import RolledBack
from tfgan_suite.callbacks.checkpointing import Checkpointing
from tfgan_suite.callbacks.default_callbacks import default_callbacks
from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.data.loader import load_dataset
from tfgan_suite.data.prepared_set import PreparedSet
from tfgan_suite.engine.distribution import AnyWorker, is_chief, make_strategy, num_workers, worker_loss_explained
from tfgan_suite.engine.training_phase import fit_calls
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import Lock, write_atomically, writing
from tfgan_suite.foundation.history import read_history
from tfgan_suite.foundation.terminal import say
from tfgan_suite.generative.abilities import Discriminates
from tfgan_suite.metrics.lpips import LPIPS
from tfgan_suite.metrics.protocol import evaluation
from tfgan_suite.metrics.protocol.score_log import write_scalars
from tfgan_suite.models.catalogue import import_recorded
from tfgan_suite.runs.initialization import begin
from tfgan_suite.runs.recipe import make_model
from tfgan_suite.runs.run_recipe import (
    describe_run,
    read_recipe,
    recipe_differences,
    version_differences,
    write_recipe,
)
from tfgan_suite.runs.train_config import TrainConfig

# Real examples that the monitors compare samples with.
_PROBE_EXAMPLES, _PROBE_LIMIT_BYTES = 2_000, 256 * 2**20


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """What a run ended with.

    Attributes:
        model: The trained model.
        history: List of dicts, one a tick.
        evaluation: The `Evaluation` at the end, or `None`.
        run_dir: Path. Where everything was written.
    """

    model: object
    history: list
    evaluation: object
    run_dir: Path


def resume(model, run_dir):
    """Loads the newest checkpoint of a run into a compiled model.

    Args:
        model: The model, compiled as in that run.
        run_dir: String. The run's directory.

    Returns:
        Integer. Examples seen, 0 if there is no checkpoint. Pass it to `load_dataset(start_image=...)`, and the run continues
        exactly as it would have without the interruption.

    Raises:
        UserError: There is a checkpoint, but of another architecture.
    """
    return Checkpointing(Path(run_dir) / "checkpoints").restore(model)


def train(config, progress=True, strategy=None):
    """Trains a model as a `TrainConfig` says, or resumes a run that was stopped.

    With several workers each calls this with the same config, and a `run_dir` that all of them can read. The first one
    writes there and scores; the others keep what they write in their own directories, which are removed.

    Args:
        config: A `TrainConfig`.
        progress: Boolean. Whether to print.
        strategy: A `tf.distribute.Strategy` to use instead of the one that `config.strategy` names.

    Returns:
        A `TrainResult`. `run_dir` then holds `config.json`, `recipe.json`, `checkpoints/`, `images/`, `tensorboard/`,
        `history.jsonl`, `metrics.json` and `model.keras`.

    Raises:
        UserError: A config that cannot be run, or one that differs from what the run in `run_dir` was started with; or
            another worker is gone.

    Example:

    >>> result = train(TrainConfig(data_dir="data/digits", run_dir="runs/digits", preset="dcgan_digits_32"))
    >>> result.model.generate(10, labels=range(10)).shape
    (10, 32, 32, 1)
    """
    import_recorded((read_recipe(config.run_dir) or {}).get("imports", ()))
    strategy = make_strategy(strategy or config.strategy)
    opened = PreparedSet.open(config.data_dir)  # Once: it is passed along to all that reads from it.
    info = opened.info
    if num_workers(strategy) > 1 and "roll_back" in (config.on_instability, config.on_collapse):
        raise UserError(
            "`on_instability` and `on_collapse` must not be 'roll_back' with several workers, since only one of them keeps "
            "the checkpoints from before a restart. Use 'lower_rate', 'save' or 'stop'."
        )
    # Before anything is written: each of these may refuse the config.
    with strategy.scope():
        model, recipe, ticks = make_model(config, info)
    probe = None if config.on_collapse == "off" else _collapse_probe(config, opened, model)
    run_dir, report = Path(config.run_dir), say if progress else _say_nothing
    has_checkpoint = Checkpointing(run_dir / "checkpoints").has_checkpoint()
    initialization = begin(model, config, read_recipe(run_dir), has_checkpoint, report)
    description = describe_run(config, info, model, recipe, ticks, initialization)
    if model.num_classes and (sentence := info.describe_empty_classes("train")):
        report(f"Note: {sentence}")
    if is_chief(strategy):
        refusal = (
            f"Another process trains the run in {run_dir}. Wait until it is done, or choose another run directory."
        )
        with writing(run_dir):
            run_dir.mkdir(parents=True, exist_ok=True)
            with Lock(run_dir / ".lock", refusal):
                _claim(run_dir, config, info, description, True, report)
                examples_seen = resume(model, run_dir)
                return _train(model, config, opened, recipe, ticks, probe, examples_seen, run_dir, progress)
    _claim(run_dir, config, info, description, False, report)
    examples_seen = resume(model, run_dir)
    with tempfile.TemporaryDirectory(prefix="tfgan-suite-worker-") as own_dir:
        if examples_seen:
            shutil.copytree(Path(config.run_dir) / "checkpoints", Path(own_dir) / "checkpoints")
        silent = dataclasses.replace(config, score_every_ticks=-1)
        return _train(model, silent, opened, recipe, ticks, probe, examples_seen, Path(own_dir), progress=False)


def _train(model, config, opened, recipe, ticks, probe, examples_seen, run_dir, progress):
    """Trains to the end, writing into `run_dir`, and scores."""
    callbacks = default_callbacks(
        run_dir,
        model=model,
        total_images=ticks[-1].end_image if progress else None,
        score=_score_function(config, opened) if config.score_every_ticks > 0 else None,
        score_every_ticks=config.score_every_ticks,
        keep_checkpoints=config.keep_checkpoints,
        hyperparameters={
            "preset": recipe.preset or config.preset,
            "batch_size": ticks[-1].phase.batch_size,
            "total_images": ticks[-1].end_image,
            "precision": config.precision,
            "seed": config.seed,
        },
        seed=config.seed,
        on_instability=config.on_instability,
        on_collapse=config.on_collapse,
        collapse_probe=probe,
        any_worker=AnyWorker(model.distribute_strategy),
        report=say if progress else _say_nothing,
    )
    with worker_loss_explained(model.distribute_strategy, config.run_dir):
        while examples_seen is not None:
            examples_seen = _fit(model, config, opened, fit_calls(ticks, examples_seen), callbacks, progress)
    model.save(run_dir / "model.keras")
    scores = _evaluate(model, config, opened, progress) if config.score_every_ticks >= 0 else None
    if scores is not None:
        write_scalars(scores, run_dir / "tensorboard")
    return TrainResult(model, read_history(run_dir / "history.jsonl"), scores, run_dir)


def _fit(model, config, opened, calls, callbacks, progress):
    """Trains; returns `None` at the end, or the examples to continue from when the run was rolled back."""
    for call in calls:
        model.begin_phase(call.phase)
        _, dataset = load_dataset(
            opened,
            "train",
            call.phase.batch_size,
            image_size=call.phase.size,
            seed=config.seed,
            start_image=int(np.asarray(model.examples_seen)),
            horizontal_flip=config.horizontal_flip,
        )
        try:
            model.fit(
                dataset,
                initial_epoch=call.first_tick,
                epochs=call.end_tick,
                steps_per_epoch=call.steps,
                callbacks=callbacks,
                shuffle=False,  # The data set is shuffled by its own seed; Keras would warn that it cannot.
                verbose=0,
            )
        except RolledBack as event:
            if progress:
                say(event, flush=True)
            return int(np.asarray(model.examples_seen))
    return None


def _collapse_probe(config, opened, model):
    """What monitors compare samples with: real examples, and some that are not trained on, if there is another split."""
    of_images = model.spec.is_picture
    if not of_images and not model.can(Discriminates):
        if config.on_collapse != "note":  # The default asks for what there is; anything else asks for a monitor.
            raise UserError(
                f"`on_collapse` must be 'note' or 'off' for {type(model).__name__}: no monitor of collapse looks at "
                f"{model.spec.unit[1]} of a model that cannot discriminate. Received: on_collapse={config.on_collapse!r}"
            )
        return None
    size = int(np.prod(model.spec.shape)) * np.dtype(model.spec.edge_dtype).itemsize
    most = int(np.clip(_PROBE_LIMIT_BYTES // size, 64, _PROBE_EXAMPLES))
    others = [name for name in opened.info.splits if name != "train"]
    probe = {"perceptual_distance": LPIPS() if of_images and config.diversity == "lpips" else None}
    for kind, split in [("real", "train")] + [("held_out", name) for name in others[:1]]:
        if opened.info.splits[split].num_examples < 64:
            continue
        _, dataset = load_dataset(opened, split, 64, seed=config.seed, repeat=False, drop_remainder=False, cache=False)
        batches = [
            (model.spec.to_edge(examples).numpy(), labels.numpy()) for examples, labels in dataset.take(-(-most // 64))
        ]
        probe[f"{kind}_images"] = np.concatenate([examples for examples, _ in batches])[:most]
        probe[f"{kind}_labels"] = np.concatenate([labels for _, labels in batches])[:most]
    if "real_images" in probe:
        return probe
    if config.on_collapse != "note":
        raise UserError(
            "`on_collapse` must be 'note' or 'off' for a training split of fewer than 64 "
            f"{model.spec.unit[1]}: monitors of collapse compare samples with 64. Received: "
            f"on_collapse={config.on_collapse!r}, {opened.info.splits['train'].num_examples} {model.spec.unit[1]}"
        )
    return None


def _claim(run_dir, config, info, description, write, report):
    """Writes config and recipe into a new run, or checks that this one resumes with what the run was started with."""
    path = run_dir / "config.json"
    data_path = run_dir / "dataset_info.json"
    recorded = read_recipe(run_dir)
    changes = []
    if path.exists():
        earlier = TrainConfig.load(path)
        changes = [
            f"{name} was {getattr(earlier, name)!r}, is {getattr(config, name)!r}"
            for name in config.differences(earlier)
        ]
        if DatasetInfo.load(run_dir).fingerprint != info.fingerprint:
            changes.append(f"the examples in {config.data_dir} are others")
    if not changes and recorded is not None:  # The recipe knows all of the config, and more.
        changes = recipe_differences(recorded, description)
    if changes:
        raise UserError(
            f"The run in {run_dir} was started with another config: {'; '.join(changes)}. "
            "Use the same one to resume it, or another run directory to start a new run."
        )
    if recorded is not None and (versions := version_differences(recorded, description)):
        report(f"Note: {run_dir} was started with other versions: {', '.join(versions)}.")
    if recorded is None and path.exists():
        report(f"{run_dir} has no recipe.json, as version 0.1 wrote none: what it is resumed with is recorded now.")
    if not write:
        return
    write_atomically(data_path, (Path(config.data_dir) / "dataset_info.json").read_bytes())
    config.save(path)
    write_recipe(run_dir, description, recorded)


def _say_nothing(text):
    """Takes the place of `print` where nothing is to be printed."""


def _evaluate(model, config, opened, progress):
    return evaluation.evaluate(
        model,
        opened,
        num_images=config.score_images,
        seed=config.seed,
        output_dir=config.run_dir,
        progress=progress,
    )


def _score_function(config, opened):
    def score(model):
        return {row.name: row.value for row in _evaluate(model, config, opened, progress=False).rows}

    return score
