"""Networks that users bring: how they are called, copied for an average, and checked when a model takes them in."""

import re
import types

import keras

from tfgan_suite.engine.added_losses import note_call


def call_network(network, *inputs, training=None):
    """Calls a network; functional ones with several inputs take a list. Inputs that are `None` are left out."""
    arguments = {} if training is None else {"training": training}
    inputs = [one for one in inputs if one is not None]
    if len(inputs) > 1 and is_functional(network):
        outputs = network(inputs, **arguments)
    else:
        outputs = network(*inputs, **arguments)
    note_call(network)
    return outputs


def is_functional(network):
    """Whether a network was made by the functional API, a subclass of `keras.Model` included, or is a `Sequential`."""
    return isinstance(network, keras.Sequential) or any(kind.__name__ == "Functional" for kind in type(network).__mro__)


def input_size(network):
    """The length of the vectors that a network takes first, an integer; `None` if it does not say."""
    inputs = network.inputs if is_functional(network) else None
    return inputs[0].shape[-1] if inputs else None


def build_network(name, network, inputs, output_shapes=None):
    """Calls a network with symbolic inputs, so that it has its weights.

    Args:
        name: String, for errors.
        network: A `keras.Model` or layer.
        inputs: Tuple of `keras.Input`; `None` for one that is left out.
        output_shapes: Tuple of the shapes of one output of which it must return one, or `None` for any.

    Returns:
        Its outputs, symbolic.

    Raises:
        ValueError: It is no layer, does not take these inputs, or returns something else.
    """
    if not isinstance(network, keras.layers.Layer):
        raise ValueError(f"`{name}` must be a keras.Model or a layer. Received: {network!r}")
    received = " and ".join(
        f"{one.dtype} {list(one.shape)}".replace("None", "batch") for one in inputs if one is not None
    )
    try:
        outputs = call_network(network, *inputs)
    except Exception as error:
        raise ValueError(
            f"`{name}` must take {received}, in this order. Calling it failed: {_reason(error)}"
        ) from error
    if output_shapes is not None and tuple(getattr(outputs, "shape", [None]))[1:] not in output_shapes:
        expected = " or ".join(str(["batch", *shape]).replace("'", "") for shape in output_shapes)
        shape = getattr(outputs, "shape", None)
        given = f"a {type(outputs).__name__}" if shape is None else str(list(shape)).replace("None", "batch")
        raise ValueError(f"`{name}` must return {expected} for {received}. Received: {given}")
    return outputs


def _reason(error):
    """The last line of what Keras says in bold, or the error's first."""
    bold = re.search(r"\x1b\[1m(.*?)\x1b\[0m", str(error), re.DOTALL)
    lines = [line.strip() for line in (bold[1] if bold else str(error)).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[-1 if bold else 0]


def copy_network(name, network):
    """A network of the same architecture, with weights of its own.

    What its layers are made of is in memory, and need not be registered with Keras as it must be for a file.

    Raises:
        ValueError: A layer cannot be made again from its config.
    """
    try:
        if is_functional(network) and type(network).__name__ in ("Functional", "Sequential"):
            return keras.models.clone_model(network, clone_function=_copy_layer, recursive=True)
        return _copy_layer(network)
    except Exception as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise ValueError(
            f"`{name}` must be a network that can be made again from its config, for the average of its weights: give its "
            f"own layers a `get_config`, and a name to its functions. Received: {type(network).__name__}, {lines[0]}"
        ) from error


def _copy_layer(layer):
    if isinstance(layer, keras.layers.Lambda) or not isinstance(layer, keras.layers.Layer):
        return layer  # It has no weights, and its function no config; nor has an operation such as `keras.ops.concatenate`.
    parts = layer._flatten_layers()
    own = [type(part) for part in parts]
    own += [value for part in parts for value in vars(part).values() if isinstance(value, types.FunctionType)]
    objects = {one.__name__: one for one in own if not one.__module__.startswith(("keras.", "tfgan_suite."))}
    with keras.saving.custom_object_scope(objects):
        return layer.__class__.from_config(layer.get_config())
