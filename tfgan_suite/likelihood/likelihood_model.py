"""LikelihoodModel: base of all models that say how likely an image is. One meaning of the number for all families."""

import math

import tensorflow as tf

from tfgan_suite.engine.trained_model import TrainedModel
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.number_kinds import is_count
from tfgan_suite.generative.abilities import HasLikelihood, ScoresAnomalies
from tfgan_suite.likelihood.anomaly_scores import ScoresByLikelihood
from tfgan_suite.likelihood.level_grid import check_levels, lies_on_levels, to_levels
from tfgan_suite.likelihood.noise import ExampleNoise, GivenNoise, seeds_of_levels

_IMAGES_AT_A_TIME = 64


class LikelihoodModel(ScoresByLikelihood, HasLikelihood, ScoresAnomalies, TrainedModel):
    """A model of images of whole levels, and of how likely they are.

    What is scored is an image of whole levels, `spec.levels` of them, and the score is the natural logarithm of its
    *probability*, not of a density: it is at most 0, and a uniform guess has `log2(levels)` bits per dimension. It is that of
    the averaged weights. A subclass implements `log_terms`, and says in `likelihood` whether their sum is `"exact"` or a
    `"lower_bound"`.

    Args:
        spec: An `ImageSpec`.
        **kwargs: As for `TrainedModel`.
    """

    refuses_out_of_range = True

    def takes_values(self, examples):
        return super().takes_values(examples) & lies_on_levels(examples, self.spec.levels)

    def check_values(self, examples):
        super().check_values(examples)
        check_levels(examples, self.spec.levels)

    def log_terms(self, images, labels, noise):
        """What adds up to the natural logarithm of the probability of each image, or to a lower bound with one sample.

        Args:
            images: float32 `[batch, height, width, channels]` in [-1, 1], exactly on the grid of the levels.
            labels: int32 `[batch]`, or `None`.
            noise: `ExampleNoise` to draw the sample with; other draws for each name. Or given draws.

        Returns:
            List of float32 `[batch, ...]`.
        """
        raise NotImplementedError

    def log_mass(self, images, labels, samples, noise):
        """The natural logarithm of the probability of each image, or a lower bound of it.

        Args:
            images: float32 `[batch, height, width, channels]` in [-1, 1], exactly on the grid of the levels.
            labels: int32 `[batch]`, or `None`.
            samples: Integer >= 1. Samples for a lower bound.
            noise: `ExampleNoise` to draw them with; other draws for each name.

        Returns:
            float64 `[batch]`.
        """
        return tf.add_n([sum_per_image(term) for term in self.log_terms(images, labels, noise)])

    def log_prob_given(self, examples, labels=None, noise=None):
        terms = self.log_terms(examples, labels, None if noise is None else GivenNoise(noise))
        # In float32, since not all engines have more; axis by axis, so that sums are short and lose little.
        for axis in (3, 2, 1):
            terms = [tf.reduce_sum(term, axis=axis) if term.shape.rank > axis else term for term in terms]
        return tf.add_n(terms)

    def log_prob(self, examples, labels=None, samples=1, seed=0):
        """The natural logarithm of the probability of images of whole levels, or a lower bound of it.

        The value of an image depends on the weights, the image, its label, `samples` and `seed`, and on nothing else: not on the
        other images, nor on how many there are.

        Args:
            examples: uint8 `[batch, height, width, channels]`, or floats in [-1, 1] that lie on the levels.
            labels: Integers `[batch]` of a conditional model.
            samples: Integer >= 1. Samples for a lower bound, which becomes tighter with more; of no effect where `likelihood` is
                `"exact"`.
            seed: Integer. The seed of these samples.

        Returns:
            float64 `[batch]`, at most 0.

        Raises:
            UserError: Images between the levels or of another shape, labels that do not fit, or `samples` out of range.
        """
        if not is_count(samples):
            raise UserError(f"`samples` must be an integer >= 1. Received: samples={samples!r}")
        values, labels = self.checked_examples(examples, labels)
        if not tf.executing_eagerly():
            return self._log_prob(values, labels, samples, seed)
        if samples not in self._log_prob_functions:
            self._log_prob_functions[samples] = tf.function(
                lambda values, labels, seed: self._log_prob(values, labels, samples, seed),
                autograph=False,
                reduce_retracing=True,
            )
        function, size = self._log_prob_functions[samples], _IMAGES_AT_A_TIME
        seed = tf.constant(seed, tf.int64)
        parts = [
            function(values[i : i + size], None if labels is None else labels[i : i + size], seed)
            for i in range(0, len(values), size)
        ]
        return tf.concat(parts, axis=0) if parts else tf.zeros([0], tf.float64)

    def bits_per_dimension(self, examples, labels=None, samples=1, seed=0):
        """`-log_prob / (height * width * channels * ln 2)` of each image, a float64 array; see `log_prob`."""
        return -self.log_prob(examples, labels, samples, seed).numpy() * self.bits_per_nat

    def classify(self, examples, samples=1, seed=0):
        """The natural logarithm of the probability of each class given an image, by Bayes' rule.

        The likelihood of each class, with the same draws for all of them, times how frequent `label_weights` say that it is. Where
        `likelihood` is a lower bound, so is each class's part.

        Args:
            examples: As for `log_prob`.
            samples: As for `log_prob`.
            seed: As for `log_prob`.

        Returns:
            float64 `[batch, num_classes]`. The class is `argmax` along the last axis.

        Raises:
            UserError: The model has no classes, or the images do not fit.
        """
        if self.num_classes is None:
            raise UserError(
                f"`classify` needs a model with classes. Received: a {type(self).__name__} with num_classes=None"
            )
        frequencies = tf.constant(self.label_weights or [1.0] * self.num_classes, tf.float64)
        terms = [
            self.log_prob(examples, [label] * len(examples), samples, seed) + tf.math.log(frequencies[label])
            for label in range(self.num_classes)
        ]
        return tf.nn.log_softmax(tf.stack(terms, axis=1))

    @property
    def num_dimensions(self):
        """Integer. The values of an image: height times width times channels."""
        return math.prod(self.spec.shape)

    @property
    def bits_per_nat(self):
        """Float. Bits per dimension of one nat per image."""
        return 1.0 / (self.num_dimensions * math.log(2.0))

    def _log_prob(self, values, labels, samples, seed):
        noise = ExampleNoise(seeds_of_levels(to_levels(values, self.spec.levels), seed))
        return tf.cast(self.log_mass(values, labels, samples, noise), tf.float64)

    def checked_examples(self, examples, labels=None):
        """Images as what models compute with, exactly on the grid, and their labels; any others are refused.

        Args:
            examples: uint8 `[batch, height, width, channels]`, or floats in [-1, 1] that lie on the levels.
            labels: Integers `[batch]` of a conditional model. Inside of a graph they are taken as they are.

        Raises:
            UserError: Images between the levels or of another shape, or labels that do not fit.
        """
        examples = tf.convert_to_tensor(examples)
        if tuple(examples.shape[1:]) != self.spec.shape:
            raise UserError(
                f"Images must be of shape {self.spec.shape} after the batch. Received: {tuple(examples.shape[1:])}"
            )
        values = check_levels(examples, self.spec.levels)
        return values, self._labels_of(labels, len(values)) if tf.executing_eagerly() else labels

    def _labels_of(self, labels, count):
        if labels is None and self.num_classes is not None:
            raise UserError(
                f"`labels` must be {count} integers, since the model is conditional: a likelihood is that of an image given "
                "its class. Received: labels=None"
            )
        return self._checked_labels(labels, count)

    @property
    def _log_prob_functions(self):
        # Beside Keras's attribute tracking: a function is no state.
        if "_functions_of_samples" not in self.__dict__:
            object.__setattr__(self, "_functions_of_samples", {})
        return self.__dict__["_functions_of_samples"]


def sum_per_image(values):
    """The sum of each image's numbers, in float64: hundreds of thousands of pixels lose digits in float32."""
    values = tf.cast(values, tf.float64)
    return tf.reduce_sum(tf.reshape(values, [tf.shape(values)[0], math.prod(values.shape[1:])]), axis=1)


def log_mean_exp(log_weights):
    """`log(mean(exp(log_weights)))` along the first axis."""
    count = tf.cast(tf.shape(log_weights)[0], log_weights.dtype)
    return tf.reduce_logsumexp(log_weights, axis=0) - tf.math.log(count)
