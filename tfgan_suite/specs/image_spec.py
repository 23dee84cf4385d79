"""ImageSpec: an image as an example."""

import io

import numpy as np
from PIL import Image

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.number_kinds import is_count
from tfgan_suite.specs.example_spec import ExampleSpec, register_example_spec

ENCODINGS = ("png", "jpeg", "webp", "raw")
# Pillow's names for images of 1, 3 and 4 channels.
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_COLORS = {1: "gray", 3: "color", 4: "color with transparency"}
# An image is blank if no channel's values lie further apart than this, of 255: noise of JPEG, not content.
_BLANK_RANGE = 4


@register_example_spec
class ImageSpec(ExampleSpec):
    """An image: uint8 at every edge, float32 in [-1, 1] inside of models, channels last.

    Args:
        shape: Tuple of integers, `(height, width, channels)`.
        encoding: String. How records store the pixels: `"png"`, `"jpeg"`, `"webp"` (lossless) or `"raw"`.
        jpeg_quality: Integer in [1, 100]. Used by `encode` for `"jpeg"`, which keeps full color resolution (4:4:4).
        levels: Integer in [2, 256]. How many whole levels a value has: uint8 from 0 to `levels - 1` at every edge. Below 256 for
            likelihoods of images of few levels, such as binary ones.

    Raises:
        UserError: A shape, an encoding or a number of levels that images do not have.

    Example:

    >>> spec = ImageSpec((32, 32, 1))
    >>> spec.encode(np.zeros([32, 32, 1], "uint8"))["width"]
    32
    """

    kind = "image"
    unit = ("image", "images")
    edge_dtype = "uint8"
    file_suffix = ".png"
    model_range = (-1.0, 1.0)
    is_picture = True

    def __init__(self, shape, encoding="png", jpeg_quality=95, levels=256):
        super().__init__(shape)
        if len(self.shape) != 3:
            raise UserError(f"`shape` of an image must be (height, width, channels). Received: shape={self.shape}")
        if encoding not in ENCODINGS:
            raise UserError(f"`encoding` must be one of {', '.join(ENCODINGS)}. Received: encoding={encoding!r}")
        if not is_count(levels) or not 2 <= levels <= 256:
            raise UserError(f"`levels` must be an integer in [2, 256]. Received: levels={levels!r}")
        if levels < 256 and encoding == "jpeg":
            raise UserError(
                f"`encoding` of images of {levels} levels must be lossless. Received: encoding={encoding!r}"
            )
        if isinstance(jpeg_quality, bool) or not isinstance(jpeg_quality, int) or not 1 <= jpeg_quality <= 100:
            raise UserError(f"`jpeg_quality` must be an integer in [1, 100]. Received: jpeg_quality={jpeg_quality!r}")
        self.encoding = encoding
        self.jpeg_quality = jpeg_quality
        self.levels = int(levels)

    # === Inside and at the edge ===

    def to_model(self, examples):
        from tfgan_suite.specs.image_range import to_float

        return to_float(examples, self.levels)

    def to_edge(self, values):
        from tfgan_suite.specs.image_range import to_uint8

        return to_uint8(values, self.levels)

    def to_metrics(self, examples):
        return self.draw(examples)  # uint8 over the whole range, whatever the number of levels.

    def check_batch(self, examples, shape=None):
        if not examples.dtype.is_floating:
            raise ValueError(
                f"Batches must be float images in [-1, 1]. Received: dtype={examples.dtype.name}. "
                "tfgan_suite.load_dataset yields such images; for your own uint8 images use tfgan_suite.to_float(images)."
            )
        super().check_batch(examples, shape)

    def _range_advice(self, low, high):
        if low >= 0 and high <= 255:
            return "Rescale images in [0, 255] with `images / 127.5 - 1`."
        return "Rescale them, such as images in [0, 255] with `images / 127.5 - 1`, or clip what lies outside."

    # === Stored and parsed ===

    @property
    def is_compressed(self):
        return self.encoding != "raw"

    def encode(self, example):
        if self.levels < 256 and example.max() >= self.levels:
            raise UserError(
                f"Images of {self.levels} levels must have values from 0 to {self.levels - 1}. Received: {example.max()}"
            )
        return {**self.constants(), "encoded": self.encode_pixels(example)}

    def constants(self):
        height, width, channels = self.shape
        return {"channels": channels, "format": self.encoding.encode(), "height": height, "width": width}

    def encode_pixels(self, pixels):
        """Encodes uint8 `[height, width, channels]` as `encoding` says. Equal pixels give equal bytes."""
        if self.encoding == "raw":
            return np.ascontiguousarray(pixels).tobytes()
        image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        file = io.BytesIO()
        if self.encoding == "png":
            image.save(file, "PNG", optimize=True)
        elif self.encoding == "webp":
            image.save(file, "WEBP", lossless=True, exact=True, quality=75, method=4)
        else:
            image.save(file, "JPEG", quality=self.jpeg_quality, subsampling=0, optimize=True)
        return file.getvalue()

    def features(self):
        import tensorflow as tf

        numbers = {name: tf.io.FixedLenFeature([], tf.int64) for name in ("height", "width", "channels")}
        return {name: tf.io.FixedLenFeature([], tf.string) for name in ("encoded", "format")} | numbers

    def decode(self, features):
        import tensorflow as tf

        encoded, channels = features["encoded"], self.shape[-1]
        if self.encoding == "raw":
            image = tf.reshape(tf.io.decode_raw(encoded, tf.uint8), self.shape)
        elif self.encoding == "png":
            image = tf.io.decode_png(encoded, channels)
        elif self.encoding == "jpeg":
            image = tf.io.decode_jpeg(encoded, channels, dct_method="INTEGER_ACCURATE")
        else:
            image = tf.numpy_function(self._decode_webp, [encoded], tf.uint8, stateful=False)
        return tf.ensure_shape(image, self.shape)

    def _decode_webp(self, encoded):
        # TensorFlow's own decoder came only with 2.19.
        with Image.open(io.BytesIO(encoded), formats=["WEBP"]) as image:
            return np.asarray(image.convert(MODES[self.shape[-1]]), np.uint8).reshape(self.shape)

    # === Shown ===

    def draw(self, example):
        return np.asarray(example, np.uint8) if self.levels == 256 else _shown(self.levels)[example]

    def to_file(self, example):
        return ImageSpec(example.shape).encode_pixels(self.draw(example))

    def to_files(self, examples):
        import tensorflow as tf

        if self.shape[-1] not in MODES:
            return None
        if self.levels < 256:
            examples = tf.gather(tf.constant(_shown(self.levels)), tf.cast(examples, tf.int32))
        return tf.map_fn(tf.io.encode_png, examples, fn_output_signature=tf.TensorSpec([], tf.string))

    # === Suspicious ===

    def suspicion(self, example):
        spans = np.ptp(example.reshape(-1, example.shape[-1]), axis=0)  # [channels]
        return "blank" if spans.max() <= _BLANK_RANGE * self.levels // 256 else None

    # === Described ===

    def describe(self):
        height, width, channels = self.shape
        levels = "" if self.levels == 256 else f", {self.levels} levels"
        return f"{height} x {width}, {_COLORS.get(channels, f'{channels} channels')}{levels}"

    def matches(self, other):
        return super().matches(other) and self.levels == other.levels

    def get_config(self):
        # Sets of 256 levels are described as they always were.
        levels = {} if self.levels == 256 else {"levels": self.levels}
        return {**super().get_config(), "encoding": self.encoding, "jpeg_quality": self.jpeg_quality, **levels}


def _shown(levels):
    """What is shown of each level, uint8 `[levels]` over the whole range."""
    return np.round(np.arange(levels) * (255 / (levels - 1))).astype(np.uint8)
