"""TF-GAN's own scores on random features, where the extra [gan-metrics] is installed."""

import numpy as np
import pytest
import tensorflow as tf

from tests.metrics.tfgan import load_tfgan
from tfgan_suite.metrics import StreamingFrechetDistance, frechet_distance, inception_score, kernel_distance


@pytest.fixture(scope="module")
def classifier_metrics():
    return load_tfgan("eval.classifier_metrics")[0]


def random_features(rows, dimensions, seed):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(rows, dimensions)) @ generator.normal(size=(dimensions, dimensions)) + seed


@pytest.mark.parametrize("rows, dimensions", [((200, 150), 24), ((40, 30), 64)])
def test_frechet_distance(classifier_metrics, rows, dimensions):
    real, fake = (random_features(count, dimensions, seed) for seed, count in enumerate(rows))
    metric = StreamingFrechetDistance(dimensions)
    metric.update_state(real, fake)
    expected = classifier_metrics.frechet_classifier_distance_from_activations(tf.constant(real), tf.constant(fake))
    np.testing.assert_allclose(float(metric.result()), expected, rtol=1e-5)
    np.testing.assert_allclose(frechet_distance(real, fake), expected, rtol=1e-5)


@pytest.mark.parametrize("rows, dimensions", [((200, 150), 24), ((40, 30), 64)])
def test_kernel_distance(classifier_metrics, rows, dimensions):
    real, fake = (random_features(count, dimensions, seed) for seed, count in enumerate(rows))
    expected = classifier_metrics.kernel_classifier_distance_from_activations(
        tf.constant(real), tf.constant(fake), max_block_size=1000
    )
    np.testing.assert_allclose(kernel_distance(real, fake), expected, rtol=1e-6)


def test_inception_score(classifier_metrics):
    logits = random_features(120, 10, 0)
    expected = classifier_metrics.classifier_score_from_logits(tf.constant(logits))
    np.testing.assert_allclose(inception_score(logits, splits=1)[0], expected, rtol=1e-6)
