"""A model's images for scores, and what is to be told of them."""

from collections.abc import Iterator

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.protocol.real_images import RealImages

# Images are generated in parts of this size with seeds of their own, so that the batch size changes no image and the
# whole never has to fit into memory. The first part is `model.generate(count, seed=seed)`.
_IMAGES_PER_SEED = 512


class GeneratedImages:
    """Images of a model, batch by batch; of its classes as often as the real images have them.

    Args:
        model: A `GenerativeModel`, or anything with its `generate`, `num_classes` and `image_shape`.
        real: What the images will be compared with.
        count: Images to generate, >= 2.
        batch_size: Images made at a time; changes none of them.
        truncation: In [0, 1], passed to the model.

    Attributes:
        count: As given.
        class_counts: Images of each class, a tuple; `None` if the model has no classes or draws its own.
        label_sampling: `"as real"`; `"by the model"` where the real images have no classes; `None` for a model without.

    Raises:
        UserError: The model's images or classes do not fit the real ones.

    Example:

    >>> real = RealImages(tf.data.Dataset.from_tensors(tf.zeros([4, 8, 8, 1])), "train", 64)
    >>> generated = GeneratedImages(DCGAN((8, 8, 1), base_channels=4), real, 3)
    >>> [images.shape for images, labels in generated.batches(seed=0)]
    [(3, 8, 8, 1)]
    """

    def __init__(self, model, real: RealImages, count: int, batch_size: int = 64, truncation: float = 1.0):
        if tuple(model.image_shape) != real.image_shape:
            raise UserError(f"The model makes images {tuple(model.image_shape)}; the real ones are {real.image_shape}.")
        if None not in (model.num_classes, real.class_counts) and len(real.class_counts) > model.num_classes:
            raise UserError(f"The model has {model.num_classes} classes; the data has {len(real.class_counts)}.")
        self._model = model
        self.count = count
        self._batch_size = batch_size
        self._truncation = truncation
        self.class_counts = self.label_sampling = None
        if model.num_classes is not None:
            self.label_sampling = "by the model" if real.class_counts is None else "as real"
            if real.class_counts is not None:
                self.class_counts = _in_proportion(real.class_counts, count)

    def batches(self, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Batches (uint8 images [batch, height, width, channels], int32 labels [batch] or `None`)."""
        labels = None
        if self.class_counts is not None:
            labels = np.repeat(np.arange(len(self.class_counts)), self.class_counts)
            labels = np.random.default_rng(seed).permutation(labels).astype(np.int32)
        for part, start in enumerate(range(0, self.count, _IMAGES_PER_SEED)):
            size = min(_IMAGES_PER_SEED, self.count - start)
            # 31 bits: every integer type that a model may keep its seed in can hold it.
            part_seed = seed if part == 0 else int(np.random.SeedSequence([seed, part]).generate_state(1)[0] >> 1)
            part_labels = None if labels is None else labels[start : start + size]
            images = self._model.generate(
                size, labels=part_labels, truncation=self._truncation, seed=part_seed, batch_size=self._batch_size
            )
            for first in range(0, size, self._batch_size):
                rows = slice(first, first + self._batch_size)
                yield images[rows], None if part_labels is None else part_labels[rows]

    def protocol(self) -> dict:
        """What a score of these images depends on."""
        return {
            "num_fake": self.count,
            "truncation": self._truncation,
            "weights": "ema" if self._is_averaged() else "raw",
            "label_sampling": self.label_sampling,
        }

    def run(self) -> dict:
        """What else is known: the model, and the images that it was trained on."""
        return origin_of(self._model)

    def _is_averaged(self) -> bool:
        card = getattr(self._model, "card", None)
        if card is not None:
            return "ema_generator" in card["model"]["parameters"]
        return getattr(self._model, "ema_generator", None) is not None


def origin_of(model) -> dict:
    """Name of a model's class, and the images that it was trained on (`None`: not known)."""
    card = getattr(model, "card", None)  # An exported model: what it was made of stands in its card.
    images_seen = card["training"]["examples_seen"] if card else getattr(model, "images_seen", None)
    return {
        "model": type(model).__name__,
        "images_seen": None if images_seen is None else int(np.asarray(images_seen)),
    }


def _in_proportion(class_counts: tuple[int, ...], count: int) -> tuple[int, ...]:
    """`count` shared out in the proportions of the real images, by largest remainders."""
    quotas = np.array(class_counts) * (count / sum(class_counts))
    counts = np.floor(quotas).astype(int)
    counts[np.argsort(counts - quotas, kind="stable")[: count - counts.sum()]] += 1
    return tuple(counts.tolist())
