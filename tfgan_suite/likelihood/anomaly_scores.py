"""ScoresByLikelihood: how far examples are from what a model of their likelihood has learned. Never by likelihood alone."""

import math
import zlib

import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.number_kinds import is_number
from tfgan_suite.likelihood.level_grid import to_levels

# The signature of a PNG file, its header, and the frames of its data and its end.
_PNG_FRAME_BYTES = 57


class ScoresByLikelihood:
    """Anomaly scores of a model that `HasLikelihood`.

    **A likelihood alone is no anomaly score.** Simple examples are likely under any model: a black image needs few bits, and
    models give more of their own data's kind of smoothness than their data have. So models of photographs find house numbers
    likelier than photographs (Nalisnick et al. 2019), and models of digits find black images likelier than digits. These two
    scores are about something else: `complexity_score` takes off what is simple, and `typicality_score` asks whether an
    example is about as likely as its like, neither less nor more.

    The score of an example depends on nothing but the example and the model: neither on the other examples, nor on how many
    there are. Of a conditional model, `labels=None` sums over all classes, each with its weight.
    """

    def complexity_score(self, examples, labels=None, samples=1, seed=0, compress=None):
        """Bits per dimension that the model needs more than a general compressor; higher is less normal.

        It is the negative logarithm of the ratio of two likelihoods: that of the model, and that of a compressor, which has
        learned nothing. On data like its own a model is far better than any compressor. Above 0 it is worse.

        Args:
            examples: As for `log_prob`.
            labels: Integers `[batch]` of a conditional model, or `None` to sum over all classes.
            samples: Integer >= 1. As for `log_prob`.
            seed: Integer. As for `log_prob`.
            compress: Function of one example, an array of whole levels or tokens, to bytes. By default PNG for images,
                without the 57 bytes that every file has, and zlib for anything else. The better the compressor, the better the
                score.

        Returns:
            float64 `[batch]`.

        Raises:
            UserError: As for `log_prob`; or inside of a graph, where only PNG can be computed.

        Example:

        >>> images = np.random.default_rng(0).integers(0, 256, [4, 8, 8, 1]).astype("uint8")
        >>> vae = VAE(image_shape=(8, 8, 1), latent_size=3, base_channels=4, dense_units=8)
        >>> vae.complexity_score(images).shape
        TensorShape([4])

        Reference: Serra et al., "Input Complexity and Out-of-Distribution Detection with Likelihood-Based Generative Models"
        (2020), equation 1.
        """
        needed = self._bits(examples, labels, samples, seed)
        return needed - self._compressed_bits(examples, compress) / math.prod(self.spec.shape)

    def typicality_score(self, examples, entropy, labels=None, samples=1, seed=0):
        """How far the bits per dimension of each example are from those of typical ones; higher is less normal.

        Args:
            examples: As for `log_prob`.
            entropy: Float. Bits per dimension of what is typical: `model.bits_per_dimension(images).mean()` of training
                images, or better of such as were held out; or the data's entropy where that is known.
            labels: Integers `[batch]` of a conditional model, or `None` to sum over all classes.
            samples: Integer >= 1. As for `log_prob`, and the same as for `entropy`.
            seed: Integer. As for `log_prob`.

        Returns:
            float64 `[batch]`, at least 0.

        Raises:
            UserError: As for `log_prob`, or an `entropy` that is no number.

        Example:

        >>> images = np.random.default_rng(0).integers(0, 256, [4, 8, 8, 1]).astype("uint8")
        >>> vae = VAE(image_shape=(8, 8, 1), latent_size=3, base_channels=4, dense_units=8)
        >>> vae.typicality_score(images, entropy=vae.bits_per_dimension(images).mean()).shape
        TensorShape([4])

        Reference: Nalisnick et al., "Detecting Out-of-Distribution Inputs to Deep Generative Models Using Typicality" (2019),
        section 3, for a batch of one.
        """
        if not is_number(entropy):
            raise UserError(f"`entropy` must be a finite number of bits per dimension. Received: entropy={entropy!r}")
        return tf.abs(self._bits(examples, labels, samples, seed) - float(entropy))

    def anomaly_score(self, examples):
        """`complexity_score` by PNG as float32 `[batch]`; higher is less normal."""
        return tf.cast(self.complexity_score(examples), tf.float32)

    def _bits(self, examples, labels, samples, seed):
        """Bits per dimension, float64 `[batch]`; summed over the classes if there are some and none are given."""
        if labels is None and self.num_classes is not None:
            count = tf.shape(examples)[0]
            log_probs = tf.map_fn(  # One class after another: memory is that of one.
                lambda label: self.log_prob(examples, tf.fill([count], label), samples=samples, seed=seed),
                tf.range(self.num_classes),
                fn_output_signature=tf.float64,
                parallel_iterations=1,
            )
            weights = tf.constant(self.label_weights or [1.0] * self.num_classes, tf.float64)
            log_weights = tf.math.log(weights / tf.reduce_sum(weights))
            log_prob = tf.reduce_logsumexp(log_probs + log_weights[:, None], axis=0)
        else:
            log_prob = self.log_prob(examples, labels, samples=samples, seed=seed)
        return -log_prob / (math.prod(self.spec.shape) * math.log(2.0))

    def _compressed_bits(self, examples, compress):
        """The size of each example in bits, float64 `[batch]`."""
        examples = tf.convert_to_tensor(examples)
        if self.spec.kind == "image":
            whole = tf.cast(examples if examples.dtype.is_integer else to_levels(examples, self.spec.levels), tf.uint8)
            if compress is None:
                return 8.0 * tf.cast(tf.strings.length(tf.io.encode_png(whole)) - _PNG_FRAME_BYTES, tf.float64)
        else:
            whole = tf.cast(examples, tf.int32)
        if not tf.executing_eagerly():
            raise UserError("Inside of a graph only PNG can be computed: call `complexity_score` with arrays.")
        compress = compress or self._by_zlib
        return tf.constant([8.0 * len(compress(one)) for one in whole.numpy()], tf.float64)

    def _by_zlib(self, values):
        smallest = np.min_scalar_type(int(self.spec.model_range[1]))
        return zlib.compress(values.astype(smallest).tobytes(), 9)
