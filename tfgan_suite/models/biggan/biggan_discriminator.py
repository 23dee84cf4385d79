"""BigGAN's and BigGAN-deep's discriminator."""

import keras
import tensorflow as tf

from tfgan_suite.adversarial.san_head import TakesSANHead
from tfgan_suite.layers.rematerialization import call_block
from tfgan_suite.layers.self_attention import SelfAttention
from tfgan_suite.layers.spectral_normalization import SpectralConvolution, SpectralDense, SpectralEmbedding
from tfgan_suite.models.biggan.biggan_architecture import check_architecture, discriminator_plan
from tfgan_suite.models.biggan.biggan_blocks import DeepDiscriminatorBlock, DiscriminatorBlock


@keras.saving.register_keras_serializable("tfgan_suite")
class BigGANDiscriminator(TakesSANHead, keras.Model):
    """Residual blocks down to 4x4, sum pooling, a linear logit, and the projection on the class vector.

    All weights are spectrally normalized. A call in training mode advances the power iteration by one step, so it is
    best to score real and generated images in a single call.

    Args:
        image_shape: Tuple `(size, size, channels)`, with size one of 32, 64, 128, 256, 512.
        num_classes: Integer >= 1. Number of classes.
        base_channels: Integer >= 1. Unit of the table's channels; 96 in the paper, 128 in BigGAN-deep.
        attention_resolutions: Sequence of integers. Image sizes after which self-attention is placed; 64 in the papers.
            For images of 32 pixels, every block counts as 16, as in the reference implementation.
        variant: String, one of `"biggan"` or `"deep"`.
        depth: Integer >= 1. Number of blocks at each size in BigGAN-deep.
        convolve_equal_shortcuts: Boolean. Whether BigGAN's blocks that halve the size but keep the number of channels
            have a 1x1 convolution in their shortcut. True in BigGAN-PyTorch (99,225,890 parameters at 256 pixels),
            false in compare_gan (98,635,298).
        initializer: String. `"orthogonal"`, or `"normal"` for N(0, 0.02).
        spectral_norm_epsilon: Float. Lower bound of norms in the power iteration.
        rematerialize: Boolean. Whether training keeps only the tensors between blocks, and recomputes the rest for the
            gradient; see `layers.rematerialization`.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        images: A float32 tensor of shape `[batch, size, size, channels]`, in [-1, 1].
        labels: An integer tensor of shape `[batch]`.

    Output shape:
        `[batch, 1]`, float32 logits.

    Raises:
        ValueError: If the papers' tables have no such network.

    Example:

    >>> discriminator = BigGANDiscriminator((32, 32, 3), num_classes=10, base_channels=8)
    >>> discriminator(np.zeros([2, 32, 32, 3], "float32"), np.array([3, 7])).shape
    TensorShape([2, 1])

    Reference: Brock, Donahue, Simonyan, "Large Scale GAN Training for High Fidelity Natural Image Synthesis" (2019),
    appendix B; Miyato and Koyama, "cGANs with Projection Discriminator" (2018), equation 4.
    """

    def __init__(
        self,
        image_shape=(128, 128, 3),
        num_classes=1000,
        base_channels=96,
        attention_resolutions=(64,),
        variant="biggan",
        depth=2,
        convolve_equal_shortcuts=True,
        initializer="orthogonal",
        spectral_norm_epsilon=1e-6,
        rematerialize=False,
        seed=0,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.image_shape = tuple(image_shape)
        self.num_classes = num_classes
        self.base_channels = base_channels
        self.attention_resolutions = tuple(attention_resolutions)
        self.variant = variant
        self.depth = depth
        self.convolve_equal_shortcuts = convolve_equal_shortcuts
        self.initializer = initializer
        self.spectral_norm_epsilon = spectral_norm_epsilon
        self.rematerialize = rematerialize
        self.seed = seed

        check_architecture(self.image_shape, variant, depth, self.attention_resolutions)
        self.plan = discriminator_plan(self.image_shape, base_channels, variant, depth, self.attention_resolutions)
        self._make_layers(1000 * seed)

    def _make_layers(self, seed):
        norm = {"epsilon": self.spectral_norm_epsilon, "initializer": self.initializer}
        if self.variant == "deep":
            self.input_convolution = SpectralConvolution(
                self.plan[0].in_channels, seed=seed, dtype=self.dtype_policy, name="input_convolution", **norm
            )
        self.blocks = [
            self._make_block(index, norm, seed=seed + 20 * (index + 1), dtype=self.dtype_policy, name=f"block_{index}")
            for index in range(len(self.plan))
        ]
        self.attentions = [
            SelfAttention(seed=seed + 20 * (index + 1) + 15, dtype=self.dtype_policy, name=f"attention_{index}", **norm)
            for index, plan in enumerate(self.plan)
            if plan.attention
        ]
        self.linear = SpectralDense(1, seed=seed + 1, dtype="float32", name="linear", **norm)
        self.class_vectors = SpectralEmbedding(
            self.num_classes, self.plan[-1].out_channels, seed=seed + 2, dtype="float32", name="class_vectors", **norm
        )

    own_head = ("linear", "class_vectors")

    def layer_places(self):
        """What stands for the numbers of blocks in other sizes: numbers count from the image, these name the resolution."""
        places, side, count = {}, self.image_shape[0], 0
        for index, plan in enumerate(self.plan):
            places[f"block_{index}"] = f"{'down_from' if plan.resample else 'at'}_{side}_{count}"
            places[f"attention_{index}"] = f"attention_after_{places[f'block_{index}']}"
            side, count = (side // 2, 0) if plan.resample else (side, count + 1)
        return places

    def _make_block(self, index, norm, **kwargs):
        if self.variant == "deep":
            return DeepDiscriminatorBlock(self.plan[index], norm, **kwargs)
        return DiscriminatorBlock(
            self.plan[index],
            norm,
            activate_first=index > 0,  # The image itself is not rectified.
            convolve_equal_shortcuts=self.convolve_equal_shortcuts,
            **kwargs,
        )

    def build(self, images_shape=None, labels_shape=None):
        """Creates the weights. Their shapes are known, so no call is needed."""
        if self.variant == "deep":
            self.input_convolution.build([None, *self.image_shape])
        attentions = iter(self.attentions)
        for plan, block in zip(self.plan, self.blocks):
            block.build([None, None, None, plan.in_channels])
            if plan.attention:
                next(attentions).build([None, None, None, plan.out_channels])
        if self.san_head is None:
            self.linear.build([None, self.plan[-1].out_channels])
            self.class_vectors.build([None])
        else:
            self.san_head.build([None, self.plan[-1].out_channels])

    def call(self, images, labels, training=False):
        features = tf.cast(images, self.compute_dtype)
        if self.variant == "deep":
            features = self.input_convolution(features, training=training)
        attentions = iter(self.attentions)
        rematerialized = self.rematerialize and training
        for plan, block in zip(self.plan, self.blocks):
            # [batch, height, width, plan.out_channels]
            features = call_block(block, rematerialized, features, training=training)
            if plan.attention:
                features = call_block(next(attentions), rematerialized, features, training=training)
        features = tf.reduce_sum(tf.cast(tf.nn.relu(features), tf.float32), axis=[1, 2])  # [batch, out_channels]
        if self.san_head is not None:
            return self.san_head(features, labels)
        products = self.class_vectors(labels, training=training) * features
        return self.linear(features, training=training) + tf.reduce_sum(products, axis=1, keepdims=True)

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "num_classes": self.num_classes,
            "base_channels": self.base_channels,
            "attention_resolutions": self.attention_resolutions,
            "variant": self.variant,
            "depth": self.depth,
            "convolve_equal_shortcuts": self.convolve_equal_shortcuts,
            "initializer": self.initializer,
            "spectral_norm_epsilon": self.spectral_norm_epsilon,
            "rematerialize": self.rematerialize,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
            **self.head_config(),
        }
