"""What follows a convolution or a dense layer in StyleGAN2 and ProGAN: leaky ReLU, and a clamp for float16."""

import tensorflow as tf

ACTIVATIONS = (None, "leaky_relu")
_SLOPE = 0.2


def check_activation(activation):
    """Raises `ValueError` for a name that `activate` does not know."""
    if activation not in ACTIVATIONS:
        raise ValueError(f"Expected activation to be None or 'leaky_relu'. Received: activation={activation!r}")


def activate(features, activation, clamp=None):
    """Leaky ReLU of slope 0.2, or nothing; then the bound `[-clamp, clamp]`, or none.

    A gain is best put into what is small before: weights, biases and noise. Leaky ReLU lets a positive factor pass.

    Args:
        features: Any shape.
        activation: `"leaky_relu"` or `None`.
        clamp: A positive number, or `None`.

    Example:

    >>> activate(tf.constant([-5.0, 5.0]), "leaky_relu", clamp=2.0).numpy().tolist()
    [-1.0, 2.0]
    """
    if activation == "leaky_relu":
        features = _leaky_relu(features)
    return features if clamp is None else tf.clip_by_value(features, -clamp, clamp)


@tf.custom_gradient
def _leaky_relu(features):
    outputs = tf.nn.leaky_relu(features, _SLOPE)
    # The sign of the result is that of the input: only one of them has to be kept for the gradient. It has no derivative.
    signs = tf.stop_gradient(outputs)
    return outputs, lambda upstream: tf.raw_ops.LeakyReluGrad(gradients=upstream, features=signs, alpha=_SLOPE)
