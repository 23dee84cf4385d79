"""PixelCNN: PixelCNN++, an autoregressive model with an exact likelihood of whole levels."""

import keras
import tensorflow as tf

from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.chart import Chart
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.engine.networks import call_network
from tfgan_suite.engine.update import Objective, Update
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.abilities import Completes
from tfgan_suite.generative.masks import check_mask
from tfgan_suite.generative.sampling_options import TEMPERATURE, resolve_sampling
from tfgan_suite.generative.seeded_sampling import SEEDS, SeededSampling
from tfgan_suite.likelihood.data_initialization import InitializedFromData
from tfgan_suite.likelihood.distributions import DiscretizedLogisticMixture, check_distribution
from tfgan_suite.likelihood.level_grid import check_levels
from tfgan_suite.likelihood.likelihood_model import LikelihoodModel
from tfgan_suite.likelihood.noise import ExampleNoise
from tfgan_suite.models.pixelcnn.cached_sampling import draw_noise, sample_pixel, sample_with_caches
from tfgan_suite.models.pixelcnn.pixelcnn_network import PixelCNNNetwork
from tfgan_suite.models.pixelcnn.pixelcnn_presets import PRESETS
from tfgan_suite.specs.image_spec import ImageSpec


@keras.saving.register_keras_serializable("tfgan_suite")
class PixelCNN(InitializedFromData, Completes, SeededSampling, LikelihoodModel):
    """PixelCNN++: the probability of an image is that of each pixel given those before it, row after row.

    `log_prob` is the exact likelihood. `generate` draws pixel by pixel, with caches that make it one pass of the network in
    all; `complete` fills in what is not given of images.

    The first `fit` or `train_on_batch` initializes gains and biases from its first batch, as the paper does;
    `initialize_from_data` does it from other images, and before a loop of your own.

    Args:
        image_shape: Tuple `(height, width, channels)`. Height and width are multiples of 4.
        blocks: Integer >= 1. Gated blocks of each of the three stages.
        filters: Integer >= 1. Channels of each of the two streams.
        distribution: A `distributions.Distribution` of a pixel given those before it. By default a mixture of 10 discretized
            logistics.
        levels: Integer in [2, 256]. Whole levels of the images.
        num_classes: Integer, or `None` for an unconditional model.
        dropout_rate: Float in [0, 1). Share of the activations inside of blocks that training leaves out.
        label_weights: List of floats, the relative frequency of each class among generated labels; `None` for all alike.
        seed: Integer. Seed for the initial weights, and base seed for all randomness in training.

    Raises:
        ValueError: An argument out of range, or a distribution of another number of levels.

    Example:

    >>> model = PixelCNN(image_shape=(8, 8, 1), blocks=1, filters=4)
    >>> model.compile()
    >>> images = np.random.default_rng(0).integers(0, 256, [4, 8, 8, 1]).astype("uint8")
    >>> history = model.fit(tg.to_float(images), batch_size=4, verbose=0)
    >>> model.log_prob(images).shape, model.generate(2, temperature=0.9).shape
    (TensorShape([4]), (2, 8, 8, 1))

    Reference: Salimans et al., "PixelCNN++" (2017).
    """

    likelihood = "exact"
    drawn = "pixels"
    presets = PRESETS
    sampling_options = (TEMPERATURE,)

    def __init__(
        self,
        *,
        image_shape=(32, 32, 3),
        blocks=5,
        filters=160,
        distribution=None,
        levels=256,
        num_classes=None,
        dropout_rate=0.5,
        label_weights=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(
            ImageSpec(image_shape, levels=levels),
            num_classes=num_classes,
            label_weights=label_weights,
            seed=seed,
            **kwargs,
        )
        self.blocks = blocks
        self.filters = filters
        self.dropout_rate = dropout_rate
        self.distribution = DiscretizedLogisticMixture() if distribution is None else distribution
        check_distribution(self.distribution, levels)
        network = PixelCNNNetwork(
            self.spec.shape,
            self.distribution.num_parameters(self.spec.shape[-1]),
            blocks,
            filters,
            num_classes,
            dropout_rate,
            seed,
            dtype=kwargs.get("dtype"),
        )
        labels = None if num_classes is None else keras.Input([], dtype="int32")
        self.add_network("network", network, (keras.Input(self.spec.shape), labels), averaged=True)
        self.count_initialization()
        self.built = True

    # === Training ===

    def updates(self):
        logs = ("loss", "bits_per_dimension")
        return [Update("network", self.network.trainable_variables, self.objective, logs=logs)]

    def default_training(self):
        rate = keras.optimizers.schedules.ExponentialDecay(1e-3, decay_steps=1, decay_rate=0.999995)
        return {
            **super().default_training(),
            "optimizer": Adam(rate, beta_1=0.95, beta_2=0.9995),
            "ema": ExponentialMovingAverage(decay=0.9995),
        }

    def objective(self, batch):
        """The negative log-likelihood in nats per dimension."""
        network = self.network if batch.training else self.ema_network
        options = {"dropout_seed": batch.seed} if batch.training and self.dropout_rate else {}
        inputs = [one for one in (batch.examples, batch.labels) if one is not None]
        parameters = network(*inputs, training=batch.training, **options)
        log_masses = self.distribution.log_mass(batch.examples, parameters, self.spec.levels)
        nats = -tf.reduce_sum(log_masses, axis=[1, 2])
        return Objective({"loss": nats / float(self.num_dimensions)}, {"bits_per_dimension": nats * self.bits_per_nat})

    def initialize_weights(self, images, labels):
        self.network(*[one for one in (images, labels) if one is not None], initialize=True)

    def curves(self):
        return [
            Chart(
                "Bits per dimension",
                {"exact": "bits_per_dimension"},
                "bits",
                "What the pixels cost, each given those before it, with dropout. Lower is better.",
            ),
            Chart("Length of the gradients", {"network": "gradient_norm/network"}, "norm"),
        ]

    def progress_labels(self):
        return {"bits/dim": "bits_per_dimension"}

    # === Likelihood and sampling ===

    def log_terms(self, images, labels, noise):
        parameters = call_network(self.ema_network, images, labels)
        return [self.distribution.log_mass(images, parameters, self.spec.levels)]

    def complete(self, images, mask, labels=None, seed=0, temperature=1.0):
        """Fills in what is not given of images.

        Pixels are drawn in raster order, each given all before it, the given ones among them. What is given after a pixel in
        that order has no influence on it: complete lower parts, or what is right of a column.

        Args:
            images: uint8 `[batch, height, width, channels]`, or floats in [-1, 1] on the grid of the levels. Values at pixels
                that are not given are of no effect.
            mask: Boolean `[batch, height, width]`, or `[height, width]` for all images alike. True at the given pixels.
            labels: Integers `[batch]` of a conditional model.
            seed: Integer. Other seeds give other completions; image i depends on the seed and i.
            temperature: Float in [0, 2]. As for `generate`.

        Returns:
            NumPy array uint8 `[batch, height, width, channels]`, equal to `images` where they are given.

        Raises:
            UserError: Images, mask or labels that do not fit.

        Example: the lower halves.

        >>> model = PixelCNN(image_shape=(8, 8, 1), blocks=1, filters=4)
        >>> images = np.full([2, 8, 8, 1], 100, "uint8")
        >>> completed = model.complete(images, np.arange(8)[:, None] < np.full([8], 4))
        >>> completed.shape, bool((completed[:, :4] == 100).all())
        ((2, 8, 8, 1), True)
        """
        images, shape = tf.convert_to_tensor(images), self.spec.shape
        if tuple(images.shape[1:]) != shape:
            raise UserError(f"Images must be of shape {shape} after the batch. Received: {tuple(images.shape[1:])}")
        mask = check_mask(mask, len(images), self.spec.positions)
        temperature = resolve_sampling(self, {"temperature": temperature})["temperature"]
        labels = self._labels_of(labels, len(images))
        given = check_levels(_with_lowest(images, mask), self.spec.levels)
        rows = [given, tf.constant(mask), *([] if labels is None else [labels])]
        return self._complete_function(self.example_seeds(len(images), seed), [temperature], *rows).numpy()

    def fill_in(self, examples, mask, seed, labels=None, temperature=1.0):
        seeds = self.seeds_of_requests(seed, tf.shape(examples)[0])
        given = check_levels(_with_lowest(examples, mask), self.spec.levels)
        temperature = tf.reshape(tf.cast(temperature, tf.float32), [-1])
        return self._complete_function(seeds, temperature, given, mask, *([] if labels is None else [labels]))

    @property
    def _complete_function(self):
        if self._function_of_completion is None:

            def complete(seeds, temperature, given, mask, labels=None):
                mask = tf.cast(mask, tf.float32)[..., None]
                return self.draw(seeds, labels, temperature, {"given": given, "mask": mask})

            images = tf.TensorSpec([None, *self.spec.shape], tf.float32)
            mask = tf.TensorSpec([None, *self.spec.shape[:2]], tf.bool)
            specs = [SEEDS, tf.TensorSpec([None], tf.float32), images, mask, *self._label_specs]
            function = tf.function(complete, input_signature=specs, autograph=False)
            object.__setattr__(self, "_function_of_completion", function)
        return self._function_of_completion

    _function_of_completion = None

    def draw(self, seeds, labels=None, temperature=1.0, given=None):
        """Images of the spec's `edge_dtype`, one for each seed; `given` holds the pixels that are known and their mask."""
        channels, num_levels = self.spec.shape[-1], self.spec.levels
        noise = draw_noise(self.distribution, self.spec.shape, ExampleNoise(seeds))

        def draw_pixel(parameters, inputs):
            pixel = sample_pixel(self.distribution, parameters, channels, num_levels, inputs, temperature)
            return pixel if given is None else tf.where(inputs["mask"] > 0.5, inputs["given"], pixel)

        inputs = noise if given is None else {**noise, **given}
        return self.spec.to_edge(sample_with_caches(self.ema_network, labels, draw_pixel, inputs))

    def get_config(self):
        return {
            "name": self.name,
            "image_shape": self.image_shape,
            "blocks": self.blocks,
            "filters": self.filters,
            "distribution": keras.saving.serialize_keras_object(self.distribution),
            "levels": self.spec.levels,
            "num_classes": self.num_classes,
            "dropout_rate": self.dropout_rate,
            "label_weights": self.label_weights,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if isinstance(config.get("distribution"), dict):
            config["distribution"] = keras.saving.deserialize_keras_object(config["distribution"])
        return cls(**config)


def _with_lowest(images, mask):
    """Images with the lowest level at pixels that are not given, where anything may lie."""
    lowest = tf.cast(-1 if images.dtype.is_floating else 0, images.dtype)
    return tf.where(mask[..., None], images, lowest)
