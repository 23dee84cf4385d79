"""What the transforms make of their draws, in numbers: the distributions of the paper's appendix B."""

import numpy as np
import pytest
import tensorflow as tf

from tfgan_suite.adversarial.augment.color import color_matrix
from tfgan_suite.adversarial.augment.corruption import add_noise, cut_out
from tfgan_suite.adversarial.augment.draws import draw
from tfgan_suite.adversarial.augment.geometric import sample_positions
from tfgan_suite.adversarial.augment.image_filter import band_gains

COUNT = 20_000
DRAWS = draw((2, 2, 1), COUNT, tf.constant([1, 2]), with_pixel_noise=True)
GREY = np.ones(3) / np.sqrt(3)


def outputs_of_inputs(name, probability=1.0, height=64, width=128):
    """Affine maps `[count, 3, 3]` in the paper's direction."""
    return np.linalg.inv(sample_positions(DRAWS, [name], probability, height, width).numpy())


def assert_standard_normal(values, probability=1.0):
    """A share of `probability` is standard normal, the rest 0."""
    applied = values[np.abs(values) > 1e-6]
    np.testing.assert_allclose(len(applied) / len(values), probability, atol=0.02)
    np.testing.assert_allclose(np.quantile(applied, [0.1587, 0.5, 0.8413]), [-1, 0, 1], atol=0.05)


@pytest.mark.parametrize("probability", [0.4, 1.0])
def test_flips_and_turns(probability):
    flipped = np.linalg.det(outputs_of_inputs("x_flip", probability)) < 0
    np.testing.assert_allclose(flipped.mean(), probability / 2, atol=0.02)
    turned = outputs_of_inputs("rotate90", probability)
    quarters = np.round(np.arctan2(turned[:, 1, 0], turned[:, 0, 0]) / (np.pi / 2)) % 4
    shares = np.bincount(quarters.astype(int), minlength=4) / COUNT
    rest = probability / 4
    np.testing.assert_allclose(shares, [1 - 3 * rest, rest, rest, rest], atol=0.02)


@pytest.mark.parametrize("probability", [0.4, 1.0])
def test_translations(probability):
    whole = outputs_of_inputs("integer_translation", probability)[:, :2, 2]
    np.testing.assert_allclose(whole, np.round(whole), atol=1e-4)
    for shift, size in zip(whole.T, (128, 64)):
        assert np.abs(shift).max() == size // 8
        # A uniform share of the size has the standard deviation 0.125 / sqrt(3).
        np.testing.assert_allclose(shift.std() / size, 0.125 * np.sqrt(probability / 3), atol=0.003)
    fractional = outputs_of_inputs("fractional_translation", probability)[:, :2, 2]
    for shift, size in zip(fractional.T, (128, 64)):
        assert_standard_normal(shift / (0.125 * size), probability)
    assert abs(np.corrcoef(fractional.T)[0, 1]) < 0.05


@pytest.mark.parametrize("probability", [0.4, 1.0])
def test_scales(probability):
    scale = outputs_of_inputs("scale", probability)
    np.testing.assert_allclose(scale[:, 0, 0], scale[:, 1, 1], rtol=1e-5)
    assert_standard_normal(np.log2(scale[:, 0, 0]) / 0.2, probability)
    scale = outputs_of_inputs("anisotropic_scale", probability)
    np.testing.assert_allclose(scale[:, 0, 0] * scale[:, 1, 1], 1.0, rtol=1e-5)
    assert_standard_normal(np.log2(scale[:, 0, 0]) / 0.2, probability)


@pytest.mark.parametrize("probability", [0.0, 0.4, 1.0])
def test_rotations(probability):
    """Two of them, with the probability of at least one."""
    turned = outputs_of_inputs("rotation", probability)
    angle = np.arctan2(turned[:, 1, 0], turned[:, 0, 0])
    applied = np.abs(angle) > 1e-6
    np.testing.assert_allclose(applied.mean(), probability, atol=0.02)
    if probability:
        np.testing.assert_allclose(
            np.quantile(angle[applied], [0.25, 0.5, 0.75]), np.array([-0.5, 0, 0.5]) * np.pi, atol=0.1
        )


