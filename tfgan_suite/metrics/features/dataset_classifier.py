"""A small classifier trained on the prepared dataset itself, whose features and classes are specific to the data."""

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
    """Extracts 128 features, and the logits of the dataset's own classes, with a small network trained on the dataset.

    Its scores measure how well samples are recognized as the dataset's classes. They cannot be compared with published
    values or across datasets; the hash of the weights, which is stored in every row, prevents such comparisons. The
    network reads images at 32 x 32 pixels, is trained on nine tenths of the split for 1,200 steps of 64 images
    (slightly shifted, rotated, and scaled), and reports its accuracy on the remaining tenth. It is trained once for
    each combination of dataset, split, and seed, and stored in the cache directory.

    Args:
        directory: String or path of a prepared dataset with classes.
        split: String. Name of the split to train on.
        seed: Integer. Seed for the initial weights, the held-out tenth, the order, and the distortions.
        cache_dir: String, path, or `None`. Directory for trained weights. Defaults to
            `tfgan_suite.metrics.protocol.cache.cache_directory()`.
        progress: Boolean. Whether to show the training progress on standard error.

    Attributes:
        accuracy: Float. Accuracy on the held-out tenth of the split.
        num_held_out: Integer. Number of held-out images.

    Raises:
        UserError: If the dataset has no classes, or fewer than 20 images.

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
            raise UserError(
                f"`directory` must be a dataset with classes, but it has none. Received: directory={str(directory)!r}"
            )
        if info.split(split).num_examples < 20:
            raise UserError(
                f"`split` must have at least 20 images to train a classifier. Received: split={split!r} with "
                f"{info.split(split).num_examples} images"
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
    """Reads uint8 images [count, height, width, channels] and int32 labels [count], evenly spaced in large datasets."""
    _, dataset = load_dataset(
        directory, split, batch_size=256, shuffle=False, repeat=False, drop_remainder=False, cache=False
    )
    every = -(-num_images // _MAX_IMAGES)  # Every n-th image, because the images on disk may be sorted by class.
    if every > 1:
        dataset = dataset.unbatch().shard(every, 0).batch(256)
    batches = [(to_uint8(images).numpy(), labels.numpy()) for images, labels in dataset]
    return np.concatenate([images for images, _ in batches]), np.concatenate([labels for _, labels in batches])
