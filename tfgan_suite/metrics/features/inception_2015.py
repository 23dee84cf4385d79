"""The network of FID and the Inception Score, from a file provided by the user."""

from pathlib import Path

import tensorflow as tf

from tfgan_suite.foundation.errors import unknown_name
from tfgan_suite.metrics.features.feature_extractor import FeatureExtractor
from tfgan_suite.metrics.features.inception_2015_network import build_inception_2015
from tfgan_suite.metrics.features.inception_2015_weights import read_inception_2015
from tfgan_suite.metrics.features.resize import (
    TENSORFLOW_1_DESCRIPTION,
    UNROUNDED_BICUBIC_DESCRIPTION,
    resize_bicubic,
    resize_bilinear_tensorflow_1,
)

_RESIZES = {"legacy_tensorflow": TENSORFLOW_1_DESCRIPTION, "clean": UNROUNDED_BICUBIC_DESCRIPTION}


class Inception2015(FeatureExtractor):
    """Extracts 2048 features and 1008 logits (without biases) with the Inception of December 2015.

    The network's inputs are 299 x 299 RGB images, scaled by `(x - 128) / 128`. With this network, the Frechet distance
    of 50,000 images is known as FID, the kernel distance as KID, and the score of the logits as the Inception Score.
    The weights are not included in any package; docs/inception.md lists where to find them. As an alternative that
    needs no weights file, use `EfficientNetLite0`, whose scores have a different scale.

    Args:
        weights_path: String or path of a file that `read_inception_2015` accepts, such as the one returned by
            `download_inception_2015`.
        resize: String, `"legacy_tensorflow"` or `"clean"`. `"legacy_tensorflow"` is the bilinear resize of the original
            graph, which published FIDs use unless noted otherwise; `"clean"` is antialiased bicubic on floats
            (Clean-FID). Their scores cannot be compared.
        weights_sha256: String or `None`. The expected SHA-256 of the file. Required for files whose hash is not
            published.

    Raises:
        UserError: If the file does not exist, its hash is unknown or not the expected one, it does not contain these
            weights, or the resize is unknown.

    Example:

    >>> extractor = Inception2015("data/pt_inception-2015-12-05-6726825d.pth")
    >>> features, logits = extractor(np.zeros([2, 64, 64, 3], "uint8"))
    >>> features.shape, logits.shape
    (TensorShape([2, 2048]), TensorShape([2, 1008]))

    Reference: Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule", section 4; Salimans et al. 2016,
    "Improved Techniques for Training GANs", section 4; Parmar et al. 2022, "On Aliased Resizing and Surprising
    Subtleties in GAN Evaluation".
    """

    def __init__(
        self, weights_path: str | Path, *, resize: str = "legacy_tensorflow", weights_sha256: str | None = None
    ):
        if resize not in _RESIZES:
            raise unknown_name("resize", resize, _RESIZES)
        weights = read_inception_2015(weights_path, weights_sha256)
        model = build_inception_2015(weights.arrays)
        super().__init__(model, name="inception-2015-12-05", offset=128.0, divisor=128.0, weights_sha256=weights.sha256)
        self.resize_mode = resize
        self.resize_description = _RESIZES[resize]
        self._origin = {
            "extractor_weights_file": weights.file,
            "extractor_weights_file_sha256": weights.file_sha256,
            "extractor_weights_file_published": weights.published,
        }

    def resize(self, images: tf.Tensor) -> tf.Tensor:
        if self.resize_mode == "clean":
            return resize_bicubic(images, *self.input_size, rounded=False)
        return resize_bilinear_tensorflow_1(images, *self.input_size)

    def origin(self) -> dict:
        return dict(self._origin)
