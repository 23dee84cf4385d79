"""Truncation in W: toward the average style or, for a conditional model, toward the center of each class."""

import numpy as np

from tfgan_suite.foundation.errors import UserError


def class_centers(space, num_samples=1000, seed=0):
    """Computes the mean style of each class.

    The global average lies between the classes: truncating a cat toward it makes the cat a bit of everything.
    Truncating toward the mean of cats makes it a more typical cat.

    Args:
        space: A `StyleSpace` of a conditional generator.
        num_samples: Integer. Number of latents to average over, which are the same for each class.
        seed: Integer. Seed for the latents.

    Returns:
        Float32 array `[num_classes, w_size]`.

    Raises:
        UserError: If the generator has no classes.

    Example:

    >>> space = StyleSpace(load_model("runs/digits"))
    >>> centers = class_centers(space)
    >>> labels = np.arange(10)
    >>> ws = truncate(space.sample(10, labels=labels), centers[labels], 0.7)

    Reference: Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks" (2019),
    appendix B, applied to each class.
    """
    if space.num_classes is None:
        raise UserError(
            "`space` must be that of a conditional model to compute class centers. This model has no classes."
        )
    latents = space.sample_latents(num_samples, seed)
    return np.stack(
        [
            space.map(latents, np.full([num_samples], label, np.int32))[:, 0].mean(axis=0, dtype=np.float64)
            for label in range(space.num_classes)
        ]
    ).astype(np.float32)


def truncate(ws, centers, truncation, cutoff=None):
    """Moves styles toward centers: `center + truncation * (w - center)`.

    Args:
        ws: Float array `[count, num_ws, w_size]`. The styles.
        centers: Float array `[w_size]` or `[count, w_size]`. One center for all styles, or one for each.
        truncation: Float. 1 leaves the styles unchanged; 0 replaces them by the centers. May be outside [0, 1].
        cutoff: Integer or `None`. Number of layers to truncate, starting from the coarsest. `None` truncates all
            layers.

    Returns:
        Float32 array `[count, num_ws, w_size]`.

    Example:

    >>> truncate(np.ones([1, 2, 3]), np.zeros(3), 0.5, cutoff=1)[0, :, 0].tolist()
    [0.5, 1.0]
    """
    ws = np.array(ws, np.float32)
    centers = np.asarray(centers, np.float32).reshape([-1, 1, ws.shape[2]])  # [count or 1, 1, w_size]
    ws[:, :cutoff] = centers + np.float32(truncation) * (ws[:, :cutoff] - centers)
    return ws
