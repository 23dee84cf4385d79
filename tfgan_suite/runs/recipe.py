"""What a `TrainConfig` stands for: the model, how it is compiled, and the ticks of its run. Nothing is trained or written here."""

import contextlib
import dataclasses
import inspect
import math
import random

import numpy as np

from tfgan_suite.adversarial.augment import AdaptiveAugmentation, DiffAugment
from tfgan_suite.callbacks.default_callbacks import check_actions
from tfgan_suite.engine.gradient_guard import GradientGuard
from tfgan_suite.engine.training_phase import TrainingPhase, plan_ticks
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.models.catalogue import all_presets, model_class, model_names
from tfgan_suite.runs.compile_arguments import compile_argument

# What a bare model name means, where its preset does not say.
_DEFAULT_TRAINING = {"batch_size": 64, "total_images": 300_000}
_AUGMENTATIONS = {"none": lambda: None, "adaptive": AdaptiveAugmentation, "diff_augment": DiffAugment}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A config with everything that `None` stood for filled in.

    Attributes:
        model_class: The model's class.
        model_config: Dict. Its constructor arguments, those of the preset left out.
        preset: String. Name of the preset, or `None` for a bare model name.
        batch_size: Integer. Examples of one step.
        steps_per_tick: Integer. Steps of one tick.
        total_steps: Integer. Steps of the run; its last tick may be shorter than the others.
    """

    model_class: type
    model_config: dict
    preset: str | None
    batch_size: int
    steps_per_tick: int
    total_steps: int

    @property
    def total_images(self):
        return self.total_steps * self.batch_size

    @property
    def arguments(self):
        """All constructor arguments, those of the preset and the constructor's own defaults among them, a dict."""
        config = self.model_class.presets[self.preset]["config"] if self.preset else {}
        bound = inspect.signature(self.model_class).bind_partial(**{**config, **self.model_config})
        bound.apply_defaults()
        return dict(bound.arguments)

    def build(self):
        """Makes the model.

        Raises:
            UserError: The constructor does not know an argument of the config's `model`, or refuses its value.
        """
        _check_constructor_names(self.model_class, self.model_config)
        try:
            with _default_seeds(self.model_config.get("seed", 0)):
                if self.preset is None:
                    return self.model_class(**self.model_config)
                return self.model_class.from_preset(self.preset, **self.model_config)
        except (TypeError, ValueError) as error:
            raise UserError(f"{self.model_class.__name__} cannot be built: {error}") from error


