"""How much the images of a group differ, as one more channel for the discriminator."""

import keras
import tensorflow as tf

GROUPINGS = ("strided", "contiguous")


@keras.saving.register_keras_serializable("tfgan_suite")
class MinibatchStddev(keras.layers.Layer):
    """Appends the standard deviation over a group of examples, averaged over pixels and channels.

    Args:
        group_size: Examples of a group; `None` for the whole batch. A smaller batch is one group.
        num_channels: Channels to append, each the average over its own part of the channels.
        grouping: `"strided"`: of `n` groups, example `i` belongs to group `i mod n`, as in the papers' code.
            `"contiguous"`: neighbours form a group, so that replicas whose batch is a multiple of the group size make
            the same groups as one device.
        epsilon: Added to the variance.

    Call: `[batch, height, width, channels]` to `[batch, height, width, channels + num_channels]`. The batch must be a
    multiple of the group size, `channels` of `num_channels`.

    Example:

    >>> MinibatchStddev(group_size=2)(np.array([1.0, 3.0], "float32").reshape([2, 1, 1, 1])).numpy().ravel().tolist()
    [1.0, 1.0, 3.0, 1.0]

    Reference: Karras et al., "Progressive Growing of GANs" (2018), section 3.
    """

    def __init__(self, group_size=4, num_channels=1, grouping="strided", epsilon=1e-8, **kwargs):
        super().__init__(autocast=False, **kwargs)
        if group_size is not None and group_size < 1:
            raise ValueError(f"Expected group_size >= 1, or None. Received: group_size={group_size}")
        if grouping not in GROUPINGS:
            raise ValueError(f"Expected grouping to be one of {GROUPINGS}. Received: grouping={grouping!r}")
        self.group_size = group_size
        self.num_channels = num_channels
        self.grouping = grouping
        self.epsilon = epsilon

    def build(self, input_shape):
        if input_shape[-1] % self.num_channels:
            raise ValueError(
                f"Expected channels in a multiple of num_channels={self.num_channels}. Received: {input_shape[-1]}"
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
        stddevs = tf.reduce_mean(stddevs, axis=[2, 4], keepdims=True)  # One number a group and part.
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
                    f"Expected a batch in a multiple of the minibatch stddev's group_size={self.group_size}, or a "
                    f"smaller one. Received: {batch_size} examples. Change the batch or the group size."
                )
            return batch_size // group_size
        batch_size = tf.shape(inputs)[0]
        group_size = tf.maximum(1, tf.minimum(self.group_size, batch_size))
        whole = tf.debugging.assert_equal(
            batch_size % group_size,
            0,
            f"Expected a batch in a multiple of the minibatch stddev's group_size={self.group_size}, or a smaller one.",
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
