"""A classifier of stacked digits, which reads the red, the green, and the blue digit: 1,000 modes."""

import os

import keras
import numpy as np

from tfgan_suite.data.sources.array_source import open_digits
from tfgan_suite.metrics.features import small_classifier
from tfgan_suite.metrics.features.feature_extractor import FeatureExtractor
from tfgan_suite.metrics.protocol.cache import ArrayCache

_NUM_DIGITS = 10


class StackedDigitsClassifier(FeatureExtractor):
    """Extracts features (128 per color) and the logits of the 1,000 modes of stacked digits.

    The number of a mode is 100 * red + 10 * green + blue.

    A small network, trained on nine tenths of the digits for 1,200 steps of 64 images (slightly shifted, rotated, and
    scaled), reads each color separately. The logit of a mode is the sum of the log probabilities of its three digits.
    The network is trained once per seed, and stored in the cache directory.

    Args:
        seed: Integer. Seed for the initial weights, the held-out tenth, the order, and the distortions.
        cache_dir: String, path, or `None`. Directory for trained weights. Defaults to
            `tfgan_suite.metrics.protocol.cache.cache_directory()`.
        progress: Boolean. Whether to show the training progress on standard error.

    Attributes:
        accuracy: Float. Accuracy on single digits of the held-out tenth. A mode consists of three digits.
        num_held_out: Integer. Number of held-out digits.

    Raises:
        MissingExtraError: If the digits are not installed.

    Example:

    >>> classifier = StackedDigitsClassifier()  # doctest: +SKIP
    >>> features, logits = classifier(np.zeros([2, 32, 32, 3], "uint8"))  # doctest: +SKIP
    >>> features.shape, logits.shape  # doctest: +SKIP
    (TensorShape([2, 384]), TensorShape([2, 1000]))

    Reference: Metz et al. 2017, "Unrolled Generative Adversarial Networks", section 3.3.1.
    """

    name_prefix = "stacked_digits_"

    def __init__(self, *, seed: int = 0, cache_dir: str | os.PathLike | None = None, progress: bool = True):
        digits = open_digits()
        model = small_classifier.build_classifier(1, _NUM_DIGITS, seed)
        found = small_classifier.train_or_recall(
            model,
            ArrayCache("digits-classifier", cache_dir),
            {"data": digits.fingerprint(), "border": 2},
            # The same as the prepared digits: 28 pixels with a border of two.
            lambda: (np.pad(digits.examples, [(0, 0), (2, 2), (2, 2), (0, 0)]), digits.labels),
            seed,
            "training the classifier of digits",
            progress,
        )
        super().__init__(_of_three_colors(model), name="stacked-digits-classifier")
        self.accuracy, self.num_held_out = found["accuracy"], found["num_held_out"]

    def provenance(self) -> dict:
        return {
            **super().provenance(),
            "classifier_held_out_accuracy": round(self.accuracy, 6),
            "classifier_held_out_images": self.num_held_out,
        }


def _of_three_colors(model: keras.Model) -> keras.Model:
    """Applies `model` to each color: float32 [batch, 32, 32, 3] to (features [batch, 384], logits [batch, 1000])."""
    size = small_classifier.INPUT_SIZE
    images = keras.Input([size, size, 3])
    read = [model(images[..., color : color + 1]) for color in range(3)]
    features = keras.ops.concatenate([features for features, _ in read], axis=1)
    red, green, blue = (keras.ops.log_softmax(logits, axis=1) for _, logits in read)  # [batch, 10]
    logits = red[:, :, None, None] + green[:, None, :, None] + blue[:, None, None, :]
    return keras.Model(images, [features, keras.ops.reshape(logits, [-1, _NUM_DIGITS**3])])
