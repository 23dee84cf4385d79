"""ChannelPermutation: channels in another fixed order."""

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.models.glow.flow_layer import FlowLayer


@keras.saving.register_keras_serializable("tfgan_suite")
class ChannelPermutation(FlowLayer):
    """Channels in reverse, or in a random order that is saved with the weights.

    Args:
        order: String. `"reverse"` or `"shuffle"`.
        seed: Integer. Seed of a random order.

    Input shape:
        `[batch, height, width, channels]`

    Example:

    >>> ChannelPermutation("reverse")(tf.reshape([1.0, 2.0, 3.0], [1, 1, 1, 3])).numpy().ravel().tolist()
    [3.0, 2.0, 1.0]

    Reference: Kingma and Dhariwal, "Glow" (2018), section 3.2, which compares them.
    """

    def __init__(self, order, seed=0, bounded=True, **kwargs):
        super().__init__(bounded, **kwargs)
        if order not in ("reverse", "shuffle"):
            raise ValueError(f'`order` must be "reverse" or "shuffle". Received: order={order!r}')
        self.order = order
        self.seed = seed

    def build(self, input_shape):
        channels = input_shape[-1]
        if self.order == "shuffle":
            order = np.random.default_rng(self.seed).permutation(channels)
            self.indices = self.add_weight(
                name="indices",
                shape=[channels],
                dtype="int32",
                initializer=lambda shape, dtype=None: tf.constant(order, tf.int32),
                trainable=False,
            )

    def forward(self, images, training=False, initialize=False):
        if self.order == "reverse":
            return tf.reverse(images, [3]), tf.constant(0.0)
        return tf.gather(images, tf.convert_to_tensor(self.indices), axis=3), tf.constant(0.0)

    def inverse(self, images):
        if self.order == "reverse":
            return tf.reverse(images, [3])
        indices = tf.convert_to_tensor(self.indices)
        count = indices.shape[0]
        back = tf.scatter_nd(indices[:, None], tf.range(count), [count])
        return tf.gather(images, back, axis=3)

    def get_config(self):
        return {**super().get_config(), "order": self.order, "seed": self.seed}
