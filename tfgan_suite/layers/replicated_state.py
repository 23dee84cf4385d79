"""State that every replica computes alike."""

import keras


def replicated_state(name, shape, initializer):
    """A float32 variable for a layer's state that is the same on all replicas, without their meeting.

    Each replica writes its own copy, and the first one's is saved: replicas may meet neither under a condition nor under
    XLA. Only for what is computed from the global batch, or from nothing that differs between replicas.

    Args:
        name: Of the variable.
        shape: Its shape.
        initializer: A Keras initializer, or its name.

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
