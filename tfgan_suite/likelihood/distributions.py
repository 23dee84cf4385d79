"""What a network says of each pixel: distributions over whole levels, whose masses sum to 1.

Each takes the parameters that a network's last layer gives, channels last, and the images as they are inside of models: float32
on the grid of `num_levels` levels in [-1, 1].
"""

import math

import keras
import tensorflow as tf

from tfgan_suite.foundation.number_kinds import is_count
from tfgan_suite.likelihood.level_grid import to_grid
from tfgan_suite.likelihood.stable_functions import log_of_one_minus_exp, log_sum_exp, softplus

# The reference's bounds: of the logarithm of a scale, and of a level's share of a component.
_SMALLEST_LOG_SCALE, _SMALLEST_SHARE = -7.0, 1e-5
# For each channel, those before it that its mean moves with, and the row of their coefficients. Equation 3.
_DEPENDENCIES = ((), ((0, 0),), ((0, 1), (1, 2)))


class Distribution:
    """Base of all distributions of pixels.

    Attributes:
        num_levels: Integer, the only number of levels that it can have; `None` for any.
    """

    num_levels = None

    def num_parameters(self, channels):
        """Integer. The parameters of a pixel of so many channels: the filters of the network's last layer."""
        raise NotImplementedError

    def log_mass(self, images, parameters, num_levels):
        """The natural logarithm of the probability of each pixel, all its channels together.

        Args:
            images: float32 `[batch, height, width, channels]`.
            parameters: Float `[batch, height, width, num_parameters(channels)]`.
            num_levels: Integer in [2, 256].

        Returns:
            float32 `[batch, height, width]`.
        """
        raise NotImplementedError

    def sample(self, parameters, channels, num_levels, draw, temperature=1.0):
        """Draws images of whole levels.

        Args:
            parameters: Float `[batch, height, width, num_parameters(channels)]`.
            channels: Integer.
            num_levels: Integer in [2, 256], or `None` to leave values between the levels.
            draw: Function `(name, shape)` to uniform draws in (0, 1), float32 `[batch, *shape]`.
            temperature: Float scalar >= 0, or float32 `[batch]`. Below 1 the draws keep closer to what is most likely.

        Returns:
            float32 `[batch, height, width, channels]` in [-1, 1].
        """
        raise NotImplementedError

    def mean(self, parameters, channels):
        """The expected images, float32 `[batch, height, width, channels]` in [-1, 1], between the levels."""
        raise NotImplementedError

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable("tfgan_suite")
class DiscretizedLogisticMixture(Distribution):
    """A mixture of logistic distributions, of which each level takes the part around it; the end levels take the tails.

    The components of a pixel are chosen for all of its channels at once. With three channels, the mean of green moves with
    red, and that of blue with both. The layout of the parameters is the reference's: K logits of the components, then for each
    channel K means, K log-scales and, with three channels, K coefficients.

    Where a level has less than 1e-5 of a component, its share is the density in its middle times its width, as in the
    reference, because a difference of sigmoids has no digits left there.

    Args:
        components: Integer >= 1.

    Example: all masses of a gray pixel sum to 1.

    >>> mixture = DiscretizedLogisticMixture(2)
    >>> levels = tf.reshape(tf.linspace(-1.0, 1.0, 16), [16, 1, 1, 1])
    >>> masses = tf.exp(mixture.log_mass(levels, tf.zeros([16, 1, 1, 6]), num_levels=16))
    >>> round(float(tf.reduce_sum(masses)), 5)
    1.0

    Reference: Salimans et al., "PixelCNN++" (2017), section 2.1 and 2.2.
    """

    def __init__(self, components=10):
        if not is_count(components):
            raise ValueError(f"`components` must be an integer >= 1. Received: components={components!r}")
        self.components = components

    def num_parameters(self, channels):
        if channels not in (1, 3):
            raise ValueError(f"`channels` must be 1 or 3. Received: channels={channels}")
        return self.components * (10 if channels == 3 else 3)

    def log_mass(self, images, parameters, num_levels):
        logits, means, log_scales, coefficients = self._split(parameters, images.shape[-1])
        targets = tf.cast(images, tf.float32)[..., None]  # [batch, height, width, channels, 1]
        given = tf.unstack(targets, axis=-2)
        if len(given) > 1:
            means = tf.stack([self._mean_given(c, means, coefficients, given) for c in range(len(given))], axis=-2)
        inverse_scales = tf.exp(-log_scales)
        half_width = 1.0 / (num_levels - 1)
        above = inverse_scales * (targets - means + half_width)
        below = inverse_scales * (targets - means - half_width)
        middle = inverse_scales * (targets - means)
        difference = tf.sigmoid(above) - tf.sigmoid(below)
        density = middle - log_scales - 2.0 * softplus(middle) + math.log(2.0 * half_width)
        # The logarithm of the difference, without taking it: it has few digits left where it is small. The maximum keeps
        # gradients finite where a scale is so large that its inverse is 0, and this branch is not taken.
        share = (
            -softplus(-above)
            - softplus(below)
            + log_of_one_minus_exp(tf.maximum(2.0 * half_width * inverse_scales, 1e-20))
        )
        inside = tf.where(difference > _SMALLEST_SHARE, share, density)
        end = 1.0 - half_width
        log_masses = tf.where(targets > end, -softplus(below), inside)
        log_masses = tf.where(targets < -end, above - softplus(above), log_masses)
        log_weights = logits - log_sum_exp(logits)[..., None]
        return log_sum_exp(tf.reduce_sum(log_masses, axis=-2) + log_weights)

    def sample(self, parameters, channels, num_levels, draw, temperature=1.0):
        logits, *parts = self._split(parameters, channels)
        size = parameters.shape[1:3]
        temperature = _per_image(temperature)
        noise = -tf.math.log(-tf.math.log(draw("component", [*size, self.components])))
        chosen = tf.one_hot(tf.argmax(logits / temperature + noise, axis=-1), self.components)[..., None, :]
        means, log_scales, coefficients = (tf.reduce_sum(part * chosen, axis=-1, keepdims=True) for part in parts)
        u = draw("value", [*size, channels])[..., None]
        deviations = temperature[..., None] * tf.exp(log_scales) * (tf.math.log(u) - tf.math.log(1.0 - u))
        values = []  # Of each channel, [batch, height, width, 1].
        for channel in range(channels):
            value = self._mean_given(channel, means, coefficients, values) + deviations[..., channel, :]
            value = tf.clip_by_value(value, -1.0, 1.0)
            values.append(value if num_levels is None else to_grid(value, num_levels))
        return tf.concat(values, axis=-1)

    def mean(self, parameters, channels):
        logits, means, _, coefficients = self._split(parameters, channels)
        values = []  # Of each channel, [batch, height, width, components].
        for channel in range(channels):
            values.append(tf.clip_by_value(self._mean_given(channel, means, coefficients, values), -1.0, 1.0))
        return tf.reduce_sum(tf.stack(values, axis=-2) * tf.nn.softmax(logits)[..., None, :], axis=-1)

    def _split(self, parameters, channels):
        """Logits `[..., components]`; means, log-scales and coefficients `[..., channels, components]`, all float32."""
        parameters, k = tf.cast(parameters, tf.float32), self.components
        shape = [-1 if size is None else size for size in parameters.shape[1:-1]]
        # Split, not sliced: the gradient of slices is padding and a sum.
        logits, rest = tf.split(parameters, [k, parameters.shape[-1] - k], axis=-1)
        rest = tf.reshape(rest, [tf.shape(parameters)[0], *shape, channels, rest.shape[-1] // channels])
        means, log_scales, *others = tf.split(rest, 3 if channels > 1 else 2, axis=-1)
        coefficients = tf.tanh(others[0]) if channels > 1 else tf.zeros_like(means)
        return logits, means, tf.maximum(log_scales, _SMALLEST_LOG_SCALE), coefficients

    def _mean_given(self, channel, means, coefficients, values):
        """The mean of a channel, `values` being those of the channels before it."""
        mean = means[..., channel, :]
        for earlier, row in _DEPENDENCIES[channel]:
            mean += coefficients[..., row, :] * values[earlier]
        return mean

    def get_config(self):
        return {"components": self.components}


@keras.saving.register_keras_serializable("tfgan_suite")
class DiscretizedGaussian(Distribution):
    """A normal distribution for each channel, of which each level takes the part around it; the end levels take the tails.

    The parameters are a mean for each channel, then a log-deviation for each.

    Example:

    >>> gaussian = DiscretizedGaussian()
    >>> levels = tf.reshape(tf.linspace(-1.0, 1.0, 16), [16, 1, 1, 1])
    >>> masses = tf.exp(gaussian.log_mass(levels, tf.zeros([16, 1, 1, 2]), num_levels=16))
    >>> round(float(tf.reduce_sum(masses)), 5)
    1.0
    """

    def num_parameters(self, channels):
        return 2 * channels

    def log_mass(self, images, parameters, num_levels):
        images = tf.cast(images, tf.float32)
        means, log_deviations = self._split(parameters)
        half_width = 1.0 / (num_levels - 1)
        end = 1.0 - half_width
        centered, inverse = images - means, tf.exp(-log_deviations)
        below = tf.where(images < -end, -1e4, inverse * (centered - half_width))
        above = tf.where(images > end, 1e4, inverse * (centered + half_width))
        # On the side where both tails are small, so that digits remain.
        flip = tf.where(below + above > 0.0, -1.0, 1.0)
        low, high = tf.where(flip > 0.0, below, -above), tf.where(flip > 0.0, above, -below)
        share = 0.5 * (tf.math.erfc(-high * math.sqrt(0.5)) - tf.math.erfc(-low * math.sqrt(0.5)))
        middle = inverse * centered
        density = -0.5 * tf.square(middle) - log_deviations + math.log(2.0 * half_width / math.sqrt(2.0 * math.pi))
        log_masses = tf.where(share > 1e-30, tf.math.log(tf.maximum(share, 1e-35)), density)
        return tf.reduce_sum(log_masses, axis=-1)

    def sample(self, parameters, channels, num_levels, draw, temperature=1.0):
        means, log_deviations = self._split(parameters)
        noise = tf.math.ndtri(draw("value", [*parameters.shape[1:3], channels]))
        values = tf.clip_by_value(means + _per_image(temperature) * tf.exp(log_deviations) * noise, -1.0, 1.0)
        return values if num_levels is None else to_grid(values, num_levels)

    def mean(self, parameters, channels):
        return tf.clip_by_value(self._split(parameters)[0], -1.0, 1.0)

    def _split(self, parameters):
        means, log_deviations = tf.split(tf.cast(parameters, tf.float32), 2, axis=-1)
        return means, tf.maximum(log_deviations, _SMALLEST_LOG_SCALE)


@keras.saving.register_keras_serializable("tfgan_suite")
class Bernoulli(Distribution):
    """A probability of the upper one of two levels, for each channel; the parameters are its logits.

    It is a likelihood of images of two levels only. Cross-entropy on gray values, as in many tutorials, is none.

    Example:

    >>> images = tf.constant([-1.0, 1.0], shape=[1, 1, 2, 1])
    >>> np.exp(Bernoulli().log_mass(images, tf.zeros([1, 1, 2, 1]), num_levels=2)).tolist()
    [[[0.5, 0.5]]]
    """

    num_levels = 2

    def num_parameters(self, channels):
        return channels

    def log_mass(self, images, parameters, num_levels):
        return -tf.reduce_sum(softplus(-tf.cast(images, tf.float32) * tf.cast(parameters, tf.float32)), axis=-1)

    def sample(self, parameters, channels, num_levels, draw, temperature=1.0):
        u = draw("value", [*parameters.shape[1:3], channels])
        odds = tf.cast(parameters, tf.float32) / _per_image(temperature)
        return tf.where(tf.math.log(u) - tf.math.log(1.0 - u) < odds, 1.0, -1.0)

    def mean(self, parameters, channels):
        return 2.0 * tf.sigmoid(tf.cast(parameters, tf.float32)) - 1.0


def _per_image(temperature):
    """A temperature, or one for each image, as float32 `[1 or batch, 1, 1, 1]` above 0."""
    return tf.maximum(tf.reshape(tf.cast(temperature, tf.float32), [-1, 1, 1, 1]), 1e-6)


def check_distribution(distribution, levels):
    """Raises a `ValueError` unless it is a `Distribution` of so many levels."""
    if not isinstance(distribution, Distribution):
        raise ValueError(
            "`distribution` must be a distributions.Distribution, such as distributions.DiscretizedLogisticMixture(5); in "
            "configurations and on the command line the name of its class, such as Bernoulli. "
            f"Received: distribution={distribution!r}"
        )
    if distribution.num_levels not in (None, levels):
        raise ValueError(
            f"`levels` must be {distribution.num_levels} for {type(distribution).__name__}. Received: levels={levels}"
        )
