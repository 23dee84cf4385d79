import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfgan_suite.metrics.features.resize import resize_bicubic, resize_bilinear_tensorflow_1


@pytest.mark.parametrize(
    "size", [(32, 32), (28, 45), (300, 224), (224, 100), (512, 700), (1, 1), (224, 224), (3, 1000)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_equals_pillow(size, channels):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (2, *size, channels), np.uint8)
    resized = resize_bicubic(tf.constant(images), 224, 200).numpy()
    assert resized.shape == (2, 224, 200, channels)
    for image, result in zip(images, resized, strict=True):
        pillow = Image.fromarray(image.squeeze(-1) if channels == 1 else image).resize(
            (200, 224), Image.Resampling.BICUBIC
        )
        difference = np.abs(result - np.asarray(pillow, np.float32).reshape(result.shape))
        # Pillow sums in fixed point: here and there it rounds the other way.
        assert difference.max() <= 1.0
        assert (difference > 0).mean() < 1e-3


def test_shrinking_does_not_alias():
    stripes = np.zeros((1, 256, 256, 1), np.uint8)
    stripes[:, :, ::2] = 200  # Without a wider filter every fourth column would give all 0 or all 200.
    resized = resize_bicubic(tf.constant(stripes), 64, 64).numpy()[0, 4:-4, 4:-4]
    assert np.abs(resized - 100).max() <= 1


@pytest.mark.parametrize("size", [(32, 32), (28, 45), (400, 299), (1, 1), (3, 700)])
def test_without_rounding_it_is_what_pillow_does_with_floats(size):
    images = np.random.default_rng(0).integers(0, 256, (2, *size, 3), np.uint8)
    resized = resize_bicubic(tf.constant(images), 299, 200, rounded=False).numpy()
    for image, result in zip(images, resized, strict=True):
        for channel in range(3):
            pillow = Image.fromarray(image[..., channel].astype(np.float32)).resize(
                (200, 299), Image.Resampling.BICUBIC
            )
            np.testing.assert_allclose(result[..., channel], np.asarray(pillow).clip(0, 255), atol=5e-4)
    if size != (1, 1):
        assert (resized != np.round(resized)).any()


@pytest.mark.parametrize("size", [(32, 32), (28, 45), (400, 299), (299, 299), (1, 1), (3, 700)])
def test_bilinear_of_tensorflow_1(size):
    images = np.random.default_rng(0).integers(0, 256, (2, *size, 3), np.uint8)
    resized = resize_bilinear_tensorflow_1(tf.constant(images), 299, 200).numpy()
    original = tf.compat.v1.image.resize_bilinear(images, [299, 200])
    np.testing.assert_array_equal(resized, original)
    expected = images.astype(np.float64)
    for axis, to_size in ((1, 299), (2, 200)):
        positions = np.arange(to_size, dtype=np.float32) * np.float32(expected.shape[axis] / to_size)
        before = np.floor(positions).astype(int)
        after = np.minimum(before + 1, expected.shape[axis] - 1)
        share = (positions - before).reshape([-1, 1, 1] if axis == 1 else [-1, 1])
        expected = expected.take(before, axis) * (1 - share) + expected.take(after, axis) * share
    np.testing.assert_allclose(resized, expected, atol=1e-4)
