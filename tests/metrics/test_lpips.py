import importlib.util
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfgan_suite.foundation.errors import MissingExtraError, UserError
from tfgan_suite.metrics import LPIPS, lpips
from tfgan_suite.metrics.features import shift_tolerant_lpips
from tfgan_suite.metrics.features.package_weights import find_package_file, read_checked_weights
from tfgan_suite.metrics.numerics import pass_size as pass_size_module

PHOTOGRAPHS = Path(__file__).parent / "features"
needs_weights = pytest.mark.skipif(
    importlib.util.find_spec("stlpips_pytorch") is None,
    reason='The weights are not installed: pip install "tfgan-suite[lpips]"',
)


def photograph(name):
    return np.asarray(Image.open(PHOTOGRAPHS / f"{name}_160.jpg"))[np.newaxis]


def pairs():
    """Names, two images, and what the authors' own PyTorch network says of them."""
    cat, coffee = photograph("chelsea"), photograph("coffee")
    noise = np.random.default_rng(0).integers(-30, 31, cat.shape)
    noisy = np.clip(cat.astype(int) + noise, 0, 255).astype(np.uint8)
    return {
        "two photographs": (cat, coffee, 0.5686420202255249),
        "noise": (cat, noisy, 0.40146803855895996),
        "shift by two pixels": (cat[:, 2:130, 2:130], cat[:, 4:132, 4:132], 0.02074076049029827),
        "smallest size": (cat[:, :64, :64], coffee[:, :64, :64], 0.561122477054596),
        "odd sizes": (cat[:, :97, :71], coffee[:, :97, :71], 0.5417640209197998),
        "the same": (cat, cat, 0.0),
    }


@needs_weights
@pytest.mark.parametrize("name", pairs())
def test_equals_the_authors_network(name):
    first, second, expected = pairs()[name]
    distance = lpips(first, second)
    assert distance.shape == (1,) and distance.dtype == tf.float32
    np.testing.assert_allclose(distance, [expected], rtol=2e-6, atol=1e-7)
    np.testing.assert_allclose(lpips(second, first), distance, rtol=1e-6)


@needs_weights
def test_first_map_equals_the_formula():
    """Scaling, first convolution, blur, ReLU, unit length and channel weights in NumPy, float64."""
    path = find_package_file("stlpips_pytorch", shift_tolerant_lpips._FILE, "lpips", "This test")
    weights, _ = read_checked_weights(path, shift_tolerant_lpips.WEIGHTS_SHA256)
    images = np.random.default_rng(1).uniform(-1, 1, [64, 64, 3])
    scaled = (images - weights["scaling_layer.shift"].reshape(3)) / weights["scaling_layer.scale"].reshape(3)
    padded = np.pad(scaled, ((2, 2), (2, 2), (0, 0)))
    patches = np.lib.stride_tricks.sliding_window_view(padded, (11, 11), (0, 1))  # [58, 58, 3, 11, 11]
    features = np.einsum("yxihw,oihw->yxo", patches, weights["net.slice1.0.weight"].astype(np.float64), optimize=True)
    features = np.pad(features + weights["net.slice1.0.bias"], ((2, 2), (2, 2), (0, 0)), "reflect")
    blur = np.outer([1, 2, 1], [1, 2, 1]) / 16
    np.testing.assert_array_equal(weights["net.slice1.1.filt"][:, 0], np.broadcast_to(blur, [64, 3, 3]))
    windows = np.lib.stride_tricks.sliding_window_view(features, (3, 3), (0, 1))[::2, ::2]
    features = np.maximum(np.einsum("yxchw,hw->yxc", windows, blur), 0)
    features /= np.linalg.norm(features, axis=-1, keepdims=True) + 1e-10
    expected = features * np.sqrt(weights["lin0.model.1.weight"].reshape(-1))
    received = LPIPS().network(images[np.newaxis].astype(np.float32))[0][0]
    np.testing.assert_allclose(received, expected, atol=2e-5)


@needs_weights
def test_floats_grey_and_one_against_many():
    cat, coffee = photograph("chelsea")[:, :80, :80], photograph("coffee")[:, :80, :80]
    many = np.concatenate([cat, coffee])
    distances = lpips(many, cat).numpy()
    assert distances[0] == pytest.approx(0, abs=1e-9) and distances[1] > 0.3
    np.testing.assert_allclose(lpips(many / np.float32(127.5) - 1, cat), distances, atol=1e-6)
    grey = many[..., :1]
    np.testing.assert_allclose(lpips(grey, grey[:1]), lpips(grey.repeat(3, 3), grey[:1].repeat(3, 3)), atol=1e-7)


