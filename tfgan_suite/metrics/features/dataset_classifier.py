"""A small classifier trained on the prepared set itself: features and classes that know what the data is about."""

import os

import numpy as np

from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.data.loader import load_dataset
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.features import small_classifier
from tfgan_suite.metrics.features.feature_extractor import FeatureExtractor
from tfgan_suite.metrics.protocol.cache import ArrayCache
from tfgan_suite.specs.image_range import to_uint8

_MAX_IMAGES = 50_000


class DatasetClassifier(FeatureExtractor):
    """128 features and the logits of the data's own classes, from a small convolutional network trained on the data.

    Its numbers say how well samples are recognised as the set's classes. They compare with no published value, and not
    across data sets: the hash of its weights in every row sees to that. It reads the set at 32 x 32, trains on nine
    tenths of the split for 1,200 steps of 64 images (slightly shifted, turned and scaled), and reports its accuracy on the
    last tenth. Trained once for each (data, split, seed) and kept in the cache directory.

    Args:
        directory: A prepared set with classes.
        split: The split to learn from.
        seed: Of the initial weights, the held-out tenth, order and distortions.
        cache_dir: Where trained weights are kept; by default `tfgan_suite.metrics.cache.cache_directory()`.
        progress: Whether training shows its progress on standard error.

    Attributes:
        accuracy: On the held-out tenth of the split.
        num_held_out: Images in it.

    Raises:
        UserError: The set has no classes, or fewer than 20 images.

    Example:

    >>> classifier = DatasetClassifier("data/digits")
    >>> features, logits = classifier(np.zeros([2, 32, 32, 1], "uint8"))
    >>> features.shape, logits.shape
    (TensorShape([2, 128]), TensorShape([2, 10]))
    """

    name_prefix = "dataset_classifier_"

    def __init__(
        self,
        directory: str | os.PathLike,
        split: str = "train",
        *,
        seed: int = 0,
        cache_dir: str | os.PathLike | None = None,
        progress: bool = True,
    ):
        info = DatasetInfo.load(directory)
        if info.num_classes is None:
            raise UserError(f"A classifier of the data needs a set with classes. {str(directory)!r} has none.")
        if info.split(split).num_examples < 20:
            raise UserError(
                f"A classifier needs at least 20 images. Received: {info.split(split).num_examples} in {split!r}."
            )
        model = small_classifier.build_classifier(info.image_shape[-1], info.num_classes, seed)
        found = small_classifier.train_or_recall(
            model,
            ArrayCache("dataset-classifier", cache_dir),
            {"data": info.fingerprint, "split": split},
            lambda: _read_images(directory, split, info.split(split).num_examples),
            seed,
            "training the classifier of the data",
            progress,
        )
        super().__init__(model, name="dataset-classifier")
        self.accuracy, self.num_held_out = found["accuracy"], found["num_held_out"]

    def provenance(self) -> dict:
        return {
            **super().provenance(),
            "classifier_held_out_accuracy": round(self.accuracy, 6),
            "classifier_held_out_images": self.num_held_out,
        }


def _read_images(directory, split: str, num_images: int) -> tuple[np.ndarray, np.ndarray]:
    """uint8 images [count, height, width, channels] and int32 labels [count], evenly spread over large sets."""
    _, dataset = load_dataset(
        directory, split, batch_size=256, shuffle=False, repeat=False, drop_remainder=False, cache=False
    )
    every = -(-num_images // _MAX_IMAGES)  # The order on disk may follow the classes: take every n-th image.
    if every > 1:
        dataset = dataset.unbatch().shard(every, 0).batch(256)
    batches = [(to_uint8(images).numpy(), labels.numpy()) for images, labels in dataset]
    return np.concatenate([images for images, _ in batches]), np.concatenate([labels for _, labels in batches])
