"""Keras's Conv2D on the suite's own `convolve`, which is quicker at small sizes."""

import keras

from tfgan_suite.layers.convolve import convolve


@keras.saving.register_keras_serializable("tfgan_suite")
class Convolution(keras.layers.Conv2D):
    """A 2-D convolution, channels last, without dilation or groups. Arguments and weights are `keras.layers.Conv2D`'s.

    Example:

    >>> Convolution(8, 4, strides=2, padding="same")(np.zeros([1, 8, 8, 3], "float32")).shape
    TensorShape([1, 4, 4, 8])
    """

    def convolution_op(self, inputs, kernel):
        if self.groups != 1 or set(self.dilation_rate) != {1} or len(set(self.strides)) != 1:
            raise ValueError(
                "Expected no groups, no dilation and equal strides; keras.layers.Conv2D has them. Received: "
                f"groups={self.groups}, dilation_rate={self.dilation_rate}, strides={self.strides}"
            )
        return convolve(inputs, kernel, self.strides[0], self.padding.upper())
