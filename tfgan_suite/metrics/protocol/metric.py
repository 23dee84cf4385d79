"""What `evaluate` asks of a score, and the base of scores that keep all features."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Activations:
    """What the extractor made of one batch of images.

    Args:
        features: float32 [batch, dimensions]; for a metric that looks at images themselves those, uint8
            [batch, height, width, 1 or 3].
        logits: float32 [batch, classes of the extractor], or `None` if it has no classifier.
        labels: int32 [batch], the classes that the images were drawn from or made for, or `None` without classes.
    """

    features: np.ndarray
    logits: np.ndarray | None = None
    labels: np.ndarray | None = None

    def rows(self, which: np.ndarray) -> "Activations":
        """The rows that `which` (bool or integers) picks."""
        parts = (self.features, self.logits, self.labels)
        return Activations(*(None if part is None else part[which] for part in parts))


class Metric:
    """A score that is gathered batch by batch from the activations of real and of fake images.

    A subclass sets `name`, `direction` and the needs, and overrides `update_fake` and `result`; one that looks at real
    images as well also overrides `update_real` and the two methods that let their statistics be kept on disk. All real
    batches come before the first fake one. An object is used for one evaluation; `fresh` makes another like it.

    Attributes:
        name: In rows of results, without the count of images: `"frechet_distance"`.
        direction: `"lower"` or `"higher"` is better.
        needs_real: Whether it looks at real images.
        needs_logits: Whether it looks at the classifier's logits.
        needs_labels: Whether it can be computed only where the images have classes.
        needs_images: Whether it looks at the images themselves instead of an extractor's features.
        min_images_per_class: Real and generated images that it needs of each class; 0 if it does not matter.
        std_over: What the standard deviation of its result is over, such as `"subsets"`; `None` if it has none.
        settings: What else the value depends on, written into the row and compared: `{"splits": 10}`.
        directions: Its scores' names, each with `"lower"` or `"higher"`; by default one, of `name` and `direction`.
        show_progress: Whether `results` should show how far it is; set by `evaluate`.
    """

    name: str
    direction = "lower"
    needs_real = True
    needs_logits = False
    needs_labels = False
    needs_images = False
    min_images_per_class = 0
    std_over: str | None = None
    show_progress = False

    @property
    def directions(self) -> dict[str, str]:
        return {self.name: self.direction}

    @property
    def settings(self) -> dict[str, int | float | str]:
        return {}

    def fresh(self) -> "Metric":
        """Another object with the same settings and nothing gathered."""
        return type(self)(**self.settings)

    def update_real(self, activations: Activations) -> None:
        raise NotImplementedError(f"{type(self).__name__} does not look at real images.")

    def update_fake(self, activations: Activations) -> None:
        raise NotImplementedError

    def result(self) -> tuple[float, float | None]:
        """The value, and its standard deviation where the protocol has one."""
        raise NotImplementedError

    def results(self) -> dict[str, tuple[float, float | None]]:
        """`result` of each name in `directions`. A metric with several scores overrides this one instead."""
        return {self.name: self.result()}

    def classes(self) -> dict[int, dict[str, float]] | None:
        """Of a score by classes: `value`, `num_real` and `num_fake` of each label. `None` for any other."""
        return None

    def real_arrays(self) -> dict[str, np.ndarray]:
        """What was gathered from real images, for the cache."""
        raise NotImplementedError(f"{type(self).__name__} does not look at real images.")

    def set_real_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Takes what `real_arrays` gave in place of a pass over the real images."""
        raise NotImplementedError(f"{type(self).__name__} does not look at real images.")


class FeatureSetMetric(Metric):
    """A metric of the two sets of features as wholes: keeps all of them (float32) until the result."""

    def __init__(self):
        self._real: list[np.ndarray] = []
        self._fake: list[np.ndarray] = []

    def update_real(self, activations: Activations) -> None:
        self._real.append(activations.features)

    def update_fake(self, activations: Activations) -> None:
        self._fake.append(activations.features)

    def real_features(self) -> np.ndarray:
        """Features [rows, dimensions] of all real images."""
        return np.concatenate(self._real)

    def fake_features(self) -> np.ndarray:
        """Features [rows, dimensions] of all generated images."""
        return np.concatenate(self._fake)

    def real_arrays(self) -> dict[str, np.ndarray]:
        return {"features": self.real_features()}

    def set_real_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._real = [arrays["features"]]
