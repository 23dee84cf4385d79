"""VDVAE's decoder: a chain of latents from one pixel up to the image's size."""

from typing import NamedTuple

import keras
import tensorflow as tf

from tfgan_suite.layers.gelu import gelu
from tfgan_suite.models.vdvae.vdvae_block import VDVAEBlock, make_convolution
from tfgan_suite.models.vdvae.vdvae_encoder import with_channels
from tfgan_suite.models.vdvae.vdvae_layout import decoder_layout


class Step(NamedTuple):
    """What one block of the decoder drew.

    Attributes:
        noise: float32 `[batch, resolution, resolution, latent_channels]`. The latent, standardized by its prior.
        latent: The latent itself.
        prior: Tuple of the prior's mean and log-deviation.
        posterior: Tuple of the posterior's; `None` when it drew from the prior.
    """

    noise: tf.Tensor
    latent: tf.Tensor
    prior: tuple
    posterior: tuple | None


@keras.saving.register_keras_serializable("tfgan_suite")
class VDVAEDecoder(keras.Model):
    """Blocks that each draw a latent, from the prior given all latents before, or from the posterior given the image as well.

    Args:
        image_shape: Tuple `(size, size, channels)`.
        num_parameters: Integer. Parameters of a pixel.
        layout: String, as for `decoder_layout`.
        width: Integer. Channels.
        widths: Dict of resolution to channels where they differ from `width`.
        latent_channels: Integer. Channels of each latent.
        bottleneck: Float. Channels within a block, as a share of its channels.
        largest_bias: Integer. The largest resolution whose state begins as a learned map; larger ones begin with zeros.
        num_classes: Integer, or `None`. In a conditional decoder, a learned vector of the class is added to the first state.
        seed: Integer. Base seed of the initial weights.

    Call arguments:
        noises: float32 `[batch, latent_size]`: for each block in turn its latent, standardized by its prior.
        labels: int32 `[batch]`, or `None`.

    Output shape:
        float32 `[batch, size, size, num_parameters]`.

    Reference: Child, "Very Deep VAEs Generalize Autoregressive Models" (2021), section 3 and figure 3.
    """

    def __init__(
        self,
        image_shape,
        num_parameters,
        layout,
        width,
        widths=None,
        latent_channels=16,
        bottleneck=0.25,
        largest_bias=64,
        num_classes=None,
        seed=0,
        **kwargs,
    ):
        # Latents are float32 whatever the blocks compute in.
        super().__init__(autocast=False, **kwargs)
        self.image_shape = tuple(image_shape)
        self.num_parameters = num_parameters
        self.layout = layout
        self.width = width
        self.widths = {int(resolution): channels for resolution, channels in (widths or {}).items()}
        self.latent_channels = latent_channels
        self.bottleneck = bottleneck
        self.largest_bias = largest_bias
        self.num_classes = num_classes
        self.seed = seed
        self.plan = decoder_layout(layout)
        self.resolutions = sorted({block.resolution for block in self.plan})
        self.latent_shapes = [(block.resolution, block.resolution, latent_channels) for block in self.plan]
        self.posteriors, self.priors, self.projections, self.residuals = [], [], [], []
        scale = len(self.plan) ** -0.5
        for index, block in enumerate(self.plan):
            channels, own_seed = self._width(block.resolution), seed + 100 * (index + 1)
            sizes = {"middle_channels": int(channels * bottleneck), "resolution": block.resolution}
            sizes["dtype"] = self.dtype_policy
            both, all_three = 2 * latent_channels, 2 * latent_channels + channels
            self.posteriors.append(VDVAEBlock(channels=both, seed=own_seed, name=f"posterior_{index}", **sizes))
            self.priors.append(
                VDVAEBlock(channels=all_three, last_scale=0.0, seed=own_seed + 10, name=f"prior_{index}", **sizes)
            )
            self.projections.append(
                make_convolution(channels, 1, own_seed + 20, scale, self.dtype_policy, f"projection_{index}")
            )
            self.residuals.append(
                VDVAEBlock(
                    channels=channels,
                    residual=True,
                    last_scale=scale,
                    seed=own_seed + 30,
                    name=f"residual_{index}",
                    **sizes,
                )
            )
        self.last = make_convolution(num_parameters, 1, seed + 1, dtype="float32", name="out_conv")

    def _width(self, resolution):
        return self.widths.get(resolution, self.width)

    def build(self, input_shape=None):
        if self.built:
            return
        self.first_states = {
            str(resolution): self.add_weight(
                name=f"first_state_{resolution}",
                shape=(1, resolution, resolution, self._width(resolution)),
                initializer="zeros",
            )
            for resolution in self.resolutions
            if resolution <= self.largest_bias
        }
        last_width = self._width(self.image_shape[0])
        self.gain = self.add_weight(name="gain", shape=(last_width,), initializer="ones")
        self.bias = self.add_weight(name="bias", shape=(last_width,), initializer="zeros")
        if self.num_classes is not None:
            first = self.plan[0].resolution
            self.class_vectors = self.add_weight(
                name="class_vectors",
                shape=(self.num_classes, self._width(first)),
                initializer=keras.initializers.RandomNormal(stddev=0.5, seed=self.seed + 2),
            )
        for index, block in enumerate(self.plan):
            channels = self._width(block.resolution)
            shape = (None, block.resolution, block.resolution)
            self.posteriors[index].build([(*shape, channels)] * 2)
            self.priors[index].build([(*shape, channels)])
            self.projections[index].build((*shape, self.latent_channels))
            self.residuals[index].build([(*shape, channels)], (*shape, channels))
        self.last.build((None, *self.image_shape[:2], last_width))
        self.built = True

    def call(self, noises, labels=None, training=False):
        return self.parameters(self.draw(self._split(noises), labels)[0])

    # === Latents ===

    @property
    def latent_size(self):
        """Integer. The numbers of all latents together."""
        return sum(height * width * channels for height, width, channels in self.latent_shapes)

    def _split(self, noises):
        """The noise of each block, out of a vector for each example."""
        parts, start = [], 0
        for height, width, channels in self.latent_shapes:
            end = start + height * width * channels
            parts.append(tf.reshape(noises[:, start:end], [-1, height, width, channels]))
            start = end
        return parts

    def draw(self, noises, labels=None, activations=None):
        """Goes through all blocks.

        Args:
            noises: List of float32 tensors, one for each block: standard normal draws, of the posterior where there are
                activations, or else of the prior.
            labels: int32 `[batch]`, or `None`.
            activations: What the encoder returned, or `None` to draw from the prior.

        Returns:
            The last state, `[batch, size, size, width]`, and a list of `Step`.
        """
        batch_size = tf.shape(noises[0])[0]
        states = {resolution: self._first_state(resolution, batch_size, labels) for resolution in self.resolutions}
        seen = {resolution: gelu(values) for resolution, values in (activations or {}).items()}
        steps = []
        for index, block in enumerate(self.plan):
            state = states[block.resolution]
            if block.mixed_in is not None:
                lower = with_channels(states[block.mixed_in], min(states[block.mixed_in].shape[-1], state.shape[-1]))
                factor = block.resolution // block.mixed_in
                state += with_channels(_enlarge(lower, factor), state.shape[-1])
            active = gelu(state)
            # Split, not sliced: the gradient of slices is padding and a sum.
            moments, shift = tf.split(
                self.priors[index]([active]), [2 * self.latent_channels, state.shape[-1]], axis=-1
            )
            prior, posterior = self._moments(moments), None
            if activations is not None:
                posterior = self._moments(self.posteriors[index]([active, seen[str(block.resolution)]]))
            mean, log_deviation = posterior or prior
            latent = mean + tf.exp(log_deviation) * noises[index]
            noise = noises[index] if posterior is None else (latent - prior[0]) * tf.exp(-prior[1])
            steps.append(Step(noise, latent, prior, posterior))
            state += shift + self.projections[index](tf.cast(latent, state.dtype))
            states[block.resolution] = self.residuals[index]([gelu(state)], state)
        return states[self.image_shape[0]], steps

    def parameters(self, state):
        """The parameters of each pixel, float32, of the last state."""
        state = tf.cast(state, tf.float32) * tf.cast(self.gain, tf.float32) + tf.cast(self.bias, tf.float32)
        return self.last(state)

    def _first_state(self, resolution, batch_size, labels):
        channels = self._width(resolution)
        shape = [batch_size, resolution, resolution, channels]
        state = tf.zeros(shape, self.compute_dtype)
        if str(resolution) in self.first_states:
            state += tf.cast(tf.convert_to_tensor(self.first_states[str(resolution)]), self.compute_dtype)
        if self.num_classes is not None and resolution == self.plan[0].resolution:
            # One-hot, not a gather: its gradient is dense.
            classes = tf.one_hot(labels, self.num_classes)
            vectors = tf.matmul(classes, tf.cast(tf.convert_to_tensor(self.class_vectors), tf.float32))
            state += tf.cast(vectors, self.compute_dtype)[:, None, None, :]
        return state

    def _moments(self, features):
        mean, log_deviation = tf.split(tf.cast(features, tf.float32), 2, axis=-1)
        return mean, log_deviation

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "num_parameters": self.num_parameters,
            "layout": self.layout,
            "width": self.width,
            "widths": {str(resolution): channels for resolution, channels in self.widths.items()},
            "latent_channels": self.latent_channels,
            "bottleneck": self.bottleneck,
            "largest_bias": self.largest_bias,
            "num_classes": self.num_classes,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }


def _enlarge(features, factor):
    """Each pixel repeated `factor` times in height and width."""
    _, height, width, channels = features.shape
    features = tf.broadcast_to(
        features[:, :, None, :, None, :], [tf.shape(features)[0], height, factor, width, factor, channels]
    )
    return tf.reshape(features, [-1, height * factor, width * factor, channels])
