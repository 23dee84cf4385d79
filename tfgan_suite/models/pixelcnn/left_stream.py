"""LeftStream: PixelCNN's stream of the pixels above and to the left, worked out for a pixel at a time."""

from typing import NamedTuple

import tensorflow as tf

from tfgan_suite.models.pixelcnn.pixelcnn_network import STAGES
from tfgan_suite.models.pixelcnn.rows import activate, convolve_rows, interleave, product, row_kernel, zero_rows


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
        self._width, self._filters = network.image_shape[1], network.filters
        filters = self._filters
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

    def initial_pixel_state(self, stages, batch_size):
        """The `PixelState` before the first pixel of a row: zeros, as the padding."""

        zeros_of = {size: tf.zeros([batch_size, size]) for size in (self._filters, 2 * self._filters)}

        def zeros(sizes):
            return [zeros_of[size] for size in sizes]

        def array(stage):
            return tf.TensorArray(
                tf.float32, self._width >> stage, element_shape=[None, sum(self._kept[stage])], name=f"stage_{stage}"
            )

        return PixelState(
            last={stage: zeros(self._kept[stage]) for stage in stages},
            pairs={stage: zeros([self._filters] * 2) for stage in stages[:-1]},
            arrays={stage: array(stage) for stage in stages},
        )

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

    def run_pixel(self, stage, row, column, values, contributions, state):
        """Runs a stage at a pixel, and those below it that have one here.

        Args:
            stage: Integer.
            row: Integer. The row's place in its group, at the size of this stage.
            column: int32 scalar, likewise at the size of this stage.
            values: float32 `[batch, filters]`. The stage's first layer.
            contributions: `Contributions`.
            state: `PixelState` of the pixel before.

        Returns:
            float32 `[batch, filters]`, and the state for the next pixel.
        """
        own = contributions.at(stage, column)
        active, last, kept = activate(values), iter(state.last[stage]), []
        skips = [active]
        for block in self._down[stage]:
            values, active = block(values, active, None, own, last, kept)
            skips.append(active)
        if stage == STAGES - 1:
            skips.pop()
        else:
            kept.append(values)
            last_values = next(last)
            if row % 2 == 1:
                values = next(own)
            else:
                values, state = self._run_below(stage, row, column, last_values, values, contributions, state)
            active = activate(values)
        for block in self._up[stage]:
            values, active = block(values, active, skips.pop(), own, last, kept)
        kept.append(values)
        array = state.arrays[stage].write(column, tf.concat(kept, axis=-1))
        return values, state._replace(last={**state.last, stage: kept}, arrays={**state.arrays, stage: array})

    def _run_below(self, stage, row, column, last_values, values, contributions, state):
        """What the stage below gives at this pixel: anew at every 2nd one, which makes a pair, else the second of the pair."""

        def run():
            first = self._shrink[stage](last_values, values, contributions.first(stage + 1, column // 2))
            small, after = self.run_pixel(stage + 1, row // 2, column // 2, first, contributions, state)
            return after._replace(pairs={**after.pairs, stage: self._grow[stage].upper_pair(small)})

        is_even = tf.equal(column % 2, 0)
        state = tf.cond(is_even, run, lambda: state)
        return tf.where(is_even, *state.pairs[stage]), state


class PixelState(NamedTuple):
    """What is kept from pixel to pixel of a row, of the stages that have one.

    Attributes:
        last: Dict of stage to what its layers were called with at its last pixel, and what it gave; a list of float32
            `[batch, channels]`.
        pairs: Dict of stage to what the stage below last gave for two of its pixels, a list of float32 `[batch, filters]`.
        arrays: Dict of stage to a `tf.TensorArray` of all that is in `last`, joined, for the row below.
    """

    last: dict
    pairs: dict
    arrays: dict


class Contributions:
    """What the row above and the other stream contribute at the pixels of a row, one piece of memory for each of them.

    Args:
        prepared: What `LeftStream.prepare_row` returned.
    """

    def __init__(self, prepared):
        self._sizes = {stage: [one.shape[-1] for one in rows] for stage, rows in prepared.items()}
        self._joined = {stage: tf.concat(rows, axis=-1) for stage, rows in prepared.items()}
        self._first = {stage: rows[0] for stage, rows in prepared.items()}

    def first(self, stage, column):
        """The contribution to a stage's first layer, float32 `[batch, filters]`."""
        return tf.gather(self._first[stage], column)

    def at(self, stage, column):
        """Those to its other layers, an iterator over float32 `[batch, channels]`."""
        return iter(tf.split(tf.gather(self._joined[stage], column), self._sizes[stage], axis=-1)[1:])


class _SplitConvolution:
    """A convolution of two rows and two columns, in two products: of the row above, and of the pixel and the one before."""

    def __init__(self, layer):
        kernel = layer.kernel
        self.upper = row_kernel(kernel[:1])
        self.lower = tf.reshape(kernel[1], [-1, layer.filters])
        self.bias = tf.convert_to_tensor(layer.bias)

    def prepare(self, row_above, strides=1):
        return convolve_rows(row_above, self.upper, strides, self.bias)

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
        hidden = activate(self.convolve_1(next(last), seen, next(contributions)))
        outputs = self.convolve_2(next(last), hidden, next(contributions))
        outputs, gates = tf.split(outputs, 2, axis=-1)
        kept += [active, hidden]
        values += outputs * tf.sigmoid(gates)
        return values, activate(values)


class _GrowingPixel:
    """A transposed convolution: of a pixel the two at its upper side, of a row the one at its lower side."""

    def __init__(self, layer):
        self.upper, self.lower = tf.split(layer.kernel_of_quads()[0, 0], 2, axis=-1)
        self.bias = tf.convert_to_tensor(layer.bias)

    def upper_pair(self, pixel):
        return tf.split(product(pixel, self.upper, tf.tile(self.bias, [2])), 2, axis=-1)

    def lower_row(self, row):
        return interleave(product(row, self.lower)) + self.bias
