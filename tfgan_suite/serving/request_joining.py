"""Joins the inputs of several requests into those of one call and splits its outputs into their answers."""

import numpy as np
import tensorflow as tf

# Inputs of the signatures that sample from seeds, all of which accept any shape.
_SEEDED = {"seed": tf.int64, "count": tf.int32, "truncation": tf.float32}
_DRAWN_LABELS = {"labels": tf.int32}


def joining_of(signature):
    """Selects how to join requests to a signature.

    Args:
        signature: The `SignatureDef` of the signature.

    Returns:
        A `RowJoining` or `SeedJoining`, or `None` if its requests cannot be joined.
    """
    dtypes = {name: tf.as_dtype(info.dtype) for name, info in signature.inputs.items()}
    free = all(info.tensor_shape.unknown_rank for info in signature.inputs.values())
    if not all(_sizes(info)[:1] == [-1] for info in signature.outputs.values()):
        return None
    if free and dtypes in (_SEEDED, _SEEDED | _DRAWN_LABELS):
        return SeedJoining()
    if signature.inputs and all(_has_fixed_rows(info) for info in signature.inputs.values()):
        return RowJoining()
    return None


class RowJoining:
    """Joins requests to signatures whose inputs and outputs all have one row per example, such as `serving_default`."""

    def measure(self, inputs: dict):
        """Measures a request.

        Args:
            inputs: Dict `{name: NumPy array}`.

        Returns:
            Tuple `(num_images, kind)`, where only requests of the same kind can be joined, or `None` if the request
            must run alone.
        """
        sizes = {len(array) for array in inputs.values()}
        return (sizes.pop(), "rows") if len(sizes) == 1 else None

    def join(self, requests: list) -> dict:
        """Joins a list of inputs into the inputs of one call."""
        return {name: np.concatenate([inputs[name] for inputs in requests]) for name in requests[0]}


class SeedJoining:
    """Joins requests to `generate` and `generate_png`, which accept one seed, count, and truncation per request."""

    def measure(self, inputs: dict):
        """See `RowJoining.measure`."""
        sizes = {np.size(inputs[name]) for name in _SEEDED}
        counts = np.atleast_1d(inputs["count"])
        if len(sizes) != 1 or np.min(counts, initial=1) < 1:
            return None
        num_images = int(np.sum(counts, dtype=np.int64))
        # A call samples the labels of all its images or of none, and the surplus labels of one request must not make up
        # for those missing in another.
        num_labels = np.size(inputs.get("labels", ()))
        if num_labels not in (0, num_images):
            return None
        return num_images, "labels given" if num_labels else "labels drawn"

    def join(self, requests: list) -> dict:
        """See `RowJoining.join`."""
        return {name: np.concatenate([np.ravel(inputs[name]) for inputs in requests]) for name in requests[0]}


def part(outputs: dict, sizes: list) -> list:
    """Splits the outputs of one call into those of the requests joined in it.

    Args:
        outputs: Dict `{name: NumPy array}`.
        sizes: List of integers. Number of images of each request.

    Returns:
        List of dicts `{name: NumPy array}`, one per request.

    Raises:
        ValueError: If the outputs do not have as many rows as all requests together.
    """
    for name, array in outputs.items():
        if len(array) != sum(sizes):
            raise ValueError(
                f"Output {name} must have {sum(sizes)} rows, one per input row. Received: {len(array)} rows"
            )
    ends = np.cumsum(sizes)
    return [
        {name: array[end - size : end] for name, array in outputs.items()}
        for end, size in zip(ends, sizes, strict=True)
    ]


def _sizes(tensor_info) -> list:
    return [] if tensor_info.tensor_shape.unknown_rank else [axis.size for axis in tensor_info.tensor_shape.dim]


def _has_fixed_rows(tensor_info) -> bool:
    """Whether a tensor accepts any number of rows, all of the same shape."""
    sizes = _sizes(tensor_info)
    return sizes[:1] == [-1] and -1 not in sizes[1:]
