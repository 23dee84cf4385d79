"""Resampling with a short filter: up, down, or in place, in one call.

The same sums in two forms. A convolution of each channel by itself is the quicker one in float32 and on a GPU. Under
XLA on a CPU that is ninety times slower, and bfloat16 gains nothing by it: there each axis is multiplied by a banded
matrix instead. The gradient of a resampling is a resampling again, in its own quicker form, any number of times.
"""

import dataclasses
import functools

import numpy as np
import tensorflow as tf
from tensorflow.python.ops import control_flow_util

# Above this size the zeros of the banded matrix cost more than the convolution.
_MAX_BANDED_SIZE = 128


def resample(inputs, taps=(1, 3, 3, 1), up=1, down=1, padding=None, gain=1.0, form=None):
    """Puts `up - 1` zeros behind every pixel, pads, convolves with a separable filter, keeps every `down`-th pixel.

    Args:
        inputs: `[batch, height, width, channels]`, of known height, width and channels.
        taps: The filter along each axis, a list of numbers; it is divided by its sum.
        up: Factor of enlarging, 1 or 2.
        down: Factor of reducing, 1 or 2.
        padding: `(before, after)`, pixels of zeros at both ends of each axis, counted after enlarging; negative ones
            are cut off. By default what makes the size exactly `size * up / down`.
        gain: Factor of the result. That enlarging thins out the pixels is made up for without it.
        form: `"depthwise"` or `"banded"`; by default the quicker one.

    Returns:
        `[batch, out_height, out_width, channels]` of the inputs' dtype.

    Raises:
        ValueError: An argument has another value than these.

    Example:

    >>> resample(tf.ones([1, 8, 8, 3]), up=2).shape
    TensorShape([1, 16, 16, 3])
    >>> float(resample(tf.ones([1, 8, 8, 1]), down=2)[0, 2, 2, 0])
    1.0

    Reference: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020), section 4; the filter:
    Zhang, "Making Convolutional Networks Shift-Invariant Again" (2019).
    """
    inputs = tf.convert_to_tensor(inputs)
    if up not in (1, 2) or down not in (1, 2) or form not in (None, "depthwise", "banded"):
        raise ValueError(
            "Expected up and down to be 1 or 2, and form to be None, 'depthwise' or 'banded'. "
            f"Received: up={up}, down={down}, form={form!r}"
        )
    before, after = size_keeping_padding(len(taps), up, down) if padding is None else padding
    factor = up * float(gain) ** 0.5 / sum(taps)
    kernel = tuple(float(tap) * factor for tap in reversed(taps))  # A convolution meets its filter in reverse.
    rows, columns = (_Axis(int(size), kernel, up, down, before, after) for size in inputs.shape[1:3])
    return _apply(inputs, rows, columns, form)


def size_keeping_padding(num_taps, up=1, down=1):
    """`(before, after)` with which `size` pixels become `size * up / down`, centred.

    Example:

    >>> size_keeping_padding(4, up=2), size_keeping_padding(4, down=2)
    ((2, 1), (1, 1))
    """
    if up > 1:
        return (num_taps + up - 1) // 2, (num_taps - up) // 2
    return (num_taps - down + 1) // 2, (num_taps - down) // 2


@dataclasses.dataclass(frozen=True)
class _Axis:
    """The operation along one axis; `kernel` as a cross-correlation meets it."""

    size: int
    kernel: tuple
    up: int
    down: int
    before: int
    after: int

    @property
    def out_size(self):
        return (self.size * self.up + self.before + self.after - len(self.kernel)) // self.down + 1

    def adjoint(self):
        """The transpose of `matrix`, as another such operation."""
        last = len(self.kernel) - 1
        before = last - self.before
        after = self.size * self.up + last - self.out_size * self.down - before
        return _Axis(self.out_size, self.kernel[::-1], self.down, self.up, before, after)

    @property
    def cut(self):
        """`(first, last)`: what negative padding cuts off, in pixels."""
        return max(0, -self.before), max(0, -self.after)

    @property
    def margin(self):
        return [max(0, self.before), max(0, self.after)]

    @functools.cache  # noqa: B019, instances are few and small.
    def matrix(self):
        """float32 `[out_size, size]`."""
        matrix = np.zeros([self.out_size, self.size])
        for target in range(self.out_size):
            for offset, tap in enumerate(self.kernel):
                source = target * self.down + offset - self.before  # In the enlarged axis.
                if 0 <= source < self.size * self.up and source % self.up == 0:
                    matrix[target, source // self.up] += tap
        return matrix.astype(np.float32)


def _apply(inputs, rows, columns, form):
    @tf.custom_gradient
    def apply(inputs):
        function = _banded if (form or _quicker_form(inputs, rows.up)) == "banded" else _depthwise
        return function(inputs, rows, columns), lambda upstream: _apply(
            upstream, rows.adjoint(), columns.adjoint(), form
        )

    return apply(inputs)


def traced_for_xla():
    """Whether what is being traced will be compiled as a whole, by `tf.function(jit_compile=True)` or for a TPU."""
    return control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())  # There is no public name.


def _quicker_form(inputs, up):
    if max(inputs.shape[1:3]) > _MAX_BANDED_SIZE:
        return "depthwise"
    if traced_for_xla():
        return "banded"
    on_cpu = not tf.config.get_visible_devices("GPU")
    return "banded" if on_cpu and (up > 1 or inputs.dtype in (tf.bfloat16, tf.float16)) else "depthwise"


def _banded(inputs, rows, columns):
    _, height, width, channels = inputs.shape
    row_matrix, column_matrix = (tf.constant(axis.matrix(), inputs.dtype) for axis in (rows, columns))
    features = tf.matmul(row_matrix, tf.reshape(inputs, [-1, height, width * channels]))
    features = tf.reshape(features, [-1, rows.out_size, width, channels])
    return tf.matmul(column_matrix, features)  # [batch, out_height, out_width, channels]


def _depthwise(inputs, rows, columns):
    if rows.up > 1:
        return _depthwise_up(inputs, rows, columns)
    (top, bottom), (left, right) = rows.cut, columns.cut
    if top or bottom or left or right:
        inputs = inputs[:, top : rows.size - bottom, left : columns.size - right]
    margins = [[0, 0], rows.margin, columns.margin, [0, 0]]
    return tf.nn.depthwise_conv2d(inputs, _filters(inputs, rows, columns), [1, rows.down, columns.down, 1], margins)


def _depthwise_up(inputs, rows, columns):
    """As the transpose of a convolution with stride: zeros are neither laid down nor multiplied."""
    if rows.down > 1:
        raise ValueError("Expected up=1 or down=1 in the depthwise form. Received: up=2, down=2")
    rows, columns = rows.adjoint(), columns.adjoint()
    height, width = (axis.size - sum(axis.cut) for axis in (rows, columns))
    outputs = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
        input_sizes=tf.stack([tf.shape(inputs)[0], height, width, inputs.shape[3]]),
        filter=_filters(inputs, rows, columns),
        out_backprop=inputs,
        strides=[1, rows.down, columns.down, 1],
        padding="EXPLICIT",
        explicit_paddings=[0, 0, *rows.margin, *columns.margin, 0, 0],
    )
    # The transpose of cutting off.
    return tf.pad(outputs, [[0, 0], rows.cut, columns.cut, [0, 0]]) if any(rows.cut + columns.cut) else outputs


def _filters(inputs, rows, columns):
    kernel = np.outer(rows.kernel, columns.kernel)[:, :, None, None]
    return tf.constant(np.tile(kernel, [1, 1, inputs.shape[3], 1]), inputs.dtype)  # [taps, taps, channels, 1]
