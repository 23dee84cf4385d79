"""Writes what TF-Hub's BigGAN modules hold, out of weights under the names of BigGAN-PyTorch.

No module is at hand, so that their names are written down here anew, the other way round than the reader has them.
"""

import re

import numpy as np
import tensorflow as tf

PARTS = {"weight": "w", "bias": "b", "u0": "u0"}


def module_variables(state, moments=True, count=None, sums=True):
    """Variables of a module, the averaged weights beside others.

    Args:
        state: Of a generator, under official names.
        moments: Whether the standing statistics are among them, as in BigGAN; BigGAN-deep has them in its graph.
        count: How many passes the statistics are over.
        sums: Whether they are sums over the passes.
    """
    deep = "blocks.0.0.conv4.weight" in state
    variables = {}
    for name, array in state.items():
        if name.endswith("sv0"):
            continue
        if name.endswith(("stored_mean", "stored_var")):
            if moments:
                layer, part = name.rsplit(".", 1)
                factor = count if count and sums else 1
                variables[f"{statistics_scope(layer, deep)}/accumulated_{part[7:]}"] = factor * array
                variables[f"{statistics_scope(layer, deep)}/accumulation_counter"] = np.float32(count or 1)
            continue
        module_name, array = module_variable(name, array, state["shared.weight"].shape[1], deep)
        if module_name.endswith("u0"):
            variables[module_name] = array
            variables[module_name[:-1] + "1"] = np.zeros([1, 3], np.float32)
        else:
            variables[f"{module_name}/{'ema_0.9999' if deep else 'ema_b999900'}"] = array
            variables[module_name] = array + np.float32(1)
    return variables


def block_scope(block):
    return "Generator/GBlock" + (f"_{block}" if int(block) else "")


def numbered(name, index):
    return f"{name}_{index}" if index else name


def statistics_scope(layer, deep):
    match = re.fullmatch(r"blocks\.(\d+)\.0\.bn(\d)", layer)
    if match is None:
        return "Generator/BatchNorm" if deep else "Generator/ScaledCrossReplicaBNbn"
    return f"{block_scope(match[1])}/{numbered('BatchNorm' if deep else 'CrossReplicaBN', int(match[2]) - 1)}"


def module_variable(name, array, shared_size, deep):
    """Name and array in a module."""
    if name == "shared.weight":
        return "linear/w", array
    layer, part = name.rsplit(".", 1)
    short = PARTS.get(part)
    if layer == "linear":
        pixels_last = array.reshape([array.shape[0] // 16, 16, -1] if part == "weight" else [-1, 16, 1])
        array = pixels_last.transpose(1, 0, 2).reshape([pixels_last.shape[0] * 16, -1])  # [4 * 4 * channels, inputs]
        if part == "weight":
            return f"Generator/{'GenZ' if deep else 'G_Z'}/G_linear/w", latents_first(
                array.T, shared_size if deep else 0
            )
        return f"Generator/{'GenZ' if deep else 'G_Z'}/G_linear/{short}", array.reshape([1, -1] if part == "u0" else -1)
    if layer == "output_layer.0":
        affine = {"gain": "scale" if deep else "gamma", "bias": "offset" if deep else "beta"}[part]
        scope = "BatchNorm" if deep else "ScaledCrossReplicaBN"
        return f"Generator/{scope}/{affine}", array.reshape([1, 1, 1, -1])
    if array.ndim == 4:
        array = array.transpose(2, 3, 1, 0)
    if layer == "output_layer.2":
        return f"Generator/{'conv_to_rgb' if deep else 'conv_2d'}/{short}", array
    block, position, rest = re.fullmatch(r"blocks\.(\d+)\.(\d)\.?(.*)", layer).groups()
    if position == "1":
        if part == "gamma":
            return "Generator/attention/gamma", np.reshape(array, [1])
        return f"Generator/attention/{'o_conv' if rest == 'o' else rest}/{short}", array
    if rest.startswith("conv"):
        return f"{block_scope(block)}/{rest if rest == 'conv_sc' else f'conv{int(rest[4]) - 1}'}/{short}", array
    normalization, kind = rest.split(".")
    affine = {"gain": "scale" if deep else "gamma", "bias": "offset" if deep else "beta"}[kind]
    scope = numbered("BatchNorm" if deep else "HyperBN", int(normalization[2]) - 1)
    return f"{block_scope(block)}/{scope}/{affine}/{short}", (
        latents_first(array.T, shared_size) if part == "weight" else array
    )


def latents_first(array, class_size):
    """Rows of the class behind those of the latents."""
    return np.concatenate([array[class_size:], array[:class_size]])


def normalized_layers(state):
    """In the order of the calls."""
    layers = [name.removesuffix(".stored_mean") for name in state if re.fullmatch(r"blocks.*\.stored_mean", name)]
    return sorted(layers, key=lambda layer: (int(layer.split(".")[1]), layer)) + ["output_layer.0"]


def write_module(directory, variables, tables=()):
    """A TF1 module's directory: a graph and a checkpoint of its variables by name.

    `tables` are pairs of means and variances `[steps, channels]`, which go into the graph as constants.
    """
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        made = [
            tf.compat.v1.get_variable(name, initializer=np.float32(array), use_resource=False)
            for name, array in variables.items()
        ]
        for index, pair in enumerate(tables):
            for number, table in zip((5 * index + 1, 5 * index + 3), pair):
                if index % 2:
                    tf.stack([tf.constant(row) for row in table], name=f"stack_{number}")
                else:
                    tf.constant(table, name=f"stack_{number}")
                tf.stack([tf.constant(0.0), tf.constant(1.0)], name=f"stack_{number + 1}")
        session.run(tf.compat.v1.variables_initializer(made))
        builder = tf.compat.v1.saved_model.Builder(str(directory))
        builder.add_meta_graph_and_variables(session, tags=[])
        builder.save()
    return directory


def write_checkpoint(prefix, variables):
    """What `tf.compat.v1.train.Saver` writes."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        made = {name: tf.compat.v1.Variable(np.float32(array)) for name, array in variables.items()}
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver(made).save(session, str(prefix))
    return prefix
