import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics import (
    StreamingFrechetDistance,
    StreamingInceptionScore,
    frechet_distance,
    inception_score,
)


def random_features(rows, dimensions, seed, offset=0.0):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(rows, dimensions)) @ generator.normal(size=(dimensions, dimensions)) + seed + offset


@pytest.mark.parametrize("batch_size", [90, 1200])
def test_golden_in_any_batches(golden, batch_size):
    distance = StreamingFrechetDistance(golden["in/real"].shape[1])
    score = StreamingInceptionScore(golden["in/logits"].shape[1])
    for start in range(0, len(golden["in/real"]), batch_size):
        rows = slice(start, start + batch_size)
        distance.update_state(golden["in/real"][rows], golden["in/fake"][rows])
        if len(golden["in/logits"][rows]):
            score.update_state(golden["in/logits"][rows])
    np.testing.assert_allclose(float(distance.result()), golden["out/fid"], rtol=1e-6)
    expected = golden["out/inception_score_splits1_mean_std"][0]
    np.testing.assert_allclose(float(score.result()), expected, rtol=1e-6)


def test_far_from_zero():
    real, fake = random_features(300, 12, 0, 1e3), random_features(200, 12, 1, 1e3)
    metric = StreamingFrechetDistance(12)
    metric.update_state(real, None)
    metric.update_state(None, fake)
    np.testing.assert_allclose(float(metric.result()), frechet_distance(real, fake), rtol=1e-6)


@pytest.mark.parametrize("batch_size", [10, 60])
def test_two_replicas_inside_a_graph(two_replicas, batch_size):
    real, fake = random_features(60, 8, 0), random_features(60, 8, 1)
    logits = random_features(60, 5, 2)
    with two_replicas.scope():
        distance, score = StreamingFrechetDistance(8), StreamingInceptionScore(5)
    dataset = tf.data.Dataset.from_tensor_slices((real, fake, logits)).batch(batch_size)

    @tf.function
    def update(batch):
        two_replicas.run(
            lambda real, fake, logits: (distance.update_state(real, fake), score.update_state(logits))[:0], batch
        )

    for batch in two_replicas.experimental_distribute_dataset(dataset):
        update(batch)
    np.testing.assert_allclose(float(distance.result()), frechet_distance(real, fake), rtol=1e-9)
    np.testing.assert_allclose(float(score.result()), inception_score(logits, splits=1)[0], rtol=1e-12)


def test_result_inside_a_graph_and_reset():
    metric = StreamingFrechetDistance(4)
    real, fake = random_features(30, 4, 0), random_features(20, 4, 1)

    @tf.function
    def update_and_read(real, fake):
        metric.update_state(real, fake)
        return metric.result()

    expected = frechet_distance(real, fake)
    for _ in range(2):
        value = update_and_read(tf.constant(real, tf.float64), tf.constant(fake, tf.float64))
        assert value.dtype == tf.float64 and value.shape == []
        np.testing.assert_allclose(value, expected, rtol=1e-9)
        metric.reset_state()


def test_updates_under_xla():
    metric = StreamingInceptionScore(6)
    logits = random_features(16, 6, 0)
    tf.function(lambda rows: metric.update_state(rows), jit_compile=True)(tf.constant(logits))
    np.testing.assert_allclose(float(metric.result()), inception_score(logits, splits=1)[0], rtol=1e-9)


def test_config_makes_another_like_it():
    for metric in (StreamingFrechetDistance(3, name="mine"), StreamingInceptionScore(4)):
        again = type(metric).from_config(metric.get_config())
        assert isinstance(again, keras.metrics.Metric)
        assert again.name == metric.name and [v.shape for v in again.variables] == [v.shape for v in metric.variables]


@pytest.mark.parametrize(
    "rows, message",
    [
        (np.zeros((4, 4)), r"Real features must be \[batch, 3\]"),
        (np.zeros(3), r"Received: shape=\(3,\)"),
        (np.zeros((4, 3), "uint8"), "floating-point"),
    ],
)
def test_batches_that_do_not_fit(rows, message):
    with pytest.raises(UserError, match=message):
        StreamingFrechetDistance(3).update_state(rows, None)


def test_results_that_there_are_not():
    metric = StreamingFrechetDistance(3)
    with pytest.raises(UserError, match="at least 2 rows of real features. Received: 0"):
        metric.result()
    metric.update_state(random_features(5, 3, 0) * np.nan, random_features(5, 3, 1))
    with pytest.raises(UserError, match="NaN or infinity"):
        metric.result()
    with pytest.raises(tf.errors.OpError, match="NaN or infinity"):
        tf.function(metric.result)()
    score = StreamingInceptionScore(3)
    with pytest.raises(UserError, match="0 rows"):
        score.result()
    with pytest.raises(UserError, match="`num_classes` must be >= 2"):
        StreamingInceptionScore(1)
