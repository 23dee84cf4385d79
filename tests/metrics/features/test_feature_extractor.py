import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics import FeatureExtractor
from tfgan_suite.metrics.numerics.over_white import over_white


def small_model(channels=3, classes=None, seed=0):
    inputs = keras.Input([12, 12, channels])
    images = layers.Conv2D(5, 3, strides=2, kernel_initializer=keras.initializers.GlorotUniform(seed))(inputs)
    images = layers.BatchNormalization()(images)
    features = layers.GlobalAveragePooling2D()(images)
    outputs = features if classes is None else [features, layers.Dense(classes)(features)]
    return keras.Model(inputs, outputs)


def random_images(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("classes", [None, 7])
def test_equals_the_model_called_by_hand(classes):
    model = small_model(classes=classes)
    images = random_images(4, 12, 12, 3)
    features, logits = FeatureExtractor(model, name="small", offset=100.0, divisor=50.0)(images)
    expected = model((images.astype("float32") - 100) / 50, training=False)
    np.testing.assert_allclose(features, expected if classes is None else expected[0], atol=1e-5)
    assert (logits is None) if classes is None else np.allclose(logits, expected[1], atol=1e-5)


def test_attributes_and_provenance():
    extractor = FeatureExtractor(small_model(classes=7), name="small")
    assert (extractor.input_size, extractor.num_features, extractor.num_classes) == ((12, 12), 5, 7)
    provenance = extractor.provenance()
    assert provenance["extractor"] == "small" and provenance["extractor_input_size"] == [12, 12]
    assert "bicubic" in provenance["extractor_resize"] and len(provenance["extractor_weights_sha256"]) == 64


def test_hash_follows_the_weights():
    hashes = [FeatureExtractor(small_model(seed=seed), name="x").weights_sha256 for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert FeatureExtractor(small_model(), name="x", weights_sha256="ab").weights_sha256 == "ab"


def test_grey_images_are_repeated_over_the_channels():
    extractor = FeatureExtractor(small_model(), name="small")
    grey = random_images(3, 20, 30, 1)
    np.testing.assert_allclose(extractor(grey)[0], extractor(np.repeat(grey, 3, axis=3))[0], atol=1e-5)


def test_any_size_and_any_batch_size():
    extractor = FeatureExtractor(small_model(), name="small")
    for size in (8, 12, 50):
        images = random_images(5, size, size, 3)
        whole = extractor(images)[0].numpy()
        parts = np.concatenate([extractor(tf.constant(images[i : i + 2]))[0] for i in (0, 2, 4)])
        np.testing.assert_allclose(whole, parts, atol=1e-5)
    assert len(extractor._functions) == 3  # A graph for each size, none for each batch size.


@pytest.mark.parametrize(
    "images, message",
    [
        (np.zeros((2, 8, 8, 3), "float32"), "`images` must be uint8 in .* Received: dtype=float32"),
        (np.zeros((2, 8, 8, 3), "int64"), "Received: dtype=int64"),
        (np.zeros((8, 8, 3), "uint8"), "`images` must have the shape"),
        (np.zeros((2, 8, 8, 5), "uint8"), "1, 3 or 4"),
        (np.zeros((2, 0, 8, 3), "uint8"), "`images` must have the shape"),
    ],
)
def test_hostile_images(images, message):
    with pytest.raises(UserError, match=message):
        FeatureExtractor(small_model(), name="small")(images)


def test_grey_networks_refuse_colour():
    with pytest.raises(UserError, match="must be grayscale"):
        FeatureExtractor(small_model(channels=1), name="small")(random_images(2, 8, 8, 3))


@pytest.mark.parametrize(
    "make_model, message",
    [
        (lambda: keras.Sequential([keras.Input([None, None, 3]), layers.GlobalAveragePooling2D()]), "one input"),
        (lambda: keras.Sequential([keras.Input([8, 8, 3]), layers.Conv2D(2, 3)]), "features .batch, dimensions."),
    ],
)
def test_models_that_do_not_fit(make_model, message):
    with pytest.raises(UserError, match=message):
        FeatureExtractor(make_model(), name="x")


def test_images_with_transparency_are_seen_over_white():
    images = random_images(4, 20, 20, 4)
    extractor = FeatureExtractor(small_model(), name="small")
    np.testing.assert_allclose(extractor(images)[0], extractor(over_white(images))[0], atol=1e-6)
    with_alpha = FeatureExtractor(small_model(channels=4), name="small")
    opaque = np.maximum(images, np.array([0, 0, 0, 255], np.uint8))
    assert not np.allclose(with_alpha(images)[0], with_alpha(opaque)[0])
