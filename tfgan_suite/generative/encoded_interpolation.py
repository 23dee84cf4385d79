"""InterpolatesExamples: paths between examples through their latents, the same for every model that encodes."""

import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative import latents as latent_distributions


class InterpolatesExamples:
    """Of a model that `HasLatents` and `Encodes`. Stands before `GenerativeModel` among the bases of a class."""

    def interpolate(self, first, second, steps=8, labels=None):
        """Examples on the way between two examples, through their latents.

        The way is a straight line, or a great circle for models whose `latents_on_a_shell`, as all normal latents are.

        Args:
            first: `[batch, *spec.shape]`, of the spec's `edge_dtype` (uint8 of images) or float as models take them.
            second: The same.
            steps: Integer >= 2. Examples of a row; the first and the last one are reconstructions.
            labels: Integers `[batch]`, the class of both, of a conditional model.

        Returns:
            float32 `[batch, steps, *spec.shape]`, as models make them (images in [-1, 1]).

        Raises:
            UserError: A conditional model without `labels`.
            ValueError: `steps` out of range.

        Example:

        >>> vae = VAE(image_shape=(8, 8, 1), latent_size=3, base_channels=4, dense_units=8)
        >>> images = np.zeros([2, 8, 8, 1], "uint8")
        >>> vae.interpolate(images, images, steps=5).shape
        TensorShape([2, 5, 8, 8, 1])
        """
        if labels is None and self.num_classes is not None:
            raise UserError(
                f"`labels` must be {len(first)} integers, since the model is conditional: the class of both examples of each "
                "pair. Received: labels=None"
            )
        labels = self._checked_labels(labels, len(first))
        ends = [np.asarray(self.encode(self._to_model(one), labels)) for one in (first, second)]
        rows = [
            latent_distributions.interpolate(start, end, steps, spherical=self.latents_on_a_shell)
            for start, end in zip(*ends, strict=True)
        ]
        latents = tf.constant(np.concatenate(rows))
        labels = None if labels is None else tf.repeat(labels, steps)
        return tf.reshape(self.decode(latents, labels), [-1, steps, *self.spec.shape])

    def _to_model(self, examples):
        examples = tf.convert_to_tensor(examples)
        return self.spec.to_model(examples) if examples.dtype == self.spec.edge_dtype else examples