def test_colors():
    probability = 0.7
    brightness, contrast, luma_flip, hue, saturation = (
        color_matrix(DRAWS, [name], probability).numpy()
        for name in ("brightness", "contrast", "luma_flip", "hue", "saturation")
    )
    assert_standard_normal(brightness[:, 0, 3] / 0.2, probability)
    assert_standard_normal(np.log2(contrast[:, 1, 1]) / 0.5, probability)
    grey = np.einsum("nij,j->ni", luma_flip[:, :3, :3], GREY)
    np.testing.assert_allclose((grey @ GREY < 0).mean(), probability / 2, atol=0.02)
    colorful = np.array([1.0, -1.0, 0.0]) / np.sqrt(2)
    across = np.cross(GREY, colorful)
    moved = hue[:, :3, :3] @ colorful
    angle = np.arctan2(moved @ across, moved @ colorful)
    applied = np.abs(angle) > 1e-6
    np.testing.assert_allclose(applied.mean(), probability, atol=0.02)
    np.testing.assert_allclose(np.quantile(angle[applied], [0.25, 0.75]), np.array([-0.5, 0.5]) * np.pi, atol=0.1)
    moved = saturation[:, :3, :3] @ colorful
    assert_standard_normal(np.log2(moved @ colorful), probability)
    for matrix in (luma_flip, hue, saturation):
        np.testing.assert_allclose(np.abs(matrix[:, :3, :3] @ GREY), np.tile(GREY, [COUNT, 1]), atol=1e-5)


def test_bands_keep_the_expected_power():
    gains = band_gains(DRAWS, 0.7).numpy()
    power = np.array([10, 1, 1, 1]) / 13
    untouched = (gains == 1.0).all(axis=1)
    np.testing.assert_allclose(untouched.mean(), 0.3**4, atol=0.005)
    values = np.stack(DRAWS.values["filter"], axis=1)
    open_gates = np.stack(DRAWS.gates["filter"], axis=1) < 0.7
    one = open_gates.sum(axis=1) == 1
    np.testing.assert_allclose(np.square(gains[one]) @ power, 1.0, rtol=1e-5)
    # Relative to the others, a band's gain is the power of two that was drawn.
    lowest = one & open_gates[:, 0]
    np.testing.assert_allclose(np.log2(gains[lowest, 0] / gains[lowest, 3]), values[lowest, 0], atol=1e-4)


def test_noise_and_cutout():
    images = tf.ones([COUNT, 2, 2, 1])
    noise = add_noise(images, DRAWS, 0.7).numpy() - 1.0
    deviation = noise.std(axis=(1, 2, 3))
    np.testing.assert_allclose((deviation > 0).mean(), 0.7, atol=0.02)
    np.testing.assert_allclose(np.square(noise).mean(), 0.7 * 0.1**2, rtol=0.1)  # E z^2 = 1 for a half-normal, too.
    assert 0.05 < np.quantile(deviation, 0.95) < 0.3

    draws = draw((16, 8, 1), 4000, tf.constant([1, 2]))
    cut = 1.0 - cut_out(tf.ones([4000, 16, 8, 1]), draws, 0.7).numpy()[..., 0]
    np.testing.assert_allclose(cut.any(axis=(1, 2)).mean(), 0.7, atol=0.02)
    rows, columns = cut.any(axis=2).sum(axis=1), cut.any(axis=1).sum(axis=1)
    assert rows.max() == 8 and columns.max() == 4
    assert rows[rows > 0].min() == 4 and columns[columns > 0].min() == 2  # Half of it is always in the image.
    # Pixels of the middle are in the box for half of the places along each axis, those of the corner for a quarter.
    np.testing.assert_allclose([cut[:, 8, 4].mean(), cut[:, 0, 0].mean()], [0.7 * 0.25, 0.7 * 0.08], atol=0.03)
