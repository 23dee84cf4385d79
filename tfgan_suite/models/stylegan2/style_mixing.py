"""Style mixing: some training images take their coarse styles from one latent and their fine styles from another."""

import keras
import tensorflow as tf

from tfgan_suite.foundation.randomness import draw_per_example, fold, normal, uniform


@keras.saving.register_keras_serializable("tfgan_suite")
class StyleMixing:
    """Replaces all styles from a random layer on with those of new latents, in a fraction of the examples.

    Args:
        probability: Float in [0, 1]. Fraction of the examples that are mixed.

    Reference: Karras et al., "A Style-Based Generator Architecture for GANs" (2019), section 3.1; 0.9 as in StyleGAN2.
    """

    def __init__(self, probability=0.9):
        if not 0.0 <= probability <= 1.0:
            raise ValueError(f"`probability` must be in [0, 1]. Received: probability={probability}")
        self.probability = float(probability)

    def __call__(self, generator, ws, labels, seed):
        """Mixes styles.

        Args:
            generator: A generator with `map(latents, labels)` and `latent_size`.
            ws: A float32 tensor of shape `[batch, num_ws, w_size]`.
            labels: A tensor of labels for both latents, or `None`.
            seed: An int32 tensor of shape `[2]`.

        Returns:
            A float32 tensor of shape `[batch, num_ws, w_size]`.
        """
        num_ws = ws.shape[1]

        def draw_latents(batch_size, seed):
            return normal([batch_size, generator.latent_size], seed)

        def draw_cutoffs(batch_size, seed):
            # One uniform number decides both whether and where to mix: below the probability, it is again uniform.
            numbers = uniform([batch_size], seed) / max(self.probability, 1e-12)
            cutoffs = 1 + tf.cast(numbers * (num_ws - 1), tf.int32)  # 1 to num_ws - 1
            return tf.where(numbers < 1.0, cutoffs, num_ws)

        batch_size = tf.shape(ws)[0]
        latents = draw_per_example(draw_latents, batch_size, fold(seed, "latents"))
        cutoffs = draw_per_example(draw_cutoffs, batch_size, fold(seed, "cutoffs"))
        from_first = tf.range(num_ws)[None, :] < cutoffs[:, None]  # [batch, num_ws]
        return tf.where(from_first[:, :, None], ws, generator.map(latents, labels))

    def get_config(self):
        return {"probability": self.probability}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
