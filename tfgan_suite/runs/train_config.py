"""A run, as one frozen dataclass that is saved as JSON beside what the run makes."""

import dataclasses
import json
from pathlib import Path

from tfgan_suite.foundation.choices import ALERT_ACTIONS, AUGMENTATIONS, DIVERSITY_MEASURES, PRECISIONS, STRATEGIES
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.files import write_atomically


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Everything that `tfgan_suite.train` needs to know.

    Progress is counted in images. A tick is the rhythm of checkpoints, pictures and log lines: one Keras epoch.

    Attributes:
        data_dir: A directory written by `prepare_dataset`.
        run_dir: Where the run writes. The same config and directory again go on where the run stopped.
        preset: A preset's name, such as `"dcgan_digits_32"`, or a model's, such as `"dcgan"`.
        model: Constructor arguments that replace the preset's. Image shape and classes come from the data.
        batch_size: Images of one step over all replicas, or `None` for the preset's.
        total_images: Images to train on, or `None` for the preset's.
        images_per_tick: Images between checkpoints, rounded to whole steps; `None` for a fiftieth of `total_images`.
        seed: Of the initial weights, the latents and the order of the data.
        conditional: Whether to use the data's classes; `None` to use them if there are any, unless the preset does not.
        horizontal_flip: Whether to mirror half of the images.
        augmentation: What the discriminator sees all images through: a name out of `AUGMENTATIONS`, or `None` for the
            preset's choice.
        precision: `"float32"`, `"mixed_bfloat16"` or `"mixed_float16"`: the Keras dtype policy of the networks.
        score_every_ticks: Ticks from one scoring to the next; 0 scores only at the end, -1 never.
        score_images: Generated images of one scoring, or `None` for as many as there are real ones.
        keep_checkpoints: How many checkpoints to keep.
        on_instability: What to do when gradients or scores run away, a name out of `ALERT_ACTIONS`.
        on_collapse: What to do when samples lose their variety or the discriminator overfits, likewise.
        diversity: What the collapse monitor measures the variety of samples with: `"features"`, their pixels' main components,
            or `"lpips"`, as people see it, which costs more and wants the extra `[lpips]`.
        guard_gradients: Whether updates with broken or exploding gradients are left out (`GradientGuard`).
        steps_per_execution: Steps inside one call of the graph.
        jit_compile: Whether to compile the step with XLA.
        microbatch_size: Images that a network is trained on at a time, or `None` for all of an update's; see
            `GAN.compile`.
        strategy: On which devices and machines: a name out of `STRATEGIES`, see `distribution.make_strategy`.
    """

    data_dir: str
    run_dir: str
    preset: str = "dcgan"
    model: dict = dataclasses.field(default_factory=dict)
    batch_size: int | None = None
    total_images: int | None = None
    images_per_tick: int | None = None
    seed: int = 0
    conditional: bool | None = None
    horizontal_flip: bool = False
    augmentation: str | None = None
    precision: str = "float32"
    score_every_ticks: int = 0
    score_images: int | None = None
    keep_checkpoints: int = 3
    on_instability: str = "note"
    on_collapse: str = "note"
    diversity: str = "features"
    guard_gradients: bool = False
    steps_per_execution: int = 1
    jit_compile: bool = False
    microbatch_size: int | None = None
    strategy: str = "auto"

    def __post_init__(self):
        for name in ("batch_size", "microbatch_size", "total_images", "images_per_tick", "score_images"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"Expected {name} >= 1. Received: {name}={value}")
        for name in ("keep_checkpoints", "steps_per_execution"):
            if getattr(self, name) < 1:
                raise UserError(f"Expected {name} >= 1. Received: {name}={getattr(self, name)}")
        if self.augmentation not in (None, *AUGMENTATIONS):
            raise unknown_name("augmentation", self.augmentation, AUGMENTATIONS)
        for name in ("on_instability", "on_collapse"):
            if getattr(self, name) not in ALERT_ACTIONS:
                raise unknown_name(f"action for {name}", getattr(self, name), ALERT_ACTIONS)
        if self.diversity not in DIVERSITY_MEASURES:
            raise unknown_name("measure of diversity", self.diversity, DIVERSITY_MEASURES)
        if self.strategy not in STRATEGIES:
            raise unknown_name("strategy", self.strategy, STRATEGIES)
        if self.precision not in PRECISIONS:
            raise unknown_name("precision", self.precision, PRECISIONS)
        if self.score_every_ticks < -1:
            raise UserError(f"Expected score_every_ticks >= -1. Received: {self.score_every_ticks}")

    def save(self, path):
        """Writes the config as JSON."""
        write_atomically(path, json.dumps(dataclasses.asdict(self), indent=2, sort_keys=True) + "\n")

    @classmethod
    def load(cls, path):
        """Reads a config written by `save`.

        Raises:
            UserError: The file is missing, is no JSON, or has a field that is unknown here.
        """
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"Expected a config file. There is no file {str(path)!r}.") from None
        except json.JSONDecodeError as error:
            raise UserError(f"Expected JSON in {str(path)!r}. Received: {error}") from None
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                raise unknown_name("field of TrainConfig", name, known)
        return cls(**values)

    def differences(self, other):
        """Names of the fields in which two configs differ."""
        return [
            field.name for field in dataclasses.fields(self) if getattr(self, field.name) != getattr(other, field.name)
        ]
