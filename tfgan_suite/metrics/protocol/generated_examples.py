"""A model's examples for scores, and what is stated about them."""

from collections.abc import Iterator, Mapping

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.metrics.numerics.pass_size import pass_size
from tfgan_suite.metrics.protocol.real_examples import RealExamples

# Examples are generated in parts of this size with seeds of their own, so that the batch size changes no example and the
# whole never has to fit into memory. The first part is `model.generate(count, seed=seed)`.
_EXAMPLES_PER_SEED = 512


class GeneratedExamples:
    """Examples of a model, batch by batch; of its classes as often as the real examples have them.

    Args:
        model: A `GenerativeModel`.
        real: A `RealExamples`. What the examples will be compared with.
        count: Integer >= 2. How many to generate.
        batch_size: Integer >= 1. Examples made at a time, fewer where they are large; it changes none of them.
        sampling: Dict of each of the model's sampling options to its value, as `resolve_sampling` returns it.

    Attributes:
        which: String. What they are called where progress is shown.
        count: As given.
        class_counts: Tuple of integers, the examples of each class; `None` if the model has no classes or draws its own.
        label_sampling: `"as real"`; `"by the model"` where the real examples have no classes; `None` for a model without.

    Raises:
        UserError: The model's examples or classes do not fit the real ones.

    Example:

    >>> real = RealExamples(tf.data.Dataset.from_tensors(tf.zeros([4, 8, 8, 1])), "train", 64)
    >>> generated = GeneratedExamples(DCGAN((8, 8, 1), base_channels=4), real, 3)
    >>> [images.shape for images, labels in generated.batches(seed=0)]
    [(3, 8, 8, 1)]
    """

    which = "generated"

    def __init__(
        self,
        model: GenerativeModel,
        real: RealExamples,
        count: int,
        batch_size: int = 64,
        sampling: Mapping[str, float] | None = None,
    ):
        units = model.spec.unit[1]
        if model.spec.kind != real.spec.kind:
            raise UserError(f"The model makes {units}; the data holds {real.spec.unit[1]}.")
        if model.spec.shape != real.spec.shape:
            raise UserError(f"The model makes {units} {model.spec.shape}; the real ones are {real.spec.shape}.")
        if not model.spec.matches(real.spec):
            raise UserError(f"The model makes {units}: {model.spec.describe()}. The real ones: {real.spec.describe()}.")
        if None not in (model.num_classes, real.class_counts) and len(real.class_counts) > model.num_classes:
            raise UserError(f"The model has {model.num_classes} classes; the data has {len(real.class_counts)}.")
        self._model = model
        self.count = count
        self._batch_size = pass_size(batch_size, model.spec.shape)
        self._sampling = dict(sampling or {})
        self.class_counts = self.label_sampling = None
        if model.num_classes is not None:
            self.label_sampling = "by the model" if real.class_counts is None else "as real"
            if real.class_counts is not None:
                self.class_counts = _in_proportion(real.class_counts, count)

    def batches(self, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Batches `(examples [batch, *spec.shape] of edge_dtype, int32 labels [batch] or None)`."""
        labels = None
        if self.class_counts is not None:
            labels = np.repeat(np.arange(len(self.class_counts)), self.class_counts)
            labels = np.random.default_rng(seed).permutation(labels).astype(np.int32)
        for part, start in enumerate(range(0, self.count, _EXAMPLES_PER_SEED)):
            size = min(_EXAMPLES_PER_SEED, self.count - start)
            # 31 bits: every integer type that a model may keep its seed in can hold it.
            part_seed = seed if part == 0 else int(np.random.SeedSequence([seed, part]).generate_state(1)[0] >> 1)
            part_labels = None if labels is None else labels[start : start + size]
            examples = self._model.generate(
                size, labels=part_labels, seed=part_seed, batch_size=self._batch_size, **self._sampling
            )
            for first in range(0, size, self._batch_size):
                rows = slice(first, first + self._batch_size)
                yield examples[rows], None if part_labels is None else part_labels[rows]

    def protocol(self) -> dict:
        """What a score of these examples depends on."""
        return {
            "num_fake": self.count,
            **self._sampling,
            "weights": self._model.weights_kind,
            "label_sampling": self.label_sampling,
        }

    def run(self) -> dict:
        """What else is known: the model, and the examples that it was trained on."""
        return origin_of(self._model)


def origin_of(model: GenerativeModel) -> dict:
    """The name of a model's class, and the examples that it was trained on (`None`: not known)."""
    seen = model.examples_seen
    return {"model": type(model).__name__, "images_seen": None if seen is None else int(np.asarray(seen))}


def _in_proportion(class_counts: tuple[int, ...], count: int) -> tuple[int, ...]:
    """`count` shared out in the proportions of the real examples, by largest remainders."""
    quotas = np.array(class_counts) * (count / sum(class_counts))
    counts = np.floor(quotas).astype(int)
    counts[np.argsort(counts - quotas, kind="stable")[: count - counts.sum()]] += 1
    return tuple(counts.tolist())
