"""Weights of one model for another that is not quite like it: other classes, another resolution; and layers to freeze.

Layers are found by their paths. Those of the suite's networks name the resolution that they work at, so a block of 32 x 32
pixels goes where that resolution is. A layer is taken whole or not at all.
"""

import dataclasses
import fnmatch
import hashlib

import numpy as np

from tfgan_suite.foundation.errors import UserError, unknown_name


@dataclasses.dataclass(frozen=True)
class WeightTransfer:
    """What was taken over from another model, layer by layer.

    Attributes:
        taken: Tuple of strings, paths of layers such as `"generator/mapping/dense_0"`.
        not_taken: Dict of the path of each other layer of the model to why.
        sha256: String. A hash of what was taken.
    """

    taken: tuple
    not_taken: dict
    sha256: str

    def __str__(self):
        count = len(self.taken) + len(self.not_taken)
        lines = [f"Weights of {len(self.taken)} of {count} layers were taken."]
        if self.not_taken:
            lines += ["These begin afresh:", *(f"  {path}: {reason}" for path, reason in self.not_taken.items())]
        return "\n".join(lines)

    def as_json(self):
        """JSON values, for a run's recipe."""
        return {**dataclasses.asdict(self), "taken": list(self.taken)}


def transfer_weights(source, target):
    """Gives a model the weights of another one, wherever both have the same layer with the same shapes.

    Args:
        source: A `GenerativeModel`. Where a network or an average is missing, the other of that name is taken.
        target: A `TrainedModel`.

    Returns:
        A `WeightTransfer`.

    Raises:
        UserError: There is no such layer.
    """
    taken, not_taken, digest = [], {}, hashlib.sha256()
    for prefix, networks, others in (
        ("", source.networks, source.averages),
        ("ema_", source.averages, source.networks),
    ):
        own = target.averages if prefix else target.networks
        for name, network in own.items():
            origin = networks.get(name, others.get(name))
            known = {} if origin is None else _layers(origin)
            layers = _layers(network)
            if origin is not None and _shapes(layers) == _shapes(known):
                known = dict(zip(layers, known.values()))  # Of networks of your own, names may differ.
            for path, variables in layers.items():
                address = f"{prefix}{name}{path and '/'}{path}"
                reason = _difference(variables, known.get(path))
                if reason is not None:
                    not_taken[address] = reason
                    continue
                taken.append(address)
                for own_variable, variable in zip(variables.values(), known[path].values()):
                    values = np.asarray(variable)
                    digest.update(np.ascontiguousarray(values).tobytes())
                    own_variable.assign(values)
    if not taken:
        raise UserError(
            f"{type(source).__name__} has no layer that {type(target).__name__} has, of the same name and shape. Take the "
            "weights of a model of the same class."
        )
    return WeightTransfer(tuple(taken), not_taken, digest.hexdigest())


def freeze_layers(networks, patterns):
    """Excludes layers from training.

    Args:
        networks: Mapping of name to network.
        patterns: Strings, paths of layers in which `*` stands for anything: `"discriminator/down_from_64x64"` is that block
            and all that is in it.

    Returns:
        Tuple of the paths of the layers, sorted.

    Raises:
        UserError: A pattern fits no layer, or a network has nothing left to train.
    """
    layers = {
        f"{name}{path and '/'}{path}": variables
        for name, network in networks.items()
        for path, variables in _layers(network).items()
    }
    frozen = set()
    for pattern in patterns:
        found = {
            path for path in layers if fnmatch.fnmatchcase(path, pattern) or fnmatch.fnmatchcase(path, f"{pattern}/*")
        }
        if not found:
            raise unknown_name("layer to freeze", pattern, layers)
        frozen |= found
    for path in frozen:
        for variable in layers[path].values():
            variable.trainable = False
    for name, network in networks.items():
        if frozen and not network.trainable_variables:
            raise UserError(f"`freeze` must leave something of each network to train. Received: all of {name!r}")
    return tuple(sorted(frozen))


def _layers(network):
    """`{path of a layer: {name: variable}}` of all layers with weights of their own."""
    layers, places = {}, network.layer_places() if hasattr(network, "layer_places") else {}
    for variable in network.variables:
        *path, name = variable.path.split("/")
        path = path[1:] if path and path[0] == network.name else path
        path = "/".join(places.get(part, part) for part in path)
        layers.setdefault(path, {})[name] = variable
    return layers


def _shapes(layers):
    return [[tuple(variable.shape) for variable in variables.values()] for variables in layers.values()]


def _difference(variables, known):
    """Why a layer cannot be taken over, or `None`."""
    if known is None:
        return "the other model has no such layer"
    if len(variables) != len(known):
        return "it has other weights there"
    for name, variable, other in zip(variables, variables.values(), known.values()):
        if tuple(variable.shape) != tuple(other.shape):
            return f"{name} is {tuple(other.shape)} there, {tuple(variable.shape)} here"
    return None


class TransfersWeights:
    """Of a `TrainedModel`: begins with the weights of another one, and trains some layers only."""

    def initialize_from(self, source):
        """Takes over the weights of another model, for fine-tuning: of each layer that both have with the same shapes.

        The other model may have other classes or another resolution. Blocks go where their resolution is. Optimizers and
        counters stay as they are.

        Args:
            source: A `GenerativeModel`, such as `load_model("runs/faces")`.

        Returns:
            A `WeightTransfer`, which lists the layers that were taken and those that were not.

        Raises:
            UserError: No layer fits.
        """
        return transfer_weights(source, self)

    def freeze(self, *patterns):
        """Excludes layers from training. Call it before `compile`.

        Args:
            *patterns: Strings. Paths of layers as `initialize_from` lists them, in which `*` stands for anything, such as
                `"discriminator/down_from_64x64"` or `"generator/mapping"`.

        Returns:
            Tuple of the paths of the frozen layers.

        Raises:
            UserError: There is no such layer, nothing is left to train, or the model is compiled already.
        """
        if self.compiled:
            raise UserError("`freeze` must be called before `compile`, which chooses what to train.")
        frozen = freeze_layers(self.networks, patterns)
        object.__setattr__(self, "_frozen_layers", tuple(sorted({*self.frozen_layers, *frozen})))
        return frozen

    @property
    def frozen_layers(self):
        """Tuple of the paths of layers that are not trained."""
        return self._frozen_layers

    _frozen_layers = ()
