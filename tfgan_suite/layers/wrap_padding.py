"""Padding with what lies at the opposite edge, as if the image were repeated without end: for images that tile."""

import tensorflow as tf

PADDINGS = ("zeros", "wrap")


def check_padding(padding):
    """Raises `ValueError` for a name that is neither `"zeros"` nor `"wrap"`."""
    if padding not in PADDINGS:
        raise ValueError(f"Expected padding to be one of {PADDINGS}. Received: padding={padding!r}")


def wrap_pad(images, margin):
    """Repeats the opposite edges around images, as `np.pad(mode="wrap")` does.

    Args:
        images: `[batch, height, width, channels]`; height and width may be unknown until the graph runs.
        margin: Pixels added at each edge, from 0 to the height and the width.

    Returns:
        `[batch, height + 2 * margin, width + 2 * margin, channels]`.

    Raises:
        ValueError: The images are smaller than the margin.

    Example:

    >>> wrap_pad(tf.constant([[[[1.0], [2.0], [3.0]]]]), 1)[0, 1, :, 0].numpy().tolist()
    [3.0, 1.0, 2.0, 3.0, 1.0]
    """
    if margin == 0:
        return images
    if any(extent is not None and extent < margin for extent in images.shape[1:3]):
        raise ValueError(
            f"Expected images of at least {margin}x{margin} pixels, the margin. Received: {tuple(images.shape[1:3])}"
        )
    images = tf.concat([images[:, -margin:], images, images[:, :margin]], axis=1)
    return tf.concat([images[:, :, -margin:], images, images[:, :, :margin]], axis=2)
