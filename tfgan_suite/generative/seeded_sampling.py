"""SeededSampling: how models without latents make examples, each of a seed of its own."""

import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.randomness import fold

SEEDS = tf.TensorSpec([None, 2], tf.int32)


def example_seeds(count, seed, drawn="examples"):
    """The seeds of examples, int32 `[count, 2]`: that of example i depends on the seed, i and what is drawn alone."""
    base = fold(seed, "generate", drawn)
    return tf.random.stateless_uniform([count, 2], base, minval=None, maxval=None, dtype=tf.int32, alg="philox")


class SeededSampling:
    """What a model without latents samples by. It stands before `GenerativeModel` among the bases; a subclass implements `draw`.

    Example i depends on `seed`, i, its label and the sampling options alone. All sizes of batches, and all functions of an
    export, share one graph.

    Attributes:
        drawn: String. What is drawn, part of how seeds are made.
    """

    drawn = "examples"

    def draw(self, seeds, labels=None, **sampling):
        """Examples of the spec's `edge_dtype` inside of a graph.

        Args:
            seeds: int32 `[count, 2]`. The seed of each example.
            labels: int32 `[count]`, or `None`.
            **sampling: The model's sampling options, each a float32 scalar.
        """
        raise NotImplementedError

    def sample(self, count, seed, labels=None, **sampling):
        if labels is None:
            labels = self.sample_labels(count, fold(seed, "generate", "labels"))
        return self._draw_function(
            self.example_seeds(count, seed), self._option_tensors(sampling), *([] if labels is None else [labels])
        )

    def example_seeds(self, count, seed):
        """The seed of each example, int32 `[count, 2]`: that of example i depends on the seed and i alone."""
        return example_seeds(count, seed, self.drawn)

    def seeds_of_requests(self, seed, count):
        """As `example_seeds` of one seed, int64 `[1]`; of one for each example, `[count]`, those of examples that are alone."""
        return tf.cond(
            tf.equal(tf.size(seed), 1),
            lambda: self.example_seeds(count, tf.reshape(seed, [-1])[0]),
            lambda: tf.map_fn(
                lambda own: self.example_seeds(1, own)[0], seed, fn_output_signature=tf.TensorSpec([2], tf.int32)
            ),
        )

    def _generate_without_latents(self, count, labels, seed, batch_size, sampling):
        if labels is None:
            labels = self.sample_labels(count, fold(seed, "generate", "labels"))
        rows = [self.example_seeds(count, seed), *([] if labels is None else [labels])]
        options = self._option_tensors(sampling)
        batches = [
            self._draw_function(part[0], options, *part[1:])
            for part in ([one[i : i + batch_size] for one in rows] for i in range(0, count, batch_size))
        ]
        return np.concatenate([batch.numpy() for batch in batches])

    def _option_tensors(self, sampling):
        values = {option.name: option.default for option in self.sampling_options} | sampling
        return {name: tf.cast(value, tf.float32) for name, value in values.items()}

    @property
    def _draw_function(self):
        if self._generate_function is None:

            def draw(seeds, sampling, labels=None):
                return self.draw(seeds, labels, **sampling)

            options = {option.name: tf.TensorSpec([], tf.float32) for option in self.sampling_options}
            function = tf.function(draw, input_signature=[SEEDS, options, *self._label_specs], autograph=False)
            # Kept out of Keras's attribute tracking: a function is no state.
            object.__setattr__(self, "_generate_function", function)
        return self._generate_function

    @property
    def _label_specs(self):
        return [] if self.num_classes is None else [tf.TensorSpec([None], tf.int32)]
