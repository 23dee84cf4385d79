"""Sampling from a `PixelCNNNetwork` pixel by pixel, each layer worked out once at each position.

Run whole for each pixel, the network would do height * width times the work of one pass. Here the layers keep what later
positions need of earlier ones, so all pixels together are about one pass:

* The stream above depends on earlier rows alone: it is worked out for a row at a time.
* Of a convolution of the stream to the left, what the row above contributes is worked out for the whole row as well.
  What is left for the pixel is a product with its own activation and that of the pixel before it.
* Stages of half and quarter size run at every 2nd and 4th row and column. The loop over rows is over groups of 4, each row of
  which has a graph of its own with its stages; in the loop over columns they are under conditions.

All of it is float32, whatever the network's policy.

Reference: Ramachandran et al., "Fast Generation for Convolutional Autoregressive Models" (2017).
"""

import tensorflow as tf

from tfgan_suite.models.pixelcnn.above_stream import AboveStream
from tfgan_suite.models.pixelcnn.left_stream import Contributions, LeftStream
from tfgan_suite.models.pixelcnn.pixelcnn_network import STAGES, with_ones
from tfgan_suite.models.pixelcnn.rows import batch_is_open, convolve_rows, product, row_kernel

GROUP = 2 ** (STAGES - 1)  # Rows from one of the smallest stage to the next.


def draw_noise(distribution, image_shape, noise):
    """All that sampling images of a distribution draws, a dict of name to float32 `[batch, height, width, size]`.

    Args:
        distribution: A `Distribution`.
        image_shape: Tuple `(height, width, channels)`.
        noise: `BatchNoise` or `ExampleNoise`.
    """
    drawn, (height, width, channels) = {}, image_shape

    def draw(name, shape):
        drawn[name] = noise.uniform(name, [height, width, *shape[2:]])
        return drawn[name]

    parameters = tf.zeros([1, height, width, distribution.num_parameters(channels)])
    distribution.sample(parameters, channels, None, draw)  # For what it draws; nothing else is used.
    return drawn


def sample_pixel(distribution, parameters, channels, num_levels, drawn, temperature=1.0):
    """The values of a pixel, float32 `[batch, channels]`.

    Args:
        distribution: A `Distribution`.
        parameters: float32 `[batch, num_parameters]`.
        channels: Integer.
        num_levels: Integer, or `None` to leave values between the levels.
        drawn: Dict of name to float32 `[batch, size]`, what `draw_noise` drew for this pixel.
        temperature: Float scalar >= 0, or float32 `[batch]`.
    """

    def draw(name, shape):
        return tf.reshape(drawn[name], [-1, *shape])

    return distribution.sample(parameters[:, None, None], channels, num_levels, draw, temperature)[:, 0, 0]


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
            own_inputs = {name: tf.gather(values, row) for name, values in inputs.items()}
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
    contributions = Contributions(prepared)

    def draw(column, pixel, state, pixels):
        first = ends.first_of_pixel(pixel, contributions.first(0, column))
        values, state = left.run_pixel(0, index, column, first, contributions, state)
        own_inputs = {name: tf.gather(rows, column) for name, rows in inputs.items()}
        drawn = draw_pixel(ends.parameters(values), own_inputs)
        return column + 1, with_ones(drawn), state, pixels.write(column, drawn)

    states = (
        tf.zeros([batch_size, channels + 1]),
        left.initial_pixel_state(list(prepared), batch_size),
        tf.TensorArray(tf.float32, width, element_shape=[None, channels]),
    )
    _, _, state, pixels = tf.while_loop(
        lambda column, *_: column < width,
        draw,
        (tf.constant(0), *states),
        shape_invariants=(tf.TensorShape([]), *batch_is_open(states)),
        parallel_iterations=1,
    )
    return pixels.stack(), {stage: array.stack() for stage, array in state.arrays.items()}


class _Ends:
    """The first layers and the last one."""

    def __init__(self, network):
        self._above = row_kernel(network.first_above.kernel), tf.convert_to_tensor(network.first_above.bias)
        self._row_above = row_kernel(network.first_row_above.kernel), tf.convert_to_tensor(network.first_row_above.bias)
        kernel = network.first_left.kernel
        self._left = kernel[0, 0], kernel[1, 0], tf.convert_to_tensor(network.first_left.bias)
        self._last = network.parameters_of.kernel[0, 0], tf.convert_to_tensor(network.parameters_of.bias)

    def first(self, row_2, row_1, exists):
        """The first layers at a row, of the two rows above it: of the stream above, and of the other one without the pixel.

        `exists` is 0 where there is no row above, and so no output to move down, not even a bias.
        """
        kernel, bias = self._above
        above = exists * convolve_rows(tf.concat([row_2, row_1], axis=-1), kernel, 1, bias)
        kernel, bias = self._row_above
        left = exists * convolve_rows(row_1, kernel, 1, bias)
        kernel, _, bias = self._left
        beside = product(row_1, kernel, bias)  # At each pixel for the one to its right.
        return above, left + tf.pad(beside[:-1], [[1, 0], [0, 0], [0, 0]])

    def first_of_pixel(self, pixel, contribution):
        """The first layer of the stream to the left; `pixel` is the one before, zeros for none."""
        return product(pixel, self._left[1], contribution)

    def parameters(self, values):
        kernel, bias = self._last
        return product(tf.nn.elu(values), kernel, bias)
