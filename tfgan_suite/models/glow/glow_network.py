"""GlowNetwork: an invertible network of several scales, from images to standard normal latents and back."""

import math

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import unknown_name
from tfgan_suite.foundation.number_kinds import is_count, is_number
from tfgan_suite.models.glow.actnorm import ActNorm
from tfgan_suite.models.glow.channel_permutation import ChannelPermutation
from tfgan_suite.models.glow.coupling import ChannelCoupling, CheckerboardCoupling
from tfgan_suite.models.glow.coupling_network import CouplingNetwork
from tfgan_suite.models.glow.flow_layer import LARGEST_STATE
from tfgan_suite.models.glow.gaussian_prior import SplitPrior, TopPrior
from tfgan_suite.models.glow.image_scaling import Centering, Logit
from tfgan_suite.models.glow.invertible_convolution import InvertibleConvolution
from tfgan_suite.models.glow.residual_network import ResidualNetwork
from tfgan_suite.models.glow.squeeze import squeeze, unsqueeze

COUPLINGS = ("affine", "additive", "residual")
PERMUTATIONS = ("convolution", "shuffle", "reverse", "alternate")


@keras.saving.register_keras_serializable("tfgan_suite")
class GlowNetwork(keras.Model):
    """Scales of invertible steps; after each but the last one half of the channels leaves as latents.

    A scale is checkerboard couplings, a squeeze, and steps of actnorm, a permutation of channels and a coupling. Latents are
    those that left, standardized by their priors, and at last what is left itself, in one vector.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        num_classes: Integer, or `None`.
        seed: Integer. Base seed of the initial weights.
        **architecture: As for `Glow`, of which the others are: `scales`, `steps`, `width`, `coupling`, `blocks`, `permutation`,
            `normalize`, `checkerboards`, `checkerboard_top`, `learned_splits`, `learned_top`, `logit_range`, `max_log_scale`.

    Call arguments:
        images: float32 `[batch, height, width, channels]`, dequantized: in [-1, 1).
        labels: int32 `[batch]`, or `None`.

    Output shape:
        float32 `[batch, height * width * channels]`.
    """

    def __init__(
        self,
        image_shape,
        scales=3,
        steps=32,
        width=512,
        coupling="affine",
        blocks=8,
        permutation="convolution",
        normalize=True,
        checkerboards=0,
        checkerboard_top=False,
        learned_splits=True,
        learned_top=True,
        logit_range=None,
        max_log_scale=0.5,
        num_classes=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.num_classes = num_classes
        self.seed = seed
        self.architecture = {
            "scales": scales,
            "steps": steps,
            "width": width,
            "coupling": coupling,
            "blocks": blocks,
            "permutation": permutation,
            "normalize": normalize,
            "checkerboards": checkerboards,
            "checkerboard_top": checkerboard_top,
            "learned_splits": learned_splits,
            "learned_top": learned_top,
            "logit_range": logit_range,
            "max_log_scale": max_log_scale,
        }
        self._check_arguments()
        self.scaling = Centering(name="scaling") if logit_range is None else Logit(logit_range, name="scaling")
        # Of each scale: couplings before the squeeze, those of its steps behind it, and the prior of what leaves.
        self.first_layers, self.step_layers, self.priors, self.shapes = [], [], [], []
        height, size_width, channels = self.image_shape
        for scale in range(scales):
            is_top = scale == scales - 1
            shape = (None, height, size_width, channels)
            count = checkerboards + int(is_top and checkerboard_top)
            first = [layer for index in range(count) for layer in self._checkerboard(scale, index, shape)]
            self.first_layers.append(first)
            squeezes = not (is_top and checkerboard_top)
            if squeezes:
                height, size_width, channels = height // 2, size_width // 2, 4 * channels
                shape = (None, height, size_width, channels)
            layers = [layer for step in range(steps) for layer in self._step(scale, step, shape)] if squeezes else []
            self.step_layers.append(layers)
            if not is_top:
                channels //= 2
                prior = SplitPrior(learned_splits, self.is_bounded, name=f"scale_{scale}_prior")
                self.priors.append(_built(prior, (None, height, size_width, channels)))
                self.shapes.append((height, size_width, channels))
        self.shapes.append((height, size_width, channels))
        top = TopPrior(num_classes, learned=learned_top, bounded=self.is_bounded, name="top_prior")
        self.priors.append(_built(top, (None, *self.shapes[-1])))

    @property
    def is_bounded(self):
        """Whether scales keep within bounds."""
        return self.architecture["max_log_scale"] is not None

    @property
    def latent_size(self):
        """Integer. As many latents as an image has values."""
        return math.prod(self.image_shape)

    def _check_arguments(self):
        given = self.architecture
        for name in ("scales", "width", "blocks", "steps"):
            if not is_count(given[name]):
                raise ValueError(f"`{name}` must be an integer >= 1. Received: {name}={given[name]!r}")
        for name, known in {"coupling": COUPLINGS, "permutation": PERMUTATIONS}.items():
            if given[name] not in known:
                raise unknown_name(name, given[name], known)
        count = given["checkerboards"]
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise ValueError(f"`checkerboards` must be an integer >= 0. Received: checkerboards={count!r}")
        logit_range, bound = given["logit_range"], given["max_log_scale"]
        if logit_range is not None and (not is_number(logit_range) or not 0.0 < logit_range < 1.0):
            raise ValueError(f"`logit_range` must be in (0, 1), or `None`. Received: logit_range={logit_range!r}")
        if bound is not None and (not is_number(bound) or bound <= 0):
            raise ValueError(f"`max_log_scale` must be > 0, or `None`. Received: max_log_scale={bound!r}")
        multiple = 2 ** (given["scales"] - int(bool(given["checkerboard_top"])))
        if any(size % multiple for size in self.image_shape[:2]):
            raise ValueError(
                f"`image_shape` must have a height and a width that are multiples of {multiple} with {given['scales']} "
                f"scales. Received: image_shape={self.image_shape}"
            )

    # === Layers ===

    def _network(self, scale, channels, seed, doubled, growth):
        given = self.architecture
        options = {"max_log_scale": given["max_log_scale"], "seed": seed, "dtype": self.dtype_policy}
        if given["coupling"] == "residual":  # Twice as wide behind each squeeze, as RealNVP's.
            width = given["width"] * 2 ** (scale + growth)
            return ResidualNetwork(channels, width, given["blocks"], doubled, name="network", **options)
        return CouplingNetwork(channels, given["width"], given["coupling"] == "affine", name="network", **options)

    def _checkerboard(self, scale, index, shape):
        seed, name = self.seed + 100_000 * scale + 10 * index, f"scale_{scale}_checkerboard_{index}"
        network = self._network(scale, shape[-1], seed, doubled=True, growth=0)
        coupling = CheckerboardCoupling(network, index % 2 == 1, self.is_bounded, name=name)
        norms = [ActNorm(self.is_bounded, name=f"{name}_actnorm")] if self.architecture["normalize"] else []
        return [_built(layer, shape) for layer in (*norms, coupling)]

    def _step(self, scale, step, shape):
        seed, name = self.seed + 100_000 * scale + 10 * step + 50_000, f"scale_{scale}_step_{step}"
        given = self.architecture
        layers = [ActNorm(self.is_bounded, name=f"{name}_actnorm")] if given["normalize"] else []
        if given["permutation"] == "convolution":
            layers.append(InvertibleConvolution(self.is_bounded, seed, name=f"{name}_convolution"))
        elif given["permutation"] != "alternate":
            layers.append(ChannelPermutation(given["permutation"], seed, name=f"{name}_permutation"))
        network = self._network(scale, shape[-1] // 2, seed + 1, doubled=False, growth=1)
        reverse = given["permutation"] == "alternate" and step % 2 == 0
        layers.append(ChannelCoupling(network, reverse, self.is_bounded, name=f"{name}_coupling"))
        return [_built(layer, shape) for layer in layers]

    def build(self, images_shape=None, labels_shape=None):
        """Nothing to do: all layers have their weights."""

    def compute_output_shape(self, images_shape, labels_shape=None):
        return (images_shape[0], self.latent_size)

    # === Both directions ===

    def call(self, images, labels=None, training=False):
        return self.forward(images, labels, training)[0]

    def forward(self, images, labels=None, training=False, initialize=False):
        """Latents of dequantized images.

        Args:
            images: float32 `[batch, height, width, channels]` in [-1, 1).
            labels: int32 `[batch]`, or `None`.
            training: Boolean.
            initialize: Boolean. Whether weights are set from these images, layer after layer, eagerly.

        Returns:
            Latents float32 `[batch, latent_size]`, and the log-determinant of the Jacobian, float32 `[batch]`.
        """
        state, log_det = self.scaling.forward(images)
        latents = []
        for scale, prior in enumerate(self.priors):
            is_top = scale == len(self.priors) - 1
            state, log_det = _run(self.first_layers[scale], state, log_det, training, initialize)
            if self._squeezes(scale):
                state, log_det = _run(self.step_layers[scale], squeeze(state), log_det, training, initialize)
            if is_top:
                part, change = prior.standardize(state, labels)
            else:
                state, leaves = tf.split(self._in_split_order(state), 2, axis=3)
                part, change = prior.standardize(leaves, state)
            latents.append(tf.reshape(part, [-1, math.prod(part.shape[1:])]))
            log_det = log_det + change
        return tf.concat(latents, axis=1), log_det

    def inverse(self, latents, labels=None):
        """Dequantized images of latents, float32 `[batch, height, width, channels]`; see `forward`."""
        parts = self.split_latents(latents)
        state = None
        for scale in reversed(range(len(self.priors))):
            prior = self.priors[scale]
            if scale == len(self.priors) - 1:
                state = prior.restore(parts[scale], labels)
            else:
                state = self._in_split_order(tf.concat([state, prior.restore(parts[scale], state)], axis=3), back=True)
            if self._squeezes(scale):
                state = unsqueeze(self._run_back(self.step_layers[scale], state))
            state = self._run_back(self.first_layers[scale], state)
        return self.scaling.inverse(state)

    def split_latents(self, latents):
        """The latents of each scale, a list of float32 `[batch, height, width, channels]`, the first scale first."""
        sizes = [math.prod(shape) for shape in self.shapes]
        parts = tf.split(latents, sizes, axis=1) if len(sizes) > 1 else [latents]
        return [tf.reshape(part, [-1, *shape]) for part, shape in zip(parts, self.shapes)]

    def _squeezes(self, scale):
        return scale < len(self.priors) - 1 or not self.architecture["checkerboard_top"]

    def _in_split_order(self, state, back=False):
        """RealNVP keeps the pixels of one color of the checkerboard, and lets the others leave."""
        if self.architecture["permutation"] != "alternate":
            return state
        order = np.arange(state.shape[3]).reshape(-1, 4)[:, [0, 3, 1, 2]].T.reshape(-1)
        return tf.gather(state, np.argsort(order) if back else order, axis=3)

    def _run_back(self, layers, state):
        for layer in reversed(layers):
            if self.is_bounded:
                state = tf.clip_by_value(state, -LARGEST_STATE, LARGEST_STATE)
            state = layer.inverse(state)
        return state

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            **self.architecture,
            "num_classes": self.num_classes,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }


def _run(layers, state, log_det, training, initialize):
    for layer in layers:
        state, change = layer.forward(state, training, initialize)
        log_det = log_det + change
    return state, log_det


def _built(layer, shape):
    layer.build(shape)
    layer.built = True
    return layer
