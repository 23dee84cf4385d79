"""Builds VDVAE from weights with the names of the paper's released checkpoints, and back."""

import inspect
import re

import numpy as np

from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.models.vdvae.vdvae import VDVAE
from tfgan_suite.models.vdvae.vdvae_layout import decoder_layout, encoder_layout


def vdvae_from_state(state, **overrides):
    """Builds a VDVAE from weights with their official names, such as `decoder.dec_blocks.0.prior.c1.weight`.

    Widths, channels of the latents, components, the bottleneck and learned maps are inferred from the names and shapes; the
    layouts are not.

    Args:
        state: Mapping of name to array: kernels `[out, in, height, width]`. Names may begin with `module.`.
        **overrides: `encoder` and `decoder`, the layouts, both needed unless they are the paper's for CIFAR-10; `mean_level`,
            `level_deviation`, `levels`, `image_shape`, `seed`, `dtype`. Others may be given if they fit the weights.

    Returns:
        A `VDVAE`, whose averaged networks have these weights as well.

    Raises:
        UserError: Names are missing or unknown, shapes do not fit the layouts, or an override is unknown.

    Example:

    >>> layouts = {"encoder": "8x1,8d2,4d4,1x1", "decoder": "1x1,4m1,8m4"}
    >>> model = VDVAE((8, 8, 1), width=8, latent_channels=2, components=3, **layouts)
    >>> again = vdvae_from_state(vdvae_state(model), **layouts)
    >>> again.spec.shape, again.latent_size == model.latent_size
    ((8, 8, 1), True)

    Reference: Child, "Very Deep VAEs Generalize Autoregressive Models" (2021).
    """
    known = [name for name in inspect.signature(VDVAE).parameters if name not in ("num_classes", "kwargs")] + ["dtype"]
    for name in overrides:
        if name not in known:
            raise unknown_name("override", name, known)
    state = {re.sub(r"^(module\.|w/)+", "", name): np.asarray(array) for name, array in state.items()}
    model = VDVAE(**_read(state, overrides))
    expected = official_variables(model, "")
    missing, unknown = sorted(expected.keys() - state.keys()), sorted(state.keys() - expected.keys())
    if missing or unknown:
        raise UserError(
            f"The weights are not those of a VDVAE of these layouts. Missing: {', '.join(missing[:3]) or 'none'}. Unknown: "
            f"{', '.join(unknown[:3]) or 'none'}. Pass `encoder` and `decoder` as the weights were trained with."
        )
    for prefix in ("", "ema_"):
        for name, (variable, (to_ours, _)) in official_variables(model, prefix).items():
            array = to_ours(state[name])
            if array.shape != tuple(variable.shape):
                raise UserError(
                    f"{name!r} does not fit these layouts: its shape should be that of {tuple(variable.shape)}. Received: "
                    f"{state[name].shape}"
                )
            variable.assign(array)
    return model


def vdvae_state(model):
    """The averaged weights of a VDVAE under their official names, a dict of NumPy arrays."""
    variables = official_variables(model, "ema_")
    return {name: to_official(np.asarray(variable)) for name, (variable, (_, to_official)) in variables.items()}


def _read(state, overrides):
    """Constructor arguments."""
    try:
        first, last = state["encoder.in_conv.weight"], state["decoder.out_net.out_conv.weight"]
        latent_channels = state["decoder.dec_blocks.0.z_proj.weight"].shape[1]
        gain = state["decoder.gain"].shape[1]
    except KeyError as error:
        raise UserError(f"The weights have no {error.args[0]!r}, which every VDVAE has.") from error
    channels = first.shape[1]
    config = {
        "image_shape": (0, 0, channels),
        "width": overrides.get("width", gain),
        "latent_channels": latent_channels,
        "components": last.shape[0] // (10 if channels == 3 else 3),
    }
    layouts = {name: overrides.get(name, _default(name)) for name in ("encoder", "decoder")}
    size = int(re.match(r"\s*(\d+)", layouts["encoder"])[1])
    config["image_shape"] = overrides.get("image_shape", (size, size, channels))
    widths, within = {size: first.shape[0]}, []
    for index, block in enumerate(encoder_layout(layouts["encoder"])):
        kernel = state.get(f"encoder.enc_blocks.{index}.c1.weight")
        if kernel is not None:
            widths[block.resolution] = kernel.shape[1]
            within.append(kernel.shape[:2])
    for index, block in enumerate(decoder_layout(layouts["decoder"])):
        kernel = state.get(f"decoder.dec_blocks.{index}.z_proj.weight")
        if kernel is not None:
            widths[block.resolution] = kernel.shape[0]
    maps = [array.shape[2] for name, array in state.items() if name.startswith("decoder.bias_xs.")]
    config["widths"] = {resolution: width for resolution, width in widths.items() if width != config["width"]}
    config["bottleneck"] = _bottleneck(within)
    config["largest_bias"] = max(maps, default=0)
    return {**config, **overrides}  # What does not agree will not fit the shapes.


def _bottleneck(within):
    """The share that gives all these channels within blocks when it is rounded down; the paper's if that does."""
    smallest = max((middle / channels for middle, channels in within), default=0.0)
    too_large = min(((middle + 1) / channels for middle, channels in within), default=1.0)
    return 0.25 if smallest <= 0.25 < too_large else 0.5 * (smallest + too_large)


def _default(name):
    return inspect.signature(VDVAE).parameters[name].default


# For each kind of array, how the official layout becomes ours, and the reverse.
_KERNEL = (lambda array: array.transpose(2, 3, 1, 0), lambda array: array.transpose(3, 2, 0, 1))
_MAP = (lambda array: array.transpose(0, 2, 3, 1), lambda array: array.transpose(0, 3, 1, 2))
_CHANNELS = (lambda array: array.reshape(-1), lambda array: array.reshape(1, -1, 1, 1))
_BIAS = (lambda array: array, lambda array: array)


def official_variables(model, prefix):
    """Official name to a variable and the kind of its array."""
    encoder, decoder = getattr(model, f"{prefix}encoder"), getattr(model, f"{prefix}decoder")
    found = {}

    def add_convolution(name, convolution):
        found[f"{name}.weight"] = convolution.kernel, _KERNEL
        found[f"{name}.bias"] = convolution.bias, _BIAS

    def add_block(name, block):
        for index, convolution in enumerate(block.convolutions):
            add_convolution(f"{name}.c{index + 1}", convolution)

    add_convolution("encoder.in_conv", encoder.first)
    for index, block in enumerate(encoder.blocks):
        add_block(f"encoder.enc_blocks.{index}", block)
    found["decoder.gain"] = decoder.gain, _CHANNELS
    found["decoder.bias"] = decoder.bias, _CHANNELS
    for index in range(len(decoder.plan)):
        name = f"decoder.dec_blocks.{index}"
        add_block(f"{name}.enc", decoder.posteriors[index])
        add_block(f"{name}.prior", decoder.priors[index])
        add_convolution(f"{name}.z_proj", decoder.projections[index])
        add_block(f"{name}.resnet", decoder.residuals[index])
    for index, resolution in enumerate(sorted(map(int, decoder.first_states))):
        found[f"decoder.bias_xs.{index}"] = decoder.first_states[str(resolution)], _MAP
    add_convolution("decoder.out_net.out_conv", decoder.last)
    return found
