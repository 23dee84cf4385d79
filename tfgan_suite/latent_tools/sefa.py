"""Finds the directions in which a generator's images change most, in closed form: SeFa."""

import dataclasses

import numpy as np

from tfgan_suite.drawing.image_grid import make_grid
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import replaced_whole
from tfgan_suite.foundation.small_files import reading
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.latent_tools.style_space import StyleSpace, has_style_space
from tfgan_suite.specs.image_range import to_uint8


@dataclasses.dataclass(frozen=True)
class Directions:
    """Directions in W or in the latent space, most effective first.

    Attributes:
        vectors: Float32 array `[count, size]`. Vectors of length one. Those of `find_directions` are orthonormal, with
            arbitrary signs; the largest entry is made positive.
        strengths: Float32 array `[count]`. How much a step of length one along each direction changes the output of the
            first affine maps; of directions of labels, how far the class lies from the others.
        in_w: Boolean. Whether the directions are in W.
        layers: Tuple of integers, or `None`. The styles that the directions were computed from, and apply to. `None`
            for directions in the latent space.
    """

    vectors: np.ndarray
    strengths: np.ndarray
    in_w: bool
    layers: tuple | None

    def save(self, path):
        """Writes the directions to an `.npz` file."""
        with replaced_whole(path) as temporary, open(temporary, "wb") as file:
            np.savez(
                file,
                vectors=self.vectors,
                strengths=self.strengths,
                in_w=self.in_w,
                layers=np.array([] if self.layers is None else self.layers, np.int32),
            )

    @classmethod
    def load(cls, path):
        """Reads a file written by `save`.

        Raises:
            UserError: There is no such file, or it holds something else.
        """
        with reading(path, "a file of directions", "Find the directions again."), np.load(path) as arrays:
            in_w = bool(arrays["in_w"])
            layers = tuple(arrays["layers"].tolist()) if in_w else None
            vectors, strengths = arrays["vectors"], arrays["strengths"]
            if vectors.ndim != 2 or strengths.shape != vectors.shape[:1] or vectors.dtype.kind != "f":
                raise ValueError(f"vectors of shape {vectors.shape}, strengths of shape {strengths.shape}")
            return cls(vectors, strengths, in_w, layers)

    def move(self, codes, index, distance):
        """Moves styles or latents along a direction.

        Args:
            codes: Float array. In W, styles `[count, num_ws, w_size]`; otherwise, latents `[count, *latent_shape]`.
            index: Integer. Index of the direction.
            distance: Float. How far to move. May be negative.

        Returns:
            Float32 array of the shape of `codes`. In W, only the styles in `layers` are moved.
        """
        codes = np.array(codes, np.float32)
        if self.in_w:
            codes[:, list(self.layers)] += np.float32(distance) * self.vectors[index]
        else:
            codes += np.float32(distance) * self.vectors[index].reshape(codes.shape[1:])
        return codes


def find_directions(model, layers=None, count=10):
    """Finds the directions along which the output of the generator's first affine maps changes most.

    A step `d` along a unit vector `n` changes `A w + b` by `d A n`, regardless of `w`. The vectors `n` with the longest
    `A n` are the eigenvectors of `A^T A` with the largest eigenvalues. In a style-based generator, `A` stacks the maps
    from the styles of the selected layers to their scales. In other generators, `A` is the first dense layer.

    Args:
        model: A model, a generator, or a `StyleSpace`.
        layers: String, list of integers, or `None`. Styles to analyze, as in `StyleSpace.layers`. Only for generators
            with a W space.
        count: Integer >= 1. Number of directions.

    Returns:
        The `Directions`.

    Raises:
        UserError: If the generator has neither styles nor a first dense layer, or fewer than `count` dimensions.

    Example:

    >>> directions = find_directions(DCGAN((8, 8, 1), base_channels=4, latent_size=6), count=2)
    >>> directions.vectors.shape
    (2, 6)

    Reference: Shen and Zhou, "Closed-Form Factorization of Latent Semantics in GANs" (2021), equations 3 to 6.
    """
    space = model if isinstance(model, StyleSpace) else None
    generator = space.generator if space else _generator_of(model)
    if space is None and has_style_space(generator):
        space = StyleSpace(generator)
    if space is None and layers is not None:
        raise UserError(
            f"`layers` must be `None`, because {type(model).__name__} has no W space. Received: layers={layers}"
        )
    if space is not None:
        layers = tuple(space.layers(layers))
        kernels = style_kernels(generator)
        kernel = np.concatenate([kernels[layer] for layer in layers], axis=1)  # [w_size, channels of all]
    else:
        kernel = first_dense_kernel(generator, model.latent_size)
    if not 1 <= count <= len(kernel):
        raise UserError(f"`count` must be from 1 to {len(kernel)}. Received: count={count}")
    vectors, strengths = principal_directions(kernel)
    return Directions(vectors[:count], strengths[:count], space is not None, layers)


