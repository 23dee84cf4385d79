"""Style mixing: images that take some styles from one source and the rest from another."""

import numpy as np

from tfgan_suite.drawing.image_grid import make_grid


def mix_styles(space, row_ws, column_ws, layers="coarse"):
    """Renders a style mixing table, with sources on the left and at the top, and the mix of each pair in its cell.

    Args:
        space: A `StyleSpace`.
        row_ws: Float array `[rows, num_ws, w_size]`. Styles of the images on the left.
        column_ws: Float array `[columns, num_ws, w_size]`. Styles of the images at the top.
        layers: String, list of integers, or `None`. The styles taken from the images at the top, as in
            `StyleSpace.layers`. All others are taken from the images on the left.

    Returns:
        uint8 array `[height, width, channels]`, a grid of `(rows + 1) x (columns + 1)` images, the first of which is
        blank.

    Raises:
        UserError: If the generator has no such styles.

    Example:

    >>> space = StyleSpace(load_model("runs/avatars"))
    >>> grid = mix_styles(space, space.sample(4, seed=0), space.sample(6, seed=1), layers="coarse")

    Reference: Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks" (2019), section
    3.1 and figure 3.
    """
    layers = space.layers(layers)
    row_ws, column_ws = np.asarray(row_ws, np.float32), np.asarray(column_ws, np.float32)
    mixed = np.repeat(row_ws[:, np.newaxis], len(column_ws), axis=1)  # [rows, columns, num_ws, w_size]
    mixed[:, :, layers] = column_ws[np.newaxis][:, :, layers]
    images = space.synthesize(np.concatenate([column_ws, row_ws, mixed.reshape([-1, *row_ws.shape[1:]])]))
    top, left, crossings = np.split(images, [len(column_ws), len(column_ws) + len(row_ws)])
    crossings = crossings.reshape([len(row_ws), len(column_ws), *images.shape[1:]])
    blank = np.full([1, *images.shape[1:]], 255, np.uint8)
    rows = [np.concatenate([blank, top])]
    rows += [np.concatenate([left[i : i + 1], crossings[i]]) for i in range(len(row_ws))]
    return make_grid(np.concatenate(rows), columns=len(column_ws) + 1)
