"""train(config): data set -> model -> fit -> scores. The command line and the TFX trainer both call this."""

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
from tfgan_suite.engine.distribution import AnyWorker, is_chief, make_strategy, num_workers, worker_loss_explained
from tfgan_suite.engine.training_phase import fit_calls
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.foundation.history import read_history
from tfgan_suite.metrics.lpips import LPIPS
from tfgan_suite.metrics.protocol import evaluation
from tfgan_suite.metrics.protocol.score_log import write_scalars
from tfgan_suite.runs.recipe import make_model
from tfgan_suite.runs.train_config import TrainConfig
from tfgan_suite.specs.image_range import to_uint8

# Real images that the collapse monitor compares samples with.
_PROBE_IMAGES, _PROBE_LIMIT_BYTES = 2_000, 256 * 2**20

# What may change when a run goes on, because it does not change what is computed.
_FREE_TO_CHANGE = {
    *("data_dir", "run_dir", "total_images", "images_per_tick", "keep_checkpoints"),
    *("score_every_ticks", "score_images", "steps_per_execution", "on_instability", "on_collapse", "strategy"),
    "diversity",
}


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """What a run ended with.

    Attributes:
        model: The trained model.
        history: List of dicts, one a tick.
        evaluation: The `evaluation.Evaluation` at the end, or `None`.
        run_dir: Where everything was written.
    """

    model: object
    history: list
    evaluation: object
    run_dir: Path


def resume(model, run_dir):
    """Loads the newest checkpoint of a run into a compiled model.

    Returns:
        Images seen, 0 if there is no checkpoint. Pass it to `load_dataset(start_image=...)`, and the run goes on
        exactly as it would have without the stop.
    """
    return Checkpointing(Path(run_dir) / "checkpoints").restore(model)


def train(config, progress=True, strategy=None):
    """Trains a model as a `TrainConfig` says, or goes on with a run that was stopped.

    With several workers each calls this with the same config, and a `run_dir` that all of them can read. The first one
    writes there and scores; the others keep what they write in a directory of their own, which is removed.

    Args:
        config: A `TrainConfig`.
        progress: Whether to print.
        strategy: A `tf.distribute.Strategy` to take instead of the one that `config.strategy` names.

    Returns:
        A `TrainResult`. `run_dir` then holds `config.json`, `checkpoints/`, `images/`, `tensorboard/`,
        `history.jsonl`, `metrics.json` and `model.keras`.

    Raises:
        UserError: A config that cannot be run, or another one than the run in `run_dir` was started with; or another
            worker has gone.

    Example:

    >>> result = train(TrainConfig(data_dir="data/digits", run_dir="runs/digits", preset="dcgan_digits_32"))
    >>> result.model.generate(10, labels=range(10)).shape
    (10, 32, 32, 1)
    """
    strategy = make_strategy(strategy or config.strategy)
    info = DatasetInfo.load(config.data_dir)
    if num_workers(strategy) > 1 and "roll_back" in (config.on_instability, config.on_collapse):
        raise UserError(
            "Expected another action than 'roll_back' with several workers, since one alone keeps the checkpoints of "
            "earlier sittings. Use 'lower_rate', 'save' or 'stop'."
        )
    # Before anything is written: each of these may refuse the config.
    with strategy.scope():
        model, recipe, ticks = make_model(config, info)
    probe = None if config.on_collapse == "off" else _collapse_probe(config, info)
    _claim(Path(config.run_dir), config, info, write=is_chief(strategy))
    images_seen = resume(model, config.run_dir)
    if is_chief(strategy):
        return _train(model, config, recipe, ticks, probe, images_seen, Path(config.run_dir), progress)
    with tempfile.TemporaryDirectory(prefix="tfgan-suite-worker-") as own_dir:
        if images_seen:
            shutil.copytree(Path(config.run_dir) / "checkpoints", Path(own_dir) / "checkpoints")
        silent = dataclasses.replace(config, score_every_ticks=-1)
        return _train(model, silent, recipe, ticks, probe, images_seen, Path(own_dir), progress=False)


