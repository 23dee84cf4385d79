"""LeftStream: PixelCNN's stream of the pixels above and to the left, worked out for a pixel at a time."""

import tensorflow as tf

from tfgan_suite.models.pixelcnn.concat_elu import concat_elu
from tfgan_suite.models.pixelcnn.pixelcnn_network import STAGES
from tfgan_suite.models.pixelcnn.rows import interleave, product, taps, zero_rows


class LeftStream:
    """The stream's weights, ready for products, and what it keeps from row to row and from pixel to pixel.

    From row to row it keeps of every stage what its layers were called with, a row for each, joined along the channels: the
    two convolutions of each block on the way down, the convolution to the next stage, the blocks on the way up, and what
    the stage gave. From pixel to pixel it keeps the last piece of these rows.

    Args:
        network: A built `PixelCNNNetwork`.
        classes: float32 `[batch, num_classes]`, or `None`.
    """

    def __init__(self, network, classes):
        self._width, filters = network.image_shape[1], network.filters
        self._down = [[_LeftBlock(block, classes) for block in blocks] for blocks in network.down_left]
        self._up = [[_LeftBlock(block, classes) for block in blocks] for blocks in network.up_left]
        self._shrink = [_SplitConvolution(layer) for layer in network.shrink_left]
        self._grow = [_GrowingPixel(layer) for layer in network.grow_left]
        # Channels of what is kept of each stage.
        self._kept = [
            [2 * filters] * (2 * len(self._down[stage]))
            + ([filters] if stage < STAGES - 1 else [])
            + [2 * filters] * (2 * len(self._up[stage]))
            + [filters]
            for stage in range(STAGES)
        ]

    def initial_state(self, batch_size):
        """The state before the first row, a list for all stages: zeros, as the padding."""
        return [zero_rows(self._width >> stage, batch_size, sum(kept)) for stage, kept in enumerate(self._kept)]

    def initial_pixel(self, stage, batch_size):
        """What is kept before the first pixel of a row, a list: zeros, as the padding."""
        return [tf.zeros([batch_size, channels]) for channels in self._kept[stage]]

    def prepare_row(self, index, first, activated, state):
        """What the row above and the other stream contribute at each pixel of a row.

        Args:
            index: Integer. The row's place in its group.
            first: float32 `[width, batch, filters]`. The first layer, but for what the pixel before contributes.
            activated: As `AboveStream.run_row` returns it.
            state: List of what the row before left of all stages.

        Returns:
            A dict of stage to a list of float32 `[width, batch, channels]`, in the order in which `run_pixel` adds them.
        """
        prepared = {}
        for stage, (above_down, above_up) in sorted(activated.items()):
            kept = tf.split(state[stage], self._kept[stage], axis=-1)
            contributions = [first]
            for block, above in zip(self._down[stage], above_down):
                contributions += block.prepare(kept.pop(0), kept.pop(0), above)
            if stage < STAGES - 1:
                last = kept.pop(0)
                if (index >> stage) % 2 == 0:
                    first = self._shrink[stage].prepare(last, strides=2)
                else:
                    # The stage below had its row above this one.
                    small = tf.split(state[stage + 1], self._kept[stage + 1], axis=-1)[-1]
                    contributions.append(self._grow[stage].lower_row(small))
            for block, above in zip(self._up[stage], above_up):
                contributions += block.prepare(kept.pop(0), kept.pop(0), above)
            prepared[stage] = contributions
        return prepared

    def run_pixel(self, stage, row, column, values, group):
        """Runs a stage at a pixel, and those below it that have one here.

        Args:
            stage: Integer.
            row: Integer. The row's place in its group, at the size of this stage.
            column: Integer. The column's likewise.
            values: float32 `[batch, filters]`. The stage's first layer.
            group: A `ColumnGroup`, which is changed.

        Returns:
            float32 `[batch, filters]`.
        """
        contributions, last = iter(group.contributions[stage][column][1:]), iter(group.last[stage])
        active, kept = concat_elu(values), []
        skips = [active]
        for block in self._down[stage]:
            values, active = block(values, active, None, contributions, last, kept)
            skips.append(active)
        if stage == STAGES - 1:
            skips.pop()
        else:
            kept.append(values)
            last_values = next(last)
            if row % 2 == 1:
                values = next(contributions)
            else:
                if column % 2 == 0:
                    first = group.contributions[stage + 1][column // 2][0]
                    small = self._shrink[stage](last_values, values, first)
                    small = self.run_pixel(stage + 1, row // 2, column // 2, small, group)
                    group.grown[stage] = self._grow[stage].upper_pair(small)
                values = group.grown[stage][column % 2]
            active = concat_elu(values)
        for block in self._up[stage]:
            values, active = block(values, active, skips.pop(), contributions, last, kept)
        group.last[stage] = [*kept, values]
        group.kept[stage].append(tf.concat(group.last[stage], axis=-1))
        return values


class ColumnGroup:
    """What is known of a group of columns while its pixels are worked out one after another.

    Args:
        contributions: Dict of stage to a list for its columns, each a list of float32 `[batch, channels]`.
        last: Dict of stage to what is kept of its pixel before, a list.
    """

    def __init__(self, contributions, last):
        self.contributions = contributions
        self.last = dict(last)
        self.kept = {stage: [] for stage in contributions}
        self.grown = {}


class _SplitConvolution:
    """A convolution of two rows and two columns, in two products: of the row above, and of the pixel and the one before."""

    def __init__(self, layer):
        kernel = layer.kernel
        self.upper = tf.reshape(kernel[0], [-1, layer.filters])
        self.lower = tf.reshape(kernel[1], [-1, layer.filters])
        self.bias = tf.convert_to_tensor(layer.bias)

    def prepare(self, row_above, strides=1):
        return product(taps(row_above, 2, strides), self.upper, self.bias)

    def __call__(self, last, values, contribution):
        return product(tf.concat([last, values], axis=-1), self.lower, contribution)


class _LeftBlock:
    def __init__(self, block, classes):
        self.convolve_1, self.convolve_2 = _SplitConvolution(block.convolve_1), _SplitConvolution(block.convolve_2)
        skip = block.skip.kernel[0, 0]
        self.above_kernel = skip[: 2 * block.filters]
        # The skip connection of the same stream is one product with the convolution.
        self.convolve_1.lower = tf.concat([self.convolve_1.lower, skip[2 * block.filters :]], axis=0)
        self.convolve_1.bias += block.skip.bias
        if classes is not None:
            self.convolve_2.bias += tf.matmul(classes, block.class_kernel)

    def prepare(self, row_1, row_2, above):
        first = self.convolve_1.prepare(row_1) + product(above, self.above_kernel)
        return [first, self.convolve_2.prepare(row_2)]

    def __call__(self, values, active, skip, contributions, last, kept):
        seen = active if skip is None else tf.concat([active, skip], axis=-1)
        hidden = concat_elu(self.convolve_1(next(last), seen, next(contributions)))
        outputs = self.convolve_2(next(last), hidden, next(contributions))
        outputs, gates = tf.split(outputs, 2, axis=-1)
        kept += [active, hidden]
        values += outputs * tf.sigmoid(gates)
        return values, concat_elu(values)


class _GrowingPixel:
    """A transposed convolution: of a pixel the two at its upper side, of a row the one at its lower side."""

    def __init__(self, layer):
        self.upper, self.lower = tf.split(layer.kernel_of_quads()[0, 0], 2, axis=-1)
        self.bias = tf.convert_to_tensor(layer.bias)

    def upper_pair(self, pixel):
        return tf.split(product(pixel, self.upper, tf.tile(self.bias, [2])), 2, axis=-1)

    def lower_row(self, row):
        return interleave(product(row, self.lower)) + self.bias
