"""What every score asks of the features it is given, with one wording."""

import numpy as np

from tfgan_suite.errors import UserError


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


def check_feature_pair(real: object, fake: object, minimum_rows: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Checks two sets of features that are to be compared, see `check_features`.

    Raises:
        UserError: One of them is refused, their dimensions differ, or all rows of one are the same.
    """
    real = check_features(real, "real features", minimum_rows)
    fake = check_features(fake, "fake features", minimum_rows)
    if real.shape[1] != fake.shape[1]:
        raise UserError(
            f"Expected real and fake features of the same extractor. Received {real.shape[1]} and {fake.shape[1]} dimensions."
        )
    for name, features in (("real", real), ("fake", fake)):
        if (features == features[0]).all():
            raise UserError(
                f"All {len(features)} rows of the {name} features are the same. Either the images are all the same (a "
                "collapsed generator) or the extractor does not look at them; a distance would say nothing."
            )
    return real, fake
