"""Builds PixelCNN from weights with the names of the authors' code, and back."""

import numpy as np

from tfgan_suite.checkpoints.official_names import arrays_by_name, assign_by_name, model_of_weights
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.likelihood.distributions import DiscretizedLogisticMixture
from tfgan_suite.models.pixelcnn.gated_block import GatedBlock
from tfgan_suite.models.pixelcnn.pixelcnn import PixelCNN
from tfgan_suite.models.pixelcnn.weight_normalization import CausalTransposedConvolution

_PREFIX = "w/"
# Blocks of a network with n a stage: each stream has 3n on the way down and 3n + 2 on the way up.
_OTHER_CONVOLUTIONS, _CONVOLUTIONS_OF_BLOCKS = 7 + 8, 24


def pixelcnn_from_state(state, **overrides):
    """Builds a `PixelCNN` from weights with their official names, such as `conv2d_3/V`.

    Blocks, filters, components, classes and channels are inferred from names and shapes. Only a mixture of discretized
    logistics can be.

    Args:
        state: Dict of arrays by name: kernels `[height, width, in, out]`, those of transposed convolutions
            `[height, width, out, in]`, dense weights `[in, out]`. Names may begin with `w/`.
        **overrides: Arguments of `PixelCNN` that weights do not determine: `image_shape` (by default 32x32 with as many
            channels as the weights have), `levels`, `dropout_rate`, `label_weights`, `seed`, `dtype`, `name`. Others may be
            given if they agree with the weights.

    Returns:
        A `PixelCNN`, its averaged weights set like the others. Training it does not initialize it from data.

    Raises:
        UserError: If names are missing or unknown, shapes fit no PixelCNN, or an override does not fit them.

    Example:

    >>> model = PixelCNN(image_shape=(8, 8, 1), blocks=1, filters=4, distribution=tg.distributions.DiscretizedLogisticMixture(2))
    >>> again = pixelcnn_from_state(pixelcnn_state(model.network), image_shape=(8, 8, 1))
    >>> again.filters, again.distribution.components
    (4, 2)

    Reference: Salimans et al., "PixelCNN++" (2017).
    """
    state = {name.removeprefix(_PREFIX): np.asarray(array) for name, array in state.items()}
    told = _read_architecture(state)
    return model_of_weights(PixelCNN, told, overrides, lambda network: load_pixelcnn_state(network, state))


def pixelcnn_state(network, values=None):
    """Returns a network's weights with their official names and layouts.

    Args:
        network: A built `PixelCNNNetwork`.
        values: List of arrays to return instead of the weights, such as gradients, in the order of
            `trainable_variables`.

    Returns:
        Dict of float32 arrays by name.
    """
    return arrays_by_name(network, _entries(network), values)


def load_pixelcnn_state(network, state):
    """Sets a network's weights from a state with official names.

    Args:
        network: A built `PixelCNNNetwork`.
        state: Dict of arrays by official name.

    Raises:
        UserError: If names are missing or unknown, or a shape does not fit.
    """
    assign_by_name(network, _entries(network), state)


def _read_architecture(state):
    """What names and shapes tell, a dict of arguments of `PixelCNN` and `channels`."""
    convolutions = sum(name.startswith("conv2d_") and name.endswith("/V") for name in state)
    blocks, rest = divmod(convolutions - _OTHER_CONVOLUTIONS, _CONVOLUTIONS_OF_BLOCKS)
    output = f"dense_{9 * blocks + 4}/V"
    shapes = {name: state[name].shape for name in ("conv2d_0/V", output) if name in state}
    if rest or blocks < 1 or len(shapes) < 2 or len(shapes["conv2d_0/V"]) != 4 or len(shapes[output]) != 2:
        raise UserError(
            f"The weights are those of no PixelCNN++. Expected conv2d_0/V, ... conv2d_N/V with N + 1 = 15 + 24 * blocks and "
            f"a last dense_N/V. Received: {convolutions} convolutions, and {', '.join(sorted(state)[:5]) or 'no names'}, ..."
        )
    channels, filters, parameters = shapes["conv2d_0/V"][2] - 1, shapes["conv2d_0/V"][3], shapes[output][1]
    each = {1: 3, 3: 10}.get(channels)
    if each is None or parameters % each:
        raise UserError(
            "The weights must be of 1 or 3 channels and 3 or 10 parameters for each component. Received: "
            f"{channels} channels and {parameters} parameters"
        )
    classes = state.get("conditional_weights_0/hw")
    return {
        "channels": channels,
        "blocks": blocks,
        "filters": filters,
        "num_classes": None if classes is None else len(classes),
        "distribution": DiscretizedLogisticMixture(parameters // each),
    }


# === Names and layouts ===


class _Entry:
    """A variable, its official shape, and for the skip connection from both streams the official order of its rows.

    There `elu([above, left, -above, -left])` is taken, here `[elu(above), elu(-above), elu(left), elu(-left)]`.
    """

    def __init__(self, variable, is_dense=False, rows=None):
        self.variable = variable
        self.official_shape = tuple(variable.shape[2:]) if is_dense else tuple(variable.shape)
        self.rows = rows

    def to_official(self, array):
        array = array.reshape(self.official_shape).astype(np.float32)
        return array if self.rows is None else array[np.argsort(self.rows)]

    def from_official(self, array):
        return (array if self.rows is None else array[self.rows]).reshape(self.variable.shape)


def _entries(network):
    """Returns the `_Entry` of all weights by official name."""
    entries, counts = {}, {}

    def next_name(kind):
        counts[kind] = counts.get(kind, -1) + 1
        return f"{kind}_{counts[kind]}"

    def add(layer):
        is_dense = layer.kernel_size == (1, 1)
        is_transposed = isinstance(layer, CausalTransposedConvolution)
        name = next_name("dense" if is_dense else "deconv2d" if is_transposed else "conv2d")
        rows, channels = None, layer.direction.shape[2]
        if is_dense and channels == 4 * network.filters:
            rows = np.arange(channels).reshape(2, 2, -1).transpose(1, 0, 2).reshape(-1)
        entries[f"{name}/V"] = _Entry(layer.direction, is_dense, rows)
        entries[f"{name}/g"], entries[f"{name}/b"] = _Entry(layer.gain), _Entry(layer.bias)

    for layer in network.ordered_layers:
        if not isinstance(layer, GatedBlock):
            add(layer)
            continue
        add(layer.convolve_1)
        if layer.skip_channels is not None:
            add(layer.skip)
        add(layer.convolve_2)
        if layer.num_classes is not None:
            entries[f"{next_name('conditional_weights')}/hw"] = _Entry(layer.class_kernel)
    return entries
