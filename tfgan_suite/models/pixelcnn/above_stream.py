"""AboveStream: PixelCNN's stream of the rows above a pixel, worked out for a row at a time."""

import tensorflow as tf

from tfgan_suite.models.pixelcnn.pixelcnn_network import STAGES
from tfgan_suite.models.pixelcnn.rows import activate, convolve_rows, interleave, product, row_kernel, zero_rows


class AboveStream:
    """The stream's weights, ready for products, and what it keeps from row to row.

    Its state is a dict: of every convolution the row that it was last called with, and of every growing one the lower one
    of the two rows that it gave.

    Args:
        network: A built `PixelCNNNetwork`.
        classes: float32 `[batch, num_classes]`, or `None`.
    """

    def __init__(self, network, classes):
        self._network = network
        self._width = network.image_shape[1]
        self._blocks = {
            stage: [
                [_AboveBlock(block, classes) for block in blocks]
                for blocks in (network.down_above[stage], network.up_above[stage])
            ]
            for stage in range(STAGES)
        }
        self._shrink = [_RowConvolution(layer) for layer in network.shrink_above]
        self._grow = [_GrowingRows(layer) for layer in network.grow_above]

    def initial_state(self, batch_size):
        """The state before the first row: zeros, as the padding."""
        state, filters = {}, self._network.filters
        for stage in range(STAGES):
            width = self._width >> stage
            for direction, blocks in enumerate(self._blocks[stage]):
                for index in range(len(blocks)):
                    for part in (0, 1):
                        state[f"block_{stage}_{direction}_{index}_{part}"] = zero_rows(width, batch_size, 2 * filters)
            if stage < STAGES - 1:
                state[f"shrink_{stage}"] = zero_rows(width, batch_size, filters)
                state[f"grown_{stage}"] = zero_rows(width, batch_size, filters)
        return state

    def run_row(self, index, first, state):
        """Runs the stages that have a row here.

        Args:
            index: Integer. The row's place in its group.
            first: float32 `[width, batch, filters]`. The stream's first layer at this row.
            state: What the row before left.

        Returns:
            A dict of stage to the activated outputs of its blocks on the way down and of those on the way up, two lists of
            float32 `[width, batch, 2 * filters]`; and the state for the row after.
        """
        state, activated = dict(state), {}
        self._run_stage(0, index, first, state, activated)
        return activated, state

    def _run_stage(self, stage, index, values, state, activated):
        down, up = self._blocks[stage]
        active, outputs = activate(values), ([], [])
        skips = [active]
        for number, block in enumerate(down):
            values, active = block(values, active, None, state, f"block_{stage}_0_{number}")
            skips.append(active)
            outputs[0].append(active)
        if stage == STAGES - 1:
            skips.pop()
        else:
            shrink_name, grown_name = f"shrink_{stage}", f"grown_{stage}"
            last, state[shrink_name] = state[shrink_name], values
            if index % 2 == 0:
                small = self._shrink[stage](last, values, strides=2)
                small = self._run_stage(stage + 1, index // 2, small, state, activated)
                values, state[grown_name] = self._grow[stage](small)
            else:
                values = state[grown_name]
            active = activate(values)
        for number, block in enumerate(up):
            values, active = block(values, active, skips.pop(), state, f"block_{stage}_1_{number}")
            outputs[1].append(active)
        activated[stage] = outputs
        return values


class _RowConvolution:
    """A convolution of two rows and three columns."""

    def __init__(self, layer):
        self.kernel = row_kernel(layer.kernel)
        self.bias = tf.convert_to_tensor(layer.bias)

    def __call__(self, last, row, strides=1):
        return convolve_rows(tf.concat([last, row], axis=-1), self.kernel, strides, self.bias)


class _AboveBlock:
    def __init__(self, block, classes):
        self.convolve_1, self.convolve_2 = _RowConvolution(block.convolve_1), _RowConvolution(block.convolve_2)
        if block.skip_channels is not None:
            self.skip_kernel = block.skip.kernel[0, 0]
            self.convolve_1.bias += block.skip.bias
        if classes is not None:
            self.convolve_2.bias += tf.matmul(classes, block.class_kernel)

    def __call__(self, values, active, skip, state, name):
        hidden = self.convolve_1(state[f"{name}_0"], active)
        if skip is not None:
            hidden += product(skip, self.skip_kernel)
        hidden = activate(hidden)
        outputs, gates = tf.split(self.convolve_2(state[f"{name}_1"], hidden), 2, axis=-1)
        state[f"{name}_0"], state[f"{name}_1"] = active, hidden
        values += outputs * tf.sigmoid(gates)
        return values, activate(values)


class _GrowingRows:
    """A transposed convolution: of a row the two of twice the width."""

    def __init__(self, layer):
        self.kernel = layer.kernel_of_quads()[0, 0]
        self.bias = tf.convert_to_tensor(layer.bias)

    def __call__(self, row):
        beside = tf.concat([row, tf.pad(row[1:], [[0, 1], [0, 0], [0, 0]])], axis=-1)
        upper, lower = tf.split(product(beside, self.kernel), 2, axis=-1)
        return interleave(upper) + self.bias, interleave(lower) + self.bias
