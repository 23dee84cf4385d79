"""BigGAN's and BigGAN-deep's generator."""

import keras
import tensorflow as tf

from tfgan_suite.generative.abilities import MixesClasses
from tfgan_suite.layers.rematerialization import call_block
from tfgan_suite.layers.self_attention import SelfAttention
from tfgan_suite.layers.spectral_normalization import SpectralConvolution, SpectralDense, seeded_initializer
from tfgan_suite.layers.standing_batch_normalization import StandingBatchNormalization
from tfgan_suite.models.biggan.biggan_architecture import check_architecture, generator_plan
from tfgan_suite.models.biggan.biggan_blocks import DeepGeneratorBlock, GeneratorBlock


@keras.saving.register_keras_serializable("tfgan_suite")
class BigGANGenerator(MixesClasses, keras.Model):
    """Maps latents and a class to an image, through residual blocks that are normalized conditionally on both.

    The class is embedded once, as a vector that all blocks share. BigGAN splits the latents into equal parts, one for
    the first layer and one for each block; BigGAN-deep passes all of them to every layer.

    Args:
        image_shape: Tuple `(size, size, channels)`, with size one of 32, 64, 128, 256, 512.
        latent_size: Integer >= 1. Length of the latents.
        num_classes: Integer >= 1. Number of classes.
        base_channels: Integer >= 1. Unit of the table's channels; 96 in the paper, 128 in BigGAN-deep.
        shared_size: Integer >= 1, or `None`. Length of the class vectors. With `None`, each layer has its own gain and
            bias for each class (then `hierarchical` must be `False`).
        hierarchical: Boolean. Whether the blocks see the latents. If not, only the first layer does.
        attention_resolutions: Sequence of integers. Image sizes after which self-attention is placed. In the papers 64,
            but 128 in BigGAN for images of 256 pixels.
        variant: String, one of `"biggan"` or `"deep"`.
        depth: Integer >= 1. Number of blocks at each size in BigGAN-deep.
        output_channels: Integer, or `None`. Number of channels of the last convolution, the first of which are the
            image; `None` for only the image. BigGAN-deep on TF-Hub has `base_channels` here.
        initializer: String. `"orthogonal"`, or `"normal"` for N(0, 0.02).
        spectral_norm_epsilon: Float. Lower bound of norms in the power iteration. 1e-4 for the weights on TF-Hub.
        batch_norm_epsilon: Float. Added to variances. 1e-4 for the weights on TF-Hub.
        batch_norm_momentum: Float in [0, 1). Momentum of the running averages.
        rematerialize: Boolean. Whether training keeps only the tensors between blocks, and recomputes the rest for the
            gradient; see `layers.rematerialization`.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        latents: A float32 tensor of shape `[batch, latent_size]`.
        labels: An integer tensor of shape `[batch]`.

    Output shape:
        `[batch, size, size, channels]`, float32 images in [-1, 1]. To interpolate between classes, call
        `synthesize(latents, embed(labels))` instead, with any vectors in between.

    Raises:
        ValueError: If the papers' tables have no such network, or the latents cannot be split.

    Example:

    >>> generator = BigGANGenerator((32, 32, 3), latent_size=16, num_classes=10, base_channels=8, shared_size=8)
    >>> latents, labels = np.zeros([2, 16], "float32"), np.array([3, 7])
    >>> generator(latents, labels).shape
    TensorShape([2, 32, 32, 3])
    >>> halfway = tf.reduce_mean(generator.class_vectors(labels), axis=0, keepdims=True)
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
                f"`output_channels` must be at least {self.image_shape[-1]}, the channels of the image. Received: "
                f"output_channels={self.output_channels}"
            )
        if self.shared_size is None and self.hierarchical:
            raise ValueError(
                "`shared_size` must be set with hierarchical=True. Received: shared_size=None. Without a shared "
                "embedding, there is nothing to concatenate the latents to; pass hierarchical=False."
            )
        parts = len(self.plan) + 1
        if self._splits_latents and self.latent_size % parts:
            nearest = max(1, round(self.latent_size / parts)) * parts
            raise ValueError(
                f"`latent_size` must be divisible into {parts} equal parts, one for the first layer and one for each "
                f"block. Received: latent_size={self.latent_size}. Use, for example, {nearest}."
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
        """Creates the weights. Their shapes are known, so no call is needed."""
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
        """Builds the network, in methods that may be called before it is built."""
        if not self.built:
            self.build()

    def class_vectors(self, labels):
        """Returns the vectors of classes, from integers `[batch]` to float32 `[batch, shared_size]`, or one-hot vectors
        without a shared embedding. Weighted means of these vectors lie between classes."""
        self._make_weights()
        labels = tf.cast(labels, tf.int32)
        if self.shared_size is None:
            return tf.one_hot(labels, self.num_classes)
        return self.shared_embedding(labels)

    def synthesize(self, latents, class_embeddings, training=False):
        """Generates images from latents, float32 `[batch, latent_size]`, and vectors as returned by `class_vectors`."""
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

    def mix_classes(self, latents, vectors):
        return self.synthesize(latents, vectors)

    def _conditions(self, latents, class_embeddings):
        """Returns what the first layer sees, and what each block sees."""
        if not self.hierarchical:
            return latents, [class_embeddings] * len(self.blocks)
        if not self._splits_latents:
            everything = tf.concat([class_embeddings, latents], axis=1)
            return everything, [everything] * len(self.blocks)
        first, *parts = tf.split(latents, len(self.blocks) + 1, axis=1)
        return first, [tf.concat([class_embeddings, part], axis=1) for part in parts]

    def call(self, latents, labels, training=False):
        return self.synthesize(latents, self.class_vectors(labels), training=training)

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
