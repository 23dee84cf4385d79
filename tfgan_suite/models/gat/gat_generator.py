"""GAT's generator: a transformer over patches that paints an image several times, each time on top of the last."""

import keras
import tensorflow as tf

from tfgan_suite.foundation.microbatches import microbatch
from tfgan_suite.generative.abilities import MixesClasses
from tfgan_suite.models.gat.gat_blocks import GATGeneratorBlock, modulation, normalize
from tfgan_suite.models.gat.gat_mapping import GATMapping, of_classes
from tfgan_suite.models.gat.gat_sizes import check_sizes
from tfgan_suite.models.gat.image_positions import position_codes

_DECAY = 0.995


@keras.saving.register_keras_serializable("tfgan_suite")
class GATGenerator(MixesClasses, keras.Model):
    """Steers blocks of a transformer by the latents, and adds an image after each of several groups of blocks.

    Tokens begin as codes of their positions, and nothing else. There is no tanh.

    Args:
        image_shape: Tuple `(height, width, channels)`, both sides multiples of `patch_size`.
        latent_size: Integer >= 1. Length of the latents, and of a class's vector.
        patch_size: Integer >= 1. Pixels of a side of a patch.
        width: Integer. Length of tokens and styles, a multiple of 4 times `num_heads`.
        depth: Integer. Blocks, a multiple of `num_levels`.
        num_heads: Integer >= 1. Heads of the attention.
        num_levels: Integer >= 1. Images that are added up.
        num_classes: Integer >= 1, or `None`. Number of classes.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        latents: A float32 tensor of shape `[batch, latent_size]`.
        labels: An int32 tensor of shape `[batch]`, float vectors of shape `[batch, num_classes]`, or `None`.
        truncation: Float, a float32 scalar, or one number for each example. See `map`.
        guidance: Likewise.

    Output shape:
        `[batch, height, width, channels]`, float32 images: the last level.

    Attributes:
        style_averages: float32 `[num_classes or 1, width]`, not trained: running averages of styles, for truncation.

    Raises:
        ValueError: There is no such network for the image's shape.

    Example:

    >>> generator = GATGenerator((8, 8, 3), latent_size=4, width=16, depth=4, num_heads=2)
    >>> generator(np.zeros([2, 4], "float32")).shape
    TensorShape([2, 8, 8, 3])

    Reference: Hyun, Lee, Heo, "Scalable GANs with Transformers" (2025), section 3.
    """

    def __init__(
        self,
        image_shape,
        latent_size=64,
        patch_size=2,
        width=384,
        depth=12,
        num_heads=6,
        num_levels=4,
        num_classes=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.latent_size = latent_size
        self.patch_size = patch_size
        self.width = width
        self.depth = depth
        self.num_heads = num_heads
        self.num_levels = num_levels
        self.num_classes = num_classes
        self.seed = seed

        self.grid = check_sizes(self.image_shape, patch_size, width, depth, num_heads, num_levels)
        dtype = self.dtype_policy
        self.mapping = GATMapping(width, latent_size, num_classes, latent_size, seed=seed, name="mapping")
        self.blocks = [
            GATGeneratorBlock(num_heads, self.grid, seed=seed + 100 * (index + 1), dtype=dtype, name=f"block_{index}")
            for index in range(depth)
        ]
        self.outputs_of_levels = [
            GATOutput(patch_size**2 * self.image_shape[-1], seed + 50 + 2 * index, dtype=dtype, name=f"output_{index}")
            for index in range(num_levels)
        ]
        self.style_averages = self.add_weight(
            name="style_averages",
            shape=[num_classes or 1, width],
            initializer="zeros",
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
        )
        self._codes = position_codes(*self.grid, width)

    def build(self, latents_shape=None, labels_shape=None):
        """Creates the weights. Their shapes are known, so no call is needed."""
        tokens = (None, self.grid[0] * self.grid[1], self.width)
        self.mapping.build()
        for layer in (*self.blocks, *self.outputs_of_levels):
            layer.build(tokens)

    def map(self, latents, labels=None, truncation=1.0, guidance=1.0):
        """Styles of latents.

        Args:
            latents: float32 `[batch, latent_size]`.
            labels: As in the call.
            truncation: Float in [0, 1], a float32 scalar, or `[batch]`. 1 samples the full distribution, 0 the average style of
                the class.
            guidance: Float >= 0, a float32 scalar, or `[batch]`. How far a style is from the mean of what the same latents are
                in all classes: 1 is where it is, more is further from the other classes.

        Returns:
            float32 `[batch, width]`.
        """
        styles = self.mapping(latents, labels)
        if not _is_one(guidance) and self.num_classes is not None:
            nobody = self._mean_over_classes(latents)
            styles = nobody + tf.reshape(tf.cast(guidance, tf.float32), [-1, 1]) * (styles - nobody)
        if not _is_one(truncation):
            center = tf.convert_to_tensor(self.style_averages)
            center = center if self.num_classes is None else of_classes(center, labels)
            styles = center + tf.reshape(tf.cast(truncation, tf.float32), [-1, 1]) * (styles - center)
        return styles

    def _mean_over_classes(self, latents):
        """What the mapping makes of the same latents in each class, on the average; float32 `[batch, width]`."""
        count = tf.shape(latents)[0]
        labels = tf.tile(tf.range(self.num_classes), [count])
        styles = self.mapping(tf.repeat(latents, self.num_classes, axis=0), labels)
        return tf.reduce_mean(tf.reshape(styles, [count, self.num_classes, self.width]), axis=1)

    def synthesize_levels(self, styles):
        """Images of styles, each level the sum of those before and its own.

        Args:
            styles: float32 `[batch, width]`.

        Returns:
            List of `num_levels` float32 tensors `[batch, height, width, channels]`, the last one the image.
        """
        styles = tf.nn.silu(tf.cast(styles, self.compute_dtype))
        codes = tf.cast(self._codes, self.compute_dtype)
        tokens = tf.broadcast_to(codes, [tf.shape(styles)[0], *codes.shape])  # [batch, patches, width]
        images, levels = 0.0, []
        blocks_in_level = self.depth // self.num_levels
        for index, block in enumerate(self.blocks):
            tokens = block(tokens, styles)
            if (index + 1) % blocks_in_level == 0:
                patches = self.outputs_of_levels[len(levels)](tokens, styles)
                patches = tf.reshape(tf.cast(patches, tf.float32), [-1, *self.grid, patches.shape[-1]])
                images += tf.nn.depth_to_space(patches, self.patch_size) if self.patch_size > 1 else patches
                levels.append(images)
        return levels

    def call(self, latents, labels=None, training=False, truncation=1.0, guidance=1.0):
        return self.synthesize_levels(self.map(latents, labels, truncation, guidance))[-1]

    def update_averages(self, styles, labels=None):
        """Moves the average of each class that is there toward the mean of its styles, float32 `[batch, width]`."""
        styles = tf.stop_gradient(styles)
        ones = tf.ones([tf.shape(styles)[0], 1]) if labels is None else tf.one_hot(labels, self.num_classes)
        sums = _sum_over_replicas(tf.matmul(ones, styles, transpose_a=True))
        counts = _sum_over_replicas(tf.reduce_sum(ones, axis=0)[:, None])
        # The n-th part of a batch counts as the n-th part of a step.
        share = (1.0 - _DECAY) / tf.cast(microbatch()[1], tf.float32)
        averages = tf.convert_to_tensor(self.style_averages)
        moved = averages + share * (sums / tf.maximum(counts, 1.0) - averages)
        self.style_averages.assign(tf.where(counts > 0.0, moved, averages))

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "latent_size": self.latent_size,
            "patch_size": self.patch_size,
            "width": self.width,
            "depth": self.depth,
            "num_heads": self.num_heads,
            "num_levels": self.num_levels,
            "num_classes": self.num_classes,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }


