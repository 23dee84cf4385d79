"""R3GAN's generator: a learned 4x4 basis, weighted by the latents, and residual blocks at each size."""

import keras
from keras import ops

from tfgan_suite.generative.abilities import MixesClasses
from tfgan_suite.layers.convolution import Convolution
from tfgan_suite.layers.resample import resample
from tfgan_suite.models.r3gan.r3gan_block import make_blocks
from tfgan_suite.models.r3gan.r3gan_stages import as_config, make_stages, scaled_normal


@keras.saving.register_keras_serializable("tfgan_suite")
class R3GANGenerator(MixesClasses, keras.Model):
    """Weights a learned 4x4 basis by the latents, and doubles the size between blocks without normalization.

    There is no tanh, no mapping network, and no noise. Images lie in [-1, 1] because the real ones do.

    Args:
        image_shape: Tuple `(size, size, channels)`, where `size` is a power of two from 4.
        latent_size: Integer >= 1. Length of the latents.
        widths: Integers >= 1, the channels at 4x4, 8x8, ... up to the image's size; or one for all.
        groups: Likewise the groups of the 3x3 convolutions.
        blocks: Likewise the number of blocks.
        expansion: Integer >= 1. How many times as many channels there are within a block.
        num_classes: Integer >= 1, or `None`. Number of classes.
        class_size: Integer >= 1. Length of a class's vector, which is concatenated to the latents.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        latents: A float32 tensor of shape `[batch, latent_size]`.
        labels: An int32 tensor of shape `[batch]`, a one-hot float tensor of shape `[batch, num_classes]`, or `None`.

    Output shape:
        `[batch, size, size, channels]`, float32 images.

    Raises:
        ValueError: There is no such network for the image's shape.

    Example:

    >>> R3GANGenerator((16, 16, 3), widths=8, groups=2, blocks=1)(np.zeros([2, 64], "float32")).shape
    TensorShape([2, 16, 16, 3])

    Reference: Huang et al., "The GAN is dead; long live the GAN!" (2024), section 3.
    """

    def __init__(
        self,
        image_shape,
        latent_size=64,
        widths=768,
        groups=96,
        blocks=2,
        expansion=2,
        num_classes=None,
        class_size=64,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.latent_size = latent_size
        self.widths, self.groups, self.blocks = map(as_config, (widths, groups, blocks))
        self.expansion = expansion
        self.num_classes = num_classes
        self.class_size = class_size
        self.seed = seed

        self.stages = make_stages(self.image_shape, widths, groups, blocks, expansion)
        dtype, first = self.dtype_policy, self.stages[0].width
        self.basis = self.add_weight(
            name="basis", shape=[4, 4, first], initializer=keras.initializers.RandomNormal(stddev=1.0, seed=seed)
        )
        inputs = latent_size
        if num_classes is not None:
            inputs += class_size
            initializer = scaled_normal(num_classes, seed + 1)
            self.embed_class = keras.layers.Dense(
                class_size, use_bias=False, kernel_initializer=initializer, dtype=dtype, name="embed_class"
            )
        self.weigh = keras.layers.Dense(
            first, use_bias=False, kernel_initializer=scaled_normal(inputs, seed + 2), dtype=dtype, name="weigh"
        )
        # Between stages; none where the number of channels stays.
        self.transitions = {
            str(after.size): Convolution(
                after.width,
                1,
                use_bias=False,
                kernel_initializer=scaled_normal(before.width, seed + 10 * after.size),
                dtype=dtype,
                name=f"transition_{after.size}",
            )
            for before, after in zip(self.stages, self.stages[1:])
            if before.width != after.width
        }
        self.residual_blocks = make_blocks(self.stages, expansion, seed, dtype)
        self.to_image = Convolution(
            self.image_shape[-1],
            1,
            use_bias=False,
            kernel_initializer=scaled_normal(self.stages[-1].width, seed + 3),
            dtype=dtype,
            name="to_image",
        )

    def build(self, latents_shape=None, labels_shape=None):
        """Creates the weights. Their shapes are known, so no call is needed."""
        inputs = self.latent_size
        if self.num_classes is not None:
            self.embed_class.build([None, self.num_classes])
            inputs += self.class_size
        self.weigh.build([None, inputs])
        for before, stage, blocks in zip([None, *self.stages], self.stages, self.residual_blocks):
            if str(stage.size) in self.transitions:
                self.transitions[str(stage.size)].build([None, None, None, before.width])
            for block in blocks:
                block.build([None, None, None, stage.width])
        self.to_image.build([None, None, None, self.stages[-1].width])

    def call(self, latents, labels=None, training=False):
        if self.num_classes is not None:
            labels = ops.convert_to_tensor(labels)
            if len(labels.shape) == 1:
                labels = ops.one_hot(labels, self.num_classes)
            vectors = self.embed_class(ops.cast(labels, self.compute_dtype))
            latents = ops.concatenate([ops.cast(latents, vectors.dtype), vectors], axis=1)
        weights = self.weigh(latents)  # [batch, channels]
        features = ops.cast(self.basis, weights.dtype) * weights[:, None, None]  # [batch, 4, 4, channels]
        for stage, blocks in zip(self.stages, self.residual_blocks):
            if stage.size > 4:
                transition = self.transitions.get(str(stage.size))
                features = resample(features if transition is None else transition(features), up=2)
            for block in blocks:
                features = block(features)  # [batch, size, size, width]
        return ops.cast(self.to_image(features), "float32")

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "latent_size": self.latent_size,
            "widths": self.widths,
            "groups": self.groups,
            "blocks": self.blocks,
            "expansion": self.expansion,
            "num_classes": self.num_classes,
            "class_size": self.class_size,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
