"""Directions in which a generator's pictures change most, in closed form: SeFa."""

import dataclasses

import numpy as np

from tfgan_suite.drawing.image_grid import make_grid
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.latent_tools.style_space import StyleSpace, has_style_space
from tfgan_suite.specs.image_range import to_uint8


@dataclasses.dataclass(frozen=True)
class Directions:
    """Directions in W or among latents, the most effective first.

    Attributes:
        vectors: float32 `[count, size]`, of length one and orthogonal to each other. Their signs mean nothing; the
            largest entry is positive.
        strengths: float32 `[count]`: how much a step of one along a direction moves what the first affine maps put out.
        in_w: Whether they are directions in W.
        layers: The styles that they were found from and are meant for, or `None` among latents.
    """

    vectors: np.ndarray
    strengths: np.ndarray
    in_w: bool
    layers: tuple | None

    def save(self, path):
        """Writes an `.npz` file."""
        np.savez(
            path,
            vectors=self.vectors,
            strengths=self.strengths,
            in_w=self.in_w,
            layers=np.array([] if self.layers is None else self.layers, np.int32),
        )

    @classmethod
    def load(cls, path):
        """Reads what `save` wrote."""
        with np.load(path) as arrays:
            in_w = bool(arrays["in_w"])
            layers = tuple(arrays["layers"].tolist()) if in_w else None
            return cls(arrays["vectors"], arrays["strengths"], in_w, layers)

    def move(self, codes, index, distance):
        """Moves styles or latents along a direction.

        Args:
            codes: In W, styles float `[count, num_ws, w_size]`; else latents float `[count, latent_size]`.
            index: Of the direction.
            distance: How far; may be negative.

        Returns:
            float32 of the shape of `codes`. In W only the styles `layers` are moved.
        """
        codes = np.array(codes, np.float32)
        if self.in_w:
            codes[:, list(self.layers)] += np.float32(distance) * self.vectors[index]
        else:
            codes += np.float32(distance) * self.vectors[index]
        return codes


def find_directions(model, layers=None, count=10):
    """Finds the directions along which the generator's first affine maps stretch most.

    A step `d` along a unit vector `n` moves `A w + b` by `d A n`, whatever `w` is. The `n` with the longest `A n` are the
    eigenvectors of `A^T A` with the largest eigenvalues. In a style-based generator `A` are the maps from the styles of the
    chosen layers to their scales, one below the other. In others it is the first dense layer.

    Args:
        model: A model, a generator, or a `StyleSpace`.
        layers: Styles to look at, as in `StyleSpace.layers`; for generators with a W space only.
        count: Number of directions.

    Returns:
        `Directions`.

    Raises:
        UserError: The generator has neither styles nor a first dense layer, or fewer than `count` dimensions.

    Example:

    >>> directions = find_directions(DCGAN((8, 8, 1), base_channels=4, latent_size=6), count=2)
    >>> directions.vectors.shape
    (2, 6)

    Reference: Shen and Zhou, "Closed-Form Factorization of Latent Semantics in GANs" (2021), equations 3 to 6.
    """
    space = model if isinstance(model, StyleSpace) else None
    generator = space.generator if space else getattr(model, "ema_generator", model)
    if space is None and has_style_space(generator):
        space = StyleSpace(generator)
    if space is None and layers is not None:
        raise UserError(f"{type(model).__name__} has no W space, so there are no layers to choose. Leave layers out.")
    if space is not None:
        layers = tuple(space.layers(layers))
        kernels = style_kernels(generator)
        kernel = np.concatenate([kernels[layer] for layer in layers], axis=1)  # [w_size, channels of all]
    else:
        kernel = first_dense_kernel(generator, model.latent_size)
    if not 1 <= count <= len(kernel):
        raise UserError(f"Expected a count from 1 to {len(kernel)}. Received: {count}")
    vectors, strengths = principal_directions(kernel)
    return Directions(vectors[:count], strengths[:count], space is not None, layers)


def style_kernels(generator):
    """The maps from styles to the scales of channels, one for each style.

    Args:
        generator: A generator whose `blocks` have `convolutions` and `to_rgb` (or `None`), each with an affine map of its
            style; ToRGB shares its style with the next block's first convolution.

    Returns:
        Float arrays `[w_size, channels]`. The last style has no convolution: its array is ToRGB's.
    """
    affine_maps = [convolution.affine for block in generator.blocks for convolution in block.convolutions]
    affine_maps.append(generator.blocks[-1].to_rgb.affine)
    return [np.asarray(affine.kernel) * affine.scale for affine in affine_maps]


def first_dense_kernel(generator, latent_size):
    """What the first dense layer does with the latents, float32 `[latent_size, units]`.

    Rows for classes, which come after the latents, are left out. Latents that the layer does not see get rows of zeros.
    """
    if not generator.weights:
        raise UserError(
            f"{type(generator).__name__} shows no weights to find directions in: expected a run or a .keras file, not an "
            "exported model."
        )
    for variable in generator.weights:
        if variable.name == "kernel" and len(variable.shape) == 2:
            kernel = np.asarray(variable)[:latent_size]
            return np.pad(kernel, [[0, latent_size - len(kernel)], [0, 0]])
    raise UserError(
        f"{type(generator).__name__} has neither a W space nor a dense layer: there is nothing to find directions in."
    )


def principal_directions(kernel):
    """Unit vectors `n` in descending order of the length of `n^T kernel`.

    Args:
        kernel: float `[size, units]`, of a layer `inputs @ kernel`.

    Returns:
        The vectors float32 `[size, size]`, one a row, and the lengths float32 `[size]`.
    """
    kernel = np.asarray(kernel, np.float64)
    eigenvalues, eigenvectors = np.linalg.eigh(kernel @ kernel.T)  # Ascending; columns.
    vectors = eigenvectors.T[::-1]
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, np.newaxis], axis=1)
    lengths = np.sqrt(np.maximum(eigenvalues[::-1], 0.0))
    return (vectors * np.sign(largest)).astype(np.float32), lengths.astype(np.float32)


def direction_grid(model, directions, latents, labels=None, reach=3.0, steps=5, truncation=1.0):
    """Pictures of what directions do: a row a direction, from `-reach` to `reach`; a block of rows for each latent.

    Args:
        model: A model with latents and a generator that `directions` belong to.
        directions: `Directions`.
        latents: float `[count, latent_size]`.
        labels: int32 `[count]`, or `None` for a model without classes.
        reach: How far to move along each direction, a float or floats `[directions]`.
        steps: Pictures in a row, >= 2; with an odd number the middle one is the picture itself.
        truncation: In [0, 1]; in W only.

    Returns:
        uint8 `[height, width, channels]`.
    """
    if steps < 2:
        raise UserError(f"Expected at least 2 steps, the two ends. Received: {steps}")
    reach = np.broadcast_to(np.asarray(reach, np.float32), [len(directions.vectors)])
    distances = np.linspace(-reach, reach, steps, axis=1)  # [directions, steps]
    space = StyleSpace(model) if directions.in_w else None
    codes = space.map(latents, labels, truncation) if space else np.asarray(latents)
    images = []
    for index in range(len(codes)):
        code, label = codes[index : index + 1], None if labels is None else labels[index : index + 1]
        for direction in range(len(directions.vectors)):
            moved = np.concatenate([directions.move(code, direction, distance) for distance in distances[direction]])
            if space:
                images.append(space.synthesize(moved))
            else:
                row_labels = None if label is None else label.repeat(steps)
                images.append(to_uint8(model(moved, row_labels, training=False)).numpy())
    return make_grid(np.concatenate(images), columns=steps)
