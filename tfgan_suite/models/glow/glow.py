"""Glow: a normalizing flow of convolutions, with RealNVP's parts as options."""

import keras
import tensorflow as tf

from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.engine.schedule import LinearSchedule
from tfgan_suite.foundation.randomness import fold
from tfgan_suite.likelihood.data_initialization import InitializedFromData
from tfgan_suite.likelihood.flow_model import FlowModel
from tfgan_suite.likelihood.noise import BatchNoise
from tfgan_suite.models.glow.glow_network import GlowNetwork
from tfgan_suite.models.glow.glow_presets import PRESETS
from tfgan_suite.specs.image_spec import ImageSpec


@keras.saving.register_keras_serializable("tfgan_suite")
class Glow(InitializedFromData, FlowModel):
    """A flow: images become normal latents, one for each value, by steps that can all be undone.

    `log_prob` bounds the probability of images of whole levels; `encode` and `decode` are each other's inverse.

    The first `fit` sets the scales and biases of actnorm from its first batch; `initialize_from_data` does it from images of
    your choice. Sampling never does.

    The defaults are Glow's for CIFAR-10. RealNVP is `Glow.from_preset("realnvp_cifar10")`: residual networks in its couplings,
    which alternate, checkerboards before each squeeze and at the top, logits of pixels, and no actnorm between steps.

    Args:
        image_shape: Tuple `(height, width, channels)`. Height and width are multiples of `2 ** scales`.
        scales: Integer >= 1. Sizes at which there are steps: the paper's L.
        steps: Integer >= 1. Steps of each scale: the paper's K.
        width: Integer >= 1. Channels inside of couplings.
        coupling: String. `"affine"`, `"additive"` without scales, or `"residual"` for RealNVP's.
        blocks: Integer >= 1. Residual blocks of each residual coupling.
        permutation: String. What mixes the channels between couplings: `"convolution"`, `"shuffle"`, `"reverse"`; or
            `"alternate"`, where the halves of a coupling change places.
        normalize: Boolean. Whether each step begins with actnorm.
        checkerboards: Integer >= 0. Couplings between the pixels of a checkerboard before each squeeze.
        checkerboard_top: Boolean. Whether the last scale is checkerboards alone, one more than elsewhere, without a squeeze.
        learned_splits: Boolean. Whether the priors of the latents that leave are learned.
        learned_top: Boolean. Whether the prior of the last latents is learned.
        logit_range: Float in (0, 1), for logits of pixels squeezed into that share of the unit interval; `None` for pixels.
        max_log_scale: Float > 0, the bound of the logarithm of each coupling's scale, by which other scales and what couplings
            see are bounded too; samples are then finite at every stage of training. `None` for the papers' flows without
            bounds, whose inverse may overflow.
        levels: Integer in [2, 256]. Whole levels of the images: 32 for 5 bits.
        num_classes: Integer, or `None` for an unconditional model. The prior of the last latents depends on the class.
        label_weights: List of floats, the relative frequency of each class among generated labels; `None` for all alike.
        seed: Integer. Seed for the initial weights, and base seed for all randomness in training.

    Raises:
        ValueError: An argument out of range, or a size that cannot be squeezed as often.

    Example:

    >>> model = Glow(image_shape=(8, 8, 1), scales=2, steps=2, width=8)
    >>> model.compile()
    >>> images = np.random.default_rng(0).integers(0, 256, [4, 8, 8, 1]).astype("uint8")
    >>> history = model.fit(tg.to_float(images), batch_size=4, verbose=0)
    >>> latents = model.encode(tg.to_float(images))
    >>> bool(np.abs(model.decode(latents) - tg.to_float(images)).max() < 1e-4)
    True

    Reference: Kingma and Dhariwal, "Glow: Generative Flow with Invertible 1x1 Convolutions" (2018); Dinh et al., "Density
    estimation using Real NVP" (2017).
    """

    presets = PRESETS

    def __init__(
        self,
        *,
        image_shape=(32, 32, 3),
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
        levels=256,
        num_classes=None,
        label_weights=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(
            ImageSpec(image_shape, levels=levels),
            num_classes=num_classes,
            label_weights=label_weights,
            seed=seed,
            **kwargs,
        )
        network = GlowNetwork(
            image_shape=self.spec.shape,
            scales=scales,
            steps=steps,
            width=width,
            coupling=coupling,
            blocks=blocks,
            permutation=permutation,
            normalize=normalize,
            checkerboards=checkerboards,
            checkerboard_top=checkerboard_top,
            learned_splits=learned_splits,
            learned_top=learned_top,
            logit_range=logit_range,
            max_log_scale=max_log_scale,
            num_classes=num_classes,
            seed=seed,
            dtype=kwargs.get("dtype"),
        )
        self.architecture = network.architecture
        labels = None if num_classes is None else keras.Input([], dtype="int32")
        self.add_network("network", network, (keras.Input(self.spec.shape), labels), averaged=True)
        self.count_initialization()
        self.built = True

    def default_training(self):
        # Ten epochs of CIFAR-10 to the full rate; the average reaches back one epoch.
        return {
            **super().default_training(),
            "optimizer": keras.optimizers.Adamax(LinearSchedule(0.0, 1e-3, examples=500_000)),
            "ema": ExponentialMovingAverage(half_life_images=35_000, rampup_ratio=None),
        }

    def initialize_weights(self, images, labels):
        noise = BatchNoise(fold(self.seed, "initialize"), tf.shape(images)[0]).uniform(
            "dequantization", self.spec.shape
        )
        self.network.forward(self.dequantize(images, noise), labels, initialize=True)

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            **self.architecture,
            "levels": self.spec.levels,
            "num_classes": self.num_classes,
            "label_weights": self.label_weights,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
