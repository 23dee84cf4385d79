"""Frechet distance within each class: what a conditional generator makes of every class, not of all together."""

from collections.abc import Mapping

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.frechet_distance import distance_of_rows
from tfgan_suite.metrics.numerics.feature_checks import check_feature_pair, check_features, check_labels
from tfgan_suite.metrics.protocol.activations import Activations
from tfgan_suite.metrics.protocol.feature_set_metric import FeatureSetMetric

_MIN_IMAGES = 2


def intra_class_frechet_distance(
    real: object, real_labels: object, fake: object, fake_labels: object
) -> tuple[float, dict[int, dict[str, float]]]:
    """The Frechet distance of each class's generated features from the same class's real ones, and their mean.

    A generator that ignores its labels, or has forgotten one class, can have a good distance over all images;
    this one reveals it. Classes are small, and small counts bias the distance upwards (it is exact with fewer rows than dimensions,
    but it is that of the samples): compare only values of equal counts. Also called intra-FID.

    Args:
        real: Float array or tensor `[rows, dimensions]`. Features of real examples.
        real_labels: Integers `[rows]`. Their classes.
        fake: Float array or tensor `[rows, dimensions]`. Features of generated examples, with the same dimensions.
        fake_labels: Integers `[rows]`. The classes that they were made for.

    Returns:
        The mean over classes, each with the same weight, and a dict of each label to `value`, `num_real`, `num_fake`.

    Raises:
        UserError: NaN, infinity, integers, different dimensions, labels that do not fit, or a class with fewer than two
            rows or with all rows the same on either side.

    Example:

    >>> real = np.random.default_rng(0).normal(size=(100, 4))
    >>> labels = np.arange(100) % 2
    >>> mean, classes = intra_class_frechet_distance(real, labels, real + labels[:, None], labels)
    >>> round(mean, 6), round(classes[1]["value"], 6), classes[1]["num_real"]
    (2.0, 4.0, 50)

    Reference: Miyato and Koyama 2018, "cGANs with Projection Discriminator", section 4 (intra FID).
    """
    real, fake = check_feature_pair(real, fake)
    real_labels = check_labels(real_labels, "labels of the real features", rows=len(real))
    fake_labels = check_labels(fake_labels, "labels of the fake features", rows=len(fake))
    for label in _classes(real_labels, fake_labels):
        names = (f"real features of class {label}", f"fake features of class {label}")
        check_feature_pair(real[real_labels == label], fake[fake_labels == label], names=names)
    return _intra_class_distance(real, real_labels, fake, fake_labels)


def _classes(real_labels: np.ndarray, fake_labels: np.ndarray) -> list[int]:
    """The classes that there are, after a look at their counts."""
    counts = {
        int(label): (int((real_labels == label).sum()), int((fake_labels == label).sum()))
        for label in np.union1d(real_labels, fake_labels)
    }
    small = [label for label, pair in counts.items() if min(pair) < _MIN_IMAGES]
    if small:
        num_real, num_fake = counts[small[0]]
        raise UserError(
            f"There must be at least {_MIN_IMAGES} real and {_MIN_IMAGES} fake rows of each class. Received fewer of "
            f"{len(small)} of {len(counts)} classes, such as {num_real} real and {num_fake} fake of class {small[0]}."
        )
    return list(counts)


def _intra_class_distance(real, real_labels, fake, fake_labels) -> tuple[float, dict[int, dict[str, float]]]:
    classes = {}
    for label in _classes(real_labels, fake_labels):
        real_rows, fake_rows = real[real_labels == label], fake[fake_labels == label]
        value = distance_of_rows(real_rows, fake_rows)
        classes[label] = {"value": value, "num_real": len(real_rows), "num_fake": len(fake_rows)}
    return float(np.mean([part["value"] for part in classes.values()])), classes


class IntraClassFrechetDistance(FeatureSetMetric):
    """`intra_class_frechet_distance` for `evaluate`: the mean over classes, and the row has each class's own value.

    Its standard deviation is over the classes: how unequally they are learned. Keeps all features (float32) until the
    result. A class whose images are all the same gets its distance here, see `FrechetDistance`.

    Example:

    >>> metric = IntraClassFrechetDistance()
    >>> features = np.random.default_rng(0).normal(size=(100, 4)).astype("float32")
    >>> labels = np.arange(100) % 2
    >>> metric.update_real(Activations(features, labels=labels))
    >>> metric.update_fake(Activations(features + 1, labels=labels))
    >>> mean, std = metric.result()
    >>> round(mean, 4), metric.classes()[0]["num_fake"]
    (4.0, 50)
    """

    name = "intra_class_frechet_distance"
    inputs = frozenset({"features", "labels"})
    min_images_per_class = _MIN_IMAGES
    std_over = "classes"

    def __init__(self):
        super().__init__()
        self._real_labels: list[np.ndarray] = []
        self._fake_labels: list[np.ndarray] = []
        self._classes: dict[int, dict[str, float]] | None = None

    def update_real(self, activations: Activations) -> None:
        super().update_real(activations)
        self._real_labels.append(activations.labels)

    def update_fake(self, activations: Activations) -> None:
        super().update_fake(activations)
        self._fake_labels.append(activations.labels)

    def result(self) -> tuple[float, float]:
        mean, self._classes = _intra_class_distance(
            check_features(self.real_features(), "real features"),
            np.concatenate(self._real_labels),
            check_features(self.fake_features(), "fake features"),
            np.concatenate(self._fake_labels),
        )
        return mean, float(np.std([part["value"] for part in self._classes.values()]))

    def classes(self) -> dict[int, dict[str, float]] | None:
        return self._classes

    def real_arrays(self) -> dict[str, np.ndarray]:
        return {**super().real_arrays(), "labels": np.concatenate(self._real_labels)}

    def set_real_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        super().set_real_arrays(arrays)
        self._real_labels = [arrays["labels"]]
