"""Microbatches: a batch worked through in slices, one after another, so that memory holds one slice at a time.

A microbatch is a replica in time. What depends on the batch as a whole asks here which part of it it sees, whether the
other parts are on other devices or come later: `parts_of_batch` for draws and means, `microbatch` for what is moved once
a batch.
"""

import contextlib
import contextvars

import tensorflow as tf

# Index and number of the microbatch in work. Replicas run in threads of their own, each with its own value.
_MICROBATCH = contextvars.ContextVar("microbatch", default=(0, 1))


def microbatch():
    """Index of the microbatch in work and number of microbatches of this replica's batch; `(0, 1)` for a whole one."""
    return _MICROBATCH.get()


def parts_of_batch():
    """Index of the part of the global batch that is in work, and number of parts: microbatches of all replicas.

    Example:

    >>> parts_of_batch()
    (0, 1)
    >>> with in_microbatch(2, 4):
    ...     parts_of_batch()
    (2, 4)
    """
    index, count = microbatch()
    replica_context = tf.distribute.get_replica_context()
    if replica_context is None or replica_context.num_replicas_in_sync == 1:
        return index, count
    replica = tf.cast(replica_context.replica_id_in_sync_group, tf.int32)
    return replica * count + index, replica_context.num_replicas_in_sync * count


@contextlib.contextmanager
def in_microbatch(index, count):
    """While open, the code sees the `index`-th of `count` equal parts of the batch."""
    token = _MICROBATCH.set((index, count))
    try:
        yield
    finally:
        _MICROBATCH.reset(token)


def count_microbatches(batch_size, microbatch_size):
    """How many slices of `microbatch_size` images a batch has; `batch_size` is an int, or a scalar tensor.

    Raises:
        ValueError: The one does not divide the other.

    Example:

    >>> count_microbatches(32, 8)
    4
    """
    message = (
        f"Expected microbatches that divide each replica's batch. Received: microbatches of {microbatch_size} images"
    )
    if isinstance(batch_size, int):
        if batch_size % microbatch_size:
            raise ValueError(f"{message}, a batch of {batch_size}. Change microbatch_size or the batch size.")
        return batch_size // microbatch_size
    with tf.control_dependencies([tf.debugging.assert_equal(batch_size % microbatch_size, 0, message)]):
        return tf.identity(batch_size // microbatch_size)


def accumulate(compute, data, variables, num_rows, count, run):
    """Sums gradients over microbatches, and gathers what is one number an example.

    The loop stands outside the replicas and each turn is a call of `run`, so that within a turn they may meet each other
    (synchronised moments, variables that are averaged), which they may not in a loop of their own.

    Args:
        compute: Function of a part of `data` to a list of gradients, of `variables`, and float32 `[num_rows]`.
        data: Structure of tensors whose first axis is the batch, or of one such tensor for each replica.
        variables: What gradients are of; may be empty.
        num_rows: Length of the second result for one microbatch; 0 if there is none.
        count: Number of microbatches, an int or a scalar tensor.
        run: Calls a function with arguments on each replica, as `strategy.run` does.

    Returns:
        Sums of the gradients, and float32 `[count * num_rows]`, in the order of the examples.
    """

    def begin():
        # Not tf.zeros: that would become a constant of the graph, as large as the weights and there for good.
        sums = [tf.raw_ops.Empty(shape=variable.shape, dtype=variable.dtype, init=True) for variable in variables]
        return sums, tf.zeros([count, num_rows])

    def turn(index, sums, rows, data):
        with in_microbatch(index, count):
            gradients, row = compute(_part(data, index, count))
        sums = [one + other for one, other in zip(sums, gradients)]
        return sums, tf.tensor_scatter_nd_update(rows, [[index]], row[None]) if num_rows else rows

    def body(index, state):
        return index + 1, run(turn, index, *state, data)

    # One at a time: the next slice begins when all of the last one is done and its memory is free.
    _, (sums, rows) = tf.while_loop(
        lambda index, state: index < count, body, (tf.constant(0), run(begin)), parallel_iterations=1
    )
    return sums, run(lambda rows: tf.reshape(rows, [-1]), rows)


def _part(data, index, count):
    """The `index`-th of `count` equal parts of the rows of each tensor."""

    def part(tensor):
        if tensor is None:
            return None
        static = tensor.shape[0] is not None and isinstance(count, int)
        num_rows = (tensor.shape[0] if static else tf.shape(tensor)[0]) // count
        return take_rows(tensor, index * num_rows, num_rows)

    return tf.nest.map_structure(part, data)


def take_rows(tensor, start, num_rows):
    """`tensor[start : start + num_rows]`, in a form that XLA compiles for a `start` that only the run will know."""
    rest = [size if size is not None else tf.shape(tensor)[axis + 1] for axis, size in enumerate(tensor.shape[1:])]
    rows = tf.slice(tensor, [start] + [0] * len(rest), [num_rows, *rest])
    return tf.ensure_shape(rows, [num_rows if isinstance(num_rows, int) else None, *tensor.shape[1:]])
