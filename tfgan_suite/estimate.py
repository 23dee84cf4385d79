"""What a run would take, found out before it: `estimate_training`."""

import dataclasses
import time

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.callbacks.progress import format_duration
from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.data.loader import CACHE_LIMIT_BYTES, load_dataset
from tfgan_suite.training import compile_choices, plan_run, resolve

_FLOAT_BYTES = 4
_WARM_UP_STEPS = 2
_TIMED_STEPS = 8
# Operations whose output is another view of their input, or a weight: they take no memory of their own.
_VIEWS = {
    "Const",
    "Identity",
    "IdentityN",
    "Placeholder",
    "ReadVariableOp",
    "Reshape",
    "Squeeze",
    "ExpandDims",
    "StopGradient",
}


@dataclasses.dataclass(frozen=True)
class TrainingEstimate:
    """What a run would do, and about what it would take.

    Attributes:
        settings: What the config stands for, by name.
        parameters: Number of trained weights of `"generator"` and `"discriminator"`.
        memory_bytes: By use: weights, optimizer slots, averaged generator, gradients, activations, images.
        images_per_second: Of a few real steps on this machine, measured now.
        total_images: Of the whole run.
    """

    settings: dict
    parameters: dict
    memory_bytes: dict
    images_per_second: float
    total_images: int

    @property
    def total_seconds(self):
        return self.total_images / self.images_per_second

    def __str__(self):
        lines = ["What would be done:", *(f"  {name:<20} {value}" for name, value in self.settings.items())]
        lines += ["Trained weights:", *(f"  {name:<20} {count:,}" for name, count in self.parameters.items())]
        lines += ["Memory, an estimate without TensorFlow itself:"]
        lines += [f"  {name:<20} {_megabytes(size)}" for name, size in self.memory_bytes.items()]
        lines += [f"  {'together':<20} {_megabytes(sum(self.memory_bytes.values()))}"]
        lines += [
            f"Time, an estimate from {_TIMED_STEPS} real steps on this machine, without scores:",
            f"  {self.images_per_second:,.0f} images/s, {self.total_images:,} images in "
            f"{format_duration(self.total_seconds)} (h:mm:ss or m:ss)",
            "Nothing was written.",
        ]
        return "\n".join(lines)


def estimate_training(config):
    """Resolves a config, builds its model and takes a few steps in memory. Writes nothing.

    Args:
        config: A `TrainConfig`.

    Returns:
        A `TrainingEstimate`.

    Raises:
        UserError: The config cannot be run.

    Example:

    >>> print(estimate_training(TrainConfig("data/digits", "runs/digits", preset="dcgan_digits_32")))
    """
    info = DatasetInfo.load(config.data_dir)
    recipe = resolve(config, info)
    model = recipe.build()
    model.compile(**compile_choices(config, model))
    ticks = plan_run(model, config, recipe)
    sizes = list(dict.fromkeys(tick.phase.size for tick in ticks if tick.phase.size))
    parameters = {
        name: sum(int(np.prod(variable.shape)) for variable in getattr(model, name).trainable_variables)
        for name in ("generator", "discriminator")
    }
    settings = {
        "data": f"{config.data_dir} ({info.name}, {info.splits['train'].num_images:,} images of {_shape(info.image_shape)})",
        "run": config.run_dir,
        "model": type(model).__name__,
        "preset": recipe.preset or "none: the paper's settings",
        **recipe.model_config,
        "batch_size": ticks[-1].phase.batch_size,
        "images": f"{ticks[-1].end_image:,} in {len(ticks)} ticks of {ticks[0].steps} steps",
        **({"image sizes": f"{', '.join(map(str, sizes))} (time and memory are the last one's)"} if sizes else {}),
        "seed": config.seed,
        "horizontal_flip": config.horizontal_flip,
        "augmentation": config.augmentation or "the preset's",
        "scores": {0: "at the end", -1: "never"}.get(
            config.score_every_ticks, f"every {config.score_every_ticks} ticks"
        ),
    }
    settings.pop("label_weights", None)
    images_bytes = info.splits["train"].num_images * int(np.prod(info.image_shape))
    weights = sum(parameters.values())
    memory_bytes = {
        "weights": weights * _FLOAT_BYTES,
        "averaged generator": parameters["generator"] * _FLOAT_BYTES,
        "Adam's two slots": 2 * weights * _FLOAT_BYTES,
        "gradients": max(parameters.values()) * _FLOAT_BYTES,
        "activations": activation_bytes(model, ticks[-1].phase.batch_size),
        "images": images_bytes if images_bytes <= CACHE_LIMIT_BYTES else 0,
    }
    batch_size = ticks[-1].phase.batch_size
    _, dataset = load_dataset(config.data_dir, "train", batch_size, seed=config.seed)
    return TrainingEstimate(
        settings,
        parameters,
        memory_bytes,
        _measure_images_per_second(model, dataset, batch_size),
        ticks[-1].end_image,
    )


def activation_bytes(model, batch_size):
    """Bytes that the forward passes of a step leave for the backward pass: the generator's, the discriminator's twice.

    The sum over the operations of the traced graphs; what TensorFlow frees early or fuses is not taken off.
    """
    labels = None if model.num_classes is None else tf.TensorSpec([batch_size], tf.int32)
    latents = tf.TensorSpec([batch_size, model.latent_size], tf.float32)
    images = tf.TensorSpec([batch_size, *model.image_shape], tf.float32)
    generate = tf.function(lambda latents, labels: model.generate_fakes(latents, labels, tf.zeros([2], tf.int32)))
    discriminate = tf.function(lambda images, labels: model.discriminate(images, labels, training=True))
    return _output_bytes(generate, latents, labels) + 2 * _output_bytes(discriminate, images, labels)


def _output_bytes(function, *specs):
    total = 0
    for operation in function.get_concrete_function(*specs).graph.get_operations():
        if operation.type not in _VIEWS:
            for output in operation.outputs:
                if output.dtype.is_floating and output.shape.is_fully_defined():
                    total += output.shape.num_elements() * output.dtype.size
    return total


class _StepClock(keras.callbacks.Callback):
    """Time of each step's end."""

    def __init__(self):
        super().__init__()
        self.times = []

    def on_train_batch_end(self, batch, logs=None):
        self.times.append(time.perf_counter())


def _measure_images_per_second(model, dataset, batch_size):
    clock = _StepClock()
    model.fit(
        dataset, steps_per_epoch=_WARM_UP_STEPS + _TIMED_STEPS, epochs=1, callbacks=[clock], shuffle=False, verbose=0
    )
    step_seconds = np.diff(clock.times[_WARM_UP_STEPS - 1 :])
    return batch_size / float(np.median(step_seconds))


def _megabytes(size):
    return f"{size / 1e6:,.1f} MB"


def _shape(image_shape):
    return " x ".join(str(size) for size in image_shape)
