"""Update: what a model's training step is a list of. The words in which a model says its algorithm; the engine does it."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


class StepBatch(NamedTuple):
    """What one update is worked out on: a share of the batch, or a microbatch of it.

    Attributes:
        examples: float32 `[batch, ...]`, as they are inside of models.
        labels: int32 `[batch]`, or `None` without classes.
        seed: int32 `[2]`. For everything that this update draws.
        step_seed: int32 `[2]`, from which the seeds of all updates of this step come; `None` for one with an interval.
        kept: Dict. What earlier updates of this step have left for this one; always empty with microbatches.
        tape: The `tf.GradientTape` that records this update, to watch a tensor that was made before it.
        training: Boolean. `False` in `evaluate`, where nothing is updated.
    """

    examples: tf.Tensor
    labels: tf.Tensor | None
    seed: tf.Tensor
    step_seed: tf.Tensor | None
    kept: dict
    tape: tf.GradientTape | None = None
    training: bool = True


class Recorded(NamedTuple):
    """A tensor, the tape that knows how it was made, and the scalars that layers added to the loss on the way."""

    tensor: tf.Tensor
    tape: tf.GradientTape
    added: tuple = ()


@dataclasses.dataclass(frozen=True)
class Objective:
    """What an update minimizes, on one batch.

    Args:
        losses: Dict of name to float32 `[batch]`, one value per example. Their sum, reduced, is minimized; each is
            logged under its name.
        logs: Dict of name to float32 `[batch]`. Logged only.
        rows: float32 `[batch]`. Handed to the update's `observe`, for the whole batch at once.
        through: `Recorded`, or `None`. If given, gradients are taken in two parts, first by this tensor and then by its
            own tape: for a tensor that may have been made before this update. `StepBatch.tape` has to watch it.

    Example:

    >>> objective = Objective({"loss": tf.constant([0.5, 0.7])}, logs={"brightness": tf.constant([0.1, 0.2])})
    >>> list(objective.losses)
    ['loss']
    """

    losses: dict
    logs: dict = dataclasses.field(default_factory=dict)
    rows: tf.Tensor | None = None
    through: Recorded | None = None


@dataclasses.dataclass(frozen=True)
class WholeBatch:
    """An objective that compares the examples of a batch with each other, in a form that can be done in microbatches.

    All examples are measured first. The derivative of the loss by each measured number then says how strongly the
    gradient of that number counts.

    Args:
        measure: Function from a `StepBatch` to float32 `[batch * rows_per_example]`, each number of one example alone.
        evaluate: Function from those of the replica's whole batch to an `Objective`.
        rows_per_example: Float. Numbers measured for each example.
    """

    measure: Callable
    evaluate: Callable
    rows_per_example: float = 1.0


@dataclasses.dataclass(frozen=True)
class Update:
    """One update of some weights, as a line of the paper's algorithm.

    Args:
        name: String. Its seeds are derived from it, and the norm of its gradients is logged as `gradient_norm/<name>`.
        variables: List of the weights that it changes.
        objective: Function from a `StepBatch` to an `Objective`; or a `WholeBatch`; or a list of these, each of which is
            differentiated by itself, so that memory holds one at a time.
        logs: Tuple of strings. The names under which the objectives log.
        optimizer: String. Name of the optimizer; by default that of the update.
        interval: Integer >= 1. Steps from one such update to the next. Above 1 it is lazy: it stands for `interval` steps, its
            loss counts `interval` times, and it draws new random numbers.
        times: Integer >= 1, or `None`. How often it is done in a row, each time on its own share of the batch, every
            `times`-th example. `None` is once, on the last share.
        has_own_share: Boolean. Whether the batch has one more share, the last, for this update with `times=None`, rather than
            the last of those that other updates take as well.
        observe: Function of the rows of all its objectives for this replica, or `None`. Called before the weights change.

    Example: what a model with one network minimizes.

    >>> network = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    >>> def squared_error(batch):
    ...     return Objective({"loss": tf.square(network(batch.examples)[:, 0] - 1.0)})
    >>> Update("network", network.trainable_variables, squared_error, logs=("loss",)).interval
    1
    """

    name: str
    variables: list
    objective: Callable | WholeBatch | list
    logs: tuple = ()
    optimizer: str | None = None
    interval: int = 1
    times: int | None = None
    has_own_share: bool = False
    observe: Callable | None = None

    @property
    def objectives(self):
        """The objectives, a list."""
        return self.objective if isinstance(self.objective, list) else [self.objective]

    @property
    def optimizer_name(self):
        """The name of the optimizer."""
        return self.optimizer or self.name
