"""Features of the frames of clips, one behind the other."""

import numpy as np
import tensorflow as tf

from tfgan_suite.metrics.features.feature_extractor import FeatureExtractor


class StackedFrames(FeatureExtractor):
    """Extracts the features of each frame of a clip by an extractor of images, and puts them one behind the other.

    A Frechet distance on them compares what is seen, and how it changes from frame to frame as far as that is linear. It is not
    the Frechet video distance (FVD), whose features are those of one network of motion: its name begins with
    `stacked_frames_`.

    Args:
        extractor: `FeatureExtractor` of images.
        frame_step: Integer >= 1. Of so many frames one is looked at. 16 frames of 128 features are 2,048, for which there
            should be some thousands of clips.

    Example:

    >>> network = keras.Sequential([keras.Input([8, 8, 1]), keras.layers.Flatten(), keras.layers.Dense(5)])
    >>> extractor = StackedFrames(FeatureExtractor(network, name="tiny"))
    >>> extractor(np.zeros([2, 16, 8, 8, 1], "uint8"))[0].shape
    TensorShape([2, 80])
    """

    kinds = ("video",)
    name_prefix = "stacked_frames_"
    num_classes = None

    def __init__(self, extractor: FeatureExtractor, frame_step: int = 1):
        self.extractor = extractor
        self.frame_step = frame_step
        self.name = f"stacked-frames-{extractor.name}"

    def __call__(self, images: np.ndarray | tf.Tensor) -> tuple[tf.Tensor, None]:
        """Float32 features `[batch, frames * num_features]` of uint8 clips `[batch, num_frames, height, width, channels]`."""
        frames = tf.convert_to_tensor(images)[:, :: self.frame_step]
        features, _ = self.extractor(tf.reshape(frames, [-1, *frames.shape[2:]]))
        return tf.reshape(features, [frames.shape[0], -1]), None

    def provenance(self) -> dict:
        return {**self.extractor.provenance(), "extractor": self.name, "frame_step": self.frame_step}

    def origin(self) -> dict:
        return self.extractor.origin()
