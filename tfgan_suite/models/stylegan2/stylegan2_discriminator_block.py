"""One level of StyleGAN2's discriminator."""

import keras

from tfgan_suite.layers.equalized_convolution import EqualizedConvolution
from tfgan_suite.layers.resample import resample


class StyleGAN2DiscriminatorBlock(keras.layers.Layer):
    """Halves features and image, with FromRGB where the architecture has it, followed by two convolutions.

    Args:
        size: Tuple `(height, width)`. Size of the inputs.
        in_channels: Integer, or `None`. Number of channels of the input features; `None` for the first block, which
            sees only the image.
        channels: Integer. Number of channels of the features inside the block.
        out_channels: Integer. Number of channels of the output features.
        image_channels: Integer. Number of channels of the image.
        architecture: String, one of `"resnet"`, `"skip"`, or `"orig"`.
        resample_filter: Sequence of floats. The filter's taps along each axis.
        clamp: Float > 0, or `None`. Maximum magnitude of activations.
        seed: Integer. Base seed of the initial weights.

    Reference: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020), figure 7.
    """

    def __init__(
        self,
        size,
        in_channels,
        channels,
        out_channels,
        image_channels,
        architecture,
        resample_filter,
        clamp,
        seed,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.size = size
        self.channels = channels
        self.image_channels = image_channels
        self.resample_filter = resample_filter
        self.passes_image = architecture == "skip"
        # Figure 7: branches of variance 1 are summed to variance 1. The clamp is scaled with them.
        branch_gain = 0.5**0.5 if architecture == "resnet" else 1.0
        styled = {"activation": "leaky_relu", "dtype": self.dtype_policy}
        self.from_rgb = self.shortcut = None
        if in_channels is None or architecture == "skip":
            self.from_rgb = EqualizedConvolution(
                channels, 1, activation_gain=2.0**0.5, clamp=clamp, seed=seed, name="from_rgb", **styled
            )
        self.convolution = EqualizedConvolution(
            channels, activation_gain=2.0**0.5, clamp=clamp, seed=seed + 1, name="convolution", **styled
        )
        self.convolution_down = EqualizedConvolution(
            out_channels,
            resampling="down",
            resample_filter=resample_filter,
            activation_gain=2.0**0.5 * branch_gain,
            clamp=None if clamp is None else clamp * branch_gain,
            seed=seed + 2,
            name="convolution_down",
            **styled,
        )
        if architecture == "resnet":
            self.shortcut = EqualizedConvolution(
                out_channels,
                kernel_size=1,
                resampling="down",
                resample_filter=resample_filter,
                use_bias=False,
                activation_gain=branch_gain,
                seed=seed + 3,
                dtype=self.dtype_policy,
                name="shortcut",
            )

    def build(self, input_shape=None):
        shape = [None, *self.size, self.channels]
        if self.from_rgb is not None:
            self.from_rgb.build([None, *self.size, self.image_channels])
        self.convolution.build(shape)
        self.convolution_down.build(shape)
        if self.shortcut is not None:
            self.shortcut.build(shape)

    def call(self, features, images):
        """Runs the block.

        Args:
            features: A tensor of shape `[batch, height, width, in_channels]`, or `None` for the first block.
            images: A tensor of shape `[batch, height, width, image_channels]`, or `None` if no FromRGB needs it.

        Returns:
            A tuple of features `[batch, height / 2, width / 2, out_channels]`, and of images of that size or `None`.
        """
        if self.from_rgb is not None:
            from_image = self.from_rgb(images)
            features = from_image if features is None else from_image + keras.ops.cast(features, self.compute_dtype)
            images = resample(images, self.resample_filter, down=2) if self.passes_image else None
        outputs = self.convolution_down(self.convolution(features))
        if self.shortcut is not None:
            outputs += self.shortcut(features)
        return outputs, images
