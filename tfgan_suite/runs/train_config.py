"""TrainConfig: a run, as one frozen dataclass that is saved as JSON next to what the run makes."""

import dataclasses
import json
from typing import get_args

from tfgan_suite.foundation.choices import ALERT_ACTIONS, AUGMENTATIONS, DIVERSITY_MEASURES, PRECISIONS, STRATEGIES
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.foundation.paths import expand_home
from tfgan_suite.foundation.small_files import from_fields, read_json, reading

# Types of fields, of which integers are checked with their minimum, and what messages call them.
_KINDS = {str: "a string", bool: "True or False", dict: "a dict of arguments"}


def _setting(
    default=dataclasses.MISSING, *, flag=None, help=None, metavar=None, minimum=None, choices=None, free=False
):
    """A field and all that is known of it: the checks below and the flags of `train` are made from this.

    Args:
        default: Value of the field if none is given; a dict is copied.
        flag: String. Name of the flag, if it is not that of the field.
        help: String. Help of the flag, if there is anything to say beyond its name.
        metavar: String. What the help calls the value.
        minimum: Integer. The smallest value; the field holds integers then.
        choices: Tuple of strings. The values that are accepted.
        free: Boolean. Whether a run may be resumed with another value, since it does not change what is computed.
    """
    metadata = {"flag": flag, "help": help, "metavar": metavar, "minimum": minimum, "choices": choices, "free": free}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=lambda: dict(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Everything that `tfgan_suite.train` needs to know.

    Progress is counted in examples, here called images. A tick is the rhythm of checkpoints, pictures and log lines: one
    Keras epoch.

    Attributes:
        data_dir: String. A directory written by `prepare_dataset`.
        run_dir: String. Where the run writes. The same config and directory again resume the run where it stopped.
        preset: String. A preset's name, such as `"dcgan_digits_32"`, or a model's, such as `"dcgan"`.
        model: Dict. Constructor arguments that replace the preset's, written like those of `compile`, such as
            `{"distribution": "Bernoulli"}`. Shape, levels and classes come from the data.
        init: String. A run, a `.keras` file or a converted checkpoint whose weights a new run begins with, layer by layer as
            far as they fit; see `TrainedModel.initialize_from`.
        freeze: String. Layers that are not trained, separated by commas; see `TrainedModel.freeze`.
        compile: Dict. Arguments of the model's `compile` that replace the preset's: plain values, the names of classes of the
            suite such as `"Hinge"` or `["R1"]`, or `{"class_name": "R1", "config": {"weight": 2.0}}`.
        batch_size: Integer >= 1. Examples of one step over all replicas, or `None` for the preset's.
        total_images: Integer >= 1. Examples to train on, rounded up to whole steps, or `None` for the preset's.
        images_per_tick: Integer >= 1. Examples between checkpoints, rounded to whole steps, fewer before the last one;
            `None` for a fiftieth of `total_images`.
        seed: Integer >= 0. Seed of the initial weights, of all draws in training and of the order of the data.
        conditional: Boolean. Whether to use the data's classes; `None` to use them if there are any, unless the preset does
            not.
        horizontal_flip: Boolean. Whether to mirror half of the images.
        augmentation: String, one of `AUGMENTATIONS`. Applied to all images before the discriminator sees them; `None` for
            the preset's choice.
        precision: String. `"float32"`, `"mixed_bfloat16"` or `"mixed_float16"`: the Keras dtype policy of the networks.
        score_every_ticks: Integer. Ticks from one scoring to the next; 0 scores only at the end, -1 never.
        score_images: Integer >= 1. Generated examples of one scoring, or `None` for as many as there are real ones.
        keep_checkpoints: Integer >= 1. How many checkpoints to keep.
        on_instability: String, one of `ALERT_ACTIONS`. What to do when gradients or logits run away.
        on_collapse: String, likewise. What to do when samples lose their variety or the discriminator overfits.
        diversity: String. What the collapse monitor measures the variety of samples with: `"features"`, the main components
            of their pixels, or `"lpips"`, as people see it, which costs more and needs the extra `[lpips]`.
        guard_gradients: Boolean. Whether updates with broken or exploding gradients are left out (`GradientGuard`).
        steps_per_execution: Integer >= 1. Steps inside one call of the graph.
        jit_compile: Boolean. Whether to compile the step with XLA.
        microbatch_size: Integer >= 1. Examples that a network is trained on at a time, or `None` for all of an update's; see
            `GAN.compile`.
        strategy: String, one of `STRATEGIES`. On which devices and machines, see `distribution.make_strategy`.

    Raises:
        UserError: A value out of range.

    Example:

    >>> TrainConfig("data/digits", "runs/digits", preset="dcgan_digits_32").seed
    0
    """

    data_dir: str = _setting(flag="--data", metavar="DIR", help="what `prepare` wrote", free=True)
    run_dir: str = _setting(flag="--run", metavar="DIR", help="where everything is written", free=True)
    preset: str = _setting("dcgan", help="a preset, or a model for its paper's settings")
    model: dict = _setting(
        {},
        flag="--set",
        help="an argument of the model's constructor, as JSON or the name of a class: distribution=Bernoulli",
    )
    batch_size: int | None = _setting(None, minimum=1)
    total_images: int | None = _setting(None, flag="--images", minimum=1, help="images to train on", free=True)
    images_per_tick: int | None = _setting(None, minimum=1, help="between checkpoints and pictures", free=True)
    seed: int = _setting(0, minimum=0)
    conditional: bool | None = _setting(
        None, help="use the data's classes (default: if there are any, unless the preset does not)"
    )
    horizontal_flip: bool = _setting(False, help="mirror half of the images")
    augmentation: str | None = _setting(
        None, choices=AUGMENTATIONS, help="applied to all images before the discriminator sees them, for small sets"
    )
    precision: str = _setting("float32", choices=PRECISIONS, help="dtype policy of the networks")
    score_every_ticks: int = _setting(0, minimum=-1, help="0: only at the end (default), -1: never", free=True)
    score_images: int | None = _setting(None, minimum=1, help="generated images of one scoring", free=True)
    keep_checkpoints: int = _setting(3, minimum=1, free=True)
    on_instability: str = _setting(
        "note", choices=ALERT_ACTIONS, help="what to do when gradients or logits run away", free=True
    )
    on_collapse: str = _setting(
        "note",
        choices=ALERT_ACTIONS,
        help="what to do when samples lose their variety, or the discriminator overfits",
        free=True,
    )
    diversity: str = _setting(
        "features",
        choices=DIVERSITY_MEASURES,
        help="how the variety of samples is measured: by their main components, or as people see it ([lpips])",
        free=True,
    )
    guard_gradients: bool = _setting(False, help="leave out updates with broken or exploding gradients")
    steps_per_execution: int = _setting(1, minimum=1, free=True)
    jit_compile: bool = _setting(False, help="compile the step with XLA")
    microbatch_size: int | None = _setting(
        None, minimum=1, metavar="N", help="work through each batch in slices of N images, in the memory of one"
    )
    strategy: str = _setting(
        "auto",
        choices=STRATEGIES,
        help="devices: auto takes the workers in TF_CONFIG, else a TPU, else all GPUs, else the CPU",
        free=True,
    )
    init: str | None = _setting(
        None, metavar="RUN|FILE", help="fine-tune: begin with the weights of a run or .keras file, as far as they fit"
    )
    freeze: str | None = _setting(
        None,
        metavar="LAYER,...",
        help="layers not to train, such as discriminator/down_from_64x64; * stands for anything",
    )
    compile: dict = _setting(
        {},
        help="an argument of the model's `compile`, as JSON or the name of a class: loss=Hinge, discriminator_steps=2",
    )

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value, minimum, choices = getattr(self, field.name), field.metadata["minimum"], field.metadata["choices"]
            if value is None and field.default is None:
                continue
            kind = next((kind for kind in _KINDS if kind in (field.type, *get_args(field.type))), None)
            if kind is not None and choices is None and not isinstance(value, kind):
                raise UserError(f"`{field.name}` must be {_KINDS[kind]}. Received: {field.name}={value!r}")
            if minimum is not None and (isinstance(value, bool) or not isinstance(value, int) or value < minimum):
                raise UserError(f"`{field.name}` must be an integer >= {minimum}. Received: {field.name}={value!r}")
            if choices is not None and value not in choices:
                raise unknown_name(f"value of `{field.name}`:", value, choices)
        for name in ("data_dir", "run_dir"):
            object.__setattr__(self, name, expand_home(getattr(self, name)))

    def save(self, path):
        """Writes the config as JSON."""
        write_atomically(path, json.dumps(dataclasses.asdict(self), indent=2, sort_keys=True) + "\n")

    @classmethod
    def load(cls, path):
        """Reads a config written by `save`, of this version or of 0.1.

        Args:
            path: String. Path of the file.

        Raises:
            UserError: The file is missing, is not JSON, or has a field that is unknown here or of another type.
        """
        what, advice = "the config of a run", "Restore it from a copy, or train in another directory."
        values = read_json(path, what, advice)
        with reading(path, what, advice):
            return from_fields(cls, values)

    def differences(self, other):
        """Names of the fields in which two configs differ, of those that change what is computed."""
        return [
            field.name
            for field in dataclasses.fields(self)
            if not field.metadata["free"]
            and _as_json(getattr(self, field.name)) != _as_json(getattr(other, field.name))
        ]


def _as_json(value):
    """A value as a file holds it, in which a tuple is a list."""
    return json.loads(json.dumps(value))
