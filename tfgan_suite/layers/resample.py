"""Resampling with a short filter: up, down, or in place, in a single call.

The same sums are computed in one of two forms. A depthwise convolution is faster in float32 and on a GPU. Under XLA on
a CPU, it is ninety times slower, and bfloat16 does not speed it up; in these cases, each axis is multiplied by a banded
matrix instead. The gradient of a resampling is again a resampling, in its own faster form, to any order.
"""

import dataclasses
import functools

import numpy as np
import tensorflow as tf
from tensorflow.python.ops import control_flow_util

# Above this size, the zeros of the banded matrix cost more than the convolution.
_MAX_BANDED_SIZE = 128


def resample(inputs, taps=(1, 3, 3, 1), up=1, down=1, padding=None, gain=1.0, form=None):
    """Inserts `up - 1` zeros after each pixel, pads, convolves with a separable filter, keeps every `down`-th pixel.

    Args:
        inputs: A tensor of shape `[batch, height, width, channels]`, with known height, width, and channels.
        taps: Sequence of floats. The filter along each axis; it is divided by its sum.
        up: Integer, 1 or 2. Upsampling factor.
        down: Integer, 1 or 2. Downsampling factor.
        padding: Tuple `(before, after)`, or `None`. Number of zeros at both ends of each axis, counted after
            upsampling; negative numbers crop. `None` makes the size exactly `size * up / down`.
        gain: Float. Multiplies the result. Upsampling already makes up for the inserted zeros; this is on top.
        form: String, one of `"depthwise"` or `"banded"`. `None` picks the faster one.

    Returns:
        A tensor of shape `[batch, out_height, out_width, channels]`, with the dtype of `inputs`.

    Raises:
        ValueError: If `up`, `down`, or `form` has any other value.

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
            "`up` and `down` must be 1 or 2, and `form` must be None, 'depthwise', or 'banded'. "
            f"Received: up={up}, down={down}, form={form!r}"
        )
    before, after = size_keeping_padding(len(taps), up, down) if padding is None else padding
    factor = up * float(gain) ** 0.5 / sum(taps)
    kernel = tuple(float(tap) * factor for tap in reversed(taps))  # A convolution reverses its filter.
    rows, columns = (_Axis(int(size), kernel, up, down, before, after) for size in inputs.shape[1:3])
    return _apply(inputs, rows, columns, form)


def size_keeping_padding(num_taps, up=1, down=1):
    """Returns the `(before, after)` that maps `size` pixels to `size * up / down`, centered.

    Example:

    >>> size_keeping_padding(4, up=2), size_keeping_padding(4, down=2)
    ((2, 1), (1, 1))
    """
    if up > 1:
        return (num_taps + up - 1) // 2, (num_taps - up) // 2
    return (num_taps - down + 1) // 2, (num_taps - down) // 2


@dataclasses.dataclass(frozen=True)
class _Axis:
    """The operation along one axis, with `kernel` in the order of a cross-correlation."""

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
        """Returns the transpose of `matrix`, as another such operation."""
        last = len(self.kernel) - 1
        before = last - self.before
        after = self.size * self.up + last - self.out_size * self.down - before
        return _Axis(self.out_size, self.kernel[::-1], self.down, self.up, before, after)

    @property
    def cut(self):
        """`(first, last)`: how many pixels negative padding crops at each end."""
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
                source = target * self.down + offset - self.before  # In the upsampled axis.
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
    """Whether the function being traced is compiled as a whole, by `tf.function(jit_compile=True)` or for a TPU."""
    return control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())  # It has no public name.


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
    """Computes the transpose of a strided convolution, so that no zeros are inserted or multiplied."""
    if rows.down > 1:
        raise ValueError("`up` or `down` must be 1 with form='depthwise'. Received: up=2, down=2")
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
    # The transpose of cropping.
    return tf.pad(outputs, [[0, 0], rows.cut, columns.cut, [0, 0]]) if any(rows.cut + columns.cut) else outputs


def _filters(inputs, rows, columns):
    kernel = np.outer(rows.kernel, columns.kernel)[:, :, None, None]
    return tf.constant(np.tile(kernel, [1, 1, inputs.shape[3], 1]), inputs.dtype)  # [taps, taps, channels, 1]
