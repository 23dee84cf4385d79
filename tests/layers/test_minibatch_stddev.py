import numpy as np
import pytest
import tensorflow as tf

from tests.test_case import run_layer_test
from tfgan_suite.layers.minibatch_stddev import MinibatchStddev

IMAGES = np.random.default_rng(0).normal(2.0, 3.0, [6, 3, 2, 4]).astype("float32")


@pytest.mark.parametrize("grouping", ["strided", "contiguous"])
def test_contract(grouping):
    config = {"group_size": 3, "num_channels": 2, "grouping": grouping}
    run_layer_test(MinibatchStddev, config, tf.constant(IMAGES), (6, 3, 2, 6))


def groups_of(batch_size, group_size, grouping):
    num_groups = batch_size // group_size
    if grouping == "strided":
        return [[i for i in range(batch_size) if i % num_groups == group] for group in range(num_groups)]
    return [[i for i in range(batch_size) if i // group_size == group] for group in range(num_groups)]


@pytest.mark.parametrize("grouping", ["strided", "contiguous"])
@pytest.mark.parametrize("group_size", [1, 2, 3, 4, 6, 7, None])
@pytest.mark.parametrize("num_channels", [1, 2])
def test_equals_numpy(grouping, group_size, num_channels):
    if group_size == 4:
        with pytest.raises(ValueError, match="Received: 6 examples"):
            MinibatchStddev(group_size, num_channels, grouping)(IMAGES)
        return
    outputs = MinibatchStddev(group_size, num_channels, grouping)(IMAGES).numpy()
    np.testing.assert_array_equal(outputs[..., :4], IMAGES)
    for group in groups_of(6, min(group_size or 6, 6), grouping):
        stddevs = np.sqrt(IMAGES[group].var(axis=0) + 1e-8)  # [height, width, channels]
        for part in range(num_channels):
            size = 4 // num_channels
            expected = stddevs[..., part * size : (part + 1) * size].mean()
            np.testing.assert_allclose(outputs[group][..., 4 + part], expected, rtol=1e-5)


def test_batch_of_unknown_size():
    layer = MinibatchStddev(3)
    function = tf.function(layer, input_signature=[tf.TensorSpec([None, 3, 2, 4])])
    np.testing.assert_allclose(function(IMAGES), layer(IMAGES), rtol=1e-6)
    assert function(IMAGES[:2]).shape == (2, 3, 2, 5)


@pytest.mark.parametrize("grouping, groups", [("strided", [[0, 2, 4], [1, 3]]), ("contiguous", [[0, 1, 2], [3, 4]])])
def test_a_rest_leaves_smaller_groups(grouping, groups):
    layer = MinibatchStddev(3, 2, grouping)
    function = tf.function(layer, input_signature=[tf.TensorSpec([None, 3, 2, 4])])
    outputs = function(IMAGES[:5]).numpy()
    np.testing.assert_array_equal(outputs[..., :4], IMAGES[:5])
    for group in groups:
        np.testing.assert_allclose(outputs[group], MinibatchStddev(None, 2)(IMAGES[group]), rtol=1e-5)


def test_contiguous_groups_are_the_same_on_halves():
    layer = MinibatchStddev(3, grouping="contiguous")
    np.testing.assert_allclose(layer(IMAGES), np.concatenate([layer(IMAGES[:3]), layer(IMAGES[3:])]))


def test_bad_arguments():
    with pytest.raises(ValueError, match="Received: group_size=0"):
        MinibatchStddev(0)
    with pytest.raises(ValueError, match="Received: grouping='random'"):
        MinibatchStddev(4, grouping="random")
    with pytest.raises(ValueError, match="num_channels=3"):
        MinibatchStddev(2, num_channels=3)(IMAGES)
