"""GAT's discriminator: a transformer that looks at all levels of an image at once."""

import keras
import tensorflow as tf

from tfgan_suite.adversarial.san_head import TakesSANHead
from tfgan_suite.models.gat.gat_blocks import EPSILON, GATDiscriminatorBlock
from tfgan_suite.models.gat.gat_mapping import GATMapping
from tfgan_suite.models.gat.gat_sizes import check_sizes
from tfgan_suite.models.gat.image_positions import position_codes


@keras.saving.register_keras_serializable("tfgan_suite")
class GATDiscriminator(TakesSANHead, keras.Model):
    """Patches of all levels side by side, a token of its own before them, and a logit from what becomes of that token.

    With classes the logit is the inner product of `class_map_size` numbers of the token and as many of the class.

    Args:
        image_shape: Tuple `(height, width, channels)` of one level.
        patch_size: Integer >= 1. Pixels of a side of a patch.
        width: Integer. Length of tokens, a multiple of 4 times `num_heads`.
        depth: Integer >= 1. Blocks.
        num_heads: Integer >= 1. Heads of the attention.
        num_levels: Integer >= 1. Levels of an image.
        class_map_size: Integer >= 1. Numbers that stand for a class.
        num_classes: Integer >= 1, or `None`. Number of classes.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        images: A float32 tensor of shape `[batch, height, width, num_levels * channels]`, the levels one after another; or
            `[batch, height, width, channels]`, which stands for all levels.
        labels: An int32 tensor of shape `[batch]`, or `None`.

    Output shape:
        `[batch, 1]`, float32 logits. Only differences between logits mean something.

    Raises:
        ValueError: There is no such network for the image's shape.

    Example:

    >>> discriminator = GATDiscriminator((8, 8, 3), width=16, depth=4, num_heads=2, class_map_size=8)
    >>> discriminator(np.zeros([2, 8, 8, 12], "float32")).shape
    TensorShape([2, 1])

    Reference: Hyun, Lee, Heo, "Scalable GANs with Transformers" (2025), section 3.
    """

    def __init__(
        self,
        image_shape,
        patch_size=2,
        width=384,
        depth=12,
        num_heads=6,
        num_levels=4,
        class_map_size=2048,
        num_classes=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.patch_size = patch_size
        self.width = width
        self.depth = depth
        self.num_heads = num_heads
        self.num_levels = num_levels
        self.class_map_size = class_map_size
        self.num_classes = num_classes
        self.seed = seed

        self.grid = check_sizes(self.image_shape, patch_size, width, depth, num_heads, num_levels)
        dtype = self.dtype_policy
        self.embed = keras.layers.Dense(
            width, kernel_initializer=keras.initializers.GlorotUniform(seed), dtype=dtype, name="embed"
        )
        self.token = self.add_weight(
            name="token", shape=[width], initializer=keras.initializers.RandomNormal(stddev=0.02, seed=seed + 1)
        )
        self.blocks = [
            GATDiscriminatorBlock(
                num_heads, self.grid, seed=seed + 100 * (index + 1), dtype=dtype, name=f"block_{index}"
            )
            for index in range(depth)
        ]
        self.normalize = keras.layers.RMSNormalization(epsilon=EPSILON, dtype="float32", name="normalize")
        self.score = keras.layers.Dense(
            1 if num_classes is None else class_map_size,
            kernel_initializer=keras.initializers.GlorotUniform(seed + 2),
            dtype="float32",
            name="score",
        )
        self.class_map = None
        if num_classes is not None:
            self.class_map = GATMapping(
                class_map_size,
                num_classes=num_classes,
                class_size=class_map_size,
                normalize=False,
                seed=seed + 10,
                name="class_map",
            )
        self._codes = position_codes(*self.grid, width)

    own_head = ("score", "class_map")

    def build(self, images_shape=None, labels_shape=None):
        """Creates the weights. Their shapes are known, so no call is needed."""
        patches = self.grid[0] * self.grid[1]
        self.embed.build((None, patches, self.patch_size**2 * self.num_levels * self.image_shape[-1]))
        for block in self.blocks:
            block.build((None, 1 + patches, self.width))
        self.normalize.build((None, self.width))
        if self.san_head is not None:
            self.san_head.build((None, self.width))
            return
        self.score.build((None, self.width))
        if self.class_map is not None:
            self.class_map.build()

    def call(self, images, labels=None, training=False):
        if images.shape[-1] == self.image_shape[-1]:
            images = tf.tile(images, [1, 1, 1, self.num_levels])
        images = tf.cast(images, self.compute_dtype)
        patches = tf.nn.space_to_depth(images, self.patch_size) if self.patch_size > 1 else images
        tokens = self.embed(tf.reshape(patches, [-1, self.grid[0] * self.grid[1], patches.shape[-1]]))
        tokens += tf.cast(self._codes, tokens.dtype)  # [batch, patches, width]
        own = tf.cast(self.token, tokens.dtype)
        tokens = tf.concat([tf.broadcast_to(own, [tf.shape(tokens)[0], 1, self.width]), tokens], axis=1)
        for block in self.blocks:
            tokens = block(tokens)
        features = self.normalize(tf.cast(tokens[:, 0], tf.float32))  # [batch, width]
        if self.san_head is not None:
            return self.san_head(features, labels)
        scores = self.score(features)
        if self.class_map is None:
            return scores
        return tf.reduce_sum(scores * self.class_map(None, labels), axis=1, keepdims=True)

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "patch_size": self.patch_size,
            "width": self.width,
            "depth": self.depth,
            "num_heads": self.num_heads,
            "num_levels": self.num_levels,
            "class_map_size": self.class_map_size,
            "num_classes": self.num_classes,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
            **self.head_config(),
        }
