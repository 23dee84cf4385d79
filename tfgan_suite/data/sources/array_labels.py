"""Labels that come as an array: whole numbers, names, or one-hot rows."""

from collections.abc import Mapping

import numpy as np

from tfgan_suite.foundation.errors import UserError

_MAX_UNNAMED = 100_000


def read_labels(labels, count: int, class_names=None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Makes whole numbers of labels, and finds the names of the classes.

    Args:
        labels: See `ArraySource`.
        count: Integer. How many examples there are.
        class_names: Sequence of strings or bytes, one name per label, a dict of label to name, or `None`.

    Returns:
        int64 `[count]`, and a tuple of strings: a name for each label from 0 on.

    Raises:
        UserError: The labels cannot be understood, or not in one way only, or there are not enough names.

    Example:

    >>> read_labels(["dog", "cat"], 2)
    (array([1, 0]), ('cat', 'dog'))
    """
    class_names = None if class_names is None else _text_names(class_names)
    labels = _plain(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    num_classes = 0
    if labels.ndim == 2 and len(labels) == count and labels.dtype.kind in "biuf" and _is_one_hot(labels):
        num_classes = labels.shape[1]
        labels = labels.argmax(axis=1)
    if labels.shape == (count,) and labels.dtype.kind == "U":
        return _of_names(labels, class_names)
    is_whole = labels.dtype.kind in "biu" or labels.dtype.kind == "f" and bool(np.all(labels == np.floor(labels)))
    if labels.shape != (count,) or not is_whole or not np.all(np.isfinite(labels)):
        raise UserError(
            f"`labels` must be integers of shape [{count}], one per example, names, or one-hot rows. Received: "
            f"dtype={labels.dtype}, shape={list(labels.shape)}{_first_fraction(labels)}"
        )
    if labels.min() < 0:
        raise UserError(f"`labels` must be >= 0. Received: a label of {labels.min()}")
    highest = int(labels.max())
    return labels.astype(np.int64), _check_names(class_names, max(num_classes, highest + 1))


def _plain(labels) -> np.ndarray:
    """An array of numbers or text."""
    try:
        labels = np.asarray(labels)
    except ValueError as error:
        raise UserError(f"`labels` must be one array. Received: {error}") from error
    if labels.dtype.kind == "S":
        return np.char.decode(labels, "utf-8", "backslashreplace")
    if labels.dtype.kind == "O":  # As pandas keeps text.
        values = labels.ravel().tolist()
        if all(isinstance(value, str | bytes) for value in values):
            return np.array([_text(value) for value in values]).reshape(labels.shape)
        if all(isinstance(value, int | np.integer) for value in values):
            return labels.astype(np.int64)
    return labels


def _is_one_hot(labels: np.ndarray) -> bool:
    return bool(np.all((labels == 0) | (labels == 1)) and np.all(labels.sum(axis=1) == 1))


def _first_fraction(labels: np.ndarray) -> str:
    if labels.ndim != 1 or labels.dtype.kind != "f":
        return ""
    fractions = labels[labels != np.floor(labels)]
    return f", a label of {fractions[0]}" if len(fractions) else ""


def _of_names(labels: np.ndarray, class_names: tuple[str, ...] | None) -> tuple[np.ndarray, tuple[str, ...]]:
    if class_names is None:
        found, indices = np.unique(labels, return_inverse=True)
        return indices.reshape(labels.shape).astype(np.int64), tuple(map(_text, found))
    indices = {name: label for label, name in enumerate(class_names)}
    unknown = next((str(label) for label in labels if str(label) not in indices), None)
    if unknown is not None:
        raise UserError(f"`labels` must be names among `class_names`. Received: a label of {unknown!r}")
    return np.array([indices[str(label)] for label in labels]), _check_names(class_names, len(class_names))


def _check_names(class_names: tuple[str, ...] | None, num_classes: int) -> tuple[str, ...]:
    if class_names is None:
        if num_classes > _MAX_UNNAMED:
            raise UserError(
                f"`labels` must count from 0 without large gaps. Received: a highest label of {num_classes - 1}"
            )
        return tuple(str(label) for label in range(num_classes))
    if len(class_names) < num_classes or len(set(class_names)) != len(class_names):
        raise UserError(
            f"`class_names` must be at least {num_classes} different names, one per label. Received: "
            f"class_names={class_names}"
        )
    return class_names


def _text_names(class_names) -> tuple[str, ...]:
    if isinstance(class_names, Mapping):
        if sorted(class_names) != list(range(len(class_names))):
            raise UserError(
                f"`class_names` must name the labels 0, 1, 2 and so on. Received: class_names={dict(class_names)}"
            )
        class_names = [class_names[label] for label in range(len(class_names))]
    return tuple(_text(name) for name in class_names)


def _text(name) -> str:
    """Bytes come from HDF5 files, and from pickles of Python 2."""
    text = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else str(name)
    try:
        text.encode()
    except UnicodeEncodeError as error:  # Half a surrogate: nothing could write it.
        raise UserError(f"Names of classes must be text that UTF-8 can hold. Received: {text!r}") from error
    return text
