import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.callbacks.small_gan import make_gan
from tests.test_case import assert_same_weights, fixed_dataset


def make_variable():
    return keras.Variable(np.array([1.0, -2.0], "float32"))


def apply_all(optimizer, gradients, **options):
    """Applies rows of gradients to one weight, in a graph; returns the weight after each."""
    variable = make_variable()
    optimizer.build([variable])
    step = tf.function(lambda gradient: optimizer.apply([gradient], [variable]), **options)
    rows = []
    for gradient in gradients:
        step(tf.constant(gradient, tf.float32))
        rows.append(np.asarray(variable))
    return np.stack(rows)


def state_of(optimizer):
    return [np.asarray(variable) for variable in optimizer.variables]


@pytest.mark.parametrize("jit_compile", [False, True])
def test_ordinary_updates_are_the_inner_optimizers(jit_compile):
    gradients = np.random.default_rng(0).normal(size=[20, 2])
    guard = tg.GradientGuard(tg.Adam(0.1), warmup_updates=5)
    guarded = apply_all(guard, gradients, jit_compile=jit_compile)
    np.testing.assert_array_equal(guarded, apply_all(tg.Adam(0.1), gradients, jit_compile=jit_compile))
    assert int(guard.skipped_updates) == 0 and int(guard.iterations) == 20


@pytest.mark.parametrize("broken", [np.nan, np.inf, 1e30])
def test_a_broken_gradient_changes_nothing_and_is_counted(broken):
    gradients = np.random.default_rng(1).normal(size=[6, 2])
    with_broken = np.insert(gradients, 3, [[broken, 1.0], [0.0, -broken]], axis=0)
    guard = tg.GradientGuard(tg.Adam(0.1))
    guarded = apply_all(guard, with_broken)
    np.testing.assert_array_equal(np.delete(guarded, [3, 4], axis=0), apply_all(tg.Adam(0.1), gradients))
    np.testing.assert_array_equal(guarded[3:5], guarded[[2, 2]])
    assert int(guard.skipped_updates) == 2 and int(guard.skipped_in_a_row) == 0 and int(guard.iterations) == 6


def test_an_exploding_gradient_is_left_out_once_the_usual_norm_is_known():
    def skipped(gradients, **options):
        guard = tg.GradientGuard(keras.optimizers.SGD(0.1), largest_ratio=10.0, warmup_updates=4, **options)
        apply_all(guard, gradients)
        return int(guard.skipped_updates)

    usual = [[3.0, 4.0]] * 4
    assert skipped([*usual, [29.0, 40.0]]) == 0  # 49.4 of at most 50.
    assert skipped([*usual, [31.0, 40.0]]) == 1
    assert skipped([*usual[:3], [3100.0, 4000.0]]) == 0  # Too early to tell.
    # Longer for good: the usual norm follows, log 10 / 4 an update, until 1000 is no longer ten times as long.
    assert skipped([*usual, *[[600.0, 800.0]] * 20]) == 6


def test_the_limit_may_be_left_to_what_is_finite():
    guard = tg.GradientGuard(keras.optimizers.SGD(0.1), largest_ratio=None, warmup_updates=1)
    apply_all(guard, [[1.0, 0.0], [1e9, 0.0], [np.nan, 0.0], [np.inf, 0.0]])
    assert int(guard.skipped_updates) == 2 and int(guard.skipped_in_a_row) == 2


def test_gradients_of_zero_say_nothing_about_the_usual_norm():
    for length, skipped in ((9.0, 0), (11.0, 1)):
        guard = tg.GradientGuard(keras.optimizers.SGD(0.1), largest_ratio=10.0, warmup_updates=2)
        apply_all(guard, [[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [length, 0.0]])
        assert int(guard.skipped_updates) == skipped


@pytest.mark.parametrize("broken_replica", [None, 0, 1])
def test_replicas_agree(two_replicas, broken_replica):
    """Two replicas, of which one may have a broken gradient, keep one and the same state."""
    gradients = np.random.default_rng(2).normal(size=[3, 2, 2]).astype("float32")  # [update, replica, weight]
    if broken_replica is not None:
        gradients[1, broken_replica, 0] = np.nan
    with two_replicas.scope():
        variable = make_variable()
        guard = tg.GradientGuard(tg.Adam(0.1))
        guard.build([variable])

    @tf.function
    def step(update):
        def of_replica():
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            guard.apply([tf.constant(gradients)[update, replica]], [variable])

        two_replicas.run(of_replica)

    for update in range(3):
        step(tf.constant(update))
    taken = [0, 2] if broken_replica is not None else [0, 1, 2]
    expected = apply_all(tg.GradientGuard(tg.Adam(0.1)), gradients[taken].sum(axis=1))[-1]
    for local in two_replicas.experimental_local_results(variable.value):
        np.testing.assert_allclose(local.numpy(), expected, rtol=1e-6)
    assert int(np.asarray(guard.skipped_updates)) == 3 - len(taken)
    assert int(np.asarray(guard.iterations)) == len(taken)


def test_a_model_is_saved_with_its_guards(tmp_path):
    gan = make_gan(
        width=8,
        generator_optimizer=tg.GradientGuard(tg.Adam(1e-3), largest_ratio=50.0, warmup_updates=7),
        discriminator_optimizer=tg.GradientGuard(tg.Adam(1e-3)),
    )
    data = fixed_dataset(gan, 4, batches=2)
    gan.fit(data, verbose=0)
    gan.generator_optimizer.skipped_updates.assign(3)
    gan.save(tmp_path / "model.keras")
    again = tg.load_model(tmp_path / "model.keras")
    assert again.generator_optimizer.get_config() == gan.generator_optimizer.get_config()
    for optimizer in ("generator_optimizer", "discriminator_optimizer"):
        for one, other in zip(state_of(getattr(gan, optimizer)), state_of(getattr(again, optimizer))):
            np.testing.assert_array_equal(one, other)
    gan.fit(data, verbose=0)
    again.fit(data, verbose=0)
    assert_same_weights(gan, again)


def test_the_rate_is_the_inner_optimizers():
    guard = tg.GradientGuard(tg.Adam(0.1))
    guard.build([make_variable()])
    guard.learning_rate = 0.05
    assert float(guard.inner_optimizer.learning_rate) == float(guard.learning_rate) == np.float32(0.05)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="LossScaleOptimizer\\(GradientGuard"):
        tg.GradientGuard(keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()))
    with pytest.raises(ValueError, match="largest_ratio=1.0"):
        tg.GradientGuard(tg.Adam(), largest_ratio=1.0)
    with pytest.raises(ValueError, match="warmup_updates=0"):
        tg.GradientGuard(tg.Adam(), warmup_updates=0)
