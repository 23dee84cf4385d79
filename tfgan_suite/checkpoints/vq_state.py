"""Builds quantizers from codebooks of other projects, and back."""

import numpy as np

from tfgan_suite.checkpoints.official_names import drop_told
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.layers.quantizers import EMAVectorQuantizer, VectorQuantizer

_AVERAGES = ("ema_cluster_size_average", "ema_dw_average")
_PREFIXES = ("w/", "in/", "vector_quantizer/", "vector_quantizer_ema/")


def vq_from_state(state, *, ema=None, **overrides):
    """Builds a quantizer from the codebook of Sonnet's `VectorQuantizer` or `VectorQuantizerEMA`.

    Args:
        state: Dict of arrays by name. `codebook`, also called `embeddings`: `[size, num_codes]`. With
            `ema_cluster_size_average` `[num_codes]` and `ema_dw_average` `[size, num_codes]` training goes on where it was. Names
            may begin with `w/` or `in/`.
        ema: Boolean. Whether to build an `EMAVectorQuantizer`; by default if the averages are there.
        **overrides: Arguments that the codebook does not determine: `commitment`, `decay`, `epsilon`, `restart`, `seed`, `name`.
            Others may be given if they agree with the codebook.

    Returns:
        A built `VectorQuantizer` or `EMAVectorQuantizer`.

    Raises:
        UserError: Names are missing or unknown, or shapes do not fit each other.

    Example:

    >>> quantizer = vq_from_state({"codebook": np.zeros([6, 16], "float32")})
    >>> quantizer.size, quantizer.num_codes
    (6, 16)

    Reference: van den Oord et al., "Neural Discrete Representation Learning" (2017).
    """
    state = {_plain(name): np.asarray(array, np.float32) for name, array in state.items()}
    for name in state:
        if name not in ("codebook", *_AVERAGES):
            raise unknown_name("name of a quantizer's state", name, ["codebook", *_AVERAGES])
    if "codebook" not in state or state["codebook"].ndim != 2:
        shape = state["codebook"].shape if "codebook" in state else "none"
        raise UserError(f"`codebook` must be there, of shape [size, num_codes]. Received: {shape}")
    size, num_codes = state["codebook"].shape
    expected = {"ema_cluster_size_average": (num_codes,), "ema_dw_average": (size, num_codes)}
    averages = {name: state[name] for name in _AVERAGES if name in state}
    wrong = {name: array.shape for name, array in averages.items() if array.shape != expected[name]}
    if wrong or len(averages) == 1:
        received = wrong or {name: array.shape for name, array in averages.items()}
        raise UserError(f"The averages of the codebook must be {expected}, both or neither. Received: {received}")
    ema = bool(averages) if ema is None else ema
    overrides = drop_told(overrides, {"size": size, "num_codes": num_codes})
    quantizer = (EMAVectorQuantizer if ema else VectorQuantizer)(size, num_codes, **overrides)
    quantizer.build([None, size])
    quantizer.codebook.assign(state["codebook"].T)
    if ema and averages:
        quantizer.average_counts.assign(averages["ema_cluster_size_average"])
        quantizer.average_sums.assign(averages["ema_dw_average"].T)
        quantizer.num_updates.assign(1e6)  # These averages are unbiased already.
    return quantizer


def vq_state(quantizer):
    """Returns a quantizer's state with Sonnet's names and layouts, a dict of float32 arrays."""
    state = {"codebook": np.asarray(quantizer.codebook).T}
    if isinstance(quantizer, EMAVectorQuantizer):
        state["ema_cluster_size_average"] = np.asarray(quantizer.unbiased(quantizer.average_counts))
        state["ema_dw_average"] = np.asarray(quantizer.unbiased(quantizer.average_sums)).T
    return state


def _plain(name):
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return "codebook" if name == "embeddings" else name.replace("/average", "_average")
