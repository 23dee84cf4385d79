"""The network of FID and of the Inception Score, from a file that the user has."""

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
    """2048 features and 1008 logits (without biases) of the Inception of December 2015, 299 x 299 RGB, `(x - 128) / 128`.

    The Frechet distance of 50,000 images through this network is what is called FID, the kernel distance KID, and the
    score of its logits the Inception Score. The weights are not part of any package: see docs/inception.md for where they
    are found. Without them `EfficientNetLite0` works, whose scores have another scale.

    Args:
        weights_path: One of the files of `read_inception_2015`, or what `download_inception_2015` returned.
        resize: `"legacy_tensorflow"` is the bilinear resize of the original graph, which published FIDs went through
            unless they say otherwise; `"clean"` is antialiased bicubic on floats (Clean-FID). They do not compare.
        weights_sha256: What the SHA-256 of the file must be. Needed for files whose hash is not published.

    Raises:
        UserError: There is no such file, its hash is another one or unknown, it does not hold these weights, or the resize
            is unknown.

    Example:

    >>> extractor = Inception2015("data/pt_inception-2015-12-05-6726825d.pth")
    >>> features, logits = extractor(np.zeros([2, 64, 64, 3], "uint8"))
    >>> features.shape, logits.shape
    (TensorShape([2, 2048]), TensorShape([2, 1008]))

    Reference: Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule", section 4; Salimans et al. 2016,
    "Improved Techniques for Training GANs", section 4; Parmar et al. 2022, "On Aliased Resizing and Surprising Subtleties
    in GAN Evaluation".
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
