"""Sampling from a `PixelCNNNetwork` pixel by pixel, each layer worked out once at each position.

Run whole for each pixel, the network would do height * width times the work of one pass. Here the layers keep what later
positions need of earlier ones, so all pixels together are about one pass:

* The stream above depends on earlier rows alone: it is worked out for a row at a time.
* Of a convolution of the stream to the left, what the row above contributes is worked out for the whole row as well.
  What is left for the pixel is a product with its own activation and that of the pixel before it.
* Stages of half and quarter size run at every 2nd and 4th row and column. Loops are over groups of 4 rows and of 4 columns,
  so which stage runs where is written into the graph, which needs no conditions.

All of it is float32, whatever the network's policy.

Reference: Ramachandran et al., "Fast Generation for Convolutional Autoregressive Models" (2017).
"""

import tensorflow as tf

from tfgan_suite.models.pixelcnn.above_stream import AboveStream
from tfgan_suite.models.pixelcnn.left_stream import ColumnGroup, LeftStream
from tfgan_suite.models.pixelcnn.pixelcnn_network import STAGES, with_ones
from tfgan_suite.models.pixelcnn.rows import batch_is_open, product, taps

GROUP = 2 ** (STAGES - 1)  # Rows and columns from one position of the smallest stage to the next.


def sample_with_caches(network, labels, draw_pixel, inputs):
    """Draws images.

    Args:
        network: A built `PixelCNNNetwork`.
        labels: int32 `[batch]`, or `None`.
        draw_pixel: Function from the parameters of a pixel, float32 `[batch, num_parameters]`, and what `inputs` holds at that
            pixel, to float32 `[batch, channels]`.
        inputs: Dict of float32 `[batch, height, width, size]`: noise and what else drawing needs. Not empty.

    Returns:
        float32 `[batch, height, width, channels]`.
    """
    height, width, channels = network.image_shape
    batch_size = tf.shape(next(iter(inputs.values())))[0]
    inputs = {name: tf.transpose(values, [1, 2, 0, 3]) for name, values in inputs.items()}
    classes = None if labels is None else tf.one_hot(labels, network.num_classes)
    above, left, ends = AboveStream(network, classes), LeftStream(network, classes), _Ends(network)
    images = tf.TensorArray(tf.float32, height, element_shape=[width, None, channels])

    def draw_rows(group, rows, above_state, left_state, images):
        for index in range(GROUP):
            row = group * GROUP + index
            exists = tf.cast(group > 0, tf.float32) if index == 0 else 1.0  # The row above.
            first_above, first_left = ends.first(rows[0], rows[1], exists)
            activated, above_state = above.run_row(index, first_above, above_state)
            prepared = left.prepare_row(index, first_left, activated, left_state)
            own_inputs = {name: values[row] for name, values in inputs.items()}
            pixels, kept = _draw_row(left, ends, index, prepared, draw_pixel, own_inputs, channels)
            left_state = [kept.get(stage, old) for stage, old in enumerate(left_state)]
            images = images.write(row, pixels)
            rows = (rows[1], with_ones(pixels))
        return group + 1, rows, above_state, left_state, images

    nothing = tf.zeros([width, batch_size, channels + 1])  # Zeros in the channel of ones: no pixel.
    states = ((nothing, nothing), above.initial_state(batch_size), left.initial_state(batch_size), images)
    *_, images = tf.while_loop(
        lambda group, *_: group < height // GROUP,
        draw_rows,
        (tf.constant(0), *states),
        shape_invariants=(tf.TensorShape([]), *batch_is_open(states)),
        parallel_iterations=1,
    )
    return tf.transpose(images.stack(), [2, 0, 1, 3])


