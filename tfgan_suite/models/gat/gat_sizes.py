"""The sizes of GAT's networks: the published ones, and what may be."""

# Depth, width and heads, on latents of a VAE of 32x32x4 in the paper.
SIZES = {
    "S": {"depth": 12, "width": 384, "num_heads": 6},
    "B": {"depth": 12, "width": 768, "num_heads": 12},
    "L": {"depth": 24, "width": 1024, "num_heads": 16},
    "XL": {"depth": 28, "width": 1152, "num_heads": 16},
}


def check_sizes(image_shape, patch_size, width, depth, num_heads, num_levels):
    """Rows and columns of patches, a tuple.

    Raises:
        ValueError: Patches do not cover the image, heads do not divide tokens into multiples of 4, or levels the blocks.
    """
    height, columns, _ = image_shape
    if height % patch_size or columns % patch_size:
        raise ValueError(
            f"`image_shape` must have sides that are multiples of patch_size={patch_size}. Received: "
            f"image_shape={tuple(image_shape)}. Use `tfgan-suite prepare --image-size` to resize a dataset."
        )
    if width % (4 * num_heads):
        raise ValueError(
            "`width` must be a multiple of 4 * num_heads, since half of a head turns with the row and half with the column, by "
            f"pairs. Received: width={width}, num_heads={num_heads}"
        )
    if depth % num_levels or not depth:
        raise ValueError(
            f"`depth` must be a multiple of num_levels={num_levels}, the images that are added up. Received: depth={depth}"
        )
    return height // patch_size, columns // patch_size
