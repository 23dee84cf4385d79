"""A 3-D convolution of clips with stride 2 on top of the suite's 2-D one."""

import keras
from keras import ops

from tfgan_suite.layers.convolution import Convolution


@keras.saving.register_keras_serializable("tfgan_suite")
class ClipConvolution(keras.layers.Layer):
    """Convolves clips in time, height and width, with stride 2 in each of them, and padding as `"same"` has it.

    The frames that a kernel reaches stand behind each other as channels of one image, so that a 2-D convolution does it:
    TensorFlow's gradient of `keras.layers.Conv3D` takes many times as long on a CPU. Both compute the same.

    Args:
        filters: Integer >= 1. Channels of the output.
        kernel_size: Even integer >= 2. Size of the kernel in time, height and width.
        kernel_initializer: A Keras initializer. Its fan is that of a 3-D kernel.
        **kwargs: As for `keras.layers.Layer`.

    Input shape:
        `[batch, num_frames, height, width, channels]`.

    Output shape:
        `[batch, num_frames / 2, height / 2, width / 2, filters]`, rounded up.

    Example:

    >>> ClipConvolution(8)(np.zeros([1, 16, 8, 8, 3], "float32")).shape
    TensorShape([1, 8, 4, 4, 8])
    """

    def __init__(self, filters, kernel_size=4, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        if kernel_size < 2 or kernel_size % 2:
            raise ValueError(f"`kernel_size` must be an even integer >= 2. Received: kernel_size={kernel_size}")
        self.filters = filters
        self.kernel_size = kernel_size
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.of_images = Convolution(
            filters,
            kernel_size,
            strides=2,
            padding="same",
            kernel_initializer=kernel_initializer,
            dtype=self.dtype_policy,
            name="of_images",
        )

    def build(self, input_shape):
        *_, height, width, channels = input_shape
        self.of_images.build([None, height, width, channels * self.kernel_size])

    def call(self, clips):
        _, num_frames, height, width, channels = clips.shape
        size, half = self.kernel_size, -(-num_frames // 2)
        missing = max(2 * (half - 1) + size - num_frames, 0)
        padded = ops.pad(clips, [[0, 0], [missing // 2, missing - missing // 2], [0, 0], [0, 0], [0, 0]])
        reached = ops.concatenate([padded[:, time : time + 2 * half - 1 : 2] for time in range(size)], axis=4)
        images = self.of_images(ops.reshape(reached, [-1, height, width, size * channels]))
        return ops.reshape(images, [-1, half, *images.shape[1:]])

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
