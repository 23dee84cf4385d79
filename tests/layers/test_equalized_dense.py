import numpy as np
import pytest
import tensorflow as tf

from tests.test_case import run_layer_test
from tfgan_suite.layers.equalized_dense import EqualizedDense

INPUTS = np.random.default_rng(0).normal(size=[6, 9]).astype("float32")


@pytest.mark.parametrize("activation", [None, "leaky_relu"])
def test_contract(activation):
    config = {"units": 5, "activation": activation, "activation_gain": 2.0**0.5, "learning_rate_multiplier": 0.1}
    run_layer_test(EqualizedDense, config, tf.constant(INPUTS), (6, 5))


def test_equals_numpy():
    layer = EqualizedDense(
        5, gain=1.5, learning_rate_multiplier=0.01, bias_initial=0.5, activation="leaky_relu", activation_gain=3.0
    )
    outputs = layer(INPUTS)
    features = INPUTS @ (np.asarray(layer.kernel) * 1.5 * 0.01 / 3.0) + np.asarray(layer.bias) * 0.01
    np.testing.assert_allclose(outputs, 3.0 * np.where(features > 0, features, 0.2 * features), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.bias * 0.01, 0.5, rtol=1e-6)


def test_initial_weights():
    layer = EqualizedDense(400, learning_rate_multiplier=0.01)
    layer.build([1, 300])
    assert abs(np.std(layer.kernel) - 100.0) < 1.0
    assert abs(np.std(layer(np.random.default_rng(0).normal(size=[50, 300]).astype("float32"))) - 1.0) < 0.05


def test_unknown_activation():
    with pytest.raises(ValueError, match="Received: activation='relu'"):
        EqualizedDense(5, activation="relu")
