"""The inverse of a `TarFlowBlock`: token by token, or many tokens at a time until nothing changes."""

import numpy as np
import tensorflow as tf

from tfgan_suite.layers.cached_attention import CACHE_BLOCK

SEGMENT = 16  # About so many tokens are iterated at a time.


def invert_by_steps(block, latents, guidance):
    """Tokens of latents, one after the other; keys and values of earlier ones are kept.

    Args:
        block: A `TarFlowBlock`.
        latents: float32 `[batch, length, size]`, in the order of the block.
        guidance: A `Guidance`.

    Returns:
        float32 `[batch, length, size]`, in the order of the block.
    """
    steps, places = block.length - 1, np.arange(block.length, dtype=np.int32)[:, None]
    positions, class_vectors = block.positions_in_order(), block.class_vectors(guidance.labels)

    def make_token(number, slot, token, caches, tokens):
        position = number * CACHE_BLOCK + slot
        hidden = block.embed(guidance.rows(token), tf.gather(positions, position), class_vectors)
        kept = []
        for layer, cache in zip(block.layers, caches):
            hidden, cache = layer.step(hidden, number, slot, cache, guidance.sharpness)
            kept.append(cache)
        outputs = guidance.combine(block.outputs(hidden), tf.cast(position + 1, tf.float32) / steps)
        token = block.undo(tf.gather(tokens, position + 1, axis=1), outputs)
        # By a choice of every element, since neither slices nor lists are updated in all exports.
        return slot + 1, token, kept, tf.where(tf.equal(places, position + 1), token[:, None], tokens)

    def make_tokens(number, *state):
        end = tf.minimum(CACHE_BLOCK, steps - number * CACHE_BLOCK)
        _, token, caches, tokens = _loop(end, lambda slot, *state: make_token(number, slot, *state), state)
        return number + 1, token, _end_block(block, number, caches), tokens

    first = latents[:, 0]
    state = first, _initial_caches(block, guidance.rows(first), CACHE_BLOCK), latents
    *_, tokens = _loop(-(-steps // CACHE_BLOCK), make_tokens, state)
    return tokens


def invert_by_jacobi(block, latents, guidance, tolerance):
    """Tokens of latents, a segment of tokens at a time: all of them are made of the guesses before, until nothing changes.

    A segment ends for an image when no value would change by more than the tolerance, times the value's size where that is
    above 1. After as many passes as the segment has tokens each of them is that of `invert_by_steps`, since a token depends on
    earlier ones alone: the iteration cannot fail, it can only be of no use. An image's result does not depend on the others.

    Args:
        block: A `TarFlowBlock`.
        latents: float32 `[batch, length, size]`, in the order of the block.
        guidance: A `Guidance`.
        tolerance: Float, or float32 `[]` or `[batch]`, > 0.

    Returns:
        float32 `[batch, length, size]`, in the order of the block, and how often a segment was passed through, int32 `[]`.

    Reference: Song et al., "Accelerating Feedforward Computation via Parallel Nonlinear Equation Solving" (2021), algorithm 3
    (Jacobi-Gauss-Seidel).
    """
    steps = block.length - 1
    count = max(1, round(steps / SEGMENT))
    size = -(-steps // count)
    missing = count * size - steps
    tolerance = tf.reshape(tf.cast(tolerance, tf.float32), [-1, 1, 1])
    targets = tf.pad(latents[:, 1:], [[0, 0], [0, missing], [0, 0]])
    targets = tf.transpose(tf.reshape(targets, [-1, count, size, block.size]), [1, 0, 2, 3])
    positions = tf.pad(block.positions_in_order()[:-1], [[0, missing], [0, 0]])
    positions = tf.reshape(positions, [count, size, block.width])
    counts = np.arange(count * size).reshape(count, size)
    progress = (counts + 1.0).astype(np.float32) / steps
    class_vectors = block.class_vectors(guidance.labels)

    def make_segment(number, token, caches, tokens, passes):
        target, own_positions = tf.gather(targets, number), tf.gather(positions, number)
        is_padding = tf.gather(counts >= steps, number)[:, None]

        def improve(turn, guess, caches, is_done):
            inputs = tf.concat([token[:, None], guess[:, :-1]], axis=1)
            hidden = block.embed(guidance.rows(inputs), own_positions, class_vectors)
            kept = []
            for layer, cache in zip(block.layers, caches):
                hidden, cache = layer.block(hidden, number, cache, guidance.sharpness)
                kept.append(cache)
            outputs = guidance.combine(block.outputs(hidden), tf.gather(progress, number))
            better = block.undo(target, outputs)
            is_near = tf.abs(better - guess) <= tolerance * tf.maximum(1.0, tf.abs(better))
            is_done = tf.reduce_all(is_near | is_padding, axis=[1, 2])
            # What is near enough stays, so that keys and values are those of the result.
            return turn + 1, tf.where(is_done[:, None, None], guess, better), kept, is_done

        state = tf.constant(0), target, caches, tf.fill([tf.shape(target)[0]], False)
        turns, segment, caches, _ = tf.while_loop(
            lambda turn, _, __, is_done: (turn < size) & ~tf.reduce_all(is_done),
            improve,
            state,
            shape_invariants=tf.nest.map_structure(_open_batch, state),
            parallel_iterations=1,
        )
        segments = tokens.write(number, segment)
        return number + 1, segment[:, -1], _end_block(block, number, caches), segments, passes + turns

    first = latents[:, 0]
    tokens = tf.TensorArray(tf.float32, count, element_shape=[None, size, block.size])
    state = tf.constant(0), first, _initial_caches(block, guidance.rows(first), size), tokens, tf.constant(0)
    _, _, _, tokens, passes = tf.while_loop(
        lambda number, *_: number < count,
        make_segment,
        state,
        shape_invariants=tf.nest.map_structure(_open_batch, state),
        parallel_iterations=1,
    )
    rest = tf.reshape(tf.transpose(tokens.stack(), [1, 0, 2, 3]), [-1, count * size, block.size])[:, :steps]
    return tf.concat([first[:, None], rest], axis=1), passes


def _open_batch(value):
    """The shape of a loop's variable whose batch is open."""
    if isinstance(value, tf.TensorArray):
        return tf.TensorShape(None)
    return tf.TensorShape([None, *value.shape[1:]] if value.shape.rank else [])


def _loop(count, body, state):
    """A loop of `count` turns over a token, caches and tokens, with an open batch; `body` gets the turn first."""
    state = tf.constant(0), *state
    return tf.while_loop(
        lambda turn, *_: turn < count,
        body,
        state,
        shape_invariants=tf.nest.map_structure(_open_batch, state),
        parallel_iterations=1,
    )


def _initial_caches(block, rows, size):
    return [layer.attention.initial_cache(tf.shape(rows)[0], size) for layer in block.layers]


def _end_block(block, number, caches):
    return [layer.attention.end_block(number, cache) for layer, cache in zip(block.layers, caches)]
