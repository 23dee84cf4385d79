"""Metric: a score, and what `evaluate` must gather for it."""

from collections.abc import Mapping

import numpy as np

from tfgan_suite.metrics.protocol.activations import Activations

# What an extractor sees in examples, real and generated.
FEATURE_INPUTS = frozenset({"features", "logits"})
# What the model itself makes of real examples.
MODEL_OUTPUTS = frozenset({"likelihoods", "reconstructions", "anomaly_scores"})
INPUTS = FEATURE_INPUTS | MODEL_OUTPUTS | {"examples", "labels", "model"}


class Metric:
    """A score that is gathered batch by batch.

    A subclass sets `name`, `direction` and `inputs`, and overrides `result` and those of `update_real` and `update_fake`
    that it needs. There are three families, distinguished by `inputs`:

    * A metric of `"features"`, `"logits"` or `"examples"` compares generated examples with real ones. All real batches come
      before the first generated one. It overrides `real_arrays` and `set_real_arrays` as well, so that what was gathered
      from real examples can be kept on disk; or it sets `needs_real = False`.
    * A metric of `"likelihoods"`, `"reconstructions"` or `"anomaly_scores"` judges what the model makes of real examples:
      it gets these by `update_real`, and no generated ones.
    * A metric of `"model"` is a `ModelMetric`, which gets the model itself.

    An object is used for one evaluation; `fresh` makes another like it.

    Attributes:
        name: String. Its name in rows of results, without the count of examples: `"frechet_distance"`.
        direction: String. `"lower"` or `"higher"` is better.
        inputs: Frozenset of strings out of `"features"`, `"logits"`, `"examples"`, `"labels"`, `"likelihoods"`,
            `"reconstructions"`, `"anomaly_scores"` and `"model"`. What must be gathered for it; `Activations` hold it. One
            that names `"labels"` can be computed only where examples have classes.
        kinds: Tuple of strings, the kinds of examples that it can be computed on (`ExampleSpec.kind`); `None` for any.
        needs_real: Boolean. Whether it looks at real examples.
        min_images_per_class: Integer. Real and generated examples that it needs of each class; 0 if it does not matter.
        likelihood_samples: Integer >= 1. Samples for each likelihood, where the model has only a lower bound of it.
        std_over: String. What the standard deviation of its result is over, such as `"subsets"`; `None` if it has none.
        settings: Dict. What else the value depends on, written into the row and compared: `{"splits": 10}`.
        directions: Dict of the names of its scores to `"lower"` or `"higher"`; by default one, of `name` and `direction`.
        infinite_scores: Frozenset of strings. Those of its scores that may be infinite by their definition. `evaluate` makes
            no row of another that is, nor of NaN.
        show_progress: Boolean. Whether `results` should show how far it is; set by `evaluate`.

    Example: the mean of all pixels.

    >>> class Brightness(Metric):
    ...     name, inputs, needs_real = "brightness", frozenset({"examples"}), False
    ...     def __init__(self):
    ...         self.values = []
    ...     def update_fake(self, activations):
    ...         self.values.append(activations.examples.mean())
    ...     def result(self):
    ...         return float(np.mean(self.values)), None
    >>> metric = Brightness()
    >>> metric.update_fake(Activations(examples=np.full([2, 8, 8, 1], 3, "uint8")))
    >>> metric.result()
    (3.0, None)
    """

    name: str | None = None
    direction = "lower"
    inputs = frozenset({"features"})
    kinds: tuple[str, ...] | None = None
    needs_real = True
    min_images_per_class = 0
    likelihood_samples = 1
    std_over: str | None = None
    infinite_scores: frozenset[str] = frozenset()
    show_progress = False

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        unknown = cls.inputs - INPUTS
        if unknown or not cls.inputs:
            raise ValueError(
                f"`inputs` of {cls.__name__} must be a set of names out of {', '.join(sorted(INPUTS))}. Received: "
                f"inputs={set(cls.inputs)}"
            )
        if cls.inputs & MODEL_OUTPUTS and cls.inputs & FEATURE_INPUTS or "model" in cls.inputs and len(cls.inputs) > 1:
            raise ValueError(
                f"`inputs` of {cls.__name__} must be gathered in one pass: outputs of the model go with `examples` and "
                f"`labels` alone, and `model` with nothing else. Received: inputs={set(cls.inputs)}"
            )

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
        """Takes in a batch of real examples."""
        raise NotImplementedError(f"{type(self).__name__} does not look at real examples.")

    def update_fake(self, activations: Activations) -> None:
        """Takes in a batch of generated examples."""
        raise NotImplementedError(f"{type(self).__name__} does not look at generated examples.")

    def result(self) -> tuple[float, float | None]:
        """The value, and its standard deviation where the protocol has one."""
        raise NotImplementedError

    def results(self) -> dict[str, tuple[float, float | None]]:
        """`result` of each name in `directions`. A metric with several scores overrides this method instead."""
        return {self.name: self.result()}

    def classes(self) -> dict[int, dict[str, float]] | None:
        """Of a score by classes: `value`, `num_real` and `num_fake` of each label. `None` for any other."""
        return None

    def real_arrays(self) -> dict[str, np.ndarray]:
        """What was gathered from real examples, for the cache."""
        raise NotImplementedError(f"{type(self).__name__} does not look at real examples.")

    def set_real_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Takes what `real_arrays` returned in place of a pass over the real examples."""
        raise NotImplementedError(f"{type(self).__name__} does not look at real examples.")
