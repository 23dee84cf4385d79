import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan_suite.layers.rematerialization import rematerialize
from tfgan_suite.layers.spectral_normalization import SpectralConvolution
from tfgan_suite.layers.standing_batch_normalization import StandingBatchNormalization


class Block(keras.layers.Layer):
    """Spectral and batch normalisation, two inputs of which one may be missing, two outputs likewise."""

    def __init__(self):
        super().__init__()
        self.convolve = SpectralConvolution(4, use_bias=False, seed=1)
        self.normalize = StandingBatchNormalization()
        self.calls = 0

    def build(self, *shapes):
        self.convolve.build([None, 6, 6, 3])
        self.normalize.build([None, 6, 6, 4])

    def call(self, images, others, training=False):
        self.calls += 1
        features = self.normalize(self.convolve(images, training=training), training=training)
        return tf.nn.softplus(features), None if others is None else 2.0 * others * features


@pytest.mark.parametrize("with_others", [False, True])
@pytest.mark.parametrize("how", ["eager", "graph", pytest.param("xla", marks=pytest.mark.slow)])
def test_outputs_gradients_and_state_are_the_layers(how, with_others):
    """Of a loss with a gradient penalty, whose gradient is of second order."""
    random = np.random.default_rng(0)
    images = tf.constant(random.normal(size=[2, 6, 6, 3]), tf.float32)
    others = tf.constant(random.normal(size=[2, 6, 6, 4]), tf.float32) if with_others else None

    def step(block, call):
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(images)
                features, products = call(block, images, others, training=True)
                assert (products is None) == (others is None)
                score = tf.reduce_mean(features**2) + (0.0 if products is None else tf.reduce_mean(products**3))
            gradients = inner.gradient(score, images)
            loss = score + tf.reduce_sum(gradients**2)
        return features, loss, outer.gradient(loss, block.trainable_variables)

    results, calls = [], []
    for call in (lambda block, *inputs, **arguments: block(*inputs, **arguments), rematerialize):
        block = Block()
        block.build()
        run = step if how == "eager" else tf.function(step, jit_compile=how == "xla", autograph=False)
        values = [np.asarray(value) for _ in range(2) for value in tf.nest.flatten(run(block, call))]
        results.append(values + [np.asarray(variable) for variable in block.variables])
        calls.append(block.calls)
    assert calls[1] > calls[0]
    for plain, rematerialized in zip(*results):
        np.testing.assert_allclose(rematerialized, plain, rtol=2e-4, atol=1e-5)


def test_activations_do_not_stay():
    """What a backward pass holds is the inputs of the layers, not what lies between."""

    class Wide(keras.layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=[shape[-1], 64 * shape[-1]], initializer="ones")

        def call(self, inputs):
            return tf.reduce_mean(tf.reshape(tf.tanh(inputs @ self.kernel), [-1, 64, inputs.shape[-1]]), axis=1)

    layers = [Wide() for _ in range(3)]
    for layer in layers:
        layer.build([None, 8])
    held = []

    @tf.function(autograph=False)
    def step(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = inputs
            for layer in layers:
                outputs = rematerialize(layer, outputs)
        gradient = tape.gradient(outputs, inputs)
        held.extend(tf.compat.v1.get_default_graph().get_operations())
        return gradient

    step(tf.ones([2, 8]))
    wide = [operation for operation in held if operation.type == "Tanh"]
    assert len(wide) == 6
    first, again = wide[:3], wide[3:]
    gradients = {operation.type for tanh in first for operation in tanh.outputs[0].consumers()}
    assert "TanhGrad" not in gradients
    assert all("TanhGrad" in {op.type for op in tanh.outputs[0].consumers()} for tanh in again)
