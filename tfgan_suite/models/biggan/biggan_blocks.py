"""The residual blocks of BigGAN and BigGAN-deep.

Where the result is the same, resampling is placed where it is cheapest: a shortcut's 1x1 convolution runs at the
smaller size, and a 3x3 convolution that follows a doubling or precedes a halving becomes a convolution with stride 2.
"""

import keras
import tensorflow as tf

from tfgan_suite.layers.box_resampling import average_pixels, repeat_pixels
from tfgan_suite.layers.conditional_batch_normalization import ConditionalBatchNormalization
from tfgan_suite.layers.spectral_normalization import SpectralConvolution


class _Block(keras.layers.Layer):
    """The parts of a block. `norm` contains `epsilon` and `initializer` of the spectrally normalized kernels."""

    def __init__(self, plan, norm, seed, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.plan = plan
        self.norm = norm
        self.seed = seed

    def _build_convolutions(self, *in_channels):
        """Builds `convolve_1`, `convolve_2`, ... from their input channels."""
        for index, channels in enumerate(in_channels):
            getattr(self, f"convolve_{index + 1}").build([None, None, None, channels])

    def _convolution(self, filters, kernel_size, index, name, resample=None):
        return SpectralConvolution(
            filters,
            kernel_size,
            resample=resample,
            seed=self.seed + index,
            dtype=self.dtype_policy,
            name=name,
            **self.norm,
        )


class _ConditionalBlock(_Block):
    """A generator's block. `batch_norm` contains arguments of `ConditionalBatchNormalization`."""

    def __init__(self, plan, norm, batch_norm, seed, **kwargs):
        super().__init__(plan, norm, seed, **kwargs)
        self.batch_norm = batch_norm

    def _build_normalizations(self, condition_shape, *channels):
        for index, num_channels in enumerate(channels):
            getattr(self, f"normalize_{index + 1}").build([None, None, None, num_channels], condition_shape)

    def _normalization(self, index):
        return ConditionalBatchNormalization(
            spectral_norm_epsilon=self.norm["epsilon"],
            initializer=self.norm["initializer"],
            seed=self.seed + 5 + 2 * index,
            dtype=self.dtype_policy,
            name=f"normalize_{index + 1}",
            **self.batch_norm,
        )


class GeneratorBlock(_ConditionalBlock):
    """Normalization, ReLU, doubling, 3x3, normalization, ReLU, 3x3; with a 1x1 convolution in the shortcut.

    Reference: Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis" (2019), figure 15b.
    """

    def __init__(self, plan, norm, batch_norm, seed, **kwargs):
        super().__init__(plan, norm, batch_norm, seed, **kwargs)
        self.normalize_1, self.normalize_2 = self._normalization(0), self._normalization(1)
        self.convolve_1 = self._convolution(plan.out_channels, 3, 0, "convolve_1", resample="up")
        self.convolve_2 = self._convolution(plan.out_channels, 3, 1, "convolve_2")
        self.shortcut = self._convolution(plan.out_channels, 1, 2, "shortcut")

    def build(self, features_shape, condition_shape):
        self._build_normalizations(condition_shape, self.plan.in_channels, self.plan.out_channels)
        self._build_convolutions(self.plan.in_channels, self.plan.out_channels)
        self.shortcut.build(features_shape)

    def call(self, features, condition, training=False):
        hidden = tf.nn.relu(self.normalize_1(features, condition, training=training))
        hidden = self.convolve_1(hidden, training=training)  # [batch, 2 * height, 2 * width, out_channels]
        hidden = tf.nn.relu(self.normalize_2(hidden, condition, training=training))
        return self.convolve_2(hidden, training=training) + repeat_pixels(self.shortcut(features, training=training))


class DeepGeneratorBlock(_ConditionalBlock):
    """A bottleneck of a quarter of the channels: convolutions 1x1, 3x3, 3x3, 1x1, each after normalization and ReLU.

    The shortcut has no weights: where the number of channels decreases, the last ones are dropped.

    Reference: Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis" (2019), figure 16b.
    """

    def __init__(self, plan, norm, batch_norm, seed, **kwargs):
        super().__init__(plan, norm, batch_norm, seed, **kwargs)
        width, up = plan.in_channels // 4, "up" if plan.resample else None
        self.normalize_1, self.normalize_2 = self._normalization(0), self._normalization(1)
        self.normalize_3, self.normalize_4 = self._normalization(2), self._normalization(3)
        self.convolve_1 = self._convolution(width, 1, 0, "convolve_1")
        self.convolve_2 = self._convolution(width, 3, 1, "convolve_2", resample=up)
        self.convolve_3 = self._convolution(width, 3, 2, "convolve_3")
        self.convolve_4 = self._convolution(plan.out_channels, 1, 3, "convolve_4")

    def build(self, features_shape, condition_shape):
        width = self.plan.in_channels // 4
        self._build_normalizations(condition_shape, self.plan.in_channels, width, width, width)
        self._build_convolutions(self.plan.in_channels, width, width, width)

    def call(self, features, condition, training=False):
        hidden = tf.nn.relu(self.normalize_1(features, condition, training=training))
        hidden = self.convolve_1(hidden, training=training)  # [batch, height, width, in_channels / 4]
        hidden = tf.nn.relu(self.normalize_2(hidden, condition, training=training))
        hidden = self.convolve_2(hidden, training=training)  # twice the size, if the block doubles
        hidden = tf.nn.relu(self.normalize_3(hidden, condition, training=training))
        hidden = self.convolve_3(hidden, training=training)
        hidden = tf.nn.relu(self.normalize_4(hidden, condition, training=training))
        hidden = self.convolve_4(hidden, training=training)  # [..., out_channels]
        kept = features[..., : self.plan.out_channels]
        return hidden + (repeat_pixels(kept) if self.plan.resample else kept)


class DiscriminatorBlock(_Block):
    """ReLU (except in the first block), 3x3 convolution, ReLU, 3x3 convolution, halving by average pooling.

    The shortcut has a 1x1 convolution where the number of channels changes, and with `convolve_equal_shortcuts` also
    wherever the block halves the size.

    Reference: Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis" (2019), figure 15c.
    """

    def __init__(self, plan, norm, seed, activate_first=True, convolve_equal_shortcuts=True, **kwargs):
        super().__init__(plan, norm, seed, **kwargs)
        self.activate_first = activate_first
        self.convolve_1 = self._convolution(plan.out_channels, 3, 0, "convolve_1")
        self.convolve_2 = self._convolution(
            plan.out_channels, 3, 1, "convolve_2", resample="down" if plan.resample else None
        )
        self.shortcut = None
        if plan.in_channels != plan.out_channels or (plan.resample and convolve_equal_shortcuts):
            self.shortcut = self._convolution(plan.out_channels, 1, 2, "shortcut")

    def build(self, features_shape):
        self._build_convolutions(self.plan.in_channels, self.plan.out_channels)
        if self.shortcut is not None:
            self.shortcut.build(features_shape)

    def call(self, features, training=False):
        hidden = tf.nn.relu(features) if self.activate_first else features
        hidden = tf.nn.relu(self.convolve_1(hidden, training=training))
        hidden = self.convolve_2(hidden, training=training)  # half the size, if the block halves
        features = average_pixels(features) if self.plan.resample else features
        return hidden + (features if self.shortcut is None else self.shortcut(features, training=training))


class DeepDiscriminatorBlock(_Block):
    """A bottleneck of a quarter of the output channels: convolutions 1x1, 3x3, 3x3, 1x1, each after a ReLU.

    Where the number of channels increases, a 1x1 convolution in the shortcut creates the new ones, next to the old
    ones.

    Reference: Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis" (2019), figure 16c.
    """

    def __init__(self, plan, norm, seed, **kwargs):
        super().__init__(plan, norm, seed, **kwargs)
        width = plan.out_channels // 4
        self.convolve_1 = self._convolution(width, 1, 0, "convolve_1")
        self.convolve_2 = self._convolution(width, 3, 1, "convolve_2")
        self.convolve_3 = self._convolution(width, 3, 2, "convolve_3")
        self.convolve_4 = self._convolution(plan.out_channels, 1, 3, "convolve_4")
        self.shortcut = None
        if plan.in_channels != plan.out_channels:
            self.shortcut = self._convolution(plan.out_channels - plan.in_channels, 1, 4, "shortcut")

    def build(self, features_shape):
        width = self.plan.out_channels // 4
        self._build_convolutions(self.plan.in_channels, width, width, width)
        if self.shortcut is not None:
            self.shortcut.build(features_shape)

    def call(self, features, training=False):
        hidden = self.convolve_1(tf.nn.relu(features), training=training)  # [batch, height, width, out_channels / 4]
        hidden = self.convolve_2(tf.nn.relu(hidden), training=training)
        hidden = tf.nn.relu(self.convolve_3(tf.nn.relu(hidden), training=training))
        if self.plan.resample:
            hidden, features = average_pixels(hidden), average_pixels(features)
        hidden = self.convolve_4(hidden, training=training)  # [..., out_channels]
        if self.shortcut is not None:
            features = tf.concat([features, self.shortcut(features, training=training)], axis=-1)
        return hidden + features
