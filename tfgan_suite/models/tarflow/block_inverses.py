"""The inverse of a `TarFlowBlock`: token by token, or many tokens at a time until nothing changes."""

import tensorflow as tf

from tfgan_suite.layers.cached_attention import CACHE_BLOCK


def invert_by_steps(block, latents, guidance):
    """Tokens of latents, one after the other; keys and values of earlier ones are kept.

    Args:
        block: A `TarFlowBlock`.
        latents: float32 `[batch, length, size]`, in the order of the block.
        guidance: A `Guidance`.

    Returns:
        float32 `[batch, length, size]`, in the order of the block.
    """
    length, steps = block.length, block.length - 1
    by_position = tf.transpose(latents, [1, 0, 2])  # [length, batch, size]
    positions, class_vectors = block.positions_in_order(), block.class_vectors(guidance.labels)

    def make_token(number, slot, token, caches, tokens):
        position = number * CACHE_BLOCK + slot
        hidden = block.embed(guidance.rows(token), tf.gather(positions, position), class_vectors)
        kept = []
        for layer, cache in zip(block.layers, caches):
            hidden, cache = layer.step(hidden, number, slot, cache, guidance.sharpness)
            kept.append(cache)
        outputs = guidance.combine(block.outputs(hidden), tf.cast(position + 1, tf.float32) / steps)
        token = block.undo(tf.gather(by_position, position + 1), outputs)
        return slot + 1, token, kept, tokens.write(position + 1, token)

    def make_tokens(number, *state):
        end = tf.minimum(CACHE_BLOCK, steps - number * CACHE_BLOCK)
        _, token, caches, tokens = _loop(end, lambda slot, *state: make_token(number, slot, *state), state)
        return number + 1, token, _end_block(block, number, caches), tokens

    first = by_position[0]
    tokens = tf.TensorArray(tf.float32, length, element_shape=[None, block.size]).write(0, first)
    state = first, _initial_caches(block, guidance.rows(first), CACHE_BLOCK), tokens
    *_, tokens = _loop(-(-steps // CACHE_BLOCK), make_tokens, state)
    return tf.transpose(tokens.stack(), [1, 0, 2])


def _loop(count, body, state):
    """A loop of `count` turns over a token, caches and a `TensorArray`, with an open batch; `body` gets the turn first."""
    token, caches, _ = state
    shapes = tf.nest.map_structure(lambda one: tf.TensorShape([None, *one.shape[1:]]), (token, caches))
    return tf.while_loop(
        lambda turn, *_: turn < count,
        body,
        (tf.constant(0), *state),
        shape_invariants=(tf.TensorShape([]), *shapes, tf.TensorShape(None)),
        parallel_iterations=1,
    )


def _initial_caches(block, rows, size):
    return [layer.attention.initial_cache(tf.shape(rows)[0], size) for layer in block.layers]


def _end_block(block, number, caches):
    return [layer.attention.end_block(number, cache) for layer, cache in zip(block.layers, caches)]
