"""Schedules: numbers that change with the examples seen. Pass one in place of a constant."""

import copy
import math

import keras
import tensorflow as tf

from tfgan_suite.foundation.number_kinds import is_number


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """A number that is a function of the real examples seen since training began.

    Takes the place of a constant: an optimizer's `learning_rate`, `beta_2` of `tg.Adam`, a penalty's `weight`, the
    `half_life_images` of `tg.ExponentialMovingAverage`, `schedule` of `augment.AdaptiveAugmentation`. `compile` puts a copy
    there that knows where the model counts its examples: it holds no state of its own, a resumed run continues it exactly,
    and one schedule may serve any number of models.

    A subclass implements `value_at` and `get_config`.
    """

    _examples_seen = None

    def value_at(self, examples_seen):
        """The value after that many examples, a float32 scalar. `examples_seen` is a float32 scalar."""
        raise NotImplementedError

    def bind(self, examples_seen):
        """A copy whose value follows a counter, an integer scalar variable.

        Raises:
            ValueError: It follows the counter of another model.
        """
        if self._examples_seen is not None and self._examples_seen is not examples_seen:
            raise ValueError(
                f"An object with a {type(self).__name__} must not be shared by two models, which count their own examples: "
                "make a second optimizer or penalty."
            )
        bound = copy.copy(self)
        bound._examples_seen = examples_seen
        return bound

    def __call__(self, step=None):
        """The value now. Keras's optimizers pass their own count of updates, which is not needed.

        Raises:
            ValueError: No model that was compiled with it counts examples.
        """
        if self._examples_seen is None:
            raise ValueError(
                f"{type(self).__name__} needs a count of examples. Pass it to `compile` of a model, or call what `bind` returns."
            )
        return self.value_at(tf.cast(tf.convert_to_tensor(self._examples_seen), tf.float32))


class Ramp(Schedule):
    """From `start` to `end` over the first `examples` examples; `end` from then on. A subclass says by which `curve`.

    Args:
        start: Float. The first value.
        end: Float. The last value.
        examples: Integer >= 1. Examples until the last value is reached.

    Raises:
        ValueError: `examples` is out of range, or one of them is no number.
    """

    def __init__(self, start, end, examples):
        for name, value in {"start": start, "end": end}.items():
            if not is_number(value):
                raise ValueError(f"`{name}` must be a number. Received: {name}={value!r}")
        if not is_number(examples) or examples < 1:
            raise ValueError(f"`examples` must be >= 1. Received: examples={examples!r}")
        self.start = float(start)
        self.end = float(end)
        self.examples = int(examples)

    def curve(self, share):
        """How much of the start is left, from 1 to 0, as `share` of the way goes from 0 to 1."""
        raise NotImplementedError

    def value_at(self, examples_seen):
        share = tf.clip_by_value(tf.cast(examples_seen, tf.float32) / float(self.examples), 0.0, 1.0)
        return self.end + (self.start - self.end) * self.curve(share)

    def get_config(self):
        return {"start": self.start, "end": self.end, "examples": self.examples}


@keras.saving.register_keras_serializable("tfgan_suite")
class CosineSchedule(Ramp):
    """From `start` to `end` along half a cosine, over the first `examples` examples; `end` from then on.

    Args:
        start: Float. The first value.
        end: Float. The last value.
        examples: Integer >= 1. Examples until the last value is reached.

    Example:

    >>> schedule = CosineSchedule(2.0, 1.0, examples=100)
    >>> [round(float(schedule.value_at(seen)), 3) for seen in (0.0, 25.0, 50.0, 100.0, 500.0)]
    [2.0, 1.854, 1.5, 1.0, 1.0]

    Reference: Huang et al., "The GAN is dead; long live the GAN!" (2024), appendix on hyperparameters: a burn-in of
    learning rate, gamma, Adam's beta_2, EMA half-life and augmentation.
    """

    def curve(self, share):
        return 0.5 * (1.0 + tf.cos(math.pi * share))


@keras.saving.register_keras_serializable("tfgan_suite")
class LinearSchedule(Ramp):
    """From `start` to `end` along a line, over the first `examples` examples; `end` from then on.

    Args:
        start: Float. The first value.
        end: Float. The last value.
        examples: Integer >= 1. Examples until the last value is reached.

    Example: a warm-up.

    >>> round(float(LinearSchedule(0.0, 2e-3, examples=1000).value_at(500.0)), 6)
    0.001
    """

    def curve(self, share):
        return 1.0 - share


def value_now(number):
    """A number, or what a `Schedule` says now."""
    return number() if isinstance(number, Schedule) else number


def bind_schedules(objects, examples_seen):
    """Binds the schedules among the attributes of optimizers, penalties and the like to a counter.

    Raises:
        ValueError: An optimizer has a schedule where it needs a number, or one of the objects is another model's.
    """
    for one in objects:
        while one is not None:
            for name, value in list(vars(one).items()):
                if isinstance(value, Schedule):
                    _check_takes_schedule(one, name)
                    setattr(one, name, value.bind(examples_seen))
            one = vars(one).get("inner_optimizer")


def _check_takes_schedule(one, name):
    """Refuses at once what an optimizer would fail at in its first update."""
    known = ["_learning_rate", *getattr(one, "scheduled", ())]
    if isinstance(one, keras.optimizers.Optimizer) and name not in known:
        known = " and ".join(f"`{attribute.removeprefix('_')}`" for attribute in known)
        raise ValueError(
            f"`{name}` of {type(one).__name__} must be a number; {known} may follow a schedule. Received: a schedule."
        )


def number_to_config(number):
    """What a `get_config` returns for a number that may be a `Schedule`."""
    return keras.saving.serialize_keras_object(number) if isinstance(number, Schedule) else number


def number_from_config(number):
    """The reverse of `number_to_config`."""
    return keras.saving.deserialize_keras_object(number) if isinstance(number, dict) else number
