import numpy as np
import pytest
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.protocol.real_examples import RealExamples
from tfgan_suite.specs.image_range import to_float

IMAGES = np.random.default_rng(0).integers(0, 256, (10, 4, 5, 3), np.uint8)
LABELS = np.array([0, 2, 2, 0, 2, 0, 2, 2, 2, 2], np.int32)


def read(data):
    real = RealExamples(data, "train", 4)
    batches = list(real.batches())
    labels = [labels for _, labels in batches if labels is not None]
    return real, np.concatenate([images for images, _ in batches]), np.concatenate(labels) if labels else None


def test_float_and_uint8_batches_are_the_same_images():
    as_float, images, labels = read(tf.data.Dataset.from_tensor_slices((to_float(IMAGES), LABELS)).batch(4))
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)
    as_bytes, _, _ = read(tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(3))
    assert as_float.fingerprint == as_bytes.fingerprint
    assert as_float.num_examples == 10
    assert as_float.class_counts == (3, 0, 7) and as_float.spec.shape == (4, 5, 3)


def test_fingerprint_is_of_the_content_whatever_the_batches():
    def fingerprint(images, batch_size):
        return RealExamples(tf.data.Dataset.from_tensor_slices(images).batch(batch_size), "train", 4).fingerprint

    changed = IMAGES.copy()
    changed[9, 3, 4, 2] ^= 1
    assert fingerprint(IMAGES, 3) == fingerprint(IMAGES, 10) != fingerprint(changed, 3)


def test_images_alone_and_labels_that_are_all_zero_have_no_classes():
    for data in (IMAGES, (IMAGES, np.zeros(10, np.int32))):
        real, images, _ = read(tf.data.Dataset.from_tensor_slices(data).batch(4))
        assert real.class_counts is None and real.num_examples == 10
        np.testing.assert_array_equal(images, IMAGES)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: tf.data.Dataset.from_tensor_slices(IMAGES).batch(4).repeat(), "finite"),
        (lambda: tf.data.Dataset.from_tensor_slices(IMAGES), "must hold batches"),
        (lambda: tf.data.Dataset.from_tensor_slices(IMAGES[:1]).batch(4), "at least 2"),
        (lambda: tf.data.Dataset.from_tensor_slices(IMAGES[:0]).batch(4), "no images"),
        (lambda: tf.data.Dataset.from_tensor_slices({"image": IMAGES}).batch(4), "must hold batches"),
    ],
)
def test_data_that_cannot_be_scored(make, message):
    with pytest.raises(UserError, match=message):
        RealExamples(make(), "train", 4)


def test_columns_of_labels_are_labels():
    images = tf.zeros([4, 8, 8, 1])
    for labels in (np.array([[0], [1], [2], [1]], "uint8"), np.array([[0.0], [1.0], [2.0], [1.0]], "float32")):
        real = RealExamples(tf.data.Dataset.from_tensors((images, labels)), "train", 64)
        assert real.class_counts == (1, 2, 1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros([4, 8, 8, 1], "int32"), "dtype uint8, or floats in .-1, 1.. Received: dtype=int32"),
        (np.full([4, 8, 8, 1], 200, "float32"), "Received: values from 200 to 200. Rescale"),
        ((np.zeros([4, 8, 8, 1], "uint8"), np.eye(4)), "argmax"),
        ((np.zeros([4, 8, 8, 1], "uint8"), np.array([-1, 0, 1, 2])), "labels from -1 to 2"),
        ((np.zeros([4, 8, 8, 1], "uint8"), np.full([4], 0.5)), "a label of 0.5"),
    ],
)
def test_values_that_would_be_scored_as_something_else(data, message):
    with pytest.raises(UserError, match=message):
        RealExamples(tf.data.Dataset.from_tensors(data), "train", 64)
