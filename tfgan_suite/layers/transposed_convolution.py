"""Keras's Conv2DTranspose on top of the suite's `convolve_transpose`, which is faster at small sizes."""

import keras

from tfgan_suite.layers.convolve import convolve_transpose


@keras.saving.register_keras_serializable("tfgan_suite")
class TransposedConvolution(keras.layers.Conv2DTranspose):
    """A transposed 2-D convolution that upsamples images by `strides`.

    The weights are those of `keras.layers.Conv2DTranspose`.

    Args:
        filters: Integer >= 1. Number of output channels.
        kernel_size: Integer >= `strides`. Height and width of the kernel.
        strides: Integer >= 1. Number of output pixels per input pixel, along each axis.
        **kwargs: See `keras.layers.Conv2DTranspose`; `padding` must be `"same"`.

    Example:

    >>> TransposedConvolution(3, 4, strides=2)(np.zeros([1, 8, 8, 16], "float32")).shape
    TensorShape([1, 16, 16, 3])
    """

    def __init__(self, filters, kernel_size, strides=2, padding="same", **kwargs):
        super().__init__(filters, kernel_size, strides=strides, padding=padding, **kwargs)
        if self.padding != "same" or set(self.dilation_rate) != {1} or len(set(self.strides)) != 1:
            raise ValueError(
                "`padding` must be 'same', `dilation_rate` 1, and `strides` equal along both axes. Received: "
                f"padding={padding!r}, dilation_rate={self.dilation_rate}, strides={self.strides}. "
                "Use `keras.layers.Conv2DTranspose` for the other cases."
            )

    def call(self, inputs):
        _, height, width, _ = inputs.shape
        size = (height * self.strides[0], width * self.strides[1])
        outputs = convolve_transpose(inputs, self.kernel, size, self.strides[0], "SAME")
        if self.use_bias:
            outputs += keras.ops.cast(self.bias, outputs.dtype)
        return outputs if self.activation is None else self.activation(outputs)
