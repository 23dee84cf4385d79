"""Images as they are, for scores that look at them without a network."""

import numpy as np


class Pixels:
    """Stands where a `FeatureExtractor` stands, and hands the uint8 images on.

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
        """As an extractor's: there is no network and no resize."""
        return {
            "extractor": self.name,
            "extractor_weights_sha256": None,
            "extractor_input_size": None,
            "extractor_resize": None,
        }

    def origin(self) -> dict:
        """As an extractor's: nothing came from a file."""
        return {}
