"""WaveGAN's discriminator: the mirror image of the generator, with phase shuffle."""

import keras
from keras import ops

from tfgan_suite.adversarial.san_head import TakesSANHead
from tfgan_suite.layers.phase_shuffle import PhaseShuffle
from tfgan_suite.models.wavegan.wavegan_generator import STRIDE, num_stages


@keras.saving.register_keras_serializable("tfgan_suite")
class WaveGANDiscriminator(TakesSANHead, keras.Model):
    """Convolutions of stride 4 down to 16 samples, leaky ReLU and phase shuffle between them; one linear logit.

    Args:
        num_samples: Integer. Length of a clip, 16 times a power of four: 256 to 65,536.
        base_channels: Integer >= 1, the paper's d. Channels after the first convolution; doubled at each quarter of the length.
        kernel_size: Integer >= 1. Samples of a kernel.
        max_shift: Integer n >= 0 of `PhaseShuffle`.
        seed: Integer. Base seed of the initial weights and of the shifts.

    Call arguments:
        samples: A float32 tensor of shape `[batch, num_samples, 1]`, in [-1, 1].

    Output shape:
        `[batch, 1]`, float32 logits.

    Example:

    >>> WaveGANDiscriminator(256, base_channels=2)(np.zeros([2, 256, 1], "float32")).shape
    TensorShape([2, 1])

    Reference: Donahue et al., "Adversarial Audio Synthesis" (2019), section 3.3 and table 4.
    """

    def __init__(self, num_samples, base_channels=64, kernel_size=25, max_shift=2, seed=0, **kwargs):
        super().__init__(**kwargs)
        stages = num_stages(num_samples)
        self.num_samples = num_samples
        self.base_channels = base_channels
        self.kernel_size = kernel_size
        self.max_shift = max_shift
        self.seed = seed
        self.convolutions = [
            keras.layers.Conv1D(
                base_channels * 2**stage,
                kernel_size,
                strides=STRIDE,
                padding="same",
                kernel_initializer=keras.initializers.GlorotUniform(seed + stage),
                dtype=self.dtype_policy,
                name=f"down_from_{num_samples // STRIDE**stage}",
            )
            for stage in range(stages)
        ]
        # Not after the last one, as in the authors' code.
        self.shuffles = [
            PhaseShuffle(max_shift, seed + 100 + stage, dtype=self.dtype_policy) for stage in range(stages - 1)
        ]
        self.flatten = keras.layers.Flatten(dtype=self.dtype_policy)
        self.score = keras.layers.Dense(
            1, kernel_initializer=keras.initializers.GlorotUniform(seed + 50), dtype=self.dtype_policy, name="score"
        )

    san_classes = None

    def call(self, samples, training=False):
        features = samples
        for stage, convolve in enumerate(self.convolutions):
            features = ops.leaky_relu(convolve(features), 0.2)  # [batch, length / 4, channels]
            if stage < len(self.shuffles):
                features = self.shuffles[stage](features, training=training)
        features = self.flatten(features)
        if self.san_head is not None:
            return self.san_head(features)
        return ops.cast(self.score(features), "float32")

    def get_config(self):
        return {
            "name": self.name,
            "num_samples": self.num_samples,
            "base_channels": self.base_channels,
            "kernel_size": self.kernel_size,
            "max_shift": self.max_shift,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
            **self.head_config(),
        }
