"""Models of made-up kinds of example, with every ability that an export can have, or with next to none."""

import tensorflow as tf

from tfgan_suite.foundation.randomness import fold, normal, uniform
from tfgan_suite.generative.abilities import (
    Discriminates,
    Encodes,
    HasLatents,
    HasLikelihood,
    Reconstructs,
    ScoresAnomalies,
)
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.generative.sampling_options import SamplingOption
from tfgan_suite.specs.example_spec import ExampleSpec, register_example_spec

TEMPERATURE = SamplingOption("temperature", 1.0, 0.0, 2.0, "Scales the noise.")
SHIFT = SamplingOption("shift", 0.0, -1.0, 1.0, "Moves all examples.")


@register_example_spec
class CloudSpec(ExampleSpec):
    """Points in space, which become lines of text."""

    kind, unit = "export-point", ("point", "points")
    file_suffix = ".txt"

    def to_files(self, examples):
        return tf.strings.reduce_join(tf.strings.as_string(examples, precision=6), axis=1, separator=" ")


@register_example_spec
class DiceSpec(ExampleSpec):
    """Throws of some dice, whole numbers."""

    kind, unit = "export-throw", ("throw", "throws")
    edge_dtype = "int32"


class Cloud(HasLatents, Encodes, Reconstructs, HasLikelihood, Discriminates, ScoresAnomalies, GenerativeModel):
    """Latents [2, 2] turned and moved by class: everything about it is known in closed form."""

    sampling_options = (TEMPERATURE, SHIFT)
    latent_shape = (2, 2)

    def __init__(self, num_classes=3, likelihood="exact"):
        super().__init__()
        self.spec = CloudSpec([4])
        self.num_classes = num_classes
        self.likelihood = likelihood
        self.turn = self.add_weight(name="turn", shape=(4, 4), initializer="orthogonal")
        self.built = True

    def _move(self, labels):
        return 0.0 if labels is None else tf.cast(labels, tf.float32)[:, None]

    def sample_latents(self, batch_size, seed, temperature=1.0, shift=0.0):
        return temperature * normal([batch_size, 2, 2], seed)

    def call(self, latents, labels=None, training=False, temperature=1.0, shift=0.0):
        shift = tf.reshape(tf.cast(shift, tf.float32), [-1, 1])
        return tf.matmul(tf.reshape(latents, [-1, 4]), self.turn) + self._move(labels) + shift

    def encode(self, examples, labels=None, seed=None):
        turned_back = tf.matmul(examples - self._move(labels), self.turn, transpose_b=True)
        return tf.reshape(turned_back, [-1, 2, 2])

    def reconstruct(self, examples, labels=None, seed=None):
        return self(self.encode(examples, labels), labels)

    def log_prob(self, examples, labels=None, samples=1, seed=0):
        noise = 0.0
        if self.likelihood == "lower_bound":
            noise = uniform([tf.shape(examples)[0]], fold(seed, "bound"))
        return -0.5 * tf.reduce_sum(tf.square(examples - self._move(labels)), 1) - noise

    def discriminate(self, points, labels=None, training=False):
        return tf.reduce_sum(points + self._move(labels), 1)

    def anomaly_score(self, examples):
        return tf.reduce_max(tf.abs(examples), 1)


class Dice(GenerativeModel):
    """A model without latents, networks and options; classes are loaded dice."""

    def __init__(self, num_classes=2):
        super().__init__()
        self.spec = DiceSpec([5])
        self.num_classes = num_classes
        self.built = True

    def sample(self, count, seed, labels=None):
        if labels is None:
            labels = self.sample_labels(count, fold(seed, "generate", "labels"))
        throws = uniform([count, 5], fold(seed, "throws"), high=6.0)
        return self.spec.to_edge(1.0 + tf.floor(throws)) + 10 * (0 if labels is None else labels[:, None])
