"""What StyleGAN2's two networks have in common: the sizes they pass, the channels there, precision, labels."""

import keras
import tensorflow as tf

ARCHITECTURES = ("skip", "resnet", "orig")


def level_sizes(image_shape):
    """`(height, width)` of every level: from the smallest multiple of 4 by doubling to the image.

    Example:

    >>> level_sizes((48, 64, 3))
    [(12, 16), (24, 32), (48, 64)]

    Raises:
        ValueError: No such doubling leads to the image, or it has other than 1, 3 or 4 channels.
    """
    height, width, channels = image_shape
    doublings = 0
    while height > 0 and width > 0 and height % 2 ** (doublings + 3) == 0 and width % 2 ** (doublings + 3) == 0:
        doublings += 1
    if doublings == 0 or channels not in (1, 3, 4):
        raise ValueError(
            "Expected image_shape (height, width, channels) with height and width multiples of 8 and channels 1, 3 or "
            f"4. Received: image_shape={tuple(image_shape)}. `tfgan-suite prepare --image-size` resizes a data set."
        )
    return [(height >> shift, width >> shift) for shift in range(doublings, -1, -1)]


def level_channels(sizes, channel_base, max_channels, channels=None):
    """Feature channels at every level: `channel_base` divided by the larger side, at most `max_channels`.

    Example:

    >>> level_channels([(4, 4), (8, 8), (16, 16)], channel_base=256, max_channels=32)
    [32, 32, 16]

    Args:
        channels: The whole list, instead of that rule; or `None`.
    """
    if channels is None:
        channels = [min(channel_base // max(size), max_channels) for size in sizes]
    if len(channels) != len(sizes) or min(channels) < 1:
        raise ValueError(
            f"Expected a number of channels >= 1 for each of {len(sizes)} levels. Received: {list(channels)}, of "
            f"channel_base={channel_base}, max_channels={max_channels}"
        )
    return list(channels)


def level_policies(policy, num_levels, num_mixed_precision_resolutions):
    """Dtype policies of the levels: the network's own at the highest resolutions, float32 at the others and at 4x4."""
    first_mixed = max(1, num_levels - num_mixed_precision_resolutions)
    return [policy if level >= first_mixed else "float32" for level in range(num_levels)]


def check_architecture(architecture, num_classes, label_size):
    """Raises `ValueError` for a name that is not known, or two kinds of labels."""
    if architecture not in ARCHITECTURES:
        raise ValueError(f"Expected architecture to be one of {ARCHITECTURES}. Received: architecture={architecture!r}")
    if num_classes is not None and label_size is not None:
        raise ValueError(
            "Expected num_classes for classes or label_size for vectors, not both. "
            f"Received: num_classes={num_classes}, label_size={label_size}"
        )


def label_vectors(labels, num_classes, label_size):
    """Labels as the networks take them: float32 `[batch, num_classes or label_size]`, `None` without labels.

    Args:
        labels: Class numbers `[batch]`, or vectors.
    """
    size = num_classes or label_size
    if not size:
        return None
    if labels is None:
        raise ValueError(f"Expected labels for a conditional network of {size} classes or entries. Received: None")
    labels = tf.convert_to_tensor(labels)
    if num_classes and labels.shape.rank == 1:
        labels = tf.one_hot(tf.cast(labels, tf.int32), num_classes)
    if labels.shape.rank != 2 or labels.shape[1] != size:
        kinds = f"class numbers [batch] or vectors [batch, {size}]" if num_classes else f"vectors [batch, {size}]"
        raise ValueError(f"Expected labels as {kinds}. Received: shape {labels.shape}")
    return tf.cast(labels, tf.float32)


def serialized_policy(network):
    """A network's dtype policy, for its config."""
    return keras.saving.serialize_keras_object(network.dtype_policy)
