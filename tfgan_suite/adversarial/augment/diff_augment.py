"""DiffAugment: color, translation, and cutout of every image that the discriminator sees."""

import keras
import tensorflow as tf

from tfgan_suite.foundation.randomness import draw_per_example, fold, uniform

_POLICIES = ("color", "translation", "cutout")
_NUM_DRAWS = 7


@keras.saving.register_keras_serializable("tfgan_suite")
class DiffAugment(keras.Layer):
    """Transforms every real and fake image that the discriminator sees, each one differently and without adaptation.

    * `"color"`: adds a uniform draw from [-0.5, 0.5] to the brightness, then multiplies the saturation by one from
      [0, 2] and the contrast by one from [0.5, 1.5].
    * `"translation"`: shifts by up to an eighth of the size, in whole pixels along each axis, and pads with zeros.
    * `"cutout"`: sets a box of half the size to 0. Its center can be anywhere in the image.

    Call it as `augmentation(images, seed)`, with float images of shape `[batch, height, width, channels]` in [-1, 1]
    and an int32 seed of shape `[2]`. It returns float32 images of the same shape, whatever the dtype policy. A fourth
    channel is not a color: it is shifted and cut like the others, but its values are unchanged.

    Args:
        policies: String, or list of strings. Any of `"color"`, `"translation"`, and `"cutout"`.

    Raises:
        ValueError: If a policy is unknown.

    Example:

    >>> augmentation = DiffAugment(["translation", "cutout"])
    >>> augmentation(tf.zeros([2, 16, 16, 3]), seed=tf.constant([0, 1])).shape
    TensorShape([2, 16, 16, 3])

    Reference: Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training" (2020), section 4 and
    appendix A.
    """

    def __init__(self, policies=_POLICIES, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.policies = [policies] if isinstance(policies, str) else list(policies)
        for name in self.policies:
            if name not in _POLICIES:
                raise ValueError(f"`policies` must be names from: {', '.join(_POLICIES)}. Received: {name!r}")
        self.built = True

    def call(self, images, seed):
        percentiles = draw_per_example(
            lambda count, seed: uniform([count, _NUM_DRAWS], seed), tf.shape(images)[0], fold(seed, "transforms")
        )
        return self.apply(images, percentiles)

    def compute_output_shape(self, images_shape, seed_shape=None):
        return images_shape

    def apply(self, images, percentiles):
        """Transforms images.

        Args:
            images: A float32 tensor of shape `[batch, height, width, channels]`.
            percentiles: A float32 tensor of shape `[batch, 7]` in [0, 1). Where each draw lies within its range:
                brightness, saturation, contrast, translation down and to the right, and the position of the box from
                the top and from the left.

        Returns:
            A tensor with the shape of `images`.
        """
        if "color" in self.policies:
            images = _recolor(images, percentiles[:, 0:3])
        if "translation" in self.policies:
            images = _translate(images, percentiles[:, 3:5])
        if "cutout" in self.policies:
            images = _cut_out(images, percentiles[:, 5:7])
        return images

    def get_config(self):
        config = super().get_config()
        del config["dtype"]
        return {**config, "policies": self.policies}


def _recolor(images, percentiles):
    channels = images.shape[-1]
    brightness, saturation, contrast = (percentiles[:, k, None, None, None] for k in range(3))
    colors, rest = tf.split(images, [channels - 1, 1], axis=-1) if channels == 4 else (images, None)
    colors += brightness - 0.5
    gray = tf.reduce_mean(colors, axis=3, keepdims=True)
    colors = gray + (colors - gray) * (2.0 * saturation)
    mean = tf.reduce_mean(colors, axis=[1, 2, 3], keepdims=True)
    colors = mean + (colors - mean) * (contrast + 0.5)
    return colors if rest is None else tf.concat([colors, rest], axis=-1)


def _translate(images, percentiles):
    _, height, width, channels = images.shape
    batch_size = tf.shape(images)[0]
    rows, rows_inside = _sources(percentiles[:, 0:1], height)
    columns, columns_inside = _sources(percentiles[:, 1:2], width)
    start = (tf.range(batch_size) * (height * width))[:, None, None]
    pixels = tf.gather(
        tf.reshape(images, [-1, channels]), start + rows[:, :, None] * width + columns[:, None, :]
    )  # [batch, height, width, channels]
    inside = rows_inside[:, :, None] & columns_inside[:, None, :]
    return pixels * tf.cast(inside, images.dtype)[..., None]


def _sources(percentile, size):
    """Returns the source index of each position, int32 `[batch, size]`, and whether it is inside the image."""
    furthest = int(size / 8 + 0.5)
    shift = tf.floor(percentile * (2 * furthest + 1)) - furthest  # [batch, 1]
    positions = tf.range(size)[None, :] - tf.cast(shift, tf.int32)
    return tf.clip_by_value(positions, 0, size - 1), (positions >= 0) & (positions < size)


def _cut_out(images, percentiles):
    _, height, width, _ = images.shape
    rows, columns = _in_box(percentiles[:, 0:1], height), _in_box(percentiles[:, 1:2], width)
    kept = ~(rows[:, :, None] & columns[:, None, :])
    return images * tf.cast(kept, images.dtype)[..., None]


def _in_box(percentile, size):
    """Returns bool `[batch, size]`: a run of half the size, with at least half of it inside the image."""
    length = int(size / 2 + 0.5)
    # The center of an even run lies between two pixels, which allows one more position.
    first = tf.floor(percentile * (size + 1 - length % 2)) - length // 2  # [batch, 1]
    positions = tf.range(size, dtype=tf.float32)[None, :]
    return (positions >= first) & (positions < first + length)