@needs_weights
def test_squared_distance_of_embeddings():
    network = LPIPS()
    cat, coffee = photograph("chelsea")[:, :90, :70], photograph("coffee")[:, :90, :70]
    difference = network.embed(cat) - network.embed(coffee)
    np.testing.assert_allclose(tf.reduce_sum(difference**2, axis=1), network(cat, coffee), rtol=1e-5)


@needs_weights
def test_many_pairs_are_looked_at_in_passes_of_bounded_size(monkeypatch):
    network, seen = LPIPS(), []
    whole = network.network
    monkeypatch.setattr(network, "network", lambda images: seen.append(images.shape[0]) or whole(images))
    few = np.random.default_rng(2).integers(0, 256, [5, 64, 64, 3], np.uint8)
    expected, vectors = network(few, few[:1]).numpy(), network.embed(few).numpy()
    monkeypatch.setattr(pass_size_module, "_NUMBERS_A_PASS", 2 * 64**3)  # Two images.
    seen.clear()
    np.testing.assert_allclose(network(few, few[:1]), expected, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(network(few[:1], few), expected, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(network.embed(few), vectors, rtol=1e-5, atol=1e-6)
    assert max(seen) == 2


@needs_weights
def test_small_images_are_enlarged():
    cat, coffee = photograph("chelsea")[:, :32, :48], photograph("coffee")[:, :32, :48]
    enlarged = [tf.image.resize(images / np.float32(127.5) - 1, [64, 96]) for images in (cat, coffee)]
    np.testing.assert_allclose(lpips(cat, coffee), lpips(*enlarged), rtol=1e-5)


@needs_weights
def test_gradient():
    """Finite differences agree; where images are equal or flat it is finite too."""
    target = tf.constant(photograph("chelsea")[:, :64, :64] / np.float32(127.5) - 1)
    images = tf.constant(photograph("coffee")[:, :64, :64] / np.float32(127.5) - 1)
    with tf.GradientTape() as tape:
        tape.watch(images)
        distance = lpips(images, target)
    gradient = tape.gradient(distance, images)
    direction = gradient / tf.norm(gradient)
    step = 0.02
    numeric = (lpips(images + step * direction, target) - lpips(images - step * direction, target)) / (2 * step)
    np.testing.assert_allclose(tf.norm(gradient), numeric[0], rtol=0.02)
    flat = tf.zeros_like(target)
    with tf.GradientTape() as tape:
        tape.watch(flat)
        distance = lpips(flat, target)
    assert np.isfinite(tape.gradient(distance, flat)).all()
    with tf.GradientTape() as tape:
        tape.watch(target)
        distance = lpips(target, target)
    assert np.isfinite(tape.gradient(distance, target)).all()


@needs_weights
@pytest.mark.parametrize(
    "first, second, message",
    [
        (np.zeros([1, 64, 64, 3], "uint8"), np.zeros([1, 64, 32, 3], "uint8"), "of one size"),
        (np.zeros([3, 64, 64, 3], "uint8"), np.zeros([2, 64, 64, 3], "uint8"), "as many images"),
        (np.zeros([64, 64, 3], "uint8"), np.zeros([64, 64, 3], "uint8"), "Received: shape"),
        (np.zeros([1, 64, 64, 5], "uint8"), np.zeros([1, 64, 64, 5], "uint8"), "1, 3 or 4"),
        (np.zeros([1, 64, 64, 3], "int32"), np.zeros([1, 64, 64, 3], "int32"), "int32"),
        (np.full([1, 64, 64, 3], 255.0), np.zeros([1, 64, 64, 3]), "255"),
        (np.full([1, 64, 64, 3], np.nan), np.zeros([1, 64, 64, 3]), "nan"),
    ],
)
def test_refuses(first, second, message):
    with pytest.raises(UserError, match=message):
        lpips(first, second)


def test_missing_package_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(shift_tolerant_lpips, "_PACKAGE", "no_such_package")
    with pytest.raises(MissingExtraError, match=r'pip install "tfgan-suite\[lpips\]"'):
        LPIPS()


def test_wrong_files(monkeypatch, tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        LPIPS(tmp_path / "none.pth")
    (tmp_path / "other.pth").write_bytes(b"something else")
    monkeypatch.setattr(shift_tolerant_lpips, "find_package_file", lambda *_: tmp_path / "other.pth")
    with pytest.raises(UserError, match="SHA-256"):
        LPIPS()
    with pytest.raises(UserError, match="lacks 'scaling_layer.shift'"):
        shift_tolerant_lpips.build_shift_tolerant_lpips({})
