"""Sampling by a pass of a whole block for each token: what sampling with caches is compared with."""

import tensorflow as tf


def invert_naively(network, latents, labels=None):
    """What `TarFlowNetwork.inverse` gives without guidance. Runs in a `tf.function`."""
    tokens = network.prior.undo(tf.reshape(latents, [-1, *network.token_shape]))
    for block in reversed(network.blocks):
        tokens = block.in_order(_invert(block, block.in_order(tokens), labels))
    return tokens


def _invert(block, latents, labels):
    positions, class_vectors = block.positions_in_order()[:-1], block.class_vectors(labels)

    def make_token(position, tokens):
        hidden = block.embed(tokens[:, :-1], positions, class_vectors)
        for layer in block.layers:
            hidden = layer.call(hidden)
        made = block.undo(latents[:, 1:], block.outputs(hidden))
        here = tf.equal(tf.range(1, block.length), position)[:, None]
        return position + 1, tf.concat([tokens[:, :1], tf.where(here, made, tokens[:, 1:])], axis=1)

    _, tokens = tf.while_loop(
        lambda position, _: position < block.length,
        make_token,
        (tf.constant(1), latents),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, block.length, block.size])),
        parallel_iterations=1,
    )
    return tokens
