"""MoCoGAN's discriminator: one network looks at single frames, another one at whole clips."""

import keras
from keras import ops

from tfgan_suite.layers.batch_normalization import BatchNormalization
from tfgan_suite.layers.clip_convolution import ClipConvolution
from tfgan_suite.layers.convolution import Convolution
from tfgan_suite.models.mocogan.mocogan_generator import num_stages


@keras.saving.register_keras_serializable("tfgan_suite")
class MoCoGANDiscriminator(keras.Model):
    """Logits of frames by two-dimensional convolutions, and of clips by three-dimensional ones, of kernel 4 and stride 2.

    Classes enter both by projection. In training, each clip shows some of its frames, drawn at random; otherwise all of them.

    Args:
        clip_shape: Tuple `(num_frames, size, size, channels)`, where `size` is a power of two from 8 to 128.
        base_channels: Integer >= 1. Number of channels after the first convolution; doubled at each halving.
        shown_frames: Integer >= 1. Frames of a clip that are looked at in training; all of them from `num_frames` on.
        kernel_size: Integer >= 1. Size of all kernels, in time as well.
        num_classes: Integer >= 1, or `None`. Number of classes.
        seed: Integer. Base seed of the initial weights, and of the frames that are shown.

    Call arguments:
        clips: A float32 tensor of shape `[batch, num_frames, size, size, channels]`, in [-1, 1].
        labels: An int32 tensor of shape `[batch]`, or `None`.

    Output shape:
        `[batch, 1 + shown]`, float32: the logit of the clip, and those of the frames that are shown.

    Example:

    >>> MoCoGANDiscriminator((4, 8, 8, 1), base_channels=2)(np.zeros([3, 4, 8, 8, 1], "float32")).shape
    TensorShape([3, 5])

    Reference: Tulyakov et al., "MoCoGAN" (2018), section 3.2 (D_I and D_V). Classes: Miyato and Koyama, "cGANs with Projection
    Discriminator" (2018), equation 4.
    """

    def __init__(self, clip_shape, base_channels=64, shown_frames=1, kernel_size=4, num_classes=None, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.clip_shape = tuple(clip_shape)
        self.base_channels = base_channels
        self.shown_frames = shown_frames
        self.kernel_size = kernel_size
        self.num_classes = num_classes
        self.seed = seed
        stages = num_stages(self.clip_shape[1:])
        channels = [base_channels * 2**stage for stage in range(stages)]
        times = self.clip_shape[0]
        for _ in channels:
            times = -(-times // 2)
        self.frame_convolutions = self._convolutions("frames", Convolution, channels, seed)
        self.frame_normalizations = self._normalizations("frames", stages)
        self.frame_score = self._score("frames", seed + 50)
        self.clip_convolutions = self._convolutions("clips", ClipConvolution, channels, seed + 100)
        self.clip_normalizations = self._normalizations("clips", stages)
        self.clip_score = self._score("clips", seed + 150)
        if num_classes is not None:
            self.frame_classes = self._classes("frames", 4 * 4 * channels[-1], seed + 60)
            self.clip_classes = self._classes("clips", times * 4 * 4 * channels[-1], seed + 160)
        self.flatten = keras.layers.Flatten(dtype=self.dtype_policy)
        self.seed_generator = keras.random.SeedGenerator(seed) if shown_frames < self.clip_shape[0] else None

    def _convolutions(self, name, convolution, channels, seed):
        return [
            convolution(
                filters,
                self.kernel_size,
                **({"strides": 2, "padding": "same"} if convolution is Convolution else {}),
                kernel_initializer=keras.initializers.GlorotUniform(seed + stage),
                dtype=self.dtype_policy,
                name=f"{name}_from_{self.clip_shape[1] // 2**stage}",
            )
            for stage, filters in enumerate(channels)
        ]

    def _normalizations(self, name, stages):
        return [
            BatchNormalization(dtype=self.dtype_policy, name=f"{name}_normalize_{self.clip_shape[1] // 2**stage}")
            for stage in range(2, stages + 1)
        ]

    def _score(self, name, seed):
        initializer = keras.initializers.GlorotUniform(seed)
        return keras.layers.Dense(1, kernel_initializer=initializer, dtype=self.dtype_policy, name=f"{name}_score")

    def _classes(self, name, size, seed):
        return keras.layers.Embedding(
            self.num_classes,
            size,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=0.02, seed=seed),
            dtype=self.dtype_policy,
            name=f"{name}_classes",
        )

    def call(self, clips, labels=None, training=False):
        frames = self._shown(clips) if training and self.seed_generator is not None else clips
        shown = frames.shape[1]
        frame_labels = None if labels is None else ops.repeat(ops.convert_to_tensor(labels), shown)
        frames = ops.reshape(frames, [-1, *self.clip_shape[1:]])
        features = self._features(frames, self.frame_convolutions, self.frame_normalizations, training)
        of_frames = self.frame_score(features) + self._agreement("frame_classes", features, frame_labels)
        features = self._features(clips, self.clip_convolutions, self.clip_normalizations, training)
        of_clips = self.clip_score(features) + self._agreement("clip_classes", features, labels)
        of_clips, of_frames = ops.cast(of_clips, "float32"), ops.cast(of_frames, "float32")
        return ops.concatenate([of_clips, ops.reshape(of_frames, [-1, shown])], axis=1)

    def _shown(self, clips):
        """Frames `[batch, shown_frames, ...]`, others of each clip."""
        order = keras.random.uniform(ops.shape(clips)[:2], seed=self.seed_generator)
        chosen = ops.argsort(order, axis=1)[:, : self.shown_frames]
        chosen = ops.one_hot(chosen, self.clip_shape[0], dtype=clips.dtype)  # [batch, shown_frames, num_frames]
        return ops.einsum("bsf,bfhwc->bshwc", chosen, clips)

    def _features(self, inputs, convolutions, normalizations, training):
        features = ops.leaky_relu(convolutions[0](inputs), 0.2)
        for convolve, normalize in zip(convolutions[1:], normalizations):
            features = convolve(features)
            # The layer takes images: of clips, all frames of the features are some.
            images = ops.reshape(features, [-1, *features.shape[-3:]])
            features = ops.reshape(normalize(images, training=training), [-1, *features.shape[1:]])
            features = ops.leaky_relu(features, 0.2)
        return self.flatten(features)

    def _agreement(self, name, features, labels):
        """The products of features and the vectors of their classes, `[batch, 1]`; 0 without classes."""
        if self.num_classes is None:
            return 0.0
        return ops.sum(getattr(self, name)(labels) * features, axis=1, keepdims=True)

    def get_config(self):
        return {
            "name": self.name,
            "clip_shape": self.clip_shape,
            "base_channels": self.base_channels,
            "shown_frames": self.shown_frames,
            "kernel_size": self.kernel_size,
            "num_classes": self.num_classes,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