def _constructor_arguments(cls):
    """Names of what a constructor takes, with those that it passes on to its bases where it takes any."""
    parameters = inspect.signature(cls).parameters.values()
    names = [one.name for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    takes_any = any(one.kind == one.VAR_KEYWORD for one in parameters)
    return names + [name for name in cls.passed_on if takes_any and name not in names]


def _check_constructor_names(cls, names):
    known = _constructor_arguments(cls)
    for name in names:
        if name not in known:
            raise unknown_name(f"argument of {cls.__name__}", name, known)


def _check_compile_names(cls, names):
    known = cls.compile_arguments()
    for name in names:
        if name not in known:
            raise unknown_name(f"argument of {cls.__name__}.compile:", name, known)


def check_names(config):
    """Refuses names in a config that mean nothing, before there are data.

    Args:
        config: A `TrainConfig`.

    Returns:
        The model's class.

    Raises:
        UserError: There is no such preset, or the model has no such argument.

    Example:

    >>> check_names(TrainConfig("data/any", "runs/any", preset="dcgan", model={"base_channels": 8})).__name__
    'DCGAN'
    """
    cls, _ = find_model(config.preset)
    _check_constructor_names(cls, config.model)
    _check_compile_names(cls, config.compile)
    for name, value in (*config.compile.items(), *config.model.items()):
        compile_argument(name, value)
    return cls


@contextlib.contextmanager
def _default_seeds(seed):
    """Within, layers that are given no seed of their own draw one that follows from `seed`."""
    # Keras draws such seeds from Python's generator; weights that are made with NumPy take its global one.
    states = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def find_model(preset):
    """What the `preset` of a config names.

    Args:
        preset: String. The name of a preset or of a model.

    Returns:
        The model's class, and the preset's name, `None` for a bare model name.

    Raises:
        UserError: There is neither of that name.
    """
    presets = all_presets()
    if preset in model_names():
        return model_class(preset), None
    if not isinstance(preset, str) or preset not in presets:
        raise unknown_name("preset", preset, [*model_names(), *presets])
    return presets[preset], preset


def resolve(config, info):
    """Fills in a config from its preset and its data set.

    Args:
        config: A `TrainConfig`.
        info: The `DatasetInfo` of the data.

    Returns:
        A `Recipe`.

    Raises:
        UserError: An unknown preset, or something asked of a model or a data set that it does not have.
    """
    cls, preset = find_model(config.preset)
    training = cls.presets[preset]["training"] if preset else {}
    known = _constructor_arguments(cls)
    if config.conditional and not info.num_classes:
        raise UserError(f"`conditional` must not be True for the data set {info.name!r}, which has no classes.")
    if config.conditional and "num_classes" not in known:
        raise UserError(f"`conditional` must not be True for {cls.__name__}, which takes no `num_classes`.")
    conditional = config.conditional
    if conditional is None:
        conditional = training.get("conditional", True) and bool(info.num_classes) and "num_classes" in known
    if config.horizontal_flip and info.spec.kind != "image":
        raise UserError(
            f"`horizontal_flip` is for images, and the data set {info.name!r} holds {info.spec.unit[1]}: leave it out. "
            "Received: horizontal_flip=True"
        )
    if "image_shape" in known and not info.spec.is_picture:
        raise UserError(f"{cls.__name__} makes images. The data set {info.name!r} holds {info.spec.unit[1]}.")
    from_data = {
        "image_shape": info.spec.shape,
        "spec": info.spec,
        "num_classes": info.num_classes if conditional else None,
        "levels": _levels_of(cls, config, info, known),
        "seed": config.seed,
    }
    if from_data["levels"] is None:
        del from_data["levels"]  # What it means to a model of other examples is unknown.
    asked = {name: compile_argument(name, value) for name, value in config.model.items()}
    model_config = {**{name: value for name, value in from_data.items() if name in known}, **asked}
    if config.precision != "float32":
        model_config["dtype"] = config.precision
    if conditional and "label_weights" in known:
        counts = info.splits["train"].class_counts
        model_config.setdefault("label_weights", [float(count) for count in counts])
    training = {**_DEFAULT_TRAINING, **training}
    batch_size = config.batch_size or training["batch_size"]
    total_images = config.total_images or training["total_images"]
    total_steps = math.ceil(total_images / batch_size)
    images_per_tick = config.images_per_tick or max(batch_size, total_images // 50)
    steps_per_tick = min(total_steps, max(1, round(images_per_tick / batch_size)))
    return Recipe(cls, model_config, preset, batch_size, steps_per_tick, total_steps)


def _levels_of(cls, config, info, known):
    """Levels that a model of images takes from its data; refuses those that it cannot have."""
    if not info.spec.is_picture or "image_shape" not in known:
        return None
    levels = info.spec.levels
    if "levels" not in known and "spec" not in known and levels < 256:
        raise UserError(
            f"{cls.__name__} makes images of 256 levels. The data set {info.name!r} holds images of {levels}, which models with a "
            "likelihood take, such as vae, vdvae and pixelcnn: choose one of these, or prepare the set without `levels`."
        )
    if "levels" in known and config.model.get("levels", levels) != levels:
        raise UserError(
            f"`levels` must be {levels} for the data set {info.name!r}, whose images have so many. Received: "
            f"levels={config.model['levels']!r}. Leave it out, or prepare the set with other `levels`."
        )
    return levels


def plan_run(model, config, recipe):
    """All ticks of a run from its start: of the model's own phases, or of one phase with even ticks.

    Args:
        model: The model.
        config: A `TrainConfig`.
        recipe: Its `Recipe`.

    Returns:
        A list of `Tick`.
    """
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
    model.class_names = info.class_names
    if info.spec.is_picture and model.spec.is_picture and info.spec.shape == model.spec.shape:
        model.depict(info.spec)
    _check_examples(model, info)
    if config.freeze:
        model.freeze(*(part.strip() for part in config.freeze.split(",")))
    choices = compile_choices(config, model)
    try:
        with _default_seeds(config.seed):
            model.compile(**choices)
    except (TypeError, ValueError) as error:
        raise UserError(f"{type(model).__name__} cannot be compiled: {error}") from error
    check_actions(model, (config.on_instability, config.on_collapse))
    ticks = plan_run(model, config, recipe)
    _check_batches(model, config, ticks)
    return model, recipe, ticks


def _check_examples(model, info):
    """Refuses data that are not what the model was built for: of another kind, or another shape."""
    if not model.spec.matches(info.spec):
        raise UserError(
            f"{type(model).__name__} was built for {model.spec!r}. The data set {info.name!r} holds {info.spec!r}. A class "
            "whose constructor takes `spec`, or `image_shape` for images, is built for the data; else set the shape by its own "
            "arguments (--set)."
        )


def _check_batches(model, config, ticks):
    """Refuses batches that replicas, updates and microbatches cannot share evenly."""
    num_replicas = model.distribute_strategy.num_replicas_in_sync
    for batch_size in {tick.phase.batch_size for tick in ticks}:
        if batch_size % (num_replicas * model.num_shares):
            raise UserError(
                f"`batch_size` must be one that {num_replicas} replicas and the {model.num_shares} updates of a step that "
                f"each take a share of it can share evenly. Received: batch_size={batch_size}. Choose another with --batch-size."
            )
        if config.microbatch_size and batch_size % (config.microbatch_size * model.num_shares):
            raise UserError(
                f"`microbatch_size` must divide each update's share of the batch, {batch_size} examples / "
                f"{model.num_shares}. Received: microbatch_size={config.microbatch_size}"
            )


def compile_choices(config, model):
    """Arguments of `compile` that a `TrainConfig` says, for its model.

    Args:
        config: A `TrainConfig`.
        model: The model, not yet compiled.

    Returns:
        A dict.

    Raises:
        UserError: `compile` of this model has no such argument, or one is given in two ways.

    Example:

    >>> config = TrainConfig("data/any", "runs/any", compile={"loss": "Hinge"})
    >>> type(compile_choices(config, DCGAN(image_shape=(8, 8, 1), base_channels=2))["loss"]).__name__
    'Hinge'
    """
    fields = {field.name: field for field in dataclasses.fields(config)}
    choices = {}
    for name in ("microbatch_size", "steps_per_execution", "jit_compile", "augmentation"):
        value = getattr(config, name)
        if value == fields[name].default:
            continue
        if name in config.compile:
            raise UserError(f"`{name}` must be given once. Received: {name}={value!r} and in `compile`.")
        choices[name] = _AUGMENTATIONS[value]() if name == "augmentation" else value
    _check_compile_names(type(model), (*choices, *config.compile))
    choices |= {name: compile_argument(name, value) for name, value in config.compile.items()}
    if config.guard_gradients:
        defaults = {**model.default_training(), **model.preset_training(), **choices}
        for name in model.compile_arguments():
            if name == "optimizer" or name.endswith("_optimizer"):
                choices[name] = GradientGuard(defaults[name])
    return choices
