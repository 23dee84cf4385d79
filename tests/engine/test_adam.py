"""Our Adam against Keras's, which is slower."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan_suite.engine.adam import Adam


def run_steps(optimizer, steps=5):
    """Weights and optimizer state after some steps on made-up gradients."""
    generator = np.random.default_rng(0)
    variables = [keras.Variable(generator.normal(size=shape).astype("float32")) for shape in ([3, 4], [5])]

    @tf.function
    def step(gradients):
        optimizer.apply(gradients, variables)

    optimizer.build(variables)
    for _ in range(steps):
        step([tf.constant(generator.normal(size=variable.shape).astype("float32")) for variable in variables])
    return [np.asarray(variable) for variable in variables + optimizer.variables]


@pytest.mark.parametrize("config", [{}, {"learning_rate": 0.1, "beta_1": 0.0, "beta_2": 0.99, "epsilon": 1e-8}])
@pytest.mark.parametrize("extra", [{}, {"amsgrad": True}, {"weight_decay": 0.1}, {"clipnorm": 0.5}])
def test_the_same_weights_and_state_as_kerass(config, extra):
    ours = run_steps(Adam(**config, **extra))
    theirs = run_steps(keras.optimizers.Adam(**config, **extra))
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-6)


def test_a_schedule_of_the_rate_counts():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    for one, other in zip(run_steps(Adam(schedule)), run_steps(keras.optimizers.Adam(schedule))):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-6)


def test_epsilon_after_the_bias_correction():
    """Algorithm 1 of the paper as it stands, with an epsilon that counts."""
    config = {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.3}
    ours = run_steps(Adam(**config, epsilon_hat=False), steps=4)[:2]
    generator = np.random.default_rng(0)
    weights = [generator.normal(size=shape).astype("float32") for shape in ([3, 4], [5])]
    moments = [np.zeros([2, *weight.shape]) for weight in weights]
    for step in range(1, 5):
        for weight, (first, second) in zip(weights, moments):
            gradient = generator.normal(size=weight.shape).astype("float32")
            first += 0.5 * (gradient - first)
            second += 0.1 * (gradient**2 - second)
            weight -= 0.1 * (first / (1 - 0.5**step)) / (np.sqrt(second / (1 - 0.9**step)) + 0.3)
    for one, expected in zip(ours, weights):
        np.testing.assert_allclose(one, expected, rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="`epsilon_hat` must be True with amsgrad=True"):
        Adam(amsgrad=True, epsilon_hat=False)


def test_its_config_makes_it_again():
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(Adam(3e-4, beta_1=0.5, epsilon_hat=False))
    )
    assert type(again) is Adam and again.beta_1 == 0.5 and not again.epsilon_hat
    assert np.isclose(float(again.learning_rate), 3e-4)


def test_each_replica_applies_the_sum_of_gradients(two_replicas):
    def run(strategy):
        with strategy.scope():
            variable = keras.Variable(np.ones([3], "float32"))
            optimizer = Adam(0.1)
            optimizer.build([variable])

        @tf.function
        def step(scale):
            def on_replica():
                replicas = tf.cast(strategy.num_replicas_in_sync, tf.float32)
                optimizer.apply([tf.constant([1.0, -2.0, 3.0]) * scale / replicas], [variable])

            strategy.run(on_replica)

        for scale in (1.0, -0.5, 2.0):
            step(scale)
        return [value.numpy() for value in strategy.experimental_local_results(variable.value)]

    single = run(tf.distribute.get_strategy())
    both = run(two_replicas)
    assert len(both) == 2
    for one in both:
        np.testing.assert_allclose(one, single[0], rtol=1e-6)
