"""Arguments of a model's `compile` and constructor that are written as JSON: what `--compile` and `--set` may say."""

import keras

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.models.saving import register_classes


def compile_argument(name, value):
    """The value of an argument of `compile`, or of a model's constructor, that was written as JSON.

    Args:
        name: String. The argument, for error messages.
        value: A plain value, which stays as it is; the name of a registered class, which is made without arguments; a dict
            of `class_name` and `config`, whose values may be such dicts again, such as the schedule of a rate; or a list
            of these.

    Raises:
        UserError: A class that is not known, or that refuses its config.

    Example:

    >>> compile_argument("discriminator_penalties", [{"class_name": "R1", "config": {"weight": 2.0}}])[0].weight
    2.0
    >>> ramp = {"class_name": "LinearSchedule", "config": {"start": 0.0, "end": 2e-3, "examples": 1000}}
    >>> adam = {"class_name": "Adam", "config": {"learning_rate": ramp}}
    >>> type(compile_argument("generator_optimizer", adam)._learning_rate).__name__
    'LinearSchedule'
    >>> compile_argument("discriminator_steps", 2)
    2
    >>> compile_argument("distribution", "Bernoulli").num_levels
    2
    """
    register_classes()
    if isinstance(value, list):
        return [compile_argument(name, one) for one in value]
    if isinstance(value, str):
        cls, config = _registered(value), {}
        if cls is None:
            return value
    elif isinstance(value, dict) and "class_name" in value:
        cls, config = _registered(value["class_name"]), _made(name, value.get("config", {}))
        if cls is None:
            raise UserError(
                f"`{name}` must name a class that is registered with Keras, such as 'Hinge'. Received: "
                f"class_name={value['class_name']!r}"
            )
    else:
        return value
    try:
        return cls(**config)
    except (TypeError, ValueError) as error:
        raise UserError(f"`{name}`: {cls.__name__} cannot be made of {config}: {error}") from error


def _made(name, config):
    """A config with the objects that are written in it; its strings stay strings, whatever class has such a name."""
    if not isinstance(config, dict):
        raise UserError(f"`{name}`: `config` must be a dict of arguments. Received: config={config!r}")
    return {
        argument: compile_argument(name, value) if isinstance(value, dict) and "class_name" in value else value
        for argument, value in config.items()
    }


def _registered(class_name):
    """The class that is registered under a name, the suite's first, or an optimizer or schedule of Keras; else `None`."""
    found = [keras.saving.get_registered_object(name) for name in (f"tfgan_suite>{class_name}", class_name)]
    found += [getattr(module, class_name, None) for module in (keras.optimizers, keras.optimizers.schedules)]
    return next((one for one in found if isinstance(one, type)), None)
