"""Examples for scores that are there already, whatever made them, in the place of a model's."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.metrics.protocol.real_examples import RealExamples, is_prepared


class GivenExamples:
    """Stands where `GeneratedExamples` stands, for examples without a model.

    Their classes are those of the real examples that have the same names; if one of the names is not among them, or the
    real examples have no classes, they have none.

    Args:
        examples: A `RealExamples` of the examples to be scored.
        real: A `RealExamples`. What they will be compared with.

    Attributes:
        which: String. What they are called where progress is shown.
        count: Integer. How many there are.
        class_counts: Tuple of integers, the examples of each of the real classes; `None` if they have none.

    Raises:
        UserError: The examples do not fit the real ones.

    Example:

    >>> real = RealExamples(np.zeros([4, 8, 8, 1], "uint8"), "train", 64)
    >>> given = GivenExamples(RealExamples(np.ones([3, 8, 8, 1], "uint8"), "train", 64), real)
    >>> [images.shape for images, labels in given.batches(seed=0)], given.run()["model"]
    ([(3, 8, 8, 1)], None)
    """

    which = "given"

    def __init__(self, examples: RealExamples, real: RealExamples):
        units = real.spec.unit[1]
        if examples.spec.kind != real.spec.kind:
            raise UserError(f"`model` holds {examples.spec.unit[1]}; the real ones are {units}.")
        if examples.spec.shape != real.spec.shape:
            raise UserError(
                f"`model` must hold {units} of the shape of the real ones, {real.spec.shape}. Received: "
                f"{examples.spec.shape} in {examples.name!r}"
            )
        if not examples.spec.matches(real.spec):
            raise UserError(
                f"`model` holds {units}: {examples.spec.describe()}. The real ones: {real.spec.describe()}."
            )
        self._examples = examples
        self.count = examples.num_examples
        self._labels = self.class_counts = None
        names, real_names = examples.class_names, real.class_names
        if names and real_names and set(names) <= set(real_names):
            self._labels = np.array([real_names.index(name) for name in names], np.int32)
            counts = np.zeros(len(real_names), int)
            counts[self._labels] = examples.class_counts
            self.class_counts = tuple(counts.tolist())

    def batches(self, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Batches `(examples [batch, *spec.shape] of edge_dtype, int32 labels [batch] or None)`; `seed` changes nothing."""
        for examples, labels in self._examples.batches():
            yield examples, None if self._labels is None else self._labels[labels]

    def protocol(self) -> dict:
        """What a score of these examples depends on: no weights, and no sampling that is known of."""
        label_sampling = None if self._labels is None else "as given"
        return {"num_fake": self.count, "weights": None, "label_sampling": label_sampling}

    def run(self) -> dict:
        """What else is known: that there is no model, and what the examples are."""
        return {
            "model": None,
            "images_seen": None,
            "given": self._examples.name,
            "given_fingerprint": self._examples.fingerprint,
            "given_set_aside": self._examples.num_set_aside,
        }


def open_given(images: object, data: object, split: str, batch_size: int) -> tuple[GivenExamples, RealExamples]:
    """Opens examples and the real ones. Where the real ones are not prepared, the given ones say what shape both have.

    Args:
        images: What is to be scored, of all that `RealExamples` takes.
        data: The real examples, likewise.
        split: String. The split of prepared directories; given ones that have one split have that.
        batch_size: Integer >= 1. As in `RealExamples`.

    Raises:
        UserError: As `RealExamples`, or they do not fit each other.
    """
    real, own_split = None, "train"
    if is_prepared(data) or isinstance(data, tf.data.Dataset):
        real = RealExamples(data, split, batch_size)
    if is_prepared(images):
        splits = DatasetInfo.load(local_path(images)).splits
        own_split = next(iter(splits)) if len(splits) == 1 else split
    spec = None if real is None else real.spec
    examples = RealExamples(images, own_split, batch_size, spec, scaled=False, argument="model")
    real = real or RealExamples(data, split, batch_size, examples.spec)
    return GivenExamples(examples, real), real
