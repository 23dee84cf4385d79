"""The rates and sizes of a model, for TensorBoard's table of hyperparameters."""

import keras

from tfgan_suite.foundation.number_kinds import is_number

# Numbers of an optimizer that decide what it does. The rest says how it is built.
_OF_OPTIMIZERS = (
    "learning_rate",
    "beta_1",
    "beta_2",
    "epsilon",
    "momentum",
    "rho",
    "weight_decay",
    "clipnorm",
    "global_clipnorm",
)
# Of Keras's own: what the networks of a functional model consist of would fill pages.
_LEFT_OUT = ("seed", "dtype", "layers", "input_layers", "output_layers")


def model_hyperparameters(model):
    """Sizes of a model's networks, rates of its optimizers, and the numbers of what it was compiled with.

    Args:
        model: A compiled `TrainedModel`.

    Returns:
        A flat dict of names such as `"generator_optimizer/learning_rate"` to numbers, and of names such as `"loss"` to
        names of classes. Flags are left out.

    Example:

    >>> gan = DCGAN(image_shape=(8, 8, 1), base_channels=2)
    >>> gan.compile()
    >>> values = model_hyperparameters(gan)
    >>> values["latent_size"], values["generator_optimizer/beta_1"], values["loss"]
    (100, 0.5, 'NonSaturating')
    """
    parameters = sum(network.count_params() for network in model.networks.values())
    found = {"model": type(model).__name__, "parameters": parameters}
    try:
        config = model.get_config()
    except NotImplementedError:  # A model of your own that cannot be saved trains all the same.
        config = {}
    for name, value in {**config, **model.get_compile_config()}.items():
        found |= _flatten(name, value)
    return found


def _flatten(path, value):
    """Numbers within a configuration by their paths, and the names of classes."""
    if path.rpartition("/")[2] in _LEFT_OUT:
        return {}
    if is_number(value):
        return {path: value if isinstance(value, int) else float(f"{value:.6g}")}  # float32's 0.0002 is 0.0002.
    if isinstance(value, list | tuple):
        if all(is_number(one) for one in value):
            return {path: " x ".join(f"{one:g}" for one in value)} if 0 < len(value) <= 4 else {}
        parts = [_flatten(f"{path}/{one['class_name']}", one) for one in value if _is_object(one)]
        return {name: number for part in parts for name, number in part.items()}
    if not _is_object(value):
        return {}
    config = value["config"]
    if _is_optimizer(value):
        config = {name: one for name, one in config.items() if name in _OF_OPTIMIZERS or _is_object(one)}
    found = {} if path.endswith(f"/{value['class_name']}") else {path: value["class_name"]}
    for name, one in config.items():
        found |= _flatten(f"{path}/{name}", one)
    return found


def _is_object(value):
    return isinstance(value, dict) and "class_name" in value and isinstance(value.get("config"), dict)


def _is_optimizer(value):
    found = keras.saving.get_registered_object(value.get("registered_name") or "")
    found = found or getattr(keras.optimizers, value["class_name"], None)
    return isinstance(found, type) and issubclass(found, keras.optimizers.Optimizer)
