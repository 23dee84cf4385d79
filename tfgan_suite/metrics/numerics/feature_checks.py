"""Checks of the arguments that all scores share, with the same error messages everywhere."""

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.numerics.over_white import over_white

# What networks give. Squares of it, and cubes of these, are finite in float64: beyond it, distances would overflow to
# infinity without a word, and scores to 0, 1 or NaN.
LARGEST_FEATURE = float(np.finfo(np.float32).max)


def check_features(features: object, name: str, minimum_rows: int = 2) -> np.ndarray:
    """Checks features and converts them to a float64 array [rows, dimensions].

    Args:
        features: Array or tensor of floating-point numbers [rows, dimensions].
        name: String. The argument's name, or what to call it in an error message, such as `"real features"`.
        minimum_rows: Integer. Minimum number of rows.

    Returns:
        Float64 array [rows, dimensions].

    Raises:
        UserError: If the rank or the dtype is wrong, there are too few rows, or a number is NaN, infinite or larger than
            float32 holds.
    """
    features = np.asarray(features)
    if features.ndim != 2 or features.shape[1] == 0:
        hint = " Pass the output of a feature extractor, not images." if features.ndim in (3, 4) else ""
        raise UserError(
            f"{_subject(name)} must have the shape [rows, dimensions]. Received: shape={features.shape}.{hint}"
        )
    if not np.issubdtype(features.dtype, np.floating):
        raise UserError(
            f"{_subject(name)} must be floating-point features. Received: dtype={features.dtype}. Integers look like "
            "images or labels: pass the output of a feature extractor, or cast them if they really are features."
        )
    if len(features) < minimum_rows:
        raise UserError(f"{_subject(name)} must have at least {minimum_rows} rows. Received: {len(features)} rows")
    features = features.astype(np.float64)
    if not np.isfinite(features).all():
        bad_rows = int((~np.isfinite(features).all(axis=1)).sum())
        raise UserError(
            f"{_subject(name)} must be finite. Received: NaN or infinity in {bad_rows} of {len(features)} rows"
        )
    largest = float(np.abs(features).max(initial=0.0))
    if largest > LARGEST_FEATURE:
        raise UserError(
            f"{_subject(name)} must be no larger than float32 holds, {LARGEST_FEATURE:.2g}. Received: {largest:.2g}. Divide "
            "them by a constant, or look at the network that they come from."
        )
    return features


def check_feature_pair(
    real: object, fake: object, minimum_rows: int = 2, names: tuple[str, str] = ("real features", "fake features")
) -> tuple[np.ndarray, np.ndarray]:
    """Checks two sets of features that are to be compared. See `check_features`.

    Args:
        real: Array or tensor of floating-point numbers [rows, dimensions].
        fake: Array or tensor of floating-point numbers [rows, dimensions].
        minimum_rows: Integer. Minimum number of rows of each set.
        names: Pair of strings. What to call the sets in an error message.

    Returns:
        Tuple of two float64 arrays [rows, dimensions].

    Raises:
        UserError: If one of the sets is invalid, their dimensions differ, or all rows of one set are the same.
    """
    real = check_features(real, names[0], minimum_rows)
    fake = check_features(fake, names[1], minimum_rows)
    if real.shape[1] != fake.shape[1]:
        raise UserError(
            f"{_subject(names[0])} and {names[1]} must be from the same extractor. Received: {real.shape[1]} and "
            f"{fake.shape[1]} dimensions"
        )
    for name, features in zip(names, (real, fake)):
        if len(features) > 1 and (features == features[0]).all():
            raise UserError(
                f"All {len(features)} rows of the {name} are the same. Either all images are the same (a collapsed "
                "generator), or the extractor ignores them. A distance would be meaningless."
            )
    return real, fake


def check_score(value: float, name: str) -> float:
    """Checks that a score came out as a number.

    Args:
        value: Float. The score.
        name: String. The name of the score.

    Returns:
        The score.

    Raises:
        UserError: If it is NaN or infinite.
    """
    if not np.isfinite(value):
        raise UserError(
            f"{name} must come out as a finite number. Received: {value}. What it was computed from is too large, too "
            "small or empty, or occurs in one set alone: look at the examples, or leave this score out."
        )
    return value


