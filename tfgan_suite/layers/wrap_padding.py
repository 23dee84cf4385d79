"""Wrap-around padding, for images that tile: each edge is padded with pixels from the opposite edge."""

import tensorflow as tf

PADDINGS = ("zeros", "wrap")


def check_padding(padding):
    """Raises `ValueError` if `padding` is neither `"zeros"` nor `"wrap"`."""
    if padding not in PADDINGS:
        raise ValueError(f"`padding` must be one of {PADDINGS}. Received: padding={padding!r}")


def wrap_pad(images, margin):
    """Pads images with pixels from the opposite edges, as `np.pad(mode="wrap")` does.

    Args:
        images: A tensor of shape `[batch, height, width, channels]`. The height and width may be unknown until the
            graph runs.
        margin: Integer >= 0, and at most the height and the width. Number of pixels to add at each edge.

    Returns:
        A tensor of shape `[batch, height + 2 * margin, width + 2 * margin, channels]`.

    Raises:
        ValueError: If the images are smaller than the margin.

    Example:

    >>> wrap_pad(tf.constant([[[[1.0], [2.0], [3.0]]]]), 1)[0, 1, :, 0].numpy().tolist()
    [3.0, 1.0, 2.0, 3.0, 1.0]
    """
    if margin == 0:
        return images
    if any(extent is not None and extent < margin for extent in images.shape[1:3]):
        raise ValueError(
            f"`images` must be at least as large as the margin, {margin}x{margin} pixels. "
            f"Received: images of size {tuple(images.shape[1:3])}"
        )
    images = tf.concat([images[:, -margin:], images, images[:, :margin]], axis=1)
    return tf.concat([images[:, :, -margin:], images, images[:, :, :margin]], axis=2)
