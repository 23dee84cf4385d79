"""Finds the directions that lead from class to class among the latents of a model that encodes."""

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.abilities import Encodes, require
from tfgan_suite.latent_tools.encoding import encode_examples
from tfgan_suite.latent_tools.sefa import Directions

METHODS = ("means", "boundary")
# Of the squared length of the latents: enough that the boundary does not follow single examples.
_RIDGE = 0.1


def find_label_directions(model, examples, labels, method="means"):
    """Finds for each class the direction towards it from all other examples.

    Args:
        model: An unconditional model that encodes, such as `Glow` or `VAE`. Of a conditional one the class is no matter of
            latents.
        examples: `[count, *spec.shape]`, of the spec's `edge_dtype` or as they are inside of models.
        labels: Integers `[count]`: classes, or any two or more groups of examples, such as 1 with glasses and 0 without.
        method: `"means"`: from the mean latents of the others to those of the class; moving by `strengths` leads from one to
            the other. `"boundary"`: at right angles to the plane that separates the class from the others, the least squares fit
            of +1 and -1 with a ridge; it leaves alone what differs within both.

    Returns:
        `Directions`, one for each label that occurs, in ascending order. `strengths` are the distances of the two means along
        them.

    Raises:
        UserError: A model that does not encode, or that is conditional; fewer than two labels, or not one for each example.

    Example:

    >>> vae = VAE(image_shape=(8, 8, 1), latent_size=3, base_channels=4, dense_units=8)
    >>> images = np.random.default_rng(0).integers(0, 256, [8, 8, 8, 1]).astype("uint8")
    >>> directions = find_label_directions(vae, images, [0, 1] * 4)
    >>> directions.vectors.shape
    (2, 3)

    Reference: Kingma and Dhariwal, "Glow: Generative Flow with Invertible 1x1 Convolutions" (2018), section 6.1, for the means;
    Shen et al., "Interpreting the Latent Space of GANs for Semantic Face Editing" (2020), section 3.2, for the boundary.
    """
    require(model, Encodes, "Directions of labels")
    if model.num_classes is not None:
        raise UserError(
            f"`model` must be unconditional: {type(model).__name__} gets the class beside the latents, which then do not hold it. "
            "Generate with other labels instead."
        )
    labels = np.asarray(labels)
    if labels.shape != (len(examples),) or len(np.unique(labels)) < 2:
        raise UserError(
            f"`labels` must be {len(examples)} integers of two or more values, one for each example. Received: shape "
            f"{labels.shape}, values {np.unique(labels).tolist()[:5]}"
        )
    if method not in METHODS:
        raise UserError(f"`method` must be {' or '.join(map(repr, METHODS))}. Received: method={method!r}")
    latents = encode_examples(model, examples).reshape([len(labels), -1]).astype(np.float64)
    latents -= latents.mean(axis=0)
    vectors, strengths = [], []
    for label in np.unique(labels):
        inside = labels == label
        means = latents[inside].mean(axis=0) - latents[~inside].mean(axis=0)
        vector = means if method == "means" else _normal_of_boundary(latents, inside)
        vectors.append(vector / max(np.linalg.norm(vector), 1e-12))
        strengths.append(vectors[-1] @ means)
    return Directions(np.float32(vectors), np.float32(strengths), in_w=False, layers=None)


def _normal_of_boundary(latents, inside):
    """Ridge regression among the examples, of which there are fewer than latents of a flow."""
    targets = inside - inside.mean()
    products = latents @ latents.T
    ridge = _RIDGE * np.trace(products) / len(products)
    return latents.T @ np.linalg.solve(products + ridge * np.eye(len(products)), targets)
