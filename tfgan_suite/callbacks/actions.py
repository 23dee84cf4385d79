"""What to do about an alert: objects for the `actions` of a monitor.

An action is called as `action(monitor, alert)` and returns what it did, a sentence, or `None`. `begin(model)` is called
when training begins or resumes.
"""

import shutil

import numpy as np

from tfgan_suite.foundation.errors import UserError


class RolledBack(UserError):
    """Training went back to an earlier checkpoint. `fit` ends with this; call it again to continue from there."""


class StoppedByAlert(UserError):
    """Training was stopped because a monitor raised an alert; its state is saved."""


class Action:
    """Base of all actions."""

    def begin(self, model):
        """Checks that the action can be taken, and restores what it changed before a restart."""

    def __call__(self, monitor, alert):
        raise NotImplementedError


class Note(Action):
    """Reports the alert and does nothing else; training is unaffected."""

    def __call__(self, monitor, alert):
        return None


class Save(Action):
    """Keeps a copy of the state where it is not removed with old checkpoints.

    Args:
        checkpointing: The run's `Checkpointing`. The copy goes to `kept`, next to its directory.
    """

    def __init__(self, checkpointing):
        self.checkpointing = checkpointing

    def __call__(self, monitor, alert):
        path = self.checkpointing.save()
        kept = self.checkpointing.directory.parent / "kept"
        kept.mkdir(parents=True, exist_ok=True)
        for source in (path, path.with_name(path.name.replace(".weights.h5", ".json"))):
            shutil.copy2(source, kept / source.name)
        return f"The state is kept in {kept / path.name}."


class Stop(Action):
    """Saves and stops. Training can be resumed; the same alert then stays silent until its value recovers.

    Args:
        checkpointing: The run's `Checkpointing`, or `None` if the state need not be saved.
    """

    def __init__(self, checkpointing=None):
        self.checkpointing = checkpointing

    def __call__(self, monitor, alert):
        monitor.record(alert, "Training was stopped.")
        where = f" The state is saved in {self.checkpointing.save()}." if self.checkpointing else ""
        raise StoppedByAlert(f"Stopped: {alert}{where}")


class LowerRate(Action):
    """Multiplies the learning rates of all of a model's optimizers.

    The factor is remembered: a model that sets its rates again, as one that grows does on each level, gets them lowered
    again.

    Args:
        factor: Float in (0, 1).
        least: Float > 0. Rate below which nothing is lowered any further.

    Raises:
        ValueError: An argument out of range.
    """

    name = "lower_rate"

    def __init__(self, factor=0.5, least=1e-6):
        if not 0.0 < factor < 1.0:
            raise ValueError(f"`factor` must be in (0, 1). Received: factor={factor}")
        if least <= 0.0:
            raise ValueError(f"`least` must be > 0. Received: least={least}")
        self.factor = factor
        self.least = least
        self.set_state({"total_factor": 1.0, "lowered_to": {}})

    def get_state(self):
        return {"total_factor": self.total_factor, "lowered_to": dict(self.lowered_to)}

    def set_state(self, state):
        self.total_factor = state["total_factor"]
        # Version 0.1 named attributes of the model: `generator_optimizer`.
        self.lowered_to = {name.removesuffix("_optimizer"): rate for name, rate in state["lowered_to"].items()}

    def begin(self, model):
        for name, optimizer in model.optimizers.items():
            rate = optimizer.learning_rate
            if not hasattr(rate, "assign"):
                raise UserError(
                    f"`learning_rate` of the optimizer {name!r} must be a constant, which can be lowered. Received: a "
                    "schedule. Use another action, or lower the schedule yourself."
                )
            if self.total_factor < 1.0 and float(np.asarray(rate)) != self.lowered_to[name]:
                self._assign(name, optimizer, float(np.asarray(rate)) * self.total_factor)

    def __call__(self, monitor, alert):
        return self.lower(monitor.model)

    def lower(self, model):
        """Lowers the rates now, and returns a sentence that says to what."""
        rates = {name: float(np.asarray(optimizer.learning_rate)) for name, optimizer in model.optimizers.items()}
        if min(rates.values()) * self.factor < self.least:
            return f"The learning rates are left at {_listed(rates)}: lower ones would be below {self.least:g}."
        self.total_factor *= self.factor
        for name, rate in rates.items():
            self._assign(name, model.optimizers[name], rate * self.factor)
        return f"The learning rates are now {_listed(self.lowered_to)}."

    def _assign(self, name, optimizer, rate):
        optimizer.learning_rate = rate
        self.lowered_to[name] = float(np.asarray(optimizer.learning_rate))  # As float32 has it.


