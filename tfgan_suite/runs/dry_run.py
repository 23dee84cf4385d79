"""What a run would take, estimated beforehand: `estimate_training`."""

import dataclasses
import time
from pathlib import Path

import keras
import numpy as np

from tfgan_suite.data.loader import CACHE_LIMIT_BYTES, load_dataset
from tfgan_suite.data.prepared_set import PreparedSet
from tfgan_suite.foundation.durations import format_duration
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.protocol.real_examples import RealExamples
from tfgan_suite.metrics.protocol.scoring_jobs import plan_scores
from tfgan_suite.runs.initialization import initialize
from tfgan_suite.runs.peak_memory import estimate_memory
from tfgan_suite.runs.recipe import make_model

_WARM_UP_STEPS = 2
_TIMED_STEPS = 8


@dataclasses.dataclass(frozen=True)
class TrainingEstimate:
    """What a run would do, and about what it would take.

    Attributes:
        settings: Dict. What the config stands for, by name.
        parameters: Dict of the name of each network to the number of its trained weights.
        memory_bytes: Dict. Predicted peak of resident memory in training on a CPU, by use; `"this process"` is what there was
            before the model.
        images_per_second: Float. Measured on a few real steps on this machine; `None` if its memory is too small for one.
        total_images: Integer. Examples of the whole run.
        unit: String. The word for examples.
    """

    settings: dict
    parameters: dict
    memory_bytes: dict
    images_per_second: float | None
    total_images: int
    unit: str = "images"

    @property
    def total_seconds(self):
        return None if self.images_per_second is None else self.total_images / self.images_per_second

    def __str__(self):
        lines = ["What would be done:", *(f"  {name:<20} {value}" for name, value in self.settings.items())]
        lines += ["Trained weights:", *(f"  {name:<20} {count:,}" for name, count in self.parameters.items())]
        lines += ["Memory at the peak of training, predicted for a CPU:"]
        lines += [f"  {name:<20} {_megabytes(size)}" for name, size in self.memory_bytes.items()]
        lines += [f"  {'together':<20} {_megabytes(sum(self.memory_bytes.values()))}"]
        if self.images_per_second is None:
            lines += [
                "This machine has less memory than that, so no step was timed. A smaller --microbatch-size takes less, and for",
                "BigGAN --set rematerialize=True.",
            ]
        else:
            lines += [
                f"Time, an estimate from {_TIMED_STEPS} real steps on this machine, without scores:",
                f"  {self.images_per_second:,.0f} {self.unit}/s, {self.total_images:,} {self.unit} in "
                f"{format_duration(self.total_seconds)} (h:mm:ss or m:ss)",
            ]
        return "\n".join([*lines, "Nothing was written."])


def estimate_training(config):
    """Resolves a config, builds its model and runs a few steps in memory. Writes nothing.

    Args:
        config: A `TrainConfig`.

    Returns:
        A `TrainingEstimate`.

    Raises:
        UserError: The config cannot be run.

    Example:

    >>> print(estimate_training(TrainConfig("data/digits", "runs/digits", preset="dcgan_digits_32")))
    """
    process_bytes = _memory_bytes("/proc/self/status", "VmRSS") or 0
    opened = PreparedSet.open(config.data_dir)
    info = opened.info
    model, recipe, ticks = make_model(config, info)
    transfer = initialize(model, config)
    sizes = list(dict.fromkeys(tick.phase.size for tick in ticks if tick.phase.size))
    parameters = {
        name: sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)
        for name, network in model.networks.items()
    }
    unit = model.spec.unit[1]
    settings = {
        "data": f"{config.data_dir} ({info.name}, {info.splits['train'].num_examples:,} {unit} of {model.spec.describe()})",
        "run": config.run_dir,
        "model": type(model).__name__,
        "preset": recipe.preset or "none: the paper's settings",
        **recipe.model_config,
        **config.model,
        "batch_size": ticks[-1].phase.batch_size,
        unit: f"{ticks[-1].end_image:,} in {len(ticks)} ticks of {ticks[0].steps} steps",
        **({"image sizes": f"{', '.join(map(str, sizes))} (time and memory are the last one's)"} if sizes else {}),
        "seed": config.seed,
        "horizontal_flip": config.horizontal_flip,
        **(
            {"augmentation": config.augmentation or "the preset's"}
            if "augmentation" in model.compile_arguments()
            else {}
        ),
        **config.compile,
        **({} if transfer is None else {"init": f"{config.init}: {transfer}"}),
        **({} if config.freeze is None else {"frozen": ", ".join(model.frozen_layers)}),
        "scores": {0: "at the end", -1: "never"}.get(
            config.score_every_ticks, f"every {config.score_every_ticks} ticks"
        )
        + _what_hinders_scores(model, config, opened),
    }
    settings.pop("label_weights", None)
    example_bytes = int(np.prod(model.spec.shape)) * np.dtype(model.spec.edge_dtype).itemsize
    data_bytes = info.splits["train"].num_examples * example_bytes
    batch_size = ticks[-1].phase.batch_size
    memory_bytes = {
        **estimate_memory(model, batch_size),
        unit: data_bytes if data_bytes <= CACHE_LIMIT_BYTES else 0,
        "this process": process_bytes,
    }
    available_bytes = _memory_bytes("/proc/meminfo", "MemAvailable")
    images_per_second = None
    if available_bytes is None or sum(memory_bytes.values()) - process_bytes <= available_bytes:
        _, dataset = load_dataset(opened, "train", batch_size, seed=config.seed)
        images_per_second = _measure_images_per_second(model, dataset, batch_size)
    return TrainingEstimate(settings, parameters, memory_bytes, images_per_second, ticks[-1].end_image, unit)


def _what_hinders_scores(model, config, opened):
    """Why a run would end without its scores, to be added to when they are due; empty if nothing is known."""
    if config.score_every_ticks < 0:
        return ""
    try:
        real = RealExamples(opened, "train", 64)
        labelled = None not in (model.num_classes, real.class_counts)
        plan_scores(model, real, None, "efficientnet-lite0", data=opened, labelled=labelled, progress=False)
    except UserError as error:
        return f", where the run would stop, since they cannot be computed: {error}"
    return ""


def _memory_bytes(path, name):
    """A number from Linux's accounts of memory; `None` where there are none."""
    if not Path(path).exists():
        return None
    (line,) = [line for line in Path(path).read_text("ascii").splitlines() if line.startswith(f"{name}:")]
    return 1024 * int(line.split()[1])


class _StepClock(keras.callbacks.Callback):
    """Notes the time at which each step ends."""

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
