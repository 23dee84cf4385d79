"""TarFlowNetwork: an invertible network of autoregressive blocks, from images to standard normal latents and back."""

import math

import keras
import tensorflow as tf

from tfgan_suite.foundation.number_kinds import is_count, is_number
from tfgan_suite.models.tarflow.block_inverses import invert_by_jacobi, invert_by_steps
from tfgan_suite.models.tarflow.guidance import Guidance
from tfgan_suite.models.tarflow.patches import from_patches, to_patches
from tfgan_suite.models.tarflow.prior_variance import PriorVariance
from tfgan_suite.models.tarflow.tarflow_block import LARGEST_STATE, TarFlowBlock


@keras.saving.register_keras_serializable("tfgan_suite")
class TarFlowNetwork(keras.Model):
    """Images as sequences of patches, which blocks transform in alternating order.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        num_classes: Integer, or `None`.
        seed: Integer. Base seed of the initial weights.
        **architecture: As for `TarFlow`, of which the others are: `patch_size`, `width`, `num_blocks`, `layers_per_block`,
            `head_size`, `volume_preserving`, `max_log_scale`.

    Call arguments:
        images: float32 `[batch, height, width, channels]`.
        labels: int32 `[batch]`, -1 for no class; or `None`.

    Output shape:
        float32 `[batch, height * width * channels]`.
    """

    def __init__(
        self,
        image_shape,
        patch_size=2,
        width=768,
        num_blocks=8,
        layers_per_block=8,
        head_size=64,
        volume_preserving=False,
        max_log_scale=3.0,
        num_classes=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.num_classes = num_classes
        self.seed = seed
        self.architecture = {
            "patch_size": patch_size,
            "width": width,
            "num_blocks": num_blocks,
            "layers_per_block": layers_per_block,
            "head_size": head_size,
            "volume_preserving": volume_preserving,
            "max_log_scale": max_log_scale,
        }
        self._check_arguments()
        height, columns, channels = self.image_shape
        self.token_shape = (height * columns // patch_size**2, channels * patch_size**2)
        self.blocks = []
        for index in range(num_blocks):
            block = TarFlowBlock(
                width,
                layers_per_block,
                head_size,
                reverse=index % 2 == 1,
                has_scale=not volume_preserving,
                max_log_scale=max_log_scale,
                num_classes=num_classes,
                seed=seed + 100_000 * index,
                dtype=self.dtype_policy,
                name=f"block_{index}",
            )
            block.build((None, *self.token_shape))
            block.built = True
            self.blocks.append(block)
        self.prior = PriorVariance(name="prior")
        self.prior.build((None, *self.token_shape))
        self.prior.built = True

    @property
    def latent_size(self):
        """Integer. As many latents as an image has values."""
        return math.prod(self.image_shape)

    def _check_arguments(self):
        given = self.architecture
        for name in ("patch_size", "width", "num_blocks", "layers_per_block", "head_size"):
            if not is_count(given[name]):
                raise ValueError(f"`{name}` must be an integer >= 1. Received: {name}={given[name]!r}")
        if given["width"] % given["head_size"]:
            raise ValueError(
                f"`width` must be a multiple of `head_size`, {given['head_size']}. Received: width={given['width']}"
            )
        bound = given["max_log_scale"]
        if bound is not None and (not is_number(bound) or bound <= 0):
            raise ValueError(f"`max_log_scale` must be > 0, or `None`. Received: max_log_scale={bound!r}")
        size = given["patch_size"]
        if any(one % size for one in self.image_shape[:2]) or math.prod(self.image_shape[:2]) == size**2:
            raise ValueError(
                f"`image_shape` must have a height and a width that are multiples of the `patch_size` {size}, and more than "
                f"one patch. Received: image_shape={self.image_shape}"
            )

    def build(self, images_shape=None, labels_shape=None):
        """Nothing to do: all layers have their weights."""

    def compute_output_shape(self, images_shape, labels_shape=None):
        return (images_shape[0], self.latent_size)

    # === Both directions ===

    def call(self, images, labels=None, training=False):
        return self.forward(images, labels, training)[0]

    def forward(self, images, labels=None, training=False):
        """Latents of images.

        Args:
            images: float32 `[batch, height, width, channels]`.
            labels: int32 `[batch]`, -1 for no class; or `None`.
            training: Boolean.

        Returns:
            Latents float32 `[batch, latent_size]`, and the log-determinant of the Jacobian, float32 `[batch]`.
        """
        tokens, log_det = self.transform(images, labels, training)
        return tf.reshape(self.prior.call(tokens), [-1, self.latent_size]), log_det + self.prior.log_det()

    def transform(self, images, labels=None, training=False):
        """What the blocks make of images, float32 `[batch, tokens, size]`, and the log-determinant of that."""
        tokens = to_patches(images, self.architecture["patch_size"])
        log_det = tf.zeros([tf.shape(images)[0]])
        for block in self.blocks:
            tokens, change = block.forward(tokens, labels, training)
            log_det = log_det + change
        return tokens, log_det

    def inverse(self, latents, labels=None, jacobi_tolerance=0.0, **guidance):
        """Images of latents, float32 `[batch, height, width, channels]`; see `forward`.

        Args:
            latents: float32 `[batch, latent_size]`.
            labels: int32 `[batch]`, -1 for no class; or `None`.
            jacobi_tolerance: Float, or float32 `[]` or `[batch]`. Where it is above 0, `invert_by_jacobi` with that tolerance.
            **guidance: `weight`, `annealing` and `temperature` of a `Guidance`.
        """
        return self.inverse_and_passes(latents, labels, jacobi_tolerance, **guidance)[0]

    def inverse_and_passes(self, latents, labels=None, jacobi_tolerance=0.0, **guidance):
        """As `inverse`, and passes of Jacobi iterations through a segment of each block, int32 `[num_blocks]`."""
        tokens = self.prior.undo(tf.reshape(latents, [-1, *self.token_shape]))
        guidance = Guidance(labels, tf.shape(tokens)[0], **guidance)
        all_passes = []
        for block in reversed(self.blocks):
            if self.architecture["max_log_scale"] is not None:
                tokens = tf.clip_by_value(tokens, -LARGEST_STATE, LARGEST_STATE)
            tokens, passes = _invert(block, block.in_order(tokens), guidance, jacobi_tolerance)
            tokens = block.in_order(tokens)
            all_passes.insert(0, passes)
        images = from_patches(tokens, self.architecture["patch_size"], self.image_shape)
        return images, tf.stack(all_passes)

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            **self.architecture,
            "num_classes": self.num_classes,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }


def _invert(block, latents, guidance, tolerance):
    """Tokens and passes, by the inverse that the tolerance asks for."""

    def by_steps():
        return invert_by_steps(block, latents, guidance), tf.constant(0)

    def by_jacobi():
        return invert_by_jacobi(block, latents, guidance, tolerance)

    if isinstance(tolerance, (int, float)):  # Known beforehand: the graph holds one of them.
        return by_jacobi() if tolerance > 0.0 else by_steps()
    return tf.cond(tf.reduce_any(tolerance > 0.0), by_jacobi, by_steps)
