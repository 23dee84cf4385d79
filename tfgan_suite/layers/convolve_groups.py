"""Convolutions of groups of channels that can be differentiated any number of times, on any device.

On a CPU TensorFlow computes grouped convolutions, but not their gradients: without oneDNN it refuses, with it the gradient of the
gradient fails on some machines. Here the gradient by the inputs is again a grouped convolution, with the kernel turned around,
and that of the kernel one small operation for each group. The three are each other's derivatives.
"""

import tensorflow as tf

from tfgan_suite.layers.convolve import convolve
from tfgan_suite.layers.resample import traced_for_xla


def convolve_groups(inputs, kernel, groups, strides=1, padding="SAME"):
    """`convolve` of each of several groups of channels by itself.

    Args:
        inputs: A tensor of shape `[batch, height, width, in_channels]`.
        kernel: A tensor of shape `[kernel_height, kernel_width, in_channels / groups, out_channels]`.
        groups: Integer >= 1. Number of groups; divides both numbers of channels.
        strides: Integer >= 1. See `convolve`.
        padding: String. See `convolve`.

    Returns:
        A tensor of shape `[batch, out_height, out_width, out_channels]`, with the dtype of `inputs`.

    Example:

    >>> convolve_groups(tf.ones([1, 4, 4, 6]), tf.ones([3, 3, 2, 9]), groups=3).shape
    TensorShape([1, 4, 4, 9])
    """
    inputs, kernel = tf.convert_to_tensor(inputs), tf.convert_to_tensor(kernel)
    if tf.config.get_visible_devices("GPU") or traced_for_xla():
        return tf.nn.conv2d(inputs, kernel, strides, padding)
    if strides == 1 and padding == "SAME" and kernel.shape[0] % 2 == kernel.shape[1] % 2 == 1:
        return _forward(inputs, kernel, groups)
    parts = zip(tf.split(inputs, groups, axis=3), tf.split(kernel, groups, axis=3))
    return tf.concat([convolve(own, taps, strides, padding) for own, taps in parts], axis=3)


def _forward(inputs, kernel, groups):
    @tf.custom_gradient
    def forward(inputs, kernel):
        def gradients(upstream):
            return _transpose(upstream, kernel, groups), _kernel_gradient(inputs, upstream, groups, kernel.shape[:2])

        return tf.nn.conv2d(inputs, kernel, 1, "SAME"), gradients

    return forward(inputs, kernel)


def _transpose(upstream, kernel, groups):
    @tf.custom_gradient
    def transpose(upstream, kernel):
        def gradients(second):
            return _forward(second, kernel, groups), _kernel_gradient(second, upstream, groups, kernel.shape[:2])

        return tf.nn.conv2d(upstream, _turned_around(kernel, groups), 1, "SAME"), gradients

    return transpose(upstream, kernel)


def _kernel_gradient(inputs, upstream, groups, size):
    @tf.custom_gradient
    def kernel_gradient(inputs, upstream):
        parts = [
            tf.raw_ops.Conv2DBackpropFilter(
                input=own,
                filter_sizes=[*size, own.shape[3], own_upstream.shape[3]],
                out_backprop=own_upstream,
                strides=[1, 1, 1, 1],
                padding="SAME",
            )
            for own, own_upstream in zip(tf.split(inputs, groups, axis=3), tf.split(upstream, groups, axis=3))
        ]
        return tf.concat(parts, axis=3), lambda second: (
            _transpose(upstream, second, groups),
            _forward(inputs, second, groups),
        )

    return kernel_gradient(inputs, upstream)


def _turned_around(kernel, groups):
    """The kernel of the transpose, `[height, width, out_channels / groups, in_channels]`."""
    height, width, inputs, outputs = kernel.shape
    kernel = tf.reshape(kernel[::-1, ::-1], [height, width, inputs, groups, outputs // groups])
    return tf.reshape(tf.transpose(kernel, [0, 1, 4, 3, 2]), [height, width, outputs // groups, groups * inputs])
