"""Stretches of training, and the calls of `fit` that they take from any point on."""

import dataclasses
import itertools
import math


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingPhase:
    """A stretch of training on images of one size, in batches of one size.

    Attributes:
        first_image: Images seen at the phase's start.
        end_image: Images seen at its end, where the next one starts.
        batch_size: Images of one step over all replicas.
        size: Height and width of the images in pixels, or `None` for the data's own.
    """

    first_image: int
    end_image: int
    batch_size: int
    size: int | None = None

    def steps_from(self, images_seen):
        """Steps that are left when `images_seen` images have been seen; the last one may go past the phase's end."""
        left = self.end_image - max(int(images_seen), self.first_image)
        return max(0, math.ceil(left / self.batch_size))


@dataclasses.dataclass(frozen=True)
class Tick:
    """What one epoch of `fit` does: `steps` steps of a phase, from `first_image` images seen on."""

    phase: TrainingPhase
    first_image: int
    steps: int

    @property
    def end_image(self):
        return self.first_image + self.steps * self.phase.batch_size


@dataclasses.dataclass(frozen=True)
class FitCall:
    """One call: `fit(initial_epoch=first_tick, epochs=end_tick, steps_per_epoch=steps)` in a phase."""

    phase: TrainingPhase
    first_tick: int
    end_tick: int
    steps: int


def plan_ticks(phases, images_per_tick, steps_per_execution=1):
    """Cuts phases into ticks: a list of `Tick`, a function of the arguments alone.

    Args:
        phases: List of `TrainingPhase`, in order.
        images_per_tick: Images of a tick, rounded to whole steps; a phase's last tick may be shorter.
        steps_per_execution: Of the compiled model. A tick's steps are a multiple of it, since Keras does no fewer.

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
    """The calls of `fit` that are left after `images_seen` images: the rest of a tick, then equal ticks together.

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
