"""Rules on the gradients of a model's updates: what `TrainedModel.stability_rules` says unless a model knows better."""

from tfgan_suite.engine.alerts import Rule

_LONG = "half the learning rate of that network; a larger batch; a GradientGuard."
_SHORT = "a larger learning rate of that network; a look at its losses, which may be at their minimum."


def gradient_explodes(name, advice=_LONG):
    """The rule that the gradients of an update must not become ten times as long as usual.

    Args:
        name: String. The name of the update.
        advice: String. What to try, in this order.
    """
    return Rule(
        name=f"{name}_gradient_explodes",
        measurement=f"gradient_norm/{name}",
        above=10.0,
        times_usual=True,
        symptom=f"The {name}'s gradients have become ten times as long as in the ticks before.",
        advice=advice,
        reason="In ten finished runs of GANs a tick's mean was at most 4.4 times the median of the ten before it.",
    )


def gradient_vanishes(name, advice=_SHORT):
    """The rule that the gradients of an update must not become fifty times shorter than usual.

    Args:
        name: String. The name of the update.
        advice: String. What to try, in this order.
    """
    return Rule(
        name=f"{name}_gradient_vanishes",
        measurement=f"gradient_norm/{name}",
        below=0.02,
        times_usual=True,
        patience=2,
        symptom=f"The {name}'s gradients have become fifty times shorter: it learns hardly anything.",
        advice=advice,
        reason="In finished runs of GANs a tick's mean was at least 0.41 of the median of the ten before it.",
    )


def updates_left_out(advice="half the learning rates; a larger batch; float32 instead of mixed precision."):
    """The rule that a `GradientGuard` must not leave out more than one update in a hundred.

    Args:
        advice: String. What to try, in this order.
    """
    return Rule(
        name="updates_left_out",
        measurement="skipped_updates/share",
        above=0.01,
        grace_images=0,
        symptom="More than one update in a hundred was left out for its broken or exploding gradients.",
        advice=advice,
        reason="No run misses an update that is left out now and then; Keras's loss scaling skips one in 2,000.",
    )