def style_kernels(generator):
    """Returns the maps from styles to the scales of channels, one for each style.

    Args:
        generator: A generator whose `blocks` have `convolutions` and `to_rgb` (or `None`), each with an affine map of
            its style. ToRGB shares its style with the first convolution of the next block.

    Returns:
        List of float arrays `[w_size, channels]`. The last style has no convolution, so its array is that of ToRGB.
    """
    affine_maps = [convolution.affine for block in generator.blocks for convolution in block.convolutions]
    affine_maps.append(generator.blocks[-1].to_rgb.affine)
    return [np.asarray(affine.kernel) * affine.scale for affine in affine_maps]


def first_dense_kernel(generator, latent_size):
    """Returns the kernel with which the first dense layer maps the latents.

    Rows for classes, which follow those for the latents, are removed. Latents that are not inputs of the layer get rows
    of zeros.

    Args:
        generator: A generator.
        latent_size: Integer. Size of the latents.

    Returns:
        Float32 array `[latent_size, units]`.

    Raises:
        UserError: If the generator has no dense layer, or does not provide its weights.
    """
    if not generator.weights:
        raise UserError(
            f"`model` must provide its weights, but {type(generator).__name__} has none. Use a run or a .keras file, "
            "not an exported model."
        )
    for variable in generator.weights:
        if variable.name == "kernel" and len(variable.shape) == 2:
            kernel = np.asarray(variable)[:latent_size]
            return np.pad(kernel, [[0, latent_size - len(kernel)], [0, 0]])
    raise UserError(f"`model` must have a W space or a dense layer, but {type(generator).__name__} has neither.")


def principal_directions(kernel):
    """Computes orthonormal vectors `n` in descending order of the length of `n^T kernel`.

    Args:
        kernel: Float array `[size, units]`. Kernel of a layer `inputs @ kernel`.

    Returns:
        Tuple of the vectors, a float32 array `[size, size]` with one vector per row, and the lengths, a float32 array
        `[size]`.
    """
    kernel = np.asarray(kernel, np.float64)
    eigenvalues, eigenvectors = np.linalg.eigh(kernel @ kernel.T)  # Ascending; columns.
    vectors = eigenvectors.T[::-1]
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, np.newaxis], axis=1)
    lengths = np.sqrt(np.maximum(eigenvalues[::-1], 0.0))
    return (vectors * np.sign(largest)).astype(np.float32), lengths.astype(np.float32)


def direction_grid(model, directions, latents, labels=None, reach=3.0, steps=5, truncation=1.0):
    """Renders a grid that shows the effects of directions.

    Each row shows an image moved along one direction, from `-reach` to `reach`. There is a block of rows for each
    latent.

    Args:
        model: The model that `directions` were computed for.
        directions: A `Directions`.
        latents: Float array `[count, *latent_shape]`.
        labels: Int32 array `[count]`, or `None` for a model without classes.
        reach: Float, or float array `[directions]`. How far to move along each direction.
        steps: Integer >= 2. Number of images per row. If it is odd, the middle image is the original one.
        truncation: Float in [0, 1]. 1 samples the full distribution; smaller values trade variety for quality. Only
            used in W.

    Returns:
        uint8 array `[height, width, channels]`.

    Raises:
        UserError: If there are fewer than two steps.
    """
    if steps < 2:
        raise UserError(f"`steps` must be >= 2, to include both ends. Received: steps={steps}")
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
                images.append(_draw(model, model(moved, row_labels, training=False)))
    return make_grid(np.concatenate(images), columns=steps)


def _draw(model, values):
    """What a model or a network of images has made, as uint8 images."""
    if not isinstance(model, GenerativeModel):
        return to_uint8(values).numpy()
    return np.stack([model.spec.draw(example) for example in model.spec.to_edge(values).numpy()])


def _generator_of(model):
    """The network that makes a model's images, or the network itself."""
    network = model.latent_network if isinstance(model, GenerativeModel) else model
    if network is None:
        raise UserError(
            f"`model` must have its network at hand, but the `latent_network` of {type(model).__name__} is None. Use a run or "
            "a .keras file; a model of your own sets `latent_network` to the network that latents go into. Of a flow they go "
            "into layers of all sizes: find directions of labels instead (`find_label_directions`, `--from-labels DATA`)."
        )
    return network
