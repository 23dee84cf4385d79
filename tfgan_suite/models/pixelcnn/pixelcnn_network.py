"""PixelCNNNetwork: from images to the parameters of each pixel, given the pixels before it."""

import keras
import tensorflow as tf

from tfgan_suite.foundation.number_kinds import is_count, is_number
from tfgan_suite.models.pixelcnn.concat_elu import concat_elu
from tfgan_suite.models.pixelcnn.gated_block import GatedBlock
from tfgan_suite.models.pixelcnn.weight_normalization import CausalConvolution, CausalTransposedConvolution

STAGES = 3  # Full, half and quarter size.


@keras.saving.register_keras_serializable("tfgan_suite")
class PixelCNNNetwork(keras.Model):
    """Two streams of gated blocks, down to a quarter of the size and up again.

    The stream `above` sees the rows above a pixel, the stream `left` also the pixels to its left, and takes the other one
    in. What is computed at a pixel depends on no pixel that comes at or after it in raster order.

    Args:
        image_shape: Tuple `(height, width, channels)`; height and width are multiples of 4.
        num_parameters: Integer >= 1. Parameters of a pixel.
        blocks: Integer >= 1. Gated blocks of each stage and stream on the way down; one more at the two larger sizes on the
            way up.
        filters: Integer >= 1. Channels of each stream.
        num_classes: Integer >= 1, or `None`.
        dropout_rate: Float in [0, 1).
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        images: float32 `[batch, height, width, channels]` in [-1, 1].
        labels: int32 `[batch]`, or `None`.
        training: Boolean. No effect: dropout is on where it has a seed.
        dropout_seed: int32 `[2]`, or `None` for no dropout.
        initialize: Boolean. Whether gains and biases are set from these images, eagerly; see `WeightNormalization`.

    Output shape:
        float32 `[batch, height, width, num_parameters]`.

    Reference: Salimans et al., "PixelCNN++" (2017), section 2 and figure 2, with the details of the authors' code.
    """

    def __init__(
        self, image_shape, num_parameters, blocks=5, filters=160, num_classes=None, dropout_rate=0.5, seed=0, **kwargs
    ):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        if self.image_shape[0] % 4 or self.image_shape[1] % 4:
            raise ValueError(
                "`image_shape` must have a height and a width that are multiples of 4. Received: "
                f"image_shape={self.image_shape}"
            )
        for name, value in {"blocks": blocks, "filters": filters}.items():
            if not is_count(value):
                raise ValueError(f"`{name}` must be an integer >= 1. Received: {name}={value!r}")
        if not is_number(dropout_rate) or not 0.0 <= dropout_rate < 1.0:
            raise ValueError(f"`dropout_rate` must be in [0, 1). Received: dropout_rate={dropout_rate!r}")
        self.num_parameters = num_parameters
        self.blocks = blocks
        self.filters = filters
        self.num_classes = num_classes
        self.dropout_rate = dropout_rate
        self.seed = seed
        # In the order of the authors' code, by which its weights have their names.
        self.ordered_layers = []
        self.first_above = self._convolution("first_above", (2, 3), to_left=False)
        self.first_row_above = self._convolution("first_row_above", (1, 3), to_left=False)
        self.first_left = self._convolution("first_left", (2, 1), to_left=True)
        # Of each stage, lists of the two streams' blocks; and what leads from one stage to the next.
        self.down_above, self.down_left, self.shrink_above, self.shrink_left = [], [], [], []
        for stage in range(STAGES):
            above, left = self._blocks(stage, blocks, up=False)
            self.down_above.append(above)
            self.down_left.append(left)
            if stage < STAGES - 1:
                self.shrink_above.append(self._convolution(f"shrink_above_{stage}", (2, 3), False, strides=2))
                self.shrink_left.append(self._convolution(f"shrink_left_{stage}", (2, 2), True, strides=2))
        self.up_above, self.up_left, self.grow_above, self.grow_left = [], [], [], []
        for stage in reversed(range(STAGES)):
            count = blocks if stage == STAGES - 1 else blocks + 1
            above, left = self._blocks(stage, count, up=True)
            self.up_above.insert(0, above)
            self.up_left.insert(0, left)
            if stage > 0:
                self.grow_above.insert(0, self._transposed(f"grow_above_{stage - 1}", (2, 3)))
                self.grow_left.insert(0, self._transposed(f"grow_left_{stage - 1}", (2, 2)))
        # float32 in reduced precision too: sampling must see the numbers that training saw.
        self.parameters_of = self._convolution("parameters", (1, 1), True, filters=num_parameters, dtype="float32")

    def _next_seed(self):
        return self.seed + 10 * len(self.ordered_layers)

    def _convolution(self, name, kernel_size, to_left, filters=None, dtype=None, **options):
        return self._add(
            CausalConvolution(
                filters or self.filters,
                kernel_size,
                to_left,
                seed=self._next_seed(),
                name=name,
                dtype=dtype or self.dtype_policy,
                **options,
            )
        )

    def _transposed(self, name, kernel_size):
        return self._add(
            CausalTransposedConvolution(
                self.filters, kernel_size, seed=self._next_seed(), name=name, dtype=self.dtype_policy
            )
        )

    def _blocks(self, stage, count, up):
        lists = [], []
        for index in range(count):
            for stream, blocks in zip(("above", "left"), lists):
                # On the way up of the same stream at its mirrored place, and of the other one for the stream to the left.
                streams = int(up) + int(stream == "left")
                block = GatedBlock(
                    self.filters,
                    to_left=stream == "left",
                    skip_channels=2 * self.filters * streams if streams else None,
                    num_classes=self.num_classes,
                    dropout_rate=self.dropout_rate,
                    seed=self._next_seed(),
                    name=f"{'up' if up else 'down'}_{stream}_{stage}_{index}",
                    dtype=self.dtype_policy,
                )
                blocks.append(self._add(block))
        return lists

    def _add(self, layer):
        self.ordered_layers.append(layer)
        return layer

    def build(self, images_shape=None, labels_shape=None):
        # By hand, since tracing several hundred layers takes seconds.
        first = (self.first_above, self.first_row_above, self.first_left)
        for layer in self.ordered_layers:
            channels = self.image_shape[-1] + 1 if layer in first else self.filters
            layer.build((None, None, None, channels))
            layer.built = True

    def compute_output_shape(self, images_shape, labels_shape=None):
        return (*images_shape[:3], self.num_parameters)

    def call(self, images, labels=None, training=False, dropout_seed=None, initialize=False):
        classes = None if labels is None else tf.one_hot(labels, self.num_classes, dtype=self.compute_dtype)
        options = {"classes": classes, "dropout_seed": dropout_seed, "initialize": initialize}
        inputs = with_ones(tf.cast(images, self.compute_dtype))
        above = shift_down(self.first_above(inputs, initialize=initialize))
        left = shift_down(self.first_row_above(inputs, initialize=initialize))
        left += shift_right(self.first_left(inputs, initialize=initialize))
        active_above, active_left = concat_elu(above), concat_elu(left)
        skips = [(active_above, active_left)]
        for stage in range(STAGES):
            for block_above, block_left in zip(self.down_above[stage], self.down_left[stage]):
                above, active_above = block_above(above, active_above, **options)
                left, active_left = block_left(left, active_left, active_above, **options)
                skips.append((active_above, active_left))
            if stage < STAGES - 1:
                above = self.shrink_above[stage](above, initialize=initialize)
                left = self.shrink_left[stage](left, initialize=initialize)
                active_above, active_left = concat_elu(above), concat_elu(left)
                skips.append((active_above, active_left))
        skips.pop()  # Where both streams are.
        for stage in reversed(range(STAGES)):
            for block_above, block_left in zip(self.up_above[stage], self.up_left[stage]):
                skip_above, skip_left = skips.pop()
                above, active_above = block_above(above, active_above, skip_above, **options)
                skip_left = tf.concat([active_above, skip_left], axis=-1)
                left, active_left = block_left(left, active_left, skip_left, **options)
            if stage > 0:
                above = self.grow_above[stage - 1](above, initialize=initialize)
                left = self.grow_left[stage - 1](left, initialize=initialize)
                active_above, active_left = concat_elu(above), concat_elu(left)
        return self.parameters_of(tf.nn.elu(tf.cast(left, tf.float32)), initialize=initialize)

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "num_parameters": self.num_parameters,
            "blocks": self.blocks,
            "filters": self.filters,
            "num_classes": self.num_classes,
            "dropout_rate": self.dropout_rate,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }


def with_ones(images):
    """Images with one more channel of ones, which tells padding from gray."""
    return tf.concat([images, tf.ones_like(images[..., :1])], axis=-1)


def shift_down(values):
    """Each row moved to the next; the first one is zeros."""
    return tf.pad(values[:, :-1], [[0, 0], [1, 0], [0, 0], [0, 0]])


def shift_right(values):
    """Each column moved to the next; the first one is zeros."""
    return tf.pad(values[:, :, :-1], [[0, 0], [0, 0], [1, 0], [0, 0]])
