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
        `[batch, height, width, channels]`, `channels` a multiple of `num_channels`. The batch must be a multiple of the
        group size; one of a size that is not known when the layer is traced, such as the rest of a data set, may leave a
        smaller group (`"contiguous"`) or smaller groups (`"strided"`).

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

    @property
    def batch_multiple(self):
        """What a replica's batch must be a multiple of, for the groups to be those of one device."""
        return self.group_size or 1

    def call(self, inputs):
        _, height, width, channels = inputs.shape
        num_groups = self._num_groups(inputs)
        if num_groups is None:
            return self._call_in_any_groups(inputs)
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
        return self._append(inputs, tf.reshape(stddevs, [-1, height, width, self.num_channels]))

    def _append(self, inputs, stddevs):
        dtype = self.compute_dtype
        return tf.concat([tf.cast(inputs, dtype), tf.cast(stddevs, dtype)], axis=-1)

    def _call_in_any_groups(self, inputs):
        """The same for a size that only the run knows: the rest of a data set may leave groups of unequal size."""
        _, height, width, channels = inputs.shape
        batch_size = tf.shape(inputs)[0]
        group_size = tf.maximum(1, tf.minimum(self.group_size, batch_size))
        num_groups = -(-batch_size // group_size)
        examples = tf.range(batch_size)
        groups = examples % num_groups if self.grouping == "strided" else examples // group_size  # [batch]
        parts = [self.num_channels, channels // self.num_channels]
        features = tf.reshape(tf.cast(inputs, tf.float32), [-1, height * width, *parts])
        means = tf.math.unsorted_segment_mean(features, groups, num_groups)
        squares = tf.square(features - tf.gather(means, groups))
        stddevs = tf.sqrt(tf.math.unsorted_segment_mean(squares, groups, num_groups) + self.epsilon)
        stddevs = tf.gather(tf.reduce_mean(stddevs, axis=[1, 3]), groups)  # [batch, parts]
        return self._append(inputs, tf.tile(stddevs[:, None, None], [1, height, width, 1]))

    def _num_groups(self, inputs):
        """The number of groups of one size, an integer; `None` if only the run knows whether there are such."""
        if self.group_size is None:
            return 1
        batch_size = inputs.shape[0]
        if batch_size is None:
            return None
        group_size = max(1, min(self.group_size, batch_size))
        if batch_size % group_size:
            raise ValueError(
                f"The batch must be a multiple of `group_size`, or smaller. Received: {batch_size} examples, "
                f"group_size={self.group_size}. Change the batch size or the group size of the minibatch stddev."
            )
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
