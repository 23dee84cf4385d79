"""R3GAN's discriminator: the mirror image of the generator."""

import keras
from keras import ops

from tfgan_suite.adversarial.san_head import TakesSANHead
from tfgan_suite.layers.convolution import Convolution
from tfgan_suite.layers.resample import resample
from tfgan_suite.models.r3gan.r3gan_block import make_blocks
from tfgan_suite.models.r3gan.r3gan_stages import as_config, make_stages, scaled_normal


@keras.saving.register_keras_serializable("tfgan_suite")
class R3GANDiscriminator(TakesSANHead, keras.Model):
    """Residual blocks down to 4x4, a learned basis that sums each channel over the pixels, and one linear logit.

    A conditional discriminator has as many linear outputs as the 4x4 features have channels, and takes their inner product with
    the class's vector. There is no normalization, and no statistic of the batch.

    Args:
        image_shape: Tuple `(size, size, channels)`, where `size` is a power of two from 4.
        widths: Integers >= 1, the channels at 4x4, 8x8, ... up to the image's size; or one for all.
        groups: Likewise the groups of the 3x3 convolutions.
        blocks: Likewise the number of blocks.
        expansion: Integer >= 1. How many times as many channels there are within a block.
        num_classes: Integer >= 1, or `None`. Number of classes.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        images: A float32 tensor of shape `[batch, size, size, channels]`, in [-1, 1].
        labels: An int32 tensor of shape `[batch]`, or `None`.

    Output shape:
        `[batch, 1]`, float32 logits. Only differences between logits mean something.

    Raises:
        ValueError: There is no such network for the image's shape.

    Example:

    >>> R3GANDiscriminator((16, 16, 3), widths=8, groups=2, blocks=1)(np.zeros([2, 16, 16, 3], "float32")).shape
    TensorShape([2, 1])

    Reference: Huang et al., "The GAN is dead; long live the GAN!" (2024), section 3.
    """

    def __init__(self, image_shape, widths=768, groups=96, blocks=2, expansion=2, num_classes=None, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.widths, self.groups, self.blocks = map(as_config, (widths, groups, blocks))
        self.expansion = expansion
        self.num_classes = num_classes
        self.seed = seed

        self.stages = make_stages(self.image_shape, widths, groups, blocks, expansion)[::-1]
        dtype, last = self.dtype_policy, self.stages[-1].width
        self.from_image = Convolution(
            self.stages[0].width,
            1,
            use_bias=False,
            kernel_initializer=scaled_normal(self.image_shape[-1], seed),
            dtype=dtype,
            name="from_image",
        )
        self.residual_blocks = make_blocks(self.stages, expansion, seed, dtype)
        # After a stage; none where the number of channels stays.
        self.transitions = {
            str(before.size): Convolution(
                after.width,
                1,
                use_bias=False,
                kernel_initializer=scaled_normal(before.width, seed + 10 * before.size),
                dtype=dtype,
                name=f"transition_{before.size}",
            )
            for before, after in zip(self.stages, self.stages[1:])
            if before.width != after.width
        }
        self.basis = self.add_weight(name="basis", shape=[4, 4, last], initializer=scaled_normal(16, seed + 1))
        self.score = keras.layers.Dense(
            1 if num_classes is None else last,
            use_bias=False,
            kernel_initializer=scaled_normal(last, seed + 2),
            dtype="float32",
            name="score",
        )
        if num_classes is not None:
            self.class_vectors = keras.layers.Embedding(
                num_classes,
                last,
                embeddings_initializer=scaled_normal(num_classes, seed + 3, gain=last**-0.5),
                dtype="float32",
                name="class_vectors",
            )

    def build(self, images_shape=None, labels_shape=None):
        """Creates the weights. Their shapes are known, so no call is needed."""
        self.from_image.build([None, *self.image_shape])
        for stage, blocks in zip(self.stages, self.residual_blocks):
            for block in blocks:
                block.build([None, None, None, stage.width])
            if str(stage.size) in self.transitions:
                self.transitions[str(stage.size)].build([None, None, None, stage.width])
        if self.san_head is not None:
            self.san_head.build([None, self.stages[-1].width])
            return
        self.score.build([None, self.stages[-1].width])
        if self.num_classes is not None:
            self.class_vectors.build([None])

    def call(self, images, labels=None, training=False):
        features = self.from_image(images)
        for stage, blocks in zip(self.stages, self.residual_blocks):
            for block in blocks:
                features = block(features)  # [batch, size, size, width]
            if stage.size > 4:
                features = resample(features, down=2)
                transition = self.transitions.get(str(stage.size))
                features = features if transition is None else transition(features)
        features = ops.sum(ops.cast(features, "float32") * self.basis, axis=[1, 2])  # [batch, channels]
        if self.san_head is not None:
            return self.san_head(features, labels)
        scores = self.score(features)
        if self.num_classes is None:
            return scores
        return ops.sum(scores * self.class_vectors(labels), axis=1, keepdims=True)

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "widths": self.widths,
            "groups": self.groups,
            "blocks": self.blocks,
            "expansion": self.expansion,
            "num_classes": self.num_classes,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
            **self.head_config(),
        }
