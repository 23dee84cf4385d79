"""Layers that keep only their inputs for the backward pass, and recompute everything in between."""

import keras
import tensorflow as tf


def rematerialize(layer, *inputs, **arguments):
    """Calls a layer without keeping its activations in memory, at the cost of about a third more time.

    Outputs, gradients of any order, and state are those of `layer(*inputs, **arguments)`. State is updated once: the
    second computation starts from the state before the first, and its own updates are discarded. Under XLA the result
    is the same, but XLA may find that the two computations are identical and keep the activations.

    Args:
        layer: A built Keras layer whose outputs depend only on its inputs, its arguments, and its own variables.
        *inputs: Floating-point tensors, structures of them, or `None`.
        **arguments: Any other arguments of the call.

    Returns:
        The outputs of the layer.

    Example:

    >>> layer = keras.layers.Dense(3)
    >>> layer.build([None, 2])
    >>> rematerialize(layer, tf.ones([4, 2])).shape
    TensorShape([4, 3])

    Reference: Chen et al., "Training Deep Nets with Sublinear Memory Cost" (2016), section 3.
    """
    variables = layer.variables
    leaves = tf.nest.flatten(inputs)
    tensors = [leaf for leaf in leaves if leaf is not None]
    state = [tf.convert_to_tensor(variable) for variable in variables]
    structure, after = [], []

    def compute(tensors, state):
        """Returns the outputs that are not `None` and the variables' new values, without touching the variables."""
        remaining = iter(tensors)
        whole = [None if leaf is None else next(remaining) for leaf in leaves]
        with keras.StatelessScope(state_mapping=list(zip(variables, state))) as scope:
            outputs = layer(*tf.nest.pack_sequence_as(inputs, whole), **arguments)
        structure[:] = [outputs]
        return [output for output in tf.nest.flatten(outputs) if output is not None], [
            scope.get_current_value(variable) for variable in variables
        ]

    @tf.custom_gradient
    def run(*known):
        outputs, after[:] = compute(known[: len(tensors)], known[len(tensors) :])

        def backward(*upstream):
            # New tensors that wait for the gradient; otherwise TensorFlow would merge the two computations.
            with tf.control_dependencies(upstream):
                again = [tf.identity(value) for value in known]
            with tf.GradientTape() as tape:
                tape.watch(again)
                outputs, _ = compute(again[: len(tensors)], again[len(tensors) :])
            return tape.gradient(outputs, again, output_gradients=list(upstream))

        return outputs, backward

    outputs = run(*tensors, *state)
    for variable, old, new in zip(variables, state, after):
        if new is not old:
            variable.assign(new)
    remaining = iter(outputs if isinstance(outputs, (list, tuple)) else [outputs])
    return tf.nest.map_structure(lambda output: None if output is None else next(remaining), structure[0])


def call_block(block, rematerialized, *inputs, **arguments):
    """Returns `block(*inputs, **arguments)`, rematerialized or not."""
    if rematerialized:
        return rematerialize(block, *inputs, **arguments)
    return block(*inputs, **arguments)
