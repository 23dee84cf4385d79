"""A layer that shows the discriminator how much the images in a group differ, as one more channel."""

import keras
import tensorflow as tf

GROUPINGS = ("strided", "contiguous")


@keras.saving.register_keras_serializable("tfgan_suite")
class MinibatchStddev(keras.layers.Layer):
    """Appends the standard deviation over a group of examples, averaged over pixels and channels.

    Args:
        group_size: Integer >= 1, or `None`. Number of examples in a group; `None` puts the whole batch in one group. A
            batch smaller than `group_size` is one group.
        num_channels: Integer >= 1. Number of channels to append, each averaged over its own share of the input
            channels.
        grouping: String, one of `"strided"` or `"contiguous"`. With `"strided"` and `n` groups, example `i` belongs to
            group `i mod n`, as in the authors' code. With `"contiguous"`, adjacent examples form a group, so replicas
            whose batch is a multiple of the group size form the same groups as a single device.
        epsilon: Float. Added to the variance to avoid division by zero in the gradient.

    Input shape:
        `[batch, height, width, channels]`. The batch must be a multiple of the group size, and `channels` a multiple
        of `num_channels`.

    Output shape:
        `[batch, height, width, channels + num_channels]`.

    Example:

    >>> MinibatchStddev(group_size=2)(np.array([1.0, 3.0], "float32").reshape([2, 1, 1, 1])).numpy().ravel().tolist()
    [1.0, 1.0, 3.0, 1.0]

    Reference: Karras et al., "Progressive Growing of GANs" (2018), section 3.
    """

    def __init__(self, group_size=4, num_channels=1, grouping="strided", epsilon=1e-8, **kwargs):
        super().__init__(autocast=False, **kwargs)
        if group_size is not None and group_size < 1:
            raise ValueError(f"`group_size` must be an integer >= 1 or `None`. Received: group_size={group_size}")
        if grouping not in GROUPINGS:
            raise ValueError(f"`grouping` must be one of {GROUPINGS}. Received: grouping={grouping!r}")
        self.group_size = group_size
        self.num_channels = num_channels
        self.grouping = grouping
        self.epsilon = epsilon

    def build(self, input_shape):
        if input_shape[-1] % self.num_channels:
            raise ValueError(
                f"The number of input channels must be a multiple of `num_channels`. Received: "
                f"{input_shape[-1]} input channels, num_channels={self.num_channels}"
            )

    def call(self, inputs):
        _, height, width, channels = inputs.shape
        num_groups = self._num_groups(inputs)
        examples_first = [-1, num_groups] if self.grouping == "strided" else [num_groups, -1]
        axis = 0 if self.grouping == "strided" else 1
        parts = [self.num_channels, channels // self.num_channels]
        features = tf.cast(inputs, tf.float32)
        grouped = tf.reshape(features, tf.stack([*examples_first, height * width, *parts]))
        deviations = grouped - tf.reduce_mean(grouped, axis=axis, keepdims=True)
        variances = tf.reduce_mean(tf.square(deviations), axis=axis, keepdims=True)
        stddevs = tf.sqrt(variances + self.epsilon)
        stddevs = tf.reduce_mean(stddevs, axis=[2, 4], keepdims=True)  # One number per group and part.
        stddevs = tf.broadcast_to(stddevs, tf.concat([tf.shape(grouped)[:4], [1]], axis=0))
        stddevs = tf.reshape(stddevs, [-1, height, width, self.num_channels])
        dtype = self.compute_dtype
        return tf.concat([tf.cast(inputs, dtype), tf.cast(stddevs, dtype)], axis=-1)

    def _num_groups(self, inputs):
        if self.group_size is None:
            return 1
        batch_size = inputs.shape[0]
        if batch_size is not None:
            group_size = max(1, min(self.group_size, batch_size))
            if batch_size % group_size:
                raise ValueError(
                    f"The batch must be a multiple of `group_size`, or smaller. Received: {batch_size} examples, "
                    f"group_size={self.group_size}. Change the batch size or the group size of the minibatch stddev."
                )
            return batch_size // group_size
        batch_size = tf.shape(inputs)[0]
        group_size = tf.maximum(1, tf.minimum(self.group_size, batch_size))
        whole = tf.debugging.assert_equal(
            batch_size % group_size,
            0,
            f"The batch must be a multiple of `group_size`, or smaller. Received: group_size={self.group_size}. "
            "Change the batch size or the group size of the minibatch stddev.",
        )
        with tf.control_dependencies([] if whole is None else [whole]):
            return batch_size // group_size

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + self.num_channels)

    def get_config(self):
        return {
            **super().get_config(),
            "group_size": self.group_size,
            "num_channels": self.num_channels,
            "grouping": self.grouping,
            "epsilon": self.epsilon,
        }
