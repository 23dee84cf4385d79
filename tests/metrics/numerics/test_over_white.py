import numpy as np
import tensorflow as tf
from PIL import Image

from tfgan_suite.data.images import ImageFormat
from tfgan_suite.metrics.numerics.over_white import over_white
from tfgan_suite.specs.image_range import to_float, to_uint8

PIXELS = np.random.default_rng(0).integers(0, 256, [3, 16, 16, 4]).astype("uint8")


def test_it_is_what_prepare_makes_of_them():
    expected = [ImageFormat(16, 16).prepare(Image.fromarray(one)) for one in PIXELS]
    assert np.abs(over_white(PIXELS).astype(int) - expected).max() <= 1  # Pillow rounds in two steps.


def test_tensors_and_floats():
    flat = over_white(PIXELS)
    np.testing.assert_array_equal(tf.function(over_white)(tf.constant(PIXELS)), flat)
    floats = to_uint8(over_white(to_float(tf.constant(PIXELS)))).numpy()
    assert np.abs(floats.astype(int) - flat).max() <= 1
    opaque = np.concatenate([PIXELS[..., :3], np.full_like(PIXELS[..., :1], 255)], axis=-1)
    np.testing.assert_array_equal(over_white(opaque), PIXELS[..., :3])
    assert over_white(flat) is flat
