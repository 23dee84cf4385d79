"""A classifier of the digits of `moving_digits`, which are half as large as those of `digits`."""

import os

import numpy as np

from tfgan_suite.data.sources.array_source import open_digits
from tfgan_suite.data.sources.moving_digits_source import DIGIT_SIZE, small_digit
from tfgan_suite.metrics.features import small_classifier
from tfgan_suite.metrics.features.feature_extractor import FeatureExtractor
from tfgan_suite.metrics.protocol.cache import ArrayCache

_NUM_DIGITS = 10


class SmallDigitsClassifier(FeatureExtractor):
    """Extracts features (128) and the logits of ten digits from images of 14 x 14 pixels.

    As `StackedDigitsClassifier` it is trained on nine tenths of the digits, once per seed, and stored in the cache directory.

    Args:
        seed: Integer. Seed for the initial weights, the held-out tenth, the order, and the distortions.
        cache_dir: String, path, or `None`. Directory for trained weights, by default that of all caches.
        progress: Boolean. Whether to show the training progress on standard error.

    Attributes:
        accuracy: Float. Accuracy on the held-out tenth.

    Raises:
        MissingExtraError: If the digits are not installed.

    Example:

    >>> classifier = SmallDigitsClassifier()  # doctest: +SKIP
    >>> classifier(np.zeros([2, 14, 14, 1], "uint8"))[1].shape  # doctest: +SKIP
    TensorShape([2, 10])
    """

    name_prefix = "small_digits_"

    def __init__(self, *, seed: int = 0, cache_dir: str | os.PathLike | None = None, progress: bool = True):
        digits = open_digits()
        model = small_classifier.build_classifier(1, _NUM_DIGITS, seed)
        found = small_classifier.train_or_recall(
            model,
            ArrayCache("small-digits-classifier", cache_dir),
            {"data": digits.fingerprint(), "size": DIGIT_SIZE},
            lambda: (np.stack([enlarge(small_digit(digit)) for digit in digits.examples]), digits.labels),
            seed,
            "training the classifier of small digits",
            progress,
        )
        super().__init__(model, name="small-digits-classifier")
        self.accuracy = found["accuracy"]

    def __call__(self, images):
        return super().__call__(enlarge(np.asarray(images)))


def enlarge(images: np.ndarray) -> np.ndarray:
    """Images of 14 x 14 pixels as 32 x 32: twice as large, with a border of two black pixels."""
    larger = images.repeat(2, axis=-3).repeat(2, axis=-2)
    return np.pad(larger, [*[(0, 0)] * (images.ndim - 3), (2, 2), (2, 2), (0, 0)])
