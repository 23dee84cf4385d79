"""Phases of training, and the `fit()` calls that remain from any point in them."""

import dataclasses
import itertools
import math


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingPhase:
    """A phase of training with a fixed image size and a fixed batch size.

    Attributes:
        first_image: Integer. Number of images seen at the start of the phase.
        end_image: Integer. Number of images seen at the end of the phase, where the next one starts.
        batch_size: Integer. Number of images per step, over all replicas.
        size: Integer or `None`. Height and width of the images in pixels. `None` is the size of the dataset's images.
    """

    first_image: int
    end_image: int
    batch_size: int
    size: int | None = None

    def steps_from(self, images_seen):
        """Number of steps left after `images_seen` images; the last step may run past the end of the phase."""
        left = self.end_image - max(int(images_seen), self.first_image)
        return max(0, math.ceil(left / self.batch_size))


@dataclasses.dataclass(frozen=True)
class Tick:
    """One epoch of `fit()`: `steps` steps of a phase, starting after `first_image` images."""

    phase: TrainingPhase
    first_image: int
    steps: int

    @property
    def end_image(self):
        return self.first_image + self.steps * self.phase.batch_size


@dataclasses.dataclass(frozen=True)
class FitCall:
    """One call of `fit(initial_epoch=first_tick, epochs=end_tick, steps_per_epoch=steps)` in a phase."""

    phase: TrainingPhase
    first_tick: int
    end_tick: int
    steps: int


def plan_ticks(phases, images_per_tick, steps_per_execution=1):
    """Divides phases into ticks. The result depends on the arguments only.

    Args:
        phases: List of `TrainingPhase`, in order.
        images_per_tick: Integer. Number of images per tick, rounded to whole steps. The last tick of a phase may be
            shorter.
        steps_per_execution: Integer >= 1. The value in the compiled model. The number of steps in a tick is a multiple
            of it, because Keras always executes that many.

    Returns:
        List of `Tick`.

    Example:

    >>> phases = [TrainingPhase(first_image=0, end_image=50, batch_size=10)]
    >>> [(tick.first_image, tick.steps) for tick in plan_ticks(phases, images_per_tick=20)]
    [(0, 2), (20, 2), (40, 1)]
    """
    ticks, images = [], 0
    for phase in phases:
        executions_per_tick = max(1, round(images_per_tick / phase.batch_size / steps_per_execution))
        left = math.ceil(phase.steps_from(images) / steps_per_execution)
        while left > 0:
            executions = min(left, executions_per_tick)
            ticks.append(Tick(phase, images, executions * steps_per_execution))
            images = ticks[-1].end_image
            left -= executions
    return ticks


def fit_calls(ticks, images_seen):
    """Lists the `fit()` calls left after `images_seen` images: the rest of a tick, then runs of equal ticks.

    Args:
        ticks: List of `Tick`, as returned by `plan_ticks`.
        images_seen: Integer. Number of images seen so far.

    Returns:
        List of `FitCall`.

    Example:

    >>> ticks = plan_ticks([TrainingPhase(first_image=0, end_image=80, batch_size=10)], images_per_tick=20)
    >>> [(call.first_tick, call.end_tick, call.steps) for call in fit_calls(ticks, images_seen=30)]
    [(1, 2, 1), (2, 4, 2)]
    """
    left = []
    for number, tick in enumerate(ticks):
        steps = math.ceil((tick.end_image - max(images_seen, tick.first_image)) / tick.phase.batch_size)
        if steps > 0:
            left.append((number, tick.phase, steps))
    calls = []
    for (phase, steps), group in itertools.groupby(left, key=lambda entry: entry[1:]):
        numbers = [number for number, _, _ in group]
        calls.append(FitCall(phase, numbers[0], numbers[-1] + 1, steps))
    return calls
