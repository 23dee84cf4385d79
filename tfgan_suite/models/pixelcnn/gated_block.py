"""GatedBlock: PixelCNN++'s residual block."""

import keras
import tensorflow as tf

from tfgan_suite.foundation.randomness import fold
from tfgan_suite.layers.seeded_dropout import seeded_dropout
from tfgan_suite.models.pixelcnn.concat_elu import concat_elu
from tfgan_suite.models.pixelcnn.weight_normalization import CausalConvolution


@keras.saving.register_keras_serializable("tfgan_suite")
class GatedBlock(keras.layers.Layer):
    """Two causal convolutions, with a skip connection and a class in between, whose gated output is added to the input.

    Activations come with their `concat_elu`, since several blocks take the same one.

    Args:
        filters: Integer >= 1. Channels of input and output.
        to_left: Boolean. Whether the convolutions see pixels to the left, or else those above alone.
        skip_channels: Integer, the channels of a skip connection, activated; or `None` for no such connection.
        num_classes: Integer >= 1, or `None`.
        dropout_rate: Float in [0, 1).
        seed: Integer. Base seed of the initial weights, and name of the block's dropout.

    Call arguments:
        inputs: float `[batch, height, width, filters]`.
        activated: `concat_elu(inputs)`.
        skip: float `[batch, height, width, channels]`, activated, or `None`.
        classes: float `[batch, num_classes]`, one-hot or between classes, or `None`.
        dropout_seed: int32 `[2]`, or `None` for none.
        initialize: Boolean. See `WeightNormalization`.

    Output shape:
        `[batch, height, width, filters]`, and the same activated.

    Reference: Salimans et al., "PixelCNN++" (2017), section 2.5; van den Oord et al., "Conditional Image Generation with
    PixelCNN Decoders" (2016), equation 4.
    """

    def __init__(self, filters, to_left, skip_channels, num_classes=None, dropout_rate=0.5, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.to_left = to_left
        self.skip_channels = skip_channels
        self.num_classes = num_classes
        self.dropout_rate = dropout_rate
        self.seed = seed
        shape = {"kernel_size": (2, 2) if to_left else (2, 3), "to_left": to_left, "dtype": self.dtype_policy}
        self.convolve_1 = CausalConvolution(filters, seed=seed, name="convolve_1", **shape)
        if skip_channels is not None:
            self.skip = CausalConvolution(
                filters, (1, 1), to_left=True, seed=seed + 1, name="skip", dtype=self.dtype_policy
            )
        # The branch begins as a tenth of what goes past it.
        self.convolve_2 = CausalConvolution(
            2 * filters, seed=seed + 2, initial_deviation=0.1, name="convolve_2", **shape
        )

    def build(self, input_shape=None):
        doubled = (None, None, None, 2 * self.filters)  # By `concat_elu`.
        self.convolve_1.build(doubled)
        self.convolve_2.build(doubled)
        if self.skip_channels is not None:
            self.skip.build((None, None, None, self.skip_channels))
        if self.num_classes is not None:
            self.class_kernel = self.add_weight(
                name="class_kernel",
                shape=[self.num_classes, 2 * self.filters],
                initializer=keras.initializers.RandomNormal(stddev=0.05, seed=self.seed + 3),
            )

    def call(self, inputs, activated, skip=None, classes=None, dropout_seed=None, initialize=False):
        hidden = self.convolve_1(activated, initialize=initialize)
        if self.skip_channels is not None:
            hidden += self.skip(skip, initialize=initialize)
        hidden = concat_elu(hidden)
        if dropout_seed is not None:
            hidden = seeded_dropout(hidden, self.dropout_rate, fold(dropout_seed, self.seed))
        outputs = self.convolve_2(hidden, initialize=initialize)
        if self.num_classes is not None:
            outputs += tf.matmul(classes, tf.cast(self.class_kernel, self.compute_dtype))[:, None, None]
        values, gates = tf.split(outputs, 2, axis=-1)
        outputs = inputs + values * tf.sigmoid(gates)
        return outputs, concat_elu(outputs)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "to_left": self.to_left,
            "skip_channels": self.skip_channels,
            "num_classes": self.num_classes,
            "dropout_rate": self.dropout_rate,
            "seed": self.seed,
        }
