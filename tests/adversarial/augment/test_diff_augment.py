import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.adversarial.test_gan import make_gan
from tests.test_case import run_gan_test, run_replica_test
from tfgan_suite.adversarial.augment import DiffAugment

GENERATOR = np.random.default_rng(0)
IMAGES = tf.constant(GENERATOR.uniform(-1, 1, [4, 8, 16, 3]), tf.float32)
SEED = tf.constant([3, 7])


def percentiles(**values):
    names = ("brightness", "saturation", "contrast", "down", "right", "box_top", "box_left")
    return tf.constant([[values.get(name, 0.5) for name in names]] * 4, tf.float32)


def test_color():
    draws = percentiles(brightness=0.8, saturation=0.3, contrast=0.9)
    expected = IMAGES.numpy() + 0.3
    grey = expected.mean(axis=3, keepdims=True)
    expected = grey + (expected - grey) * 0.6
    mean = expected.mean(axis=(1, 2, 3), keepdims=True)
    expected = mean + (expected - mean) * 1.4
    np.testing.assert_allclose(DiffAugment("color").apply(IMAGES, draws), expected, atol=1e-5)
    np.testing.assert_allclose(DiffAugment("color").apply(IMAGES, percentiles()), IMAGES, atol=1e-5)


@pytest.mark.parametrize("down, right, shift", [(0.0, 0.999, (-1, 2)), (0.5, 0.5, (0, 0)), (0.999, 0.0, (1, -2))])
def test_translation(down, right, shift):
    outputs = DiffAugment("translation").apply(IMAGES, percentiles(down=down, right=right))
    padded = np.pad(IMAGES, [(0, 0), (2, 2), (2, 2), (0, 0)])
    expected = np.roll(padded, shift, axis=(1, 2))[:, 2:-2, 2:-2]
    np.testing.assert_array_equal(outputs, expected)


@pytest.mark.parametrize("top, left, box", [(0.5, 0.5, (2, 6, 4, 12)), (0.0, 0.999, (0, 2, 12, 16))])
def test_cutout(top, left, box):
    outputs = DiffAugment("cutout").apply(IMAGES, percentiles(box_top=top, box_left=left)).numpy()
    expected = IMAGES.numpy().copy()
    expected[:, box[0] : box[1], box[2] : box[3]] = 0.0
    np.testing.assert_array_equal(outputs, expected)


def test_draws_reach_all_of_their_range():
    images = tf.ones([4000, 16, 16, 1])
    moved = DiffAugment("translation")(images, SEED).numpy()[..., 0]
    shifts = 16 - moved.max(axis=2).sum(axis=1)
    np.testing.assert_allclose(np.bincount(shifts.astype(int)) / 4000, [0.2, 0.4, 0.4], atol=0.03)
    cut = 1 - DiffAugment("cutout")(images, SEED).numpy()[..., 0]
    rows = cut.max(axis=2)
    assert rows.sum(axis=1).max() == 8 and rows.sum(axis=1).min() == 4
    np.testing.assert_allclose(rows.mean(axis=0)[[0, 8, 15]], [5 / 17, 8 / 17, 5 / 17], atol=0.03)
    bright = DiffAugment("color")(images, SEED).numpy()[:, 0, 0, 0]
    np.testing.assert_allclose(np.quantile(bright - 1, [0.0, 0.5, 1.0]), [-0.5, 0.0, 0.5], atol=0.03)


@pytest.mark.parametrize("shape", [(4, 8, 8, 1), (4, 8, 12, 3), (4, 9, 7, 4)])
def test_graph_xla_and_derivatives(shape):
    augmentation = DiffAugment()
    images = tf.constant(GENERATOR.uniform(-1, 1, shape), tf.float32)
    eager = augmentation(images, SEED)
    assert eager.shape == shape and eager.dtype == tf.float32
    for jit_compile in (False, True):
        compiled = tf.function(augmentation, jit_compile=jit_compile)(images, SEED)
        np.testing.assert_allclose(compiled, eager, atol=1e-5)
    differences = np.abs(eager - images).max(axis=(1, 2, 3))
    assert differences.min() > 0.1 and len(set(differences)) == 4

    direction, weights = (tf.constant(GENERATOR.normal(size=shape), tf.float32) for _ in range(2))
    with tf.GradientTape() as outer:
        outer.watch(weights)
        with tf.GradientTape() as tape:
            tape.watch(images)
            value = tf.reduce_sum(weights * augmentation(images, SEED))
        gradient = tape.gradient(value, images)
        along = tf.reduce_sum(gradient * direction)
    moved = augmentation(images + direction, SEED) - augmentation(images, SEED)
    np.testing.assert_allclose(along, tf.reduce_sum(weights * moved), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(outer.gradient(along, weights), moved, atol=1e-4)  # Linear in both.


def test_a_fourth_channel_keeps_its_values():
    images = tf.constant(GENERATOR.uniform(-1, 1, [4, 8, 8, 4]), tf.float32)
    outputs = DiffAugment("color")(images, SEED).numpy()
    np.testing.assert_array_equal(outputs[..., 3], images[..., 3])
    assert np.abs(outputs - images)[..., :3].max() > 0.1


def test_mixed_precision_stays_float32():
    augmentation = DiffAugment(dtype="mixed_float16")
    assert augmentation(tf.cast(IMAGES, tf.float16), SEED).dtype == tf.float32


def test_survives_saving_and_refuses_nonsense():
    augmentation = DiffAugment(["cutout", "color"])
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(augmentation))
    assert again.get_config() == augmentation.get_config()
    np.testing.assert_array_equal(again(IMAGES, SEED), augmentation(IMAGES, SEED))
    with pytest.raises(ValueError, match="Received: 'colour'"):
        DiffAugment("colour")


def test_in_a_gan(tmp_path):
    run_gan_test(lambda: make_gan(augmentation=DiffAugment()), tmp_path)


def test_two_replicas_equal_one(two_replicas):
    run_replica_test(lambda: make_gan(augmentation=DiffAugment()), two_replicas)
