"""Joins the inputs of several requests into those of one call and splits its outputs into their answers."""

import numpy as np
import tensorflow as tf

# Inputs of `generate` in exports of version 0.1, whose cards do not say how requests are joined.
_SEEDED = {"seed": tf.int64, "count": tf.int32, "truncation": tf.float32}
_DRAWN_LABELS = {"labels": tf.int32}


def joining_of(signature, declared=None):
    """The way to join requests to a signature.

    Args:
        signature: Its `SignatureDef`.
        declared: String. What the model card says: `"rows"`, `"seeded"` or `"none"`; `None` where it says nothing.

    Returns:
        A `RowJoining` or `SeedJoining`, or `None` if its requests cannot be joined.
    """
    dtypes = {name: tf.as_dtype(info.dtype) for name, info in signature.inputs.items()}
    free = all(info.tensor_shape.unknown_rank for info in signature.inputs.values())
    if declared is None:
        declared = "seeded" if dtypes in (_SEEDED, _SEEDED | _DRAWN_LABELS) else "rows"
    if not all(_sizes(info)[:1] == [-1] for info in signature.outputs.values()):
        return None
    if declared == "seeded" and free:
        return SeedJoining([name for name in signature.inputs if name not in _DRAWN_LABELS])
    if declared == "rows" and signature.inputs and all(_has_fixed_rows(info) for info in signature.inputs.values()):
        return RowJoining()
    return None


class RowJoining:
    """Joins requests to signatures whose inputs and outputs all have one row per example, such as `serving_default`."""

    def measure(self, inputs: dict):
        """Number of examples, and what must be equal for requests to be joined; `None` for those that must run alone."""
        sizes = {len(array) for array in inputs.values()}
        return (sizes.pop(), "rows") if len(sizes) == 1 else None

    def join(self, requests: list) -> dict:
        """Joins a list of inputs into the inputs of one call."""
        return {name: np.concatenate([inputs[name] for inputs in requests]) for name in requests[0]}


class SeedJoining:
    """For `generate` and `generate_png`, which take one seed, count and so on for each of several requests.

    Args:
        numbers: List of strings. The inputs that are one number for each request: seed, count and sampling options.
    """

    def __init__(self, numbers=tuple(_SEEDED)):
        self._numbers = tuple(numbers)

    def measure(self, inputs: dict):
        """See `RowJoining.measure`."""
        sizes = {np.size(inputs[name]) for name in self._numbers}
        counts = np.atleast_1d(inputs["count"])
        if len(sizes) != 1 or np.min(counts, initial=1) < 1:
            return None
        num_examples = int(np.sum(counts, dtype=np.int64))
        # A call draws the labels of all its examples, or of none; and one request's may not make up for another's.
        num_labels = np.size(inputs.get("labels", ()))
        if num_labels not in (0, num_examples):
            return None
        return num_examples, "labels given" if num_labels else "labels drawn"

    def join(self, requests: list) -> dict:
        """See `RowJoining.join`."""
        return {name: np.concatenate([np.ravel(inputs[name]) for inputs in requests]) for name in requests[0]}


def part(outputs: dict, sizes: list) -> list:
    """The outputs of one call for each of the requests joined in it, which have these numbers of examples.

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
