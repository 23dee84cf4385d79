"""Subject: what `evaluate` scores."""

import dataclasses
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.generative.sampling_options import resolve_sampling
from tfgan_suite.metrics.protocol.generated_examples import GeneratedExamples
from tfgan_suite.metrics.protocol.given_examples import GivenExamples, open_given
from tfgan_suite.metrics.protocol.real_examples import RealExamples
from tfgan_suite.metrics.protocol.unprepared_examples import check_kind


@dataclasses.dataclass(frozen=True)
class Subject:
    """What `evaluate` scores: a model, the data to score it against, and how its examples are made; or given examples.

    Args:
        model: A `GenerativeModel`, or `None` where the examples are given.
        data: What the user passed as real examples.
        real: A `RealExamples`. The data's examples.
        num_images: Integer, how many examples to generate, or `None` for the metric's own number.
        batch_size: Integer >= 1. Examples made at a time.
        sampling: Dict of each sampling option of the model to its value.
        given: A `GivenExamples`, or `None` where the model makes the examples.
    """

    model: GenerativeModel | None
    data: object
    real: RealExamples
    num_images: int | None
    batch_size: int
    sampling: Mapping[str, float]
    given: GivenExamples | None = None

    def generated(self, count: int) -> GeneratedExamples | GivenExamples:
        """The model's examples: `count` of them, unless `num_images` says otherwise. Given ones are as many as they are."""
        if self.given is not None:
            return self.given
        return GeneratedExamples(self.model, self.real, self.num_images or count, self.batch_size, self.sampling)

    def other_split(self, split: str) -> RealExamples:
        """The real examples of another split.

        Raises:
            UserError: The data have no splits, or no such split.
        """
        if self.real.split is None:
            raise UserError(
                f"`data` must be a prepared directory with the split {split!r}. Received: {self.real.name!r}, which has no "
                "splits."
            )
        return RealExamples(self.data, split, self.batch_size, self.model.spec)


def open_subject(
    model: object,
    data: object,
    split: str,
    *,
    num_images: int | None,
    batch_size: int,
    seed: int,
    repeats: int | None,
    sampling: Mapping[str, float],
) -> Subject:
    """Makes a subject of what the user passed in the model's place.

    Args:
        model: A `GenerativeModel`, the path of one, or examples, as in `evaluate`.
        data: As in `evaluate`.
        split: As in `evaluate`.
        num_images: As in `evaluate`.
        batch_size: As in `evaluate`.
        seed: As in `evaluate`.
        repeats: As in `evaluate`.
        sampling: Dict of the sampling options that were passed.

    Raises:
        UserError: Model, or examples, and data do not fit together; or examples that are there already are to be generated
            in some way.
    """
    if isinstance(model, str | os.PathLike) and holds_model(model):
        model = _load(local_path(model))
    if isinstance(model, GenerativeModel):
        sampling = resolve_sampling(model, sampling)
        real = RealExamples(data, split, batch_size, model.spec)
        return Subject(model, data, real, num_images, batch_size, sampling)
    check_kind(model, "model")
    generating = {
        "num_images": num_images,
        "seed": seed or None,
        "repeats": None if repeats == 1 else repeats,
        **sampling,
    }
    received = [f"{name}={value}" for name, value in generating.items() if value is not None]
    if received:
        name = received[0].partition("=")[0]
        raise UserError(
            f"`{name}` is for models, and {_described(model)} is none: leave it out. Received: {', '.join(received)}"
        )
    given, real = open_given(model, data, split, batch_size)
    return Subject(None, data, real, None, batch_size, {}, given)


def holds_model(path: str | os.PathLike) -> bool:
    """Whether a path stands for a run, a `.keras` file or an exported model, rather than for examples.

    Example:

    >>> holds_model("runs/digits/model.keras"), holds_model("pictures.zip")
    (True, False)
    """
    path = local_path(path)
    is_run = (path / "config.json").is_file() and (path / "dataset_info.json").is_file()
    return path.suffix == ".keras" or is_run or (path / "model.keras").is_file() or _is_exported(path)


def _is_exported(path: Path) -> bool:
    versions = (version for version in path.glob("[0-9]*") if version.name.isdigit())
    return any((version / "saved_model.pb").is_file() for version in (path, *versions))


def _load(path: Path) -> GenerativeModel:
    # The package itself knows all models and exports by name; this room knows none.
    package = sys.modules[__name__.partition(".")[0]]
    return package.load_generator(path) if _is_exported(path) else package.load_model(path)


def _described(images: object) -> str:
    return repr(str(images)) if isinstance(images, str | os.PathLike) else f"an object of type {type(images).__name__}"
