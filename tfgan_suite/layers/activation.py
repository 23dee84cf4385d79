"""What follows a convolution or a dense layer in StyleGAN2 and ProGAN: leaky ReLU, and a clamp for float16."""

import tensorflow as tf

ACTIVATIONS = (None, "leaky_relu")
_SLOPE = 0.2


def check_activation(activation):
    """Raises `ValueError` if `activate` does not know the activation."""
    if activation not in ACTIVATIONS:
        raise ValueError(f"`activation` must be None or 'leaky_relu'. Received: activation={activation!r}")


def activate(features, activation, clamp=None):
    """Applies leaky ReLU with negative slope 0.2, if requested, then clips to `[-clamp, clamp]`, if requested.

    Any gain is best folded into small tensors before this call: weights, biases, and noise. This works because leaky
    ReLU commutes with a positive factor.

    Args:
        features: A tensor of any shape.
        activation: String or `None`. `"leaky_relu"`, or `None` for no activation.
        clamp: Float > 0, or `None` for no bound.

    Returns:
        A tensor with the shape of `features`.

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
    # The result has the sign of the input, so only one of the two must be kept for the gradient. It has no derivative.
    signs = tf.stop_gradient(outputs)
    return outputs, lambda upstream: tf.raw_ops.LeakyReluGrad(gradients=upstream, features=signs, alpha=_SLOPE)
