"""Keras's Conv2D on top of the suite's `convolve`, which is faster at small sizes and takes groups everywhere."""

import keras

from tfgan_suite.layers.convolve import convolve, mix_channels
from tfgan_suite.layers.convolve_groups import convolve_groups


@keras.saving.register_keras_serializable("tfgan_suite")
class Convolution(keras.layers.Conv2D):
    """A 2-D convolution, channels last, without dilation.

    The arguments and weights are those of `keras.layers.Conv2D`.

    Example:

    >>> Convolution(8, 4, strides=2, padding="same")(np.zeros([1, 8, 8, 3], "float32")).shape
    TensorShape([1, 4, 4, 8])
    """

    def convolution_op(self, inputs, kernel):
        if set(self.dilation_rate) != {1} or len(set(self.strides)) != 1:
            raise ValueError(
                "`dilation_rate` must be 1, and `strides` equal along both axes. Received: "
                f"dilation_rate={self.dilation_rate}, strides={self.strides}. "
                "Use `keras.layers.Conv2D` for the other cases."
            )
        if self.groups != 1:
            return convolve_groups(inputs, kernel, self.groups, self.strides[0], self.padding.upper())
        if self.kernel_size == (1, 1) and self.strides[0] == 1:
            return mix_channels(inputs, kernel)
        return convolve(inputs, kernel, self.strides[0], self.padding.upper())
