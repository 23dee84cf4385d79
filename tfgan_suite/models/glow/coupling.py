"""ChannelCoupling and CheckerboardCoupling: a half of the values changes, by what the other half says."""

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.models.glow.flow_layer import FlowLayer


class Coupling(FlowLayer):
    """`(x + shift) * exp(log_scale)` of one half of the values, both functions of the other half.

    Args:
        network: A layer that maps the half that stays to `(shift, log_scale)`; a `CouplingNetwork` or `ResidualNetwork`.
        reverse: Boolean. Whether the halves change places.
        bounded: Boolean. As for `FlowLayer`.

    Reference: Dinh et al., "Density estimation using Real NVP" (2017), equations 7 and 8, with the shift first.
    """

    def __init__(self, network, reverse=False, bounded=True, **kwargs):
        super().__init__(bounded, **kwargs)
        self.network = network
        self.reverse = reverse

    def get_config(self):
        network = keras.saving.serialize_keras_object(self.network)
        return {**super().get_config(), "network": network, "reverse": self.reverse}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "network": keras.saving.deserialize_keras_object(config["network"])})


@keras.saving.register_keras_serializable("tfgan_suite")
class ChannelCoupling(Coupling):
    """The second half of the channels changes, by what the first one says; in reverse the first one changes.

    Input shape:
        `[batch, height, width, channels]`, an even number of channels.
    """

    def build(self, input_shape):
        self.network.build((*input_shape[:-1], input_shape[-1] // 2))
        self.network.built = True

    def _halves(self, images):
        """The half that stays, and the one that changes."""
        first, second = tf.split(images, 2, axis=3)
        return (second, first) if self.reverse else (first, second)

    def _joined(self, stays, changes):
        return tf.concat([changes, stays] if self.reverse else [stays, changes], axis=3)

    def forward(self, images, training=False, initialize=False):
        stays, changes = self._halves(images)
        shift, log_scale = self.network(stays, training=training, initialize=initialize)
        if log_scale is None:
            return self._joined(stays, changes + shift), tf.constant(0.0)
        changed = (changes + shift) * tf.exp(log_scale)
        return self._joined(stays, changed), tf.reduce_sum(log_scale, axis=[1, 2, 3])

    def inverse(self, images):
        stays, changed = self._halves(images)
        shift, log_scale = self.network(stays)
        changes = changed if log_scale is None else changed * tf.exp(-log_scale)
        return self._joined(stays, changes - shift)


@keras.saving.register_keras_serializable("tfgan_suite")
class CheckerboardCoupling(Coupling):
    """Every second pixel changes, by what its neighbors say: the upper left one, or in reverse the others.

    Input shape:
        `[batch, height, width, channels]`
    """

    def build(self, input_shape):
        self.network.build(tuple(input_shape))
        self.network.built = True

    def _mask(self, images):
        """1 at the pixels that stay, float32 `[height, width, 1]`."""
        rows, columns = np.indices(images.shape[1:3])
        mask = ((rows + columns) % 2).astype(np.float32)[..., None]
        return 1.0 - mask if self.reverse else mask

    def _terms(self, images, training=False, initialize=False):
        """Shift and log-scale, 0 at the pixels that stay."""
        mask = self._mask(images)
        shift, log_scale = self.network(images * mask, training=training, initialize=initialize)
        return shift * (1.0 - mask), None if log_scale is None else log_scale * (1.0 - mask)

    def forward(self, images, training=False, initialize=False):
        shift, log_scale = self._terms(images, training, initialize)
        if log_scale is None:
            return images + shift, tf.constant(0.0)
        return (images + shift) * tf.exp(log_scale), tf.reduce_sum(log_scale, axis=[1, 2, 3])

    def inverse(self, images):
        shift, log_scale = self._terms(images)
        return (images if log_scale is None else images * tf.exp(-log_scale)) - shift
