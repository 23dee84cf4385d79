"""Keras's Conv2DTranspose on the suite's own `convolve_transpose`, which is quicker at small sizes."""

import keras

from tfgan_suite.layers.convolve import convolve_transpose


@keras.saving.register_keras_serializable("tfgan_suite")
class TransposedConvolution(keras.layers.Conv2DTranspose):
    """A transposed 2-D convolution that enlarges images by `strides`. Weights are `keras.layers.Conv2DTranspose`'s.

    Args:
        filters: Channels of the result.
        kernel_size: Taps, at least `strides`.
        strides: Pixels of the result for one of the inputs.
        **kwargs: As for `keras.layers.Conv2DTranspose`; padding is `"same"` here.

    Example:

    >>> TransposedConvolution(3, 4, strides=2)(np.zeros([1, 8, 8, 16], "float32")).shape
    TensorShape([1, 16, 16, 3])
    """

    def __init__(self, filters, kernel_size, strides=2, padding="same", **kwargs):
        super().__init__(filters, kernel_size, strides=strides, padding=padding, **kwargs)
        if self.padding != "same" or set(self.dilation_rate) != {1} or len(set(self.strides)) != 1:
            raise ValueError(
                "Expected padding='same', no dilation and equal strides; keras.layers.Conv2DTranspose has the others. "
                f"Received: padding={padding!r}, dilation_rate={self.dilation_rate}, strides={self.strides}"
            )

    def call(self, inputs):
        _, height, width, _ = inputs.shape
        size = (height * self.strides[0], width * self.strides[1])
        outputs = convolve_transpose(inputs, self.kernel, size, self.strides[0], "SAME")
        if self.use_bias:
            outputs += keras.ops.cast(self.bias, outputs.dtype)
        return outputs if self.activation is None else self.activation(outputs)
