"""Microbatches: a batch is processed in slices, one after another, so memory holds only one slice at a time.

A microbatch is a replica in time. Code that depends on the whole batch asks this module which part of it is being
processed, whether the other parts are on other devices or come later: `parts_of_batch` is for random draws and means,
`microbatch` for state that is updated once per batch.
"""

import contextlib
import contextvars

import tensorflow as tf

# Index of the current microbatch and number of microbatches. Each replica's thread has its own value.
_MICROBATCH = contextvars.ContextVar("microbatch", default=(0, 1))


def microbatch():
    """Returns the index of the current microbatch and the number of microbatches; `(0, 1)` for a whole batch."""
    return _MICROBATCH.get()


def parts_of_batch():
    """Returns the index of the current part of the global batch and the number of parts: microbatches of all replicas.

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
    """Context manager in which code sees the `index`-th of `count` equal parts of the batch."""
    token = _MICROBATCH.set((index, count))
    try:
        yield
    finally:
        _MICROBATCH.reset(token)


def count_microbatches(batch_size, microbatch_size):
    """Returns the number of microbatches in a batch.

    Args:
        batch_size: Integer, or an integer scalar tensor. Number of images in the batch of one replica.
        microbatch_size: Integer >= 1. Number of images in a microbatch.

    Returns:
        An integer if `batch_size` is one, else a scalar tensor.

    Raises:
        ValueError: If `microbatch_size` does not divide `batch_size`.

    Example:

    >>> count_microbatches(32, 8)
    4
    """
    message = f"`microbatch_size` must divide each replica's batch. Received: microbatch_size={microbatch_size}"
    if isinstance(batch_size, int):
        if batch_size % microbatch_size:
            raise ValueError(f"{message}, batch_size={batch_size}. Change `microbatch_size` or the batch size.")
        return batch_size // microbatch_size
    with tf.control_dependencies([tf.debugging.assert_equal(batch_size % microbatch_size, 0, message)]):
        return tf.identity(batch_size // microbatch_size)


def accumulate(compute, data, variables, num_rows, count, run):
    """Sums gradients over microbatches, and collects one number per example.

    The loop is outside the replicas and each iteration is a call of `run`, so replicas can synchronize within an
    iteration (for synchronized moments and averaged variables), which they could not in loops of their own.

    Args:
        compute: Callable that maps a part of `data` to a list of gradients with respect to `variables` and a float32
            tensor of shape `[num_rows]`.
        data: Structure of tensors whose first axis is the batch, or of one such tensor per replica.
        variables: List of variables. What the gradients are with respect to; may be empty.
        num_rows: Integer >= 0. Length of the second result for one microbatch; 0 if there is none.
        count: Integer >= 1, or an integer scalar tensor. Number of microbatches.
        run: Callable that calls a function with arguments on each replica, as `strategy.run` does.

    Returns:
        The sums of the gradients, and a float32 tensor of shape `[count * num_rows]` in the order of the examples.
    """

    def begin():
        # Not tf.zeros: that would become a constant in the graph, as large as the weights and never freed.
        sums = [tf.raw_ops.Empty(shape=variable.shape, dtype=variable.dtype, init=True) for variable in variables]
        return sums, tf.zeros([count, num_rows])

    def turn(index, sums, rows, data):
        with in_microbatch(index, count):
            gradients, row = compute(_part(data, index, count))
        sums = [one + other for one, other in zip(sums, gradients)]
        return sums, tf.tensor_scatter_nd_update(rows, [[index]], row[None]) if num_rows else rows

    def body(index, state):
        return index + 1, run(turn, index, *state, data)

    # One at a time: each slice starts only when the previous one is finished and its memory is free.
    _, (sums, rows) = tf.while_loop(
        lambda index, state: index < count, body, (tf.constant(0), run(begin)), parallel_iterations=1
    )
    return sums, run(lambda rows: tf.reshape(rows, [-1]), rows)


def _part(data, index, count):
    """Returns the `index`-th of `count` equal parts of the rows of each tensor."""

    def part(tensor):
        if tensor is None:
            return None
        static = tensor.shape[0] is not None and isinstance(count, int)
        num_rows = (tensor.shape[0] if static else tf.shape(tensor)[0]) // count
        return take_rows(tensor, index * num_rows, num_rows)

    return tf.nest.map_structure(part, data)


def take_rows(tensor, start, num_rows):
    """Returns `tensor[start : start + num_rows]`, in a form that XLA compiles even if only the run knows `start`."""
    rest = [size if size is not None else tf.shape(tensor)[axis + 1] for axis, size in enumerate(tensor.shape[1:])]
    rows = tf.slice(tensor, [start] + [0] * len(rest), [num_rows, *rest])
    return tf.ensure_shape(rows, [num_rows if isinstance(num_rows, int) else None, *tensor.shape[1:]])