def _train(model, config, recipe, ticks, probe, images_seen, run_dir, progress):
    """Trains to the end, writing into `run_dir`, and scores."""
    callbacks = default_callbacks(
        run_dir,
        total_images=ticks[-1].end_image if progress else None,
        score=_score_function(config) if config.score_every_ticks > 0 else None,
        score_every_ticks=config.score_every_ticks,
        keep_checkpoints=config.keep_checkpoints,
        hyperparameters={**dataclasses.asdict(config), "batch_size": recipe.batch_size},
        seed=config.seed,
        on_instability=config.on_instability,
        on_collapse=config.on_collapse,
        collapse_probe=probe,
        any_worker=AnyWorker(model.distribute_strategy),
    )
    with worker_loss_explained(model.distribute_strategy, config.run_dir):
        while images_seen is not None:
            images_seen = _fit(model, config, fit_calls(ticks, images_seen), callbacks, progress)
    model.save(run_dir / "model.keras")
    scores = _evaluate(model, config, progress) if config.score_every_ticks >= 0 else None
    if scores is not None:
        write_scalars(scores, run_dir / "tensorboard")
    return TrainResult(model, read_history(run_dir / "history.jsonl"), scores, run_dir)


def _fit(model, config, calls, callbacks, progress):
    """Trains; returns `None` at the end, or the images to go on from when the run was rolled back."""
    for call in calls:
        model.begin_phase(call.phase)
        _, dataset = load_dataset(
            config.data_dir,
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
                print(event, flush=True)
            return int(np.asarray(model.examples_seen))
    return None


def _collapse_probe(config, info):
    """What the `CollapseMonitor` compares samples with: real images, and some that are not trained on, if there is another
    split; and how."""
    height, width, channels = info.image_shape
    most = int(np.clip(_PROBE_LIMIT_BYTES // (height * width * channels), 64, _PROBE_IMAGES))
    others = [name for name in info.splits if name != "train"]
    probe = {"perceptual_distance": LPIPS() if config.diversity == "lpips" else None}
    for kind, split in [("real", "train")] + [("held_out", name) for name in others[:1]]:
        if info.splits[split].num_examples < 64:
            continue
        _, dataset = load_dataset(
            config.data_dir, split, 64, seed=config.seed, repeat=False, drop_remainder=False, cache=False
        )
        batches = [(to_uint8(images).numpy(), labels.numpy()) for images, labels in dataset.take(-(-most // 64))]
        probe[f"{kind}_images"] = np.concatenate([images for images, _ in batches])[:most]
        probe[f"{kind}_labels"] = np.concatenate([labels for _, labels in batches])[:most]
    return probe if "real_images" in probe else None


def _claim(run_dir, config, info, write):
    """Writes the config into a new run, or checks that this one goes on with what the run was started with."""
    path = run_dir / "config.json"
    data_path = run_dir / "dataset_info.json"
    if path.exists():
        earlier = TrainConfig.load(path)
        changes = [
            f"{name} was {getattr(earlier, name)!r}, is {getattr(config, name)!r}"
            for name in config.differences(earlier)
            if name not in _FREE_TO_CHANGE
        ]
        if DatasetInfo.load(run_dir).fingerprint != info.fingerprint:
            changes.append(f"the images in {config.data_dir} are others")
        if changes:
            raise UserError(
                f"The run in {run_dir} was started with another config: {'; '.join(changes)}. "
                "Use the same one to go on, or another run directory to start anew."
            )
    if not write:
        return
    run_dir.mkdir(parents=True, exist_ok=True)
    write_atomically(data_path, (Path(config.data_dir) / "dataset_info.json").read_bytes())
    config.save(path)


def _evaluate(model, config, progress):
    return evaluation.evaluate(
        model,
        config.data_dir,
        num_images=config.score_images,
        seed=config.seed,
        output_dir=config.run_dir,
        progress=progress,
    )


def _score_function(config):
    def score(model):
        return {row.name: row.value for row in _evaluate(model, config, progress=False).rows}

    return score