def check_count(count: object, name: str, highest: int | None, lowest: int = 1) -> int:
    """Checks an integer.

    Args:
        count: Integer to check.
        name: String. The argument's name, such as `"splits"`, or what to call it in an error message. May include what
            limits it.
        highest: Integer or `None`. Maximum.
        lowest: Integer. Minimum.

    Returns:
        Integer.

    Raises:
        UserError: If it is not an integer, or out of range.
    """
    whole = isinstance(count, int | np.integer) and not isinstance(count, bool)
    if not whole or count < lowest or (highest is not None and count > highest):
        bounds = f">= {lowest}" if highest is None else f"from {lowest} to {highest}"
        raise UserError(f"{_subject(name)} must be an integer {bounds}. Received: {count!r}")
    return int(count)


def check_labels(labels: object, name: str, num_classes: int | None = None, rows: int | None = None) -> np.ndarray:
    """Checks labels and converts them to an int64 array [rows].

    Args:
        labels: Integer array [rows] with at least one entry.
        name: String. The argument's name, such as `"labels"`, or what to call it in an error message.
        num_classes: Integer or `None`. If given, labels must be less than this.
        rows: Integer or `None`. Number of labels required.

    Returns:
        Int64 array [rows].

    Raises:
        UserError: If the rank, the dtype, or the number of labels is wrong, or a label is out of range.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels) or rows not in (None, len(labels)):
        count = "at least one entry" if rows is None else f"{rows} entries"
        raise UserError(
            f"{_subject(name)} must be an integer array [rows] with {count}. Received: shape={labels.shape}, "
            f"dtype={labels.dtype}"
        )
    if labels.min() < 0 or (num_classes is not None and labels.max() >= num_classes):
        bound = ">= 0" if num_classes is None else f"from 0 to {num_classes - 1}"
        raise UserError(f"{_subject(name)} must be {bound}. Received: labels from {labels.min()} to {labels.max()}")
    return labels.astype(np.int64)


def check_images(
    images: object, name: str, minimum_images: int = 1, minimum_size: int = 1, flatten: bool = True
) -> np.ndarray:
    """Checks images and converts them to a uint8 or float32 array [count, height, width, channels].

    Args:
        images: Array or tensor [count, height, width, 1, 3 or 4], uint8 in [0, 255] or floating-point in [-1, 1].
        name: String. The argument's name, or what to call it in an error message, such as `"real images"`.
        minimum_images: Integer. Minimum number of images.
        minimum_size: Integer. Minimum height and width in pixels.
        flatten: Boolean. Whether images of four channels are laid over white, so that they have three.

    Returns:
        uint8 or float32 array [count, height, width, channels].

    Raises:
        UserError: If the rank, the dtype, or the range is wrong, there are too few images, they are too small, or a
            number is NaN or infinite.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[3] not in (1, 3, 4):
        raise UserError(
            f"{_subject(name)} must have the shape [count, height, width, 1, 3 or 4]. Received: shape={images.shape}"
        )
    if len(images) < minimum_images:
        raise UserError(f"{_subject(name)} must be at least {minimum_images} images. Received: {len(images)} images")
    if min(images.shape[1:3]) < minimum_size:
        raise UserError(
            f"{_subject(name)} must be at least {minimum_size} pixels high and wide. Received: shape={images.shape}"
        )
    if images.dtype == np.uint8:
        return over_white(images) if flatten else images
    if not np.issubdtype(images.dtype, np.floating):
        raise UserError(
            f"{_subject(name)} must be uint8 in [0, 255] or floating-point in [-1, 1]. Received: dtype={images.dtype}"
        )
    if not np.abs(images).max() <= 1.5:  # NaN fails too. A generator without tanh slightly exceeds 1.
        raise UserError(
            f"{_subject(name)} must be in [-1, 1] if they are floating-point. Received: values from "
            f"{images.min():g} to {images.max():g}. Pass uint8 images as uint8."
        )
    images = images.astype(np.float32)
    return over_white(images) if flatten else images


def _subject(name: str) -> str:
    """Returns a name as the first word of a message: arguments in backticks, descriptions capitalized."""
    return f"`{name}`" if name.isidentifier() else name[0].upper() + name[1:]
