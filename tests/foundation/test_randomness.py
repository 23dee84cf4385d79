import numpy as np
import pytest
import tensorflow as tf

from tfgan_suite.foundation.randomness import categorical, draw_per_example, fold, normal, uniform


def draw(batch_size, seed):
    return normal([batch_size, 3], seed)


def test_fold_is_a_function_of_all_its_arguments():
    seeds = [fold(0), fold(1), fold(2**40), fold(0, "a"), fold(0, "b"), fold(0, "a", 1), fold(0, "a", tf.constant(2))]
    assert len({tuple(seed.numpy()) for seed in seeds}) == len(seeds)
    np.testing.assert_array_equal(fold(7, "a", 3), fold(tf.constant(7, tf.int64), "a", tf.constant(3, tf.int64)))
    np.testing.assert_array_equal(fold(fold(7, "a"), "b"), fold(7, "a", "b"))


def test_fold_is_the_same_everywhere():
    """Seeds are part of saved runs and exported models, so they may never change."""
    assert fold(0, "train_step", 5).numpy().tolist() == [1929464961, 5]


def test_replicas_draw_the_rows_of_the_global_batch(two_replicas):
    @tf.function
    def run():
        return two_replicas.run(lambda: draw_per_example(draw, 4, fold(0, "x")))

    rows = tf.concat(two_replicas.experimental_local_results(run()), axis=0)
    np.testing.assert_array_equal(rows, draw_per_example(draw, 8, fold(0, "x")))


def test_categorical():
    indices = categorical([2.0, 0.0, 6.0], 8000, fold(0)).numpy()
    np.testing.assert_allclose(np.bincount(indices) / 8000, [0.25, 0.0, 0.75], atol=0.02)


def test_xla_draws_the_same():
    def draws(step):
        seed = fold(3, "x", step)
        return uniform([4], seed), normal([4], seed), categorical([1.0, 2.0], 4, seed)

    step = tf.constant(5, tf.int64)
    for plain, compiled in zip(draws(step), tf.function(draws, jit_compile=True)(step)):
        np.testing.assert_allclose(plain, compiled, rtol=1e-5)


def test_distributions():
    stats = pytest.importorskip("scipy.stats")
    assert stats.kstest(uniform([20_000], fold(1), low=-1.0, high=3.0), "uniform", (-1.0, 4.0)).pvalue > 0.01
    assert stats.kstest(normal([20_000], fold(2)), "norm").pvalue > 0.01
