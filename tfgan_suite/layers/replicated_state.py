"""State that every replica computes identically."""

import keras


def replicated_state(name, shape, initializer):
    """Creates a float32 state variable that is the same on all replicas without synchronization.

    Each replica writes its own copy, and the first replica's copy is saved. The reason: replicas cannot synchronize
    inside a condition or under XLA. Use it only for values computed from the global batch, or from nothing that differs
    between replicas.

    Args:
        name: String. Name of the variable.
        shape: Sequence of integers. Shape of the variable.
        initializer: A Keras initializer, or its name.

    Returns:
        A `tf.Variable`.

    Example:

    >>> replicated_state("moving_mean", [3], "zeros").numpy().tolist()
    [0.0, 0.0, 0.0]
    """
    return keras.Variable(
        keras.initializers.get(initializer),
        shape=tuple(shape),
        dtype="float32",
        trainable=False,
        autocast=False,
        aggregation="only_first_replica",
        synchronization="on_read",
        name=name,
    )
