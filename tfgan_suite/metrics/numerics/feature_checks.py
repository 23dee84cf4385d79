"""What every score asks of the features it is given, with one wording."""

import numpy as np

from tfgan_suite.foundation.errors import UserError


def check_features(features: object, name: str, minimum_rows: int = 2) -> np.ndarray:
    """Returns features as a float64 array [rows, dimensions].

    Args:
        features: Array or tensor of floating-point numbers [rows, dimensions].
        name: What to call them in an error, such as `"real"`.
        minimum_rows: Fewer rows are refused.

    Raises:
        UserError: The array is of another rank or dtype, has too few rows, or holds NaN or infinity.
    """
    features = np.asarray(features)
    if features.ndim != 2 or features.shape[1] == 0:
        hint = " Pass the output of a feature extractor, not images." if features.ndim in (3, 4) else ""
        raise UserError(f"Expected {name} as [rows, dimensions]. Received shape {features.shape}.{hint}")
    if not np.issubdtype(features.dtype, np.floating):
        raise UserError(
            f"Expected {name} as floating-point features. Received dtype {features.dtype}: integers look like images or "
            "labels. Pass the output of a feature extractor (or cast, if these really are features)."
        )
    if len(features) < minimum_rows:
        raise UserError(f"Expected at least {minimum_rows} rows of {name}. Received {len(features)}.")
    features = features.astype(np.float64)
    if not np.isfinite(features).all():
        bad_rows = int((~np.isfinite(features).all(axis=1)).sum())
        raise UserError(
            f"Expected finite numbers in {name}. Received NaN or infinity in {bad_rows} of {len(features)} rows."
        )
    return features


def check_feature_pair(
    real: object, fake: object, minimum_rows: int = 2, names: tuple[str, str] = ("real features", "fake features")
) -> tuple[np.ndarray, np.ndarray]:
    """Checks two sets of features that are to be compared, see `check_features`.

    Raises:
        UserError: One of them is refused, their dimensions differ, or all rows of one are the same.
    """
    real = check_features(real, names[0], minimum_rows)
    fake = check_features(fake, names[1], minimum_rows)
    if real.shape[1] != fake.shape[1]:
        raise UserError(
            f"Expected {names[0]} and {names[1]} of the same extractor. Received {real.shape[1]} and {fake.shape[1]} "
            "dimensions."
        )
    for name, features in zip(names, (real, fake)):
        if len(features) > 1 and (features == features[0]).all():
            raise UserError(
                f"All {len(features)} rows of the {name} are the same. Either the images are all the same (a "
                "collapsed generator) or the extractor does not look at them; a distance would say nothing."
            )
    return real, fake


def check_count(count: object, name: str, highest: int | None, lowest: int = 1) -> int:
    """Returns a whole number of something.

    Args:
        count: The number.
        name: What to call it in an error, such as `"splits"`; may say what bounds it.
        highest: Greatest number allowed, or `None`.
        lowest: Least number allowed.

    Raises:
        UserError: It is no whole number, or out of range.
    """
    whole = isinstance(count, int | np.integer) and not isinstance(count, bool)
    if not whole or count < lowest or (highest is not None and count > highest):
        bounds = f">= {lowest}" if highest is None else f"from {lowest} to {highest}"
        raise UserError(f"Expected {name}, a whole number {bounds}. Received: {count!r}.")
    return int(count)


def check_labels(labels: object, name: str, num_classes: int | None = None, rows: int | None = None) -> np.ndarray:
    """Returns class numbers as an int64 array [rows].

    Args:
        labels: Integers [rows], at least one.
        name: What to call them in an error, such as `"labels"`.
        num_classes: Labels must be below this, if given.
        rows: How many there must be, if given.

    Raises:
        UserError: Another rank, dtype or count, or a label out of range.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels) or rows not in (None, len(labels)):
        count = "at least one" if rows is None else rows
        raise UserError(
            f"Expected {name} as integers [rows], {count} of them. Received: shape {labels.shape}, dtype {labels.dtype}."
        )
    if labels.min() < 0 or (num_classes is not None and labels.max() >= num_classes):
        bound = "0 up" if num_classes is None else f"0 to {num_classes - 1}"
        raise UserError(f"Expected {name} from {bound}. Received: {labels.min()} to {labels.max()}.")
    return labels.astype(np.int64)


def check_images(images: object, name: str, minimum_images: int = 1, minimum_size: int = 1) -> np.ndarray:
    """Returns images as a uint8 or float32 array [count, height, width, 1 or 3].

    Args:
        images: uint8 in [0, 255], or floating point in [-1, 1]. Array or tensor.
        name: What to call them in an error, such as `"real images"`.
        minimum_images: Fewer images are refused.
        minimum_size: Images with a smaller side are refused, pixels.

    Raises:
        UserError: Another rank, dtype, size or range, too few images, NaN or infinity.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        raise UserError(f"Expected {name} as [count, height, width, 1 or 3]. Received shape {images.shape}.")
    if len(images) < minimum_images:
        raise UserError(f"Expected at least {minimum_images} {name}. Received {len(images)}.")
    if min(images.shape[1:3]) < minimum_size:
        raise UserError(f"Expected {name} of at least {minimum_size} pixels a side. Received {images.shape[1:3]}.")
    if images.dtype == np.uint8:
        return images
    if not np.issubdtype(images.dtype, np.floating):
        raise UserError(
            f"Expected {name} as uint8 in [0, 255] or floating point in [-1, 1]. Received dtype {images.dtype}."
        )
    if not np.abs(images).max() <= 1.5:  # NaN fails too. A generator without tanh goes a little beyond 1.
        raise UserError(
            f"Expected floating-point {name} in [-1, 1]. Received values from {images.min():g} to {images.max():g}: give "
            "uint8 images as uint8."
        )
    return images.astype(np.float32)