def _draw_row(left, ends, index, prepared, draw_pixel, inputs, channels):
    """The pixels of a row, `[width, batch, channels]`, and a dict of stage to what is kept of it."""
    width = prepared[0][0].shape[0]
    batch_size = tf.shape(prepared[0][0])[1]
    # One piece of memory for all that a group of columns needs of a stage.
    sizes = {stage: [one.shape[-1] for one in contributions] for stage, contributions in prepared.items()}
    joined = {stage: _in_groups(tf.concat(one, axis=-1), stage) for stage, one in prepared.items()}
    inputs = {name: _in_groups(values, 0) for name, values in inputs.items()}

    def draw_columns(group, pixel, last, arrays, pixels):
        contributions = {
            stage: [tf.split(one, sizes[stage], axis=-1) for one in tf.unstack(values[group])]
            for stage, values in joined.items()
        }
        own_inputs = {name: tf.unstack(values[group]) for name, values in inputs.items()}
        columns = ColumnGroup(contributions, last)
        drawn = []
        for column in range(GROUP):
            first = ends.first_of_pixel(pixel, contributions[0][column][0])
            parameters = ends.parameters(left.run_pixel(0, index, column, first, columns))
            drawn.append(draw_pixel(parameters, {name: values[column] for name, values in own_inputs.items()}))
            pixel = with_ones(drawn[-1])
        arrays = {stage: array.write(group, tf.stack(columns.kept[stage])) for stage, array in arrays.items()}
        return group + 1, pixel, columns.last, arrays, pixels.write(group, tf.stack(drawn))

    last = {stage: left.initial_pixel(stage, batch_size) for stage in prepared}
    states = (
        tf.zeros([batch_size, channels + 1]),
        last,
        {
            stage: _array(width // GROUP, GROUP >> stage, sum(one.shape[-1] for one in last[stage]))
            for stage in prepared
        },
        _array(width // GROUP, GROUP, channels),
    )
    *_, arrays, pixels = tf.while_loop(
        lambda group, *_: group < width // GROUP,
        draw_columns,
        (tf.constant(0), *states),
        shape_invariants=(tf.TensorShape([]), *batch_is_open(states)),
        parallel_iterations=1,
    )
    return _row_of(pixels), {stage: _row_of(array) for stage, array in arrays.items()}


def _in_groups(row, stage):
    """`[width, batch, channels]` as `[groups, columns of a group, batch, channels]`."""
    columns = GROUP >> stage
    return tf.reshape(row, [row.shape[0] // columns, columns, -1, row.shape[-1]])


def _array(groups, columns, channels):
    return tf.TensorArray(tf.float32, groups, element_shape=[columns, None, channels])


def _row_of(array):
    """The groups of columns that were written, as a row."""
    values = array.stack()
    return tf.reshape(values, [values.shape[0] * values.shape[1], -1, values.shape[-1]])


class _Ends:
    """The first layers and the last one."""

    def __init__(self, network):
        self._above, self._row_above, self._left, self._last = (
            (layer.kernel, tf.convert_to_tensor(layer.bias))
            for layer in (network.first_above, network.first_row_above, network.first_left, network.parameters_of)
        )

    def first(self, row_2, row_1, exists):
        """The first layers at a row, of the two rows above it: of the stream above, and of the other one without the pixel.

        `exists` is 0 where there is no row above, and so no output to move down, not even a bias.
        """
        kernel, bias = self._above
        seen = tf.concat([taps(row_2, 3), taps(row_1, 3)], axis=-1)
        above = exists * product(seen, tf.reshape(kernel, [-1, kernel.shape[-1]]), bias)
        kernel, bias = self._row_above
        left = exists * product(taps(row_1, 3), tf.reshape(kernel, [-1, kernel.shape[-1]]), bias)
        kernel, bias = self._left
        beside = product(row_1, kernel[0, 0], bias)  # At each pixel for the one to its right.
        return above, left + tf.pad(beside[:-1], [[1, 0], [0, 0], [0, 0]])

    def first_of_pixel(self, pixel, contribution):
        """The first layer of the stream to the left; `pixel` is the one before, zeros for none."""
        return product(pixel, self._left[0][1, 0], contribution)

    def parameters(self, values):
        kernel, bias = self._last
        return product(tf.nn.elu(values), kernel[0, 0], bias)
