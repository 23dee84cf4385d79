"""`textures`: maps of latents to textures."""

import numpy as np
import tensorflow as tf

from tfgan_suite.exports.signatures.checks import check_batch, check_labels
from tfgan_suite.exports.signatures.named_function import label_specs, named_function
from tfgan_suite.exports.signatures.signature import Signature
from tfgan_suite.exports.signatures.texture_limits import check_positions, max_positions
from tfgan_suite.generative.abilities import MakesTextures


class Textures(Signature):
    """Maps of latents, and labels where there are classes, to images float32 in [-1, 1] of as many cells."""

    name = "textures"
    joining = "none"  # Maps of different sizes could not be put together.

    @classmethod
    def applies(cls, model):
        return model.can(MakesTextures)

    def function(self, max_count):
        model = self.model
        maps_spec = tf.TensorSpec([None, None, None, model.latent_channels], tf.float32)

        def images_of(latent_maps, labels=None):
            latent_maps = check_batch("latent_maps", latent_maps, maps_spec.shape, max_count)
            count, rows, columns, _ = tf.unstack(tf.shape(latent_maps), 4)
            latent_maps = check_positions(count, rows, columns, max_positions(model, max_count), latent_maps)
            if labels is not None:
                labels = check_labels(labels, count, model)
            return {model.spec.unit[1]: model.synthesize_textures(latent_maps, labels)}

        return named_function(images_of, {"latent_maps": maps_spec, **label_specs(model, [None])})

    def warmup_inputs(self, count):
        maps = {"latent_maps": np.zeros([count, 2, 2, self.model.latent_channels], np.float32)}
        return maps if self.model.num_classes is None else {**maps, "labels": np.zeros([count], np.int32)}