def _listed(rates):
    return " and ".join(f"{rate:.3g} ({name})" for name, rate in rates.items())


class RaiseAugmentation(Action):
    """Raises the probability of the augmentation, against a discriminator that has memorized its images.

    Args:
        by: Float in (0, 1]. Added to the probability.
        most: Float in (0, 1]. Probability that is not exceeded. Karras et al. (2020), section 2.2: near 1 the augmentation
            leaks into the generated images, up to about 0.8 it is safe.

    Raises:
        ValueError: An argument out of range.
    """

    def __init__(self, by=0.1, most=0.8):
        if not 0.0 < by <= 1.0 or not 0.0 < most <= 1.0:
            raise ValueError(f"`by` and `most` must be in (0, 1]. Received: by={by}, most={most}")
        self.by = by
        self.most = most

    def begin(self, model):
        known = model.compile_arguments()
        if "augmentation" not in known:
            raise UserError(
                f"The action 'raise_augmentation' needs a model with an augmentation. `compile` of "
                f"{type(model).__name__} takes: {', '.join(known)}. Use another action."
            )
        if not hasattr(getattr(model.augmentation, "probability", None), "assign"):
            raise UserError(
                "`augmentation` must be one whose probability can be raised, such as augment.AdaptiveAugmentation(), for "
                f"the action 'raise_augmentation'. Received: augmentation={model.augmentation}"
            )

    def __call__(self, monitor, alert):
        variable = monitor.model.augmentation.probability
        old = float(np.asarray(variable))
        variable.assign(max(old, min(old + self.by, self.most)))
        return f"The augmentation's probability is now {float(np.asarray(variable)):.3g}; it was {old:.3g}."


class RollBack(Action):
    """Goes back to the last checkpoint without an alert, lowers the learning rates, and continues.

    Without a change, the same steps would follow from the same state, to the last bit: hence the lower rates. `fit` ends
    with `RolledBack`; `tfgan_suite.train` calls it again, by hand load the checkpoint with `tfgan_suite.resume` first.

    Args:
        checkpointing: The run's `Checkpointing`.
        lower_rate: A `LowerRate`.
        most_times: Integer >= 1. Times that a run is rolled back; after that it is stopped.

    Raises:
        ValueError: An argument out of range.

    Reference: going back and changing something, after Chowdhery et al., "PaLM" (2022), section 5.1.
    """

    name = "roll_back"

    def __init__(self, checkpointing, lower_rate=None, most_times=3):
        if most_times < 1:
            raise ValueError(f"`most_times` must be >= 1. Received: most_times={most_times}")
        self.checkpointing = checkpointing
        self.lower_rate = lower_rate or LowerRate()
        self.most_times = most_times
        self.times = 0

    def get_state(self):
        return {"times": self.times}

    def set_state(self, state):
        self.times = state["times"]

    def begin(self, model):
        self.lower_rate.begin(model)

    def __call__(self, monitor, alert):
        if self.times >= self.most_times:
            monitor.record(alert, f"Rolled back {self.times} times already: stopped.")
            raise StoppedByAlert(f"Training is still unstable after {self.times} rollbacks; stopping. {alert}")
        self.go_back(monitor.model, alert, monitor.calm_images, monitor)

    def go_back(self, model, alert, calm_images=None, monitor=None):
        """Goes back, saves what has changed, and raises `RolledBack`.

        Args:
            model: The model.
            alert: The `Alert`.
            calm_images: Integer. Examples seen at which there was no alert, or `None` for the newest checkpoint.
            monitor: The `Monitor` that holds the alert, or `None`.
        """
        # What has been reported stays reported, and the count goes on, whatever the older state says.
        times, alerts = self.times + 1, {one: one.alerts for one in self.checkpointing.monitors()}
        examples_seen = self.checkpointing.go_back(model, calm_images)
        self.times = times
        for one, kept in alerts.items():
            one.alerts = kept
        done = f"Went back to {examples_seen:,} {model.spec.unit[1]}. {self.lower_rate.lower(model)}"
        if monitor is not None:
            monitor.record(alert, done)
        self.checkpointing.save(again=True)
        raise RolledBack(f"{alert} {done}")
