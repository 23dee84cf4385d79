"""What StyleGAN2's two networks have in common: the sizes of their levels, and channels, precision, and labels."""

import keras
import tensorflow as tf

ARCHITECTURES = ("skip", "resnet", "orig")


def level_sizes(image_shape):
    """Returns the `(height, width)` of every level: doubled from the smallest multiple of 4 up to the image.

    Example:

    >>> level_sizes((48, 64, 3))
    [(12, 16), (24, 32), (48, 64)]

    Raises:
        ValueError: If no such doubling leads to the image, or it does not have 1, 3, or 4 channels.
    """
    height, width, channels = image_shape
    doublings = 0
    while height > 0 and width > 0 and height % 2 ** (doublings + 3) == 0 and width % 2 ** (doublings + 3) == 0:
        doublings += 1
    if doublings == 0 or channels not in (1, 3, 4):
        raise ValueError(
            "`image_shape` must be (height, width, channels) with height and width multiples of 8, and channels 1, 3, "
            f"or 4. Received: image_shape={tuple(image_shape)}. Use `tfgan-suite prepare --image-size` to resize a "
            "dataset."
        )
    return [(height >> shift, width >> shift) for shift in range(doublings, -1, -1)]


def level_channels(sizes, channel_base, max_channels, channels=None):
    """Returns the feature channels at every level: `channel_base` divided by the longer side, at most `max_channels`.

    Args:
        sizes: List of `(height, width)` of the levels.
        channel_base: Integer. See above.
        max_channels: Integer. See above.
        channels: List of integers to use instead of this rule, or `None`.

    Returns:
        List of integers.

    Example:

    >>> level_channels([(4, 4), (8, 8), (16, 16)], channel_base=256, max_channels=32)
    [32, 32, 16]
    """
    if channels is None:
        channels = [min(channel_base // max(size), max_channels) for size in sizes]
    if len(channels) != len(sizes) or min(channels) < 1:
        raise ValueError(
            f"`channels` must have an integer >= 1 for each of {len(sizes)} levels. Received: {list(channels)}, with "
            f"channel_base={channel_base}, max_channels={max_channels}"
        )
    return list(channels)


def level_policies(policy, num_levels, num_mixed_precision_resolutions):
    """Returns each level's dtype policy: the network's at the highest resolutions, float32 at the others and at 4x4."""
    first_mixed = max(1, num_levels - num_mixed_precision_resolutions)
    return [policy if level >= first_mixed else "float32" for level in range(num_levels)]


def check_architecture(architecture, num_classes, label_size):
    """Raises `ValueError` for an unknown name, or for two kinds of labels."""
    if architecture not in ARCHITECTURES:
        raise ValueError(f"`architecture` must be one of {ARCHITECTURES}. Received: architecture={architecture!r}")
    if num_classes is not None and label_size is not None:
        raise ValueError(
            "`num_classes` (for classes) and `label_size` (for vectors) must not both be set. "
            f"Received: num_classes={num_classes}, label_size={label_size}"
        )


def label_vectors(labels, num_classes, label_size):
    """Converts labels to the networks' form: float32 `[batch, num_classes or label_size]`, or `None` without labels.

    Args:
        labels: A tensor of class numbers, of shape `[batch]`, or of vectors.
        num_classes: Integer, or `None`. Number of classes.
        label_size: Integer, or `None`. Length of the label vectors.

    Returns:
        A float32 tensor, or `None`.
    """
    size = num_classes or label_size
    if not size:
        return None
    if labels is None:
        raise ValueError(
            f"`labels` must be given for a conditional network of {size} classes or entries. Received: labels=None"
        )
    labels = tf.convert_to_tensor(labels)
    if num_classes and labels.shape.rank == 1:
        labels = tf.one_hot(tf.cast(labels, tf.int32), num_classes)
    if labels.shape.rank != 2 or labels.shape[1] != size:
        kinds = f"class numbers [batch] or vectors [batch, {size}]" if num_classes else f"vectors [batch, {size}]"
        raise ValueError(f"`labels` must be {kinds}. Received: labels of shape {labels.shape}")
    return tf.cast(labels, tf.float32)


def serialized_policy(network):
    """Returns a network's dtype policy, for its config."""
    return keras.saving.serialize_keras_object(network.dtype_policy)
