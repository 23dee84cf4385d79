"""Sampling by a pass of the whole network for each token: what sampling with caches is compared with."""

import tensorflow as tf

from tfgan_suite.likelihood.token_choice import choose_tokens


def sample_naively(model, seeds, labels=None, temperature=1.0, top_k=0.0, top_p=1.0):
    """What `TokenTransformer.draw` draws. Runs in a `tf.function`."""
    length, draws = model.num_tokens_of_example, model.draws_of(seeds)

    def draw_token(position, tokens):
        logits = tf.gather(model.logits_of(tokens, labels), position, axis=1)
        token = choose_tokens(logits, tf.gather(draws, position, axis=1), temperature, top_k, top_p)
        return position + 1, tf.where(tf.equal(tf.range(length), position), token[:, None], tokens)

    _, tokens = tf.while_loop(
        lambda position, _: position < length,
        draw_token,
        (tf.constant(0), tf.zeros([tf.shape(seeds)[0], length], tf.int32)),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, length])),
        parallel_iterations=1,
    )
    return tf.reshape(tokens, [-1, *model.spec.shape])
