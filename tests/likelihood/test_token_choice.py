"""Choosing tokens: against probabilities worked out by hand."""

import numpy as np
import pytest
import tensorflow as tf

from tfgan_suite.likelihood.token_choice import choose_tokens

PROBABILITIES = np.array([0.1, 0.4, 0.0, 0.3, 0.2])
# How, and what each token's probability then is.
CASES = [
    ({}, [0.1, 0.4, 0.0, 0.3, 0.2]),
    ({"temperature": 0.5}, [1 / 30, 16 / 30, 0, 9 / 30, 4 / 30]),  # Squares.
    ({"temperature": 0.0}, [0, 1, 0, 0, 0]),
    ({"top_k": 1}, [0, 1, 0, 0, 0]),
    ({"top_k": 2}, [0, 4 / 7, 0, 3 / 7, 0]),
    ({"top_k": 50}, [0.1, 0.4, 0.0, 0.3, 0.2]),
    ({"top_p": 0.39}, [0, 1, 0, 0, 0]),
    ({"top_p": 0.45}, [0, 4 / 7, 0, 3 / 7, 0]),  # The token that passes p is among them.
    ({"top_p": 0.0}, [0, 1, 0, 0, 0]),  # One always is.
    ({"top_p": 0.95}, [0.1, 0.4, 0.0, 0.3, 0.2]),
    ({"top_k": 3, "top_p": 0.75}, [0, 4 / 7, 0, 3 / 7, 0]),  # Of the three, 4/9 + 3/9 reach 0.75.
    ({"temperature": 0.5, "top_p": 0.6}, [0, 16 / 25, 0, 9 / 25, 0]),  # Probabilities after the temperature.
]


@pytest.mark.parametrize("how, expected", CASES, ids=[str(how) for how, _ in CASES])
@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_probabilities(how, expected, dtype):
    with np.errstate(divide="ignore"):
        logits = tf.cast(np.log(PROBABILITIES), dtype)
    count = 20_000
    draws = (tf.range(count, dtype=tf.float32) + 0.5) / count  # Every draw there is, not a sample.
    tokens = choose_tokens(tf.broadcast_to(logits, [count, 5]), draws, **how).numpy()
    shares = np.bincount(tokens, minlength=5) / count
    np.testing.assert_allclose(shares, expected, atol=1e-4 if dtype == tf.float32 else 5e-3)


def test_equal_logits_keep_as_many_as_asked():
    draws = tf.linspace(0.0, 0.999, 300)
    tokens = choose_tokens(tf.zeros([300, 8]), draws, top_k=3)
    assert sorted(set(tokens.numpy().tolist())) == [0, 1, 2]


def test_the_last_draw_takes_a_token_that_has_a_probability():
    logits = tf.constant([[0.0, 0.0, 0.0, -np.inf]])
    for how in ({}, {"top_k": 3}, {"top_p": 0.99}):
        assert int(choose_tokens(logits, tf.constant([1 - 2.0**-24]), **how)[0]) == 2
