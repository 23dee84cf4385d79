import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfgan_suite.metrics.features.resize import resize_bicubic


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
