"""VideoSpec: a clip of video as an example, frame by frame."""

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.number_kinds import is_number
from tfgan_suite.specs.example_spec import ExampleSpec, register_example_spec

# Of a GIF, which shows a frame for two hundredths of a second at least.
_MAX_FRAMES_PER_SECOND = 50
_DRAWN_FRAMES = 8
# As of images: what lies closer together than this is noise of compression, not content.
_BLANK_RANGE = 4


@register_example_spec
class VideoSpec(ExampleSpec):
    """A clip of video: uint8 frames at every edge, float32 in [-1, 1] inside of models, channels last.

    Records hold the frames as they are; shards are compressed by GZIP. The rate stands in the description of the data and
    travels with the model. As a file, a clip is a GIF.

    Args:
        shape: Tuple of integers, `(num_frames, height, width, channels)`: 2 frames or more, 1 (gray) or 3 channels (RGB).
        frames_per_second: Float in [1, 50]. How fast the frames follow each other.

    Raises:
        UserError: A shape or a rate that clips do not have.

    Example:

    >>> spec = VideoSpec((16, 32, 32, 1), frames_per_second=10)
    >>> spec.describe(), spec.to_file(np.zeros(spec.shape, "uint8"))[:6]
    ('16 frames of 32 x 32, gray, 10 per second', b'GIF89a')
    """

    kind = "video"
    unit = ("clip", "clips")
    edge_dtype = "uint8"
    file_suffix = ".gif"
    model_range = (-1.0, 1.0)

    def __init__(self, shape, frames_per_second=10.0):
        super().__init__(shape)
        if len(self.shape) != 4 or self.shape[0] < 2 or self.shape[3] not in (1, 3):
            raise UserError(
                "`shape` of a clip must be (num_frames, height, width, channels) with 2 frames or more, and 1 or 3 channels. "
                f"Received: shape={self.shape}"
            )
        if not is_number(frames_per_second) or not 1 <= frames_per_second <= _MAX_FRAMES_PER_SECOND:
            raise UserError(
                f"`frames_per_second` must be a number in [1, {_MAX_FRAMES_PER_SECOND}]. Received: "
                f"frames_per_second={frames_per_second!r}"
            )
        self.frames_per_second = float(frames_per_second)

    @property
    def num_frames(self):
        """Integer. Frames of a clip."""
        return self.shape[0]

    @property
    def frame_shape(self):
        """Tuple of integers. `(height, width, channels)` of a frame."""
        return self.shape[1:]

    # === Inside and at the edge ===

    def to_model(self, examples):
        from tfgan_suite.specs.image_range import to_float

        return to_float(examples)

    def to_edge(self, values):
        from tfgan_suite.specs.image_range import to_uint8

        return to_uint8(values)

    # === Stored and parsed ===

    def encode(self, example):
        return {**self.constants(), "frames": np.ascontiguousarray(example, np.uint8).tobytes()}

    def constants(self):
        return dict(zip(("num_frames", "height", "width", "channels"), self.shape))

    def features(self):
        import tensorflow as tf

        numbers = {name: tf.io.FixedLenFeature([], tf.int64) for name in self.constants()}
        return {"frames": tf.io.FixedLenFeature([], tf.string), **numbers}

    def decode(self, features):
        import tensorflow as tf

        return tf.reshape(tf.io.decode_raw(features["frames"], tf.uint8), self.shape)

    # === Shown ===

    def draw(self, example):
        """Frames side by side, from the first one to the last: all of them, or eight at even distances."""
        chosen = np.linspace(0, self.num_frames - 1, min(self.num_frames, _DRAWN_FRAMES)).round().astype(int)
        return np.concatenate(list(np.asarray(example, np.uint8)[chosen]), axis=1)

    def to_file(self, example):
        return self.to_files(np.asarray(example)[None])[0].numpy()

    def to_files(self, examples):
        from tfgan_suite.video.gif_files import encode_gifs

        return encode_gifs(examples, self.frames_per_second)

    # === Suspicious ===

    def suspicion(self, example):
        frames = np.asarray(example, np.uint8)
        if np.ptp(frames.reshape(-1, frames.shape[-1]), axis=0).max() <= _BLANK_RANGE:
            return "blank"
        return "still" if (frames[1:] == frames[0]).all() else None

    # === Described ===

    def describe(self):
        height, width, channels = self.frame_shape
        color = {1: "gray", 3: "color"}[channels]
        return f"{self.num_frames} frames of {height} x {width}, {color}, {self.frames_per_second:g} per second"

    def matches(self, other):
        return super().matches(other) and self.frames_per_second == other.frames_per_second

    def get_config(self):
        return {**super().get_config(), "frames_per_second": self.frames_per_second}
