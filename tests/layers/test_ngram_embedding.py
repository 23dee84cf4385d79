"""NgramEmbedding: runs that are equal have equal vectors, and steps give what the whole gives."""

import numpy as np
import tensorflow as tf

from tests.test_case import run_layer_test
from tfgan_suite.layers.ngram_embedding import NgramEmbedding

TOKENS = np.array([[7, 8, 9, 7, 8, 9, 4], [0, 0, 0, 0, 1, 2**24 - 1, 3]], "int32")


def test_layer():
    config = {"sizes": [2, 4], "buckets": 1009, "width": 8, "seed": 3}
    run_layer_test(NgramEmbedding, config, TOKENS, (2, 7, 8))


def test_equal_runs_have_equal_vectors_and_the_beginning_is_another_run():
    layer = NgramEmbedding((3,), 1009, 8)
    first, second = layer(TOKENS).numpy()
    np.testing.assert_array_equal(first[2], first[5])  # 7, 8, 9 both times.
    assert len(np.unique(first[:5], axis=0)) == 5
    np.testing.assert_array_equal(second[2], second[3])
    assert (second[0] != second[1]).any() and (second[1] != second[2]).any()  # Zeros are no beginning.


def test_steps_equal_the_whole():
    layer = NgramEmbedding((2, 3, 5), 101, 8)
    whole, recent = layer(TOKENS).numpy(), layer.initial_recent(2)
    for position in range(TOKENS.shape[1]):
        vectors, recent = layer.step(tf.constant(TOKENS[:, position]), recent)
        np.testing.assert_allclose(vectors, whole[:, position], rtol=1e-6)
