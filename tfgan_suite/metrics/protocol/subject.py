"""Subject: what `evaluate` scores."""

import dataclasses
import os
from collections.abc import Mapping

import tensorflow as tf

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.metrics.protocol.generated_examples import GeneratedExamples
from tfgan_suite.metrics.protocol.real_examples import RealExamples


@dataclasses.dataclass(frozen=True)
class Subject:
    """What `evaluate` scores: a model, the data to score it against, and how its examples are made.

    Args:
        model: A `GenerativeModel`.
        data: A prepared directory, or a finite `tf.data.Dataset`.
        real: A `RealExamples`. The data's examples.
        num_images: Integer, how many examples to generate, or `None` for the metric's own number.
        batch_size: Integer >= 1. Examples made at a time.
        sampling: Dict of each sampling option of the model to its value.
    """

    model: GenerativeModel
    data: str | os.PathLike | tf.data.Dataset
    real: RealExamples
    num_images: int | None
    batch_size: int
    sampling: Mapping[str, float]

    def generated(self, count: int) -> GeneratedExamples:
        """The model's examples: `count` of them, unless `num_images` says otherwise."""
        return GeneratedExamples(self.model, self.real, self.num_images or count, self.batch_size, self.sampling)

    def other_split(self, split: str) -> RealExamples:
        """The real examples of another split.

        Raises:
            UserError: The data have no splits, or no such split.
        """
        if isinstance(self.data, tf.data.Dataset):
            raise UserError(
                f"`data` must be a prepared directory with the split {split!r}. Received: a tf.data.Dataset, which has no "
                "splits."
            )
        return RealExamples(self.data, split, self.batch_size, self.model.spec)
