"""Truncation in W: towards the average, or, with classes, towards each class's own centre."""

import numpy as np

from tfgan_suite.foundation.errors import UserError


def class_centers(space, num_samples=1000, seed=0):
    """The mean style of each class.

    The average over all classes lies between them: truncating a cat towards it makes the cat a little of everything.
    Truncating towards the mean of cats makes it a more typical cat.

    Args:
        space: A `StyleSpace` of a conditional generator.
        num_samples: Latents to average over, the same ones for each class.
        seed: Of the latents.

    Returns:
        float32 `[num_classes, w_size]`.

    Raises:
        UserError: The generator has no classes.

    Example:

    >>> space = StyleSpace(load_model("runs/digits"))
    >>> centers = class_centers(space)
    >>> labels = np.arange(10)
    >>> ws = truncate(space.sample(10, labels=labels), centers[labels], 0.7)

    Reference: Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks" (2019),
    appendix B, applied to each class.
    """
    if space.num_classes is None:
        raise UserError("Centres of classes need a conditional model. This one has no classes.")
    latents = space.sample_latents(num_samples, seed)
    return np.stack(
        [
            space.map(latents, np.full([num_samples], label, np.int32))[:, 0].mean(axis=0, dtype=np.float64)
            for label in range(space.num_classes)
        ]
    ).astype(np.float32)


def truncate(ws, centers, truncation, cutoff=None):
    """Moves styles towards centres: `center + truncation * (w - center)`.

    Args:
        ws: float `[count, num_ws, w_size]`.
        centers: float `[w_size]`, one for all, or `[count, w_size]`.
        truncation: 1 leaves the styles, 0 makes them the centre; also beyond these.
        cutoff: Layers to truncate, counted from the coarsest; `None` for all.

    Returns:
        float32 `[count, num_ws, w_size]`.

    Example:

    >>> truncate(np.ones([1, 2, 3]), np.zeros(3), 0.5, cutoff=1)[0, :, 0].tolist()
    [0.5, 1.0]
    """
    ws = np.array(ws, np.float32)
    centers = np.asarray(centers, np.float32).reshape([-1, 1, ws.shape[2]])  # [count or 1, 1, w_size]
    ws[:, :cutoff] = centers + np.float32(truncation) * (ws[:, :cutoff] - centers)
    return ws
