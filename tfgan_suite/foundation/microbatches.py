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
# Whether each replica works on the whole global batch by itself, as all others do.
_WHOLE_BATCH = contextvars.ContextVar("whole_batch", default=False)


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
    num_replicas = replicas_of_batch()
    if num_replicas == 1:
        return index, count
    replica = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.int32)
    return replica * count + index, num_replicas * count


def replicas_of_batch():
    """Returns the number of replicas that share the global batch: 1 where each works on all of it."""
    return 1 if _WHOLE_BATCH.get() else _num_replicas()


def copies_of_batch():
    """Returns the number of replicas that work on the same examples, 1 where they share the batch."""
    return _num_replicas() if _WHOLE_BATCH.get() else 1


def _num_replicas():
    replica_context = tf.distribute.get_replica_context()
    return 1 if replica_context is None else replica_context.num_replicas_in_sync


def sizes_of_replicas(batch_size):
    """Returns the batch size of each replica, int32 `[replicas]`. Called inside of replicas, which ask each other.

    Args:
        batch_size: Integer, of all of them; or an integer scalar tensor, this one's.
    """
    if isinstance(batch_size, int) or _num_replicas() == 1:
        return tf.fill([_num_replicas()], batch_size)
    # Not all devices exchange integers.
    own = tf.cast(batch_size, tf.float32)[None]
    return tf.cast(tf.distribute.get_replica_context().all_gather(own, axis=0), tf.int32)


@contextlib.contextmanager
def in_whole_batch():
    """Context manager in which each replica works on the whole global batch, one that cannot be shared out evenly."""
    token = _WHOLE_BATCH.set(True)
    try:
        yield
    finally:
        _WHOLE_BATCH.reset(token)


@contextlib.contextmanager
def in_microbatch(index, count):
    """Context manager in which code sees the `index`-th of `count` equal parts of the batch."""
    token = _MICROBATCH.set((index, count))
    try:
        yield
    finally:
        _MICROBATCH.reset(token)


def count_microbatches(batch_size, microbatch_size, multiple=1):
    """Returns the number of microbatches in a batch.

    A size that only the run knows may be that of the rest of a data set. It is divided into as few equal parts of at most
    `microbatch_size` as there are.

    Args:
        batch_size: Integer, or an integer scalar tensor. Number of images in the batch of one replica.
        microbatch_size: Integer >= 1. Number of images in a microbatch.
        multiple: Integer >= 1. What the parts are a multiple of; a rest that has no such parts is one.

    Returns:
        An integer if `batch_size` is one, else a scalar tensor.

    Raises:
        ValueError: If `microbatch_size` does not divide `batch_size`, an integer.

    Example:

    >>> count_microbatches(32, 8)
    4
    """
    if isinstance(batch_size, int):
        if batch_size % microbatch_size:
            raise ValueError(
                f"`microbatch_size` must divide each replica's batch. Received: microbatch_size={microbatch_size}, "
                f"batch_size={batch_size}. Change `microbatch_size` or the batch size."
            )
        return batch_size // microbatch_size
    counts = tf.range(1, batch_size + 1)
    sizes = batch_size // counts
    fits = (batch_size % counts == 0) & (sizes <= microbatch_size) & (sizes % multiple == 0)
    return tf.where(tf.reduce_any(fits), tf.argmax(fits, output_type=tf.int32) + 1, 1)


def accumulate(compute, data, variables, num_rows, count, run):
    """Sums gradients over microbatches, and collects one number per example.

    The loop is outside the replicas and each iteration is a call of `run`, so replicas can synchronize within an
    iteration (for synchronized moments and averaged variables), which they could not in loops of their own.

    Args:
        compute: Callable that maps a part of `data` to a list of gradients with respect to `variables` and a float32
            tensor of shape `[num_rows]`.
        data: Structure of tensors whose first axis is the batch, or of one such tensor per replica.
        variables: List of variables. What the gradients are with respect to; may be empty.
        num_rows: Integer >= 1, or an integer scalar tensor. Length of the second result for one microbatch; `None` if there
            is none.
        count: Integer >= 1, or an integer scalar tensor. Number of microbatches.
        run: Callable that calls a function with arguments on each replica, as `strategy.run` does.

    Returns:
        The sums of the gradients, and a float32 tensor of shape `[count * num_rows]` in the order of the examples.
    """

    def begin():
        # Not tf.zeros: that would become a constant in the graph, as large as the weights and never freed.
        sums = [tf.raw_ops.Empty(shape=variable.shape, dtype=variable.dtype, init=True) for variable in variables]
        return sums, tf.zeros([count, 0 if num_rows is None else num_rows])

    def turn(index, sums, rows, data):
        with in_microbatch(index, count):
            gradients, row = compute(_part(data, index, count))
        sums = [one + other for one, other in zip(sums, gradients)]
        return sums, tf.tensor_scatter_nd_update(rows, [[index]], row[None]) if num_rows is not None else rows

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