@keras.saving.register_keras_serializable("tfgan_suite")
class GATOutput(keras.layers.Layer):
    """From tokens to the pixels of their patches: `dense(norm(x) (1 + s))`, with s of the style.

    Args:
        units: Integer. Numbers of a patch.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        tokens: Float `[batch, patches, width]`.
        styles: Float `[batch, width]`, after the SiLU.

    Output shape:
        `[batch, patches, units]`.
    """

    def __init__(self, units, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.seed = seed

    def build(self, tokens_shape, styles_shape=None):
        self.modulate = modulation(tokens_shape[-1], self.seed, self.dtype_policy)
        self.dense = keras.layers.Dense(
            self.units,
            kernel_initializer=keras.initializers.GlorotUniform(self.seed + 1),
            dtype=self.dtype_policy,
            name="dense",
        )
        self.modulate.build([None, tokens_shape[-1]])
        self.dense.build(tokens_shape)

    def call(self, tokens, styles):
        return self.dense(normalize(tokens) * (1.0 + self.modulate(styles)[:, None]))

    def compute_output_shape(self, tokens_shape, styles_shape=None):
        return (*tokens_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "seed": self.seed}


def _is_one(value):
    return isinstance(value, (int, float)) and value == 1.0


def _sum_over_replicas(value):
    replica_context = tf.distribute.get_replica_context()
    if replica_context is None or replica_context.num_replicas_in_sync == 1:
        return value
    return replica_context.all_reduce(tf.distribute.ReduceOp.SUM, value)
