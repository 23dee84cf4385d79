"""MoCoGAN's generator: a recurrent network makes motion of noise, and one network of images draws each frame."""

import math

import keras
from keras import ops

from tfgan_suite.layers.batch_normalization import BatchNormalization
from tfgan_suite.layers.transposed_convolution import TransposedConvolution


def num_stages(frame_shape):
    """How many doublings lead from 4 pixels to the frame's size.

    Raises:
        ValueError: If frames are not square, or their size is not a power of two from 8 to 128.
    """
    height, width, channels = frame_shape
    stages = int(math.log2(height)) - 2
    if height != width or 4 * 2**stages != height or not 8 <= height <= 128 or channels not in (1, 3):
        raise ValueError(
            "Frames must be (size, size, channels) with size one of 8, 16, 32, 64, 128 and channels 1 or 3. Received: "
            f"{tuple(frame_shape)}. Use `tfgan-suite prepare --image-size`."
        )
    return stages


@keras.saving.register_keras_serializable("tfgan_suite")
class MoCoGANGenerator(keras.Model):
    """Maps a content latent and the noise of each frame to a clip.

    The content is the same in all frames. A GRU, which begins in a state that is a latent itself, turns the noise into one motion
    latent after the other. Transposed convolutions with batch normalization draw each frame from content, class and motion. The
    recurrence is written out, frame by frame.

    Args:
        clip_shape: Tuple `(num_frames, size, size, channels)`, where `size` is a power of two from 8 to 128.
        content_size: Integer >= 1. Length of the content latent.
        motion_size: Integer >= 1. Length of a motion latent, which is the GRU's state, and of the noise of a frame.
        base_channels: Integer >= 1. Number of channels at half the size of a frame; doubled at each halving.
        kernel_size: Integer >= 1. Height and width of all kernels.
        num_classes: Integer >= 1, or `None`. Number of classes.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        latents: A float32 tensor of shape `[batch, content_size + (num_frames + 1) * motion_size]`: the content, the state in
            which the GRU begins, and the noise of each frame.
        labels: An int32 tensor of shape `[batch]`, or `None`.

    Output shape:
        `[batch, num_frames, size, size, channels]`, float32 in [-1, 1].

    Example:

    >>> generator = MoCoGANGenerator((4, 8, 8, 1), content_size=6, motion_size=2, base_channels=2)
    >>> generator(np.zeros([3, 6 + 5 * 2], "float32")).shape
    TensorShape([3, 4, 8, 8, 1])

    Reference: Tulyakov et al., "MoCoGAN: Decomposing Motion and Content for Video Generation" (2018), section 3 and figure 2.
    """

    def __init__(
        self,
        clip_shape,
        content_size=50,
        motion_size=10,
        base_channels=64,
        kernel_size=4,
        num_classes=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.clip_shape = tuple(clip_shape)
        self.content_size = content_size
        self.motion_size = motion_size
        self.base_channels = base_channels
        self.kernel_size = kernel_size
        self.num_classes = num_classes
        self.seed = seed
        stages = num_stages(self.clip_shape[1:])
        channels = [base_channels * 2 ** (stages - 1 - stage) for stage in range(stages)]
        self.motion = keras.layers.GRUCell(
            motion_size,
            kernel_initializer=keras.initializers.GlorotUniform(seed),
            recurrent_initializer=keras.initializers.Orthogonal(seed=seed + 1),
            dtype=self.dtype_policy,
            name="motion",
        )
        self.project = keras.layers.Dense(
            4 * 4 * channels[0],
            use_bias=False,
            kernel_initializer=keras.initializers.GlorotUniform(seed + 2),
            dtype=self.dtype_policy,
            name="project",
        )
        self.unflatten = keras.layers.Reshape([4, 4, channels[0]], dtype=self.dtype_policy)
        self.normalizations = [
            BatchNormalization(dtype=self.dtype_policy, name=f"normalize_{4 * 2**stage}") for stage in range(stages)
        ]
        self.convolutions = [
            TransposedConvolution(
                filters,
                kernel_size,
                strides=2,
                padding="same",
                use_bias=False,
                kernel_initializer=keras.initializers.GlorotUniform(seed + 3 + stage),
                dtype=self.dtype_policy,
                name=f"up_to_{8 * 2**stage}",
            )
            for stage, filters in enumerate([*channels[1:], self.clip_shape[-1]])
        ]

    @property
    def latent_size(self):
        """Integer. Length of the latents."""
        return self.content_size + (self.clip_shape[0] + 1) * self.motion_size

    def motion_latents(self, latents):
        """The motion latent of each frame, `[batch, num_frames, motion_size]`, of the latents of `call`."""
        num_frames = self.clip_shape[0]
        noise = ops.reshape(latents[:, self.content_size :], [-1, num_frames + 1, self.motion_size])
        state, motion = ops.tanh(noise[:, 0]), []  # In the range of all later states.
        for time in range(num_frames):
            state, _ = self.motion(noise[:, time + 1], [state])
            motion.append(state)
        return ops.stack(motion, axis=1)

    def call(self, latents, labels=None, training=False):
        num_frames = self.clip_shape[0]
        content = latents[:, : self.content_size]
        if self.num_classes is not None:
            classes = ops.one_hot(ops.convert_to_tensor(labels), self.num_classes)
            content = ops.concatenate([content, ops.cast(classes, content.dtype)], axis=1)
        motion = self.motion_latents(latents)
        content = ops.repeat(content[:, None], num_frames, axis=1)
        both = ops.concatenate([content, ops.cast(motion, content.dtype)], axis=2)
        features = self.unflatten(
            self.project(ops.reshape(both, [-1, both.shape[2]]))
        )  # [batch * num_frames, 4, 4, ...]
        for normalize, convolve in zip(self.normalizations, self.convolutions):
            features = convolve(ops.relu(normalize(features, training=training)))
        return ops.tanh(ops.cast(ops.reshape(features, [-1, *self.clip_shape]), "float32"))

    def get_config(self):
        return {
            "name": self.name,
            "clip_shape": self.clip_shape,
            "content_size": self.content_size,
            "motion_size": self.motion_size,
            "base_channels": self.base_channels,
            "kernel_size": self.kernel_size,
            "num_classes": self.num_classes,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
