"""What a `TrainConfig` stands for: the model, how it is compiled, and the ticks of its run. Nothing is trained or written here."""

import dataclasses
import importlib
import inspect
import math

from tfgan_suite.adversarial.augment import AdaptiveAugmentation, DiffAugment
from tfgan_suite.engine.gradient_guard import GradientGuard
from tfgan_suite.engine.training_phase import TrainingPhase, plan_ticks
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.models.catalogue import MODELS

# What a bare model name means, where its preset does not say.
_DEFAULT_TRAINING = {"batch_size": 64, "total_images": 300_000}


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

    >>> info = DatasetInfo("any", ImageSpec((16, 16, 3)), {"train": SplitInfo(100, (), ())})
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
