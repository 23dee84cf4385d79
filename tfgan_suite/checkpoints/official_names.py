"""Converts a network's variables to the names and layouts of an official checkpoint, and back."""

import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError


def arrays_by_name(network, entries, values=None):
    """Returns the variables as official arrays.

    Args:
        network: A built network.
        entries: Dict that maps official names to objects with `variable` and `to_official(array)`.
        values: List of arrays to return instead of the weights, such as gradients, in the order of
            `trainable_variables`.

    Returns:
        Dict of float32 arrays by name. With `values`, it contains trained weights only.
    """
    if values is None:
        return {name: entry.to_official(np.asarray(entry.variable)) for name, entry in entries.items()}
    by_variable = {id(variable): value for variable, value in zip(network.trainable_variables, values)}
    return {
        name: entry.to_official(np.asarray(tf.convert_to_tensor(by_variable[id(entry.variable)])))
        for name, entry in entries.items()
        if id(entry.variable) in by_variable
    }


def assign_by_name(network, entries, state, ignored=()):
    """Sets the variables from official arrays.

    Args:
        network: The network that the entries belong to, for error messages.
        entries: Dict that maps official names to objects with `variable`, `official_shape`, and `from_official(array)`.
        state: Dict of arrays by official name.
        ignored: Names in `state` that belong to no variable.

    Raises:
        UserError: If names are missing or unknown, or a shape does not fit.
    """
    missing, unknown = sorted(set(entries) - set(state)), sorted(set(state) - set(entries) - set(ignored))
    if missing or unknown:
        raise UserError(
            f"The weights do not fit a {type(network).__name__} of {network.image_shape}. "
            f"Missing: {', '.join(missing) or 'none'}. Unknown: {', '.join(unknown) or 'none'}."
        )
    wrong = [
        f"{name} {entry.official_shape}, received {np.shape(state[name])}"
        for name, entry in entries.items()
        if entry.official_shape != np.shape(state[name])
    ]
    if wrong:
        raise UserError(
            f"Shapes do not fit a {type(network).__name__} of {network.image_shape}. Expected: {'; '.join(wrong)}."
        )
    for name, entry in entries.items():
        entry.variable.assign(entry.from_official(np.asarray(state[name], np.float32)))


def model_of_weights(model_class, told, overrides, load):
    """Builds a model of images with one averaged network, and gives both copies of the network their weights.

    Args:
        model_class: The model's class.
        told: Dict of what names and shapes of weights tell: constructor arguments, and `channels` of images.
        overrides: Dict of constructor arguments. `image_shape` is 32x32 by default.
        load: A function that takes a network and sets its weights.

    Raises:
        UserError: An override does not fit the weights.
    """
    arguments = {name: value for name, value in told.items() if name != "channels"}
    overrides = drop_told(overrides, arguments)
    image_shape = tuple(overrides.pop("image_shape", (32, 32, told["channels"])))
    if image_shape[-1] != told["channels"]:
        raise UserError(f"`image_shape` must have {told['channels']} channels, as the weights. Received: {image_shape}")
    model = model_class(image_shape=image_shape, **arguments, **overrides)
    for network in (model.network, model.ema_network):
        load(network)
    if hasattr(model, "is_initialized"):
        model.is_initialized.assign(1)  # It is not to be initialized from data.
    return model


def drop_told(overrides, told):
    """The overrides without those that weights tell, which may be given again if they say the same.

    Args:
        overrides: Dict of arguments by name.
        told: Dict of what names and shapes of weights tell.

    Raises:
        UserError: One says something else.
    """
    for name in overrides.keys() & told.keys():
        if _comparable(overrides[name]) != _comparable(told[name]):
            raise UserError(
                f"`{name}` is told by the weights: {told[name]!r}. Leave it out. Received: {name}={overrides[name]!r}"
            )
    return {name: value for name, value in overrides.items() if name not in told}


def _comparable(value):
    """Numbers within rounding, lists as tuples, keys as strings, objects as their configs."""
    if hasattr(value, "get_config"):
        return type(value).__name__, _comparable(value.get_config())
    if isinstance(value, dict):
        return {str(name): _comparable(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(map(_comparable, value))
    return round(float(value), 6) if isinstance(value, (int, float, np.number)) else value


def built(network):
    """The network, its weights made."""
    if not network.built:
        network.build()
    return network
