"""BigGAN's generator, and BigGAN-deep's."""

import keras
import tensorflow as tf

from tfgan_suite.layers.rematerialization import call_block
from tfgan_suite.layers.self_attention import SelfAttention
from tfgan_suite.layers.spectral_normalization import SpectralConvolution, SpectralDense, seeded_initializer
from tfgan_suite.layers.standing_batch_normalization import StandingBatchNormalization
from tfgan_suite.models.biggan.biggan_architecture import check_architecture, generator_plan
from tfgan_suite.models.biggan.biggan_blocks import DeepGeneratorBlock, GeneratorBlock


@keras.saving.register_keras_serializable("tfgan_suite")
class BigGANGenerator(keras.Model):
    """Latents and a class to an image, through residual blocks that are normalised by both.

    The class becomes a vector once, in an embedding that all blocks share. BigGAN splits the latents in equal parts,
    one for the first layer and one for each block; BigGAN-deep gives all of them to every layer.

    Args:
        image_shape: `(size, size, channels)`, size one of 32, 64, 128, 256, 512.
        latent_size: Length of the latents.
        num_classes: Number of classes.
        base_channels: Channels of the table's unit; 96 in the paper, 128 in BigGAN-deep.
        shared_size: Length of the classes' vectors, or `None` for a gain and a bias of its own for each class in each
            layer (then `hierarchical` must be false).
        hierarchical: Whether the blocks see the latents. If not, the first layer alone does.
        attention_resolutions: Sizes of the images after which self-attention stands. In the papers 64, but 128 in
            BigGAN for images of 256.
        variant: `"biggan"` or `"deep"`.
        depth: Blocks at each size, of BigGAN-deep.
        output_channels: Channels of the last convolution, of which the image is the first, or `None` for the image's
            own. BigGAN-deep on TF-Hub has `base_channels` there.
        initializer: `"orthogonal"`, or `"normal"` for N(0, 0.02).
        spectral_norm_epsilon: Least norm in the power iteration. 1e-4 for the weights on TF-Hub.
        batch_norm_epsilon: Added to variances. 1e-4 for the weights on TF-Hub.
        batch_norm_momentum: Of the running averages.
        rematerialize: Whether training keeps only what goes from block to block, and computes the rest anew for the
            gradient; see `layers.rematerialization`.
        seed: Of the initial weights.

    Call: latents float32 `[batch, latent_size]`, labels integers `[batch]`, to images float32
    `[batch, size, size, channels]` in [-1, 1]. The same in two steps, with anything between classes in the middle:
    `synthesize(latents, embed(labels))`.

    Raises:
        ValueError: The papers' tables have no such network, or the latents cannot be split.

    Example:

    >>> generator = BigGANGenerator((32, 32, 3), latent_size=16, num_classes=10, base_channels=8, shared_size=8)
    >>> latents, labels = np.zeros([2, 16], "float32"), np.array([3, 7])
    >>> generator(latents, labels).shape
    TensorShape([2, 32, 32, 3])
    >>> halfway = tf.reduce_mean(generator.embed(labels), axis=0, keepdims=True)
    >>> generator.synthesize(latents[:1], halfway).shape
    TensorShape([1, 32, 32, 3])

    Reference: Brock, Donahue, Simonyan, "Large Scale GAN Training for High Fidelity Natural Image Synthesis" (2019),
    section 3.1 and appendix B.
    """

    def __init__(
        self,
        image_shape=(128, 128, 3),
        latent_size=120,
        num_classes=1000,
        base_channels=96,
        shared_size=128,
        hierarchical=True,
        attention_resolutions=(64,),
        variant="biggan",
        depth=2,
        output_channels=None,
        initializer="orthogonal",
        spectral_norm_epsilon=1e-6,
        batch_norm_epsilon=1e-5,
        batch_norm_momentum=0.9,
        rematerialize=False,
        seed=0,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.image_shape = tuple(image_shape)
        self.latent_size = latent_size
        self.num_classes = num_classes
        self.base_channels = base_channels
        self.shared_size = shared_size
        self.hierarchical = hierarchical
        self.attention_resolutions = tuple(attention_resolutions)
        self.variant = variant
        self.depth = depth
        self.output_channels = output_channels
        self.initializer = initializer
        self.spectral_norm_epsilon = spectral_norm_epsilon
        self.batch_norm_epsilon = batch_norm_epsilon
        self.batch_norm_momentum = batch_norm_momentum
        self.rematerialize = rematerialize
        self.seed = seed

        size = check_architecture(self.image_shape, variant, depth, self.attention_resolutions)
        self.plan = generator_plan(size, base_channels, variant, depth, self.attention_resolutions)
        self._check_conditions()
        self._make_layers(1000 * seed)

    def _check_conditions(self):
        if self.output_channels is not None and self.output_channels < self.image_shape[-1]:
            raise ValueError(
                f"Expected at least {self.image_shape[-1]} output_channels, those of the image. Received: "
                f"output_channels={self.output_channels}"
            )
        if self.shared_size is None and self.hierarchical:
            raise ValueError(
                "Expected a shared_size with hierarchical=True. Received: shared_size=None. Without a shared embedding "
                "the blocks have nothing to join the latents to; pass hierarchical=False."
            )
        parts = len(self.plan) + 1
        if self._splits_latents and self.latent_size % parts:
            nearest = max(1, round(self.latent_size / parts)) * parts
            raise ValueError(
                f"Expected a latent_size that can be split in {parts} equal parts, one for the first layer and one for "
                f"each block. Received: latent_size={self.latent_size}; {nearest} would do."
            )

    @property
    def _splits_latents(self):
        return self.hierarchical and self.variant == "biggan"

    def _make_layers(self, seed):
        norm = {"epsilon": self.spectral_norm_epsilon, "initializer": self.initializer}
        batch_norm = {"epsilon": self.batch_norm_epsilon, "momentum": self.batch_norm_momentum}
        if self.shared_size is not None:
            self.shared_embedding = keras.layers.Embedding(
                self.num_classes,
                self.shared_size,
                embeddings_initializer=seeded_initializer(self.initializer, seed),
                dtype="float32",
                name="shared_embedding",
            )
        self.linear = SpectralDense(
            4 * 4 * self.plan[0].in_channels, seed=seed + 1, dtype="float32", name="linear", **norm
        )
        block_class = DeepGeneratorBlock if self.variant == "deep" else GeneratorBlock
        self.blocks = [
            block_class(
                plan,
                norm,
                {**batch_norm, "spectral": self.shared_size is not None},
                seed=seed + 20 * (index + 1),
                dtype=self.dtype_policy,
                name=f"block_{index}",
            )
            for index, plan in enumerate(self.plan)
        ]
        self.attentions = [
            SelfAttention(seed=seed + 20 * (index + 1) + 15, dtype=self.dtype_policy, name=f"attention_{index}", **norm)
            for index, plan in enumerate(self.plan)
            if plan.attention
        ]
        self.output_normalization = StandingBatchNormalization(
            **batch_norm, dtype=self.dtype_policy, name="output_normalization"
        )
        self.output_convolution = SpectralConvolution(
            self.output_channels or self.image_shape[-1],
            seed=seed + 2,
            dtype=self.dtype_policy,
            name="output_convolution",
            **norm,
        )

    def build(self, latents_shape=None, labels_shape=None):
        """Makes the weights. The shapes are known, so that no call is needed for it."""
        class_size = self.num_classes if self.shared_size is None else self.shared_size
        parts = len(self.plan) + 1 if self._splits_latents else 1
        part_size = self.latent_size // parts
        everything = self.hierarchical and not self._splits_latents
        self.linear.build([None, class_size + part_size if everything else part_size])
        if self.shared_size is not None:
            self.shared_embedding.build([None])
        attentions = iter(self.attentions)
        for plan, block in zip(self.plan, self.blocks):
            condition_size = class_size + (part_size if self.hierarchical else 0)
            block.build([None, None, None, plan.in_channels], [None, condition_size])
            if plan.attention:
                next(attentions).build([None, None, None, plan.out_channels])
        for layer in (self.output_normalization, self.output_convolution):
            layer.build([None, None, None, self.plan[-1].out_channels])

    def _make_weights(self):
        """For the methods that may be called before the network is."""
        if not self.built:
            self.build()

    def embed(self, labels):
        """The classes' vectors: integers `[batch]` to float32 `[batch, shared_size]`, or one-hot without a shared
        embedding. Between classes is where a weighted mean of them is."""
        self._make_weights()
        labels = tf.cast(labels, tf.int32)
        if self.shared_size is None:
            return tf.one_hot(labels, self.num_classes)
        return self.shared_embedding(labels)

    def synthesize(self, latents, class_embeddings, training=False):
        """Images of latents float32 `[batch, latent_size]` and class vectors as `embed` returns them."""
        self._make_weights()
        inputs, conditions = self._conditions(tf.cast(latents, tf.float32), tf.cast(class_embeddings, tf.float32))
        features = self.linear(inputs, training=training)
        features = tf.reshape(features, [-1, 4, 4, self.plan[0].in_channels])
        features = tf.cast(features, self.compute_dtype)
        attentions = iter(self.attentions)
        rematerialized = self.rematerialize and training
        for plan, block, condition in zip(self.plan, self.blocks, conditions):
            # [batch, size, size, plan.out_channels]
            features = call_block(block, rematerialized, features, condition, training=training)
            if plan.attention:
                features = call_block(next(attentions), rematerialized, features, training=training)
        features = tf.nn.relu(self.output_normalization(features, training=training))
        images = self.output_convolution(features, training=training)[..., : self.image_shape[-1]]
        return tf.tanh(tf.cast(images, tf.float32))

    def _conditions(self, latents, class_embeddings):
        """What the first layer sees, and what each block does."""
        if not self.hierarchical:
            return latents, [class_embeddings] * len(self.blocks)
        if not self._splits_latents:
            everything = tf.concat([class_embeddings, latents], axis=1)
            return everything, [everything] * len(self.blocks)
        first, *parts = tf.split(latents, len(self.blocks) + 1, axis=1)
        return first, [tf.concat([class_embeddings, part], axis=1) for part in parts]

    def call(self, latents, labels, training=False):
        return self.synthesize(latents, self.embed(labels), training=training)

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "latent_size": self.latent_size,
            "num_classes": self.num_classes,
            "base_channels": self.base_channels,
            "shared_size": self.shared_size,
            "hierarchical": self.hierarchical,
            "attention_resolutions": self.attention_resolutions,
            "variant": self.variant,
            "depth": self.depth,
            "output_channels": self.output_channels,
            "initializer": self.initializer,
            "spectral_norm_epsilon": self.spectral_norm_epsilon,
            "batch_norm_epsilon": self.batch_norm_epsilon,
            "batch_norm_momentum": self.batch_norm_momentum,
            "rematerialize": self.rematerialize,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
