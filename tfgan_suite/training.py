"""train(config): data set -> model -> fit -> scores. The command line and the TFX trainer both call this."""

import dataclasses
import importlib
import inspect
import math
import shutil
import tempfile
from pathlib import Path

import numpy as np

from tfgan_suite import evaluation
from tfgan_suite.augment import AdaptiveAugmentation, DiffAugment
from tfgan_suite.callbacks.actions import RolledBack
from tfgan_suite.callbacks.checkpointing import Checkpointing
from tfgan_suite.callbacks.default_callbacks import default_callbacks
from tfgan_suite.callbacks.training_log import read_history
from tfgan_suite.config import MODELS, TrainConfig
from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.data.loader import load_dataset
from tfgan_suite.distribution import AnyWorker, is_chief, make_strategy, num_workers, worker_loss_explained
from tfgan_suite.errors import UserError, unknown_name
from tfgan_suite.files import write_atomically
from tfgan_suite.gradient_guard import GradientGuard
from tfgan_suite.image_range import to_uint8
from tfgan_suite.metrics.lpips import LPIPS
from tfgan_suite.metrics.score_log import write_scalars
from tfgan_suite.training_phase import TrainingPhase, fit_calls, plan_ticks

# What a bare model name means, where its preset does not say.
_DEFAULT_TRAINING = {"batch_size": 64, "total_images": 300_000}

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


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A config with everything that `None` stood for filled in.

    Attributes:
        model_class: Class of the model.
        model_config: Its constructor arguments.
        preset: Name of the preset, or `None` for a bare model name.
        batch_size: Images of one step.
        steps_per_tick: Steps of one tick.
        total_ticks: Ticks of the run.
    """

    model_class: type
    model_config: dict
    preset: str | None
    batch_size: int
    steps_per_tick: int
    total_ticks: int

    @property
    def total_images(self):
        return self.total_ticks * self.steps_per_tick * self.batch_size

    def build(self):
        """Makes the model.

        Raises:
            UserError: The constructor does not know an argument of the config's `model`, or refuses its value.
        """
        known = [*inspect.signature(self.model_class.__init__).parameters][1:-1] + ["dtype"]
        for name in self.model_config:
            if name not in known:
                raise unknown_name(f"argument of {self.model_class.__name__}", name, known)
        try:
            if self.preset is None:
                return self.model_class(**self.model_config)
            return self.model_class.from_preset(self.preset, **self.model_config)
        except (TypeError, ValueError) as error:
            raise UserError(f"{self.model_class.__name__} cannot be built: {error}") from error


def all_presets():
    """Dict of preset name to model class, over all models."""
    classes = [getattr(importlib.import_module(module), name) for module, name in MODELS.values()]
    return {preset: model_class for model_class in classes for preset in model_class.presets}


def resolve(config, info):
    """Fills in a config from its preset and its data set: a `Recipe`.

    Args:
        config: A `TrainConfig`.
        info: The `DatasetInfo` of the data.

    Raises:
        UserError: An unknown preset, or classes asked of a set that has none.
    """
    presets = all_presets()
    if config.preset in MODELS:
        module, name = MODELS[config.preset]
        model_class, preset, training = getattr(importlib.import_module(module), name), None, {}
    elif config.preset in presets:
        model_class, preset = presets[config.preset], config.preset
        training = model_class.presets[preset]["training"]
    else:
        raise unknown_name("preset", config.preset, [*MODELS, *presets])
    if config.conditional and not info.num_classes:
        raise UserError(f"Expected a data set with classes, since conditional=True. {info.name!r} has none.")
    conditional = config.conditional
    if conditional is None:
        conditional = training.get("conditional", True) and bool(info.num_classes)
    model_config = {
        "image_shape": tuple(info.image_shape),
        "num_classes": info.num_classes if conditional else None,
        "seed": config.seed,
        **config.model,
    }
    if config.precision != "float32":
        model_config["dtype"] = config.precision
    if conditional:
        counts = info.splits["train"].class_counts
        model_config.setdefault("label_weights", [float(count) for count in counts])
    training = {**_DEFAULT_TRAINING, **training}
    batch_size = config.batch_size or training["batch_size"]
    total_images = config.total_images or training["total_images"]
    total_steps = math.ceil(total_images / batch_size)
    images_per_tick = config.images_per_tick or max(batch_size, total_images // 50)
    steps_per_tick = min(total_steps, max(1, round(images_per_tick / batch_size)))
    return Recipe(
        model_class, model_config, preset, batch_size, steps_per_tick, math.ceil(total_steps / steps_per_tick)
    )


def plan_run(model, config, recipe):
    """All ticks of a run from its start, a list of `Tick`: of the model's own phases, or of one with even ticks."""
    phases = model.training_phases(config.total_images, config.batch_size)
    if phases is None:
        whole = TrainingPhase(first_image=0, end_image=recipe.total_images, batch_size=recipe.batch_size)
        phases, images_per_tick = [whole], recipe.steps_per_tick * recipe.batch_size
    else:
        images_per_tick = config.images_per_tick or phases[-1].end_image // 50
    return plan_ticks(phases, images_per_tick, config.steps_per_execution)


