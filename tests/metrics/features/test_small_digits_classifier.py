"""The classifier of small digits reads them, and the same digit in all frames of real clips."""

import numpy as np
import pytest

from tfgan_suite.data.sources.moving_digits_source import MovingDigitsSource, draw_clip, places, small_digit
from tfgan_suite.metrics import Activations, MovingDigits, SmallDigitsClassifier
from tfgan_suite.metrics.features.small_digits_classifier import enlarge


def test_enlarged_digits_have_a_border():
    images = np.arange(2 * 14 * 14, dtype="uint16").reshape([2, 14, 14, 1]).astype("uint8")
    larger = enlarge(images)
    assert larger.shape == (2, 32, 32, 1) and not larger[:, :2].any() and not larger[:, :, -2:].any()
    np.testing.assert_array_equal(larger[:, 2:-2:2, 3:-2:2], images)


@pytest.mark.slow
def test_it_reads_digits_and_real_clips_keep_theirs(tmp_path):
    classifier = SmallDigitsClassifier(cache_dir=tmp_path, progress=False)
    assert classifier.accuracy > 0.95
    source = MovingDigitsSource(count=100)
    items = source.list_items(True, None).items
    digits = np.stack([small_digit(source.digits.examples[item.address[0]]) for item in items])
    size = (32, 32)
    clips = np.stack(
        [draw_clip(digit, *places(item.address[1:], 16, size), size) for digit, item in zip(digits, items)]
    )
    metric = MovingDigits(classify=classifier)
    metric.update_real(Activations(examples=clips))
    metric.update_fake(Activations(examples=clips))
    values = {name: value for name, (value, _) in metric.results().items()}
    assert values["identity_kept"] == 1 and values["speed_residual_pixels"] < 1e-6
    assert SmallDigitsClassifier(cache_dir=tmp_path, progress=False).accuracy == classifier.accuracy
