"""Real images for scores, and what identifies them."""

import hashlib
import os
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.data.loader import load_dataset
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.specs.image_range import to_uint8


class RealImages:
    """A prepared split or a finite `tf.data.Dataset`, read as uint8 batches in a fixed order.

    Args:
        data: A prepared directory, or a data set of batches `(images, labels)` or `images`, see `evaluate`.
        split: Of a prepared directory.
        batch_size: Of the batches of a prepared directory.

    Attributes:
        name: Of the set.
        fingerprint: 16 hex digits of its content.
        split: `None` for a `tf.data.Dataset`.
        num_images: Images in the split.
        image_shape: `(height, width, channels)`.
        class_counts: Images of each class, a tuple, or `None` without classes.
        class_names: As many names.
        cacheable: Whether the fingerprint is known without reading the images.

    Raises:
        UserError: The directory or split is missing; or the data set is endless, empty or of mixed shapes.

    Example:

    >>> real = RealImages(tf.data.Dataset.from_tensors(tf.zeros([4, 8, 8, 1])), "train", 64)
    >>> real.num_images, real.image_shape
    (4, (8, 8, 1))
    """

    def __init__(self, data: str | os.PathLike | tf.data.Dataset, split: str, batch_size: int):
        self._data = data
        self._batch_size = batch_size
        if isinstance(data, tf.data.Dataset):
            if int(data.cardinality()) == tf.data.INFINITE_CARDINALITY:
                raise UserError("Expected a finite data set. Received one that repeats: make it with repeat=False.")
            self.name, self.split, self.cacheable = "tf.data.Dataset", None, False
            self._describe_by_reading()
        else:
            info = DatasetInfo.load(data)
            self.name, self.split, self.fingerprint, self.cacheable = info.name, split, info.fingerprint, True
            self.num_images, self.image_shape = info.split(split).num_examples, tuple(info.image_shape)
            self.class_counts = info.split(split).class_counts if info.num_classes is not None else None
            self.class_names = info.class_names if info.num_classes is not None else None
        if self.num_images < 2:
            raise UserError(f"Expected at least 2 real images. Received: {self.num_images}.")

    def _describe_by_reading(self) -> None:
        """A data set that comes from anywhere is identified by its pixels and labels."""
        count, shapes, class_counts = 0, set(), np.zeros(0, int)
        digests = [hashlib.sha256(), hashlib.sha256()]  # Apart: the batch size must not matter.
        for images, labels in self.batches():
            digests[0].update(np.ascontiguousarray(images).tobytes())
            count += len(images)
            shapes.add(images.shape[1:])
            if labels is not None:
                digests[1].update(labels.tobytes())
                found = np.bincount(labels, minlength=len(class_counts))
                found[: len(class_counts)] += class_counts
                class_counts = found
        if len(shapes) != 1:
            raise UserError(f"Expected images of one shape. Received: {sorted(shapes) or 'no images'}.")
        self.num_images, self.image_shape = count, shapes.pop()
        content = [self.image_shape, *(digest.hexdigest() for digest in digests)]
        self.fingerprint = hashlib.sha256(repr(content).encode()).hexdigest()[:16]
        self.class_counts = (
            tuple(class_counts.tolist()) if len(class_counts) > 1 else None
        )  # All labels 0: a set without classes.
        self.class_names = None if self.class_counts is None else tuple(str(n) for n in range(len(self.class_counts)))

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Batches (uint8 images [batch, height, width, channels], int32 labels [batch] or `None`).

        Raises:
            UserError: The elements are of another form.
        """
        dataset = self._data
        if not isinstance(dataset, tf.data.Dataset):
            _, dataset = load_dataset(
                self._data, self.split, self._batch_size, shuffle=False, repeat=False, drop_remainder=False, cache=False
            )
        for element in dataset:
            images, labels = element if isinstance(element, tuple | list) and len(element) == 2 else (element, None)
            if not isinstance(images, tf.Tensor) or images.shape.rank != 4:
                raise UserError(
                    "Expected batches (images [batch, height, width, channels], labels [batch]) or images alone."
                )
            images = images if images.dtype == tf.uint8 else to_uint8(images)
            yield images.numpy(), None if labels is None else np.asarray(labels, np.int32)