def make_model(config, info):
    """What a run trains, compiled, and its ticks. Everything that may refuse a config is here: nothing is written.

    Args:
        config: A `TrainConfig`.
        info: The `DatasetInfo` of the data.

    Returns:
        The model, its `Recipe`, and a list of `Tick`.

    Raises:
        UserError: The config cannot be run.

    Example:

    >>> info = DatasetInfo("any", (16, 16, 3), (), {"train": SplitInfo(100, (), ())}, "png")
    >>> model, recipe, ticks = make_model(TrainConfig("data/any", "runs/any", model={"base_channels": 2}), info)
    >>> type(model).__name__, recipe.batch_size, len(ticks)
    ('DCGAN', 64, 50)
    """
    recipe = resolve(config, info)
    model = recipe.build()
    model.compile(**compile_choices(config, model))
    ticks = plan_run(model, config, recipe)
    _check_batches(model, config, ticks)
    return model, recipe, ticks


def _check_batches(model, config, ticks):
    """Refuses batches that replicas, discriminator updates and microbatches cannot share evenly."""
    num_replicas = model.distribute_strategy.num_replicas_in_sync
    for batch_size in {tick.phase.batch_size for tick in ticks}:
        if batch_size % (num_replicas * model.discriminator_steps):
            raise UserError(
                f"Expected batches that {num_replicas} replicas and {model.discriminator_steps} discriminator updates can "
                f"share evenly. Received: batches of {batch_size}. Choose another size with --batch-size."
            )
        if config.microbatch_size and batch_size % (config.microbatch_size * model.discriminator_steps):
            raise UserError(
                f"Expected a microbatch_size that divides each discriminator update's share of the batch, "
                f"{batch_size} images / {model.discriminator_steps}. Received: {config.microbatch_size}"
            )


def compile_choices(config, model):
    """Arguments of `compile` that a `TrainConfig` says, for its model."""
    choices = {name: getattr(config, name) for name in ("microbatch_size", "steps_per_execution", "jit_compile")}
    if config.augmentation is not None:
        made = {"none": lambda: None, "adaptive": AdaptiveAugmentation, "diff_augment": DiffAugment}
        choices["augmentation"] = made[config.augmentation]()
    if config.guard_gradients:
        defaults = {**model.default_training(), **model.preset_training()}
        for name in ("generator_optimizer", "discriminator_optimizer"):
            choices[name] = GradientGuard(defaults[name])
    return choices


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
            start_image=int(np.asarray(model.images_seen)),
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
            return int(np.asarray(model.images_seen))
    return None


def _collapse_probe(config, info):
    """What the `CollapseMonitor` compares samples with: real images, and some that are not trained on, if there is another
    split; and how."""
    height, width, channels = info.image_shape
    most = int(np.clip(_PROBE_LIMIT_BYTES // (height * width * channels), 64, _PROBE_IMAGES))
    others = [name for name in info.splits if name != "train"]
    probe = {"perceptual_distance": LPIPS() if config.diversity == "lpips" else None}
    for kind, split in [("real", "train")] + [("held_out", name) for name in others[:1]]:
        if info.splits[split].num_images < 64:
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
