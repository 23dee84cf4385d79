"""Unprocessed images, for scores that do not use a network."""

import numpy as np


class Pixels:
    """A stand-in for a `FeatureExtractor` that returns the uint8 images unchanged.

    Example:

    >>> images = np.zeros([2, 8, 8, 1], "uint8")
    >>> features, logits = Pixels()(images)
    >>> features is images, logits
    (True, None)
    """

    name = "pixels"
    name_prefix = ""
    num_classes = None
    kinds = None

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, None]:
        return images, None

    def provenance(self) -> dict:
        """Like that of an extractor, but without a network and a resize."""
        return {
            "extractor": self.name,
            "extractor_weights_sha256": None,
            "extractor_input_size": None,
            "extractor_resize": None,
        }

    def origin(self) -> dict:
        """Like that of an extractor, but empty, because there is no file."""
        return {}
