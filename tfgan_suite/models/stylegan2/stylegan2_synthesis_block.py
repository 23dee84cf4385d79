"""One level of StyleGAN2's generator."""

import keras

from tfgan_suite.layers.equalized_convolution import EqualizedConvolution
from tfgan_suite.layers.modulated_convolution import ModulatedConvolution
from tfgan_suite.layers.resample import resample


class StyleGAN2SynthesisBlock(keras.layers.Layer):
    """Doubles features and image, with two styled convolutions, and ToRGB where the architecture has it.

    Args:
        size: Tuple `(height, width)`. Size of the outputs.
        in_channels: Integer, or `None`. Number of channels of the input features; `None` for the first block, which has
            a learned constant.
        channels: Integer. Number of channels of the output features.
        w_size: Integer. Length of the vectors `w` that styles are computed from.
        image_channels: Integer, or `None`. Number of output channels of ToRGB; `None` if there is no ToRGB.
        residual: Boolean. Whether the block has a shortcut.
        resample_filter: Sequence of floats. The filter's taps along each axis.
        clamp: Float > 0, or `None`. Maximum magnitude of activations.
        use_noise: Boolean. Whether to add noise after the convolutions.
        seed: Integer. Base seed of the initial weights.

    Attributes:
        convolutions: List of one or two `ModulatedConvolution`, in the order in which they take their `w`.
        to_rgb: The `ModulatedConvolution` to image channels, or `None`.

    Reference: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020), figures 2 and 7.
    """

    def __init__(
        self,
        size,
        in_channels,
        channels,
        w_size,
        image_channels,
        residual,
        resample_filter,
        clamp,
        use_noise,
        seed,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.size = size
        self.in_channels = in_channels
        self.channels = channels
        self.w_size = w_size
        self.resample_filter = resample_filter
        self.seed = seed
        first = in_channels is None
        # Figure 7: branches of variance 1 are summed to variance 1.
        branch_gain = 0.5**0.5 if residual and not first else 1.0
        options = {"resample_filter": resample_filter, "dtype": self.dtype_policy}
        styled = {"clamp": clamp, "use_noise": use_noise, **options}
        self.convolutions = [] if first else [self._convolution("convolution_up", 1, 1.0, up=True, **styled)]
        self.convolutions.append(self._convolution("convolution", 4, branch_gain, **styled))
        self.shortcut = self.to_rgb = None
        if residual and not first:
            self.shortcut = EqualizedConvolution(
                channels,
                kernel_size=1,
                resampling="up",
                use_bias=False,
                activation_gain=branch_gain,
                seed=seed + 9,
                name="shortcut",
                **options,
            )
        if image_channels is not None:
            self.to_rgb = ModulatedConvolution(
                image_channels,
                kernel_size=1,
                demodulate=False,
                use_noise=False,
                activation=None,
                activation_gain=1.0,
                clamp=clamp,
                seed=seed + 7,
                name="to_rgb",
                **options,
            )

    def _convolution(self, name, index, gain, clamp, **options):
        """Creates a convolution whose clamp is scaled with the branch's gain, so that it clips the same activations."""
        return ModulatedConvolution(
            self.channels,
            activation_gain=2.0**0.5 * gain,
            clamp=None if clamp is None else clamp * gain,
            seed=self.seed + index,
            name=name,
            **options,
        )

    def build(self, input_shape=None):
        w_shape = [None, self.w_size]
        if self.in_channels is None:
            self.constant = self.add_weight(
                name="constant",
                autocast=False,
                shape=[*self.size, self.channels],
                initializer=keras.initializers.RandomNormal(stddev=1.0, seed=self.seed),
            )
        else:
            half_shape = [None, self.size[0] // 2, self.size[1] // 2, self.in_channels]
            self.convolutions[0].build(half_shape, w_shape)
            if self.shortcut is not None:
                self.shortcut.build(half_shape)
        self.convolutions[-1].build([None, *self.size, self.channels], w_shape)
        if self.to_rgb is not None:
            self.to_rgb.build([None, *self.size, self.channels], w_shape)

    def call(self, features, images, ws, noises):
        """Runs the block.

        Args:
            features: A tensor of shape `[batch, height / 2, width / 2, in_channels]`, or `None` for the first block.
            images: A float32 tensor of shape `[batch, height / 2, width / 2, image_channels]`, or `None`.
            ws: List of float32 tensors of shape `[batch, w_size]`, one for each of the convolutions and ToRGB.
            noises: List with a float32 tensor of shape `[batch or 1, height, width, 1]`, or `None`, for each
                convolution.

        Returns:
            A tuple of features `[batch, height, width, channels]`, and of images of that size.
        """
        branch = features
        if features is None:
            features = self.constant[None]  # [1, height, width, channels]; the styles add the batch axis.
        for convolution, w, noise in zip(self.convolutions, ws, noises):
            features = convolution(features, w, noise)
        if self.shortcut is not None:
            features += self.shortcut(branch)
        if images is not None:
            images = resample(images, self.resample_filter, up=2)
        if self.to_rgb is not None:
            rgb = keras.ops.cast(self.to_rgb(features, ws[-1]), "float32")
            images = rgb if images is None else images + rgb
        return features, images
