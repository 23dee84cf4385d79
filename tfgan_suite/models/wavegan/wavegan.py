"""WaveGAN: clips of sound sample by sample, on the common step of `GAN`."""

import keras

from tfgan_suite.adversarial import losses, penalties
from tfgan_suite.adversarial.gan import GAN
from tfgan_suite.engine.adam import Adam
from tfgan_suite.generative import latents
from tfgan_suite.models.wavegan.wavegan_discriminator import WaveGANDiscriminator
from tfgan_suite.models.wavegan.wavegan_generator import WaveGANGenerator
from tfgan_suite.models.wavegan.wavegan_presets import PRESETS
from tfgan_suite.specs.example_spec import spec_from_config, spec_to_config
from tfgan_suite.specs.waveform_spec import WaveformSpec


@keras.saving.register_keras_serializable("tfgan_suite")
class WaveGAN(GAN):
    """DCGAN for sound: one-dimensional convolutions of length 25 and stride 4, phase shuffle, WGAN-GP. Without classes.

    Args:
        spec: `WaveformSpec`, or a dict that `spec_from_config` takes. Clips of 256, 1,024, 4,096, 16,384 or 65,536 samples.
        latent_size: Integer. Length of a latent vector.
        base_channels: Integer, the paper's d.
        kernel_size: Integer. Samples of every kernel.
        max_shift: Integer n >= 0. Samples by which the discriminator's activations are shifted at most.
        seed: Integer. Seed for the initial weights, and base seed for all randomness in training.

    Raises:
        ValueError: Examples of another kind, or clips of another length.

    Example:

    >>> gan = WaveGAN(WaveformSpec((256, 1), sample_rate_hz=8000), base_channels=2)
    >>> gan.generate(4).shape, gan.generate(4).dtype
    ((4, 256, 1), dtype('int16'))

    Reference: Donahue, McAuley, Puckette, "Adversarial Audio Synthesis" (2019). The defaults are the paper's.
    """

    presets = PRESETS

    def __init__(self, spec=None, latent_size=100, base_channels=64, kernel_size=25, max_shift=2, seed=0, **kwargs):
        spec = spec_from_config(spec) if isinstance(spec, dict) else spec or WaveformSpec((16_384, 1))
        if not isinstance(spec, WaveformSpec):
            raise ValueError(
                f"`spec` must be a WaveformSpec: prepare sound with representation='waveform'. Received: spec={spec!r}"
            )
        dtype = kwargs.get("dtype")
        super().__init__(
            WaveGANGenerator(spec.num_samples, latent_size, base_channels, kernel_size, seed=seed, dtype=dtype),
            WaveGANDiscriminator(
                spec.num_samples, base_channels, kernel_size, max_shift, seed=seed + 1000, dtype=dtype
            ),
            spec=spec,
            latent_size=latent_size,
            latent_distribution=latents.Uniform(),
            seed=seed,
            **kwargs,
        )
        self.base_channels = base_channels
        self.kernel_size = kernel_size
        self.max_shift = max_shift

    def default_training(self):
        return {
            **super().default_training(),
            # Table 5.
            "generator_optimizer": Adam(1e-4, beta_1=0.5, beta_2=0.9),
            "discriminator_optimizer": Adam(1e-4, beta_1=0.5, beta_2=0.9),
            "loss": losses.Wasserstein(),
            "discriminator_penalties": [penalties.GradientPenalty(10.0)],
            "discriminator_steps": 5,
        }

    def get_config(self):
        return {
            "name": self.name,
            "spec": spec_to_config(self.spec),
            "latent_size": self.latent_size,
            "base_channels": self.base_channels,
            "kernel_size": self.kernel_size,
            "max_shift": self.max_shift,
            "san_head": self.san_head,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
