"""`generate_textures`: a seed and a size to textures, as `TextureModel.generate_textures` makes them."""

import numpy as np
import tensorflow as tf

from tfgan_suite.exports.signatures.checks import check_labels, require
from tfgan_suite.exports.signatures.named_function import label_specs, named_function
from tfgan_suite.exports.signatures.signature import Signature
from tfgan_suite.exports.signatures.texture_limits import check_positions, max_positions
from tfgan_suite.foundation.randomness import fold
from tfgan_suite.generative.abilities import MakesTextures

_INPUTS = {"seed": tf.int64, "count": tf.int32, "height": tf.int32, "width": tf.int32, "seamless": tf.bool}


class GenerateTextures(Signature):
    """A seed, a count and a size to textures, uint8 `[count, height, width, channels]`."""

    name = "generate_textures"
    joining = "none"  # A call makes textures of one size.

    @classmethod
    def applies(cls, model):
        return model.can(MakesTextures)

    def outputs(self, images):
        """The outputs, a dict of tensors, of uint8 images."""
        return {self.model.spec.unit[1]: images}

    def function(self, max_count):
        most = max_positions(self.model, max_count)

        def outputs_of(**inputs):
            return self.outputs(self._images(most, **inputs))

        # Of any shape, as REST and gRPC send a scalar or [1].
        specs = {name: tf.TensorSpec(None, dtype) for name, dtype in _INPUTS.items()}
        return named_function(outputs_of, {**specs, **label_specs(self.model, None)})

    def _images(self, most, seed, count, height, width, seamless, labels=None):
        model, cell = self.model, self.model.cell_size
        seed, count, height, width, seamless = _numbers(seed, count, height, width, seamless)
        height = require((height >= 1) & (width >= 1), "height and width must be 1 or more.", [height, width], height)
        whole_cells = tf.equal(height % cell, 0) & tf.equal(width % cell, 0)
        message = f"With seamless, height and width must be multiples of {cell}."
        height = require(whole_cells | ~seamless, message, [height, width], height)
        # As in TextureModel.generate_textures.
        margin = tf.where(seamless, 0, 1)
        rows, columns = -(-height // cell) + margin, -(-width // cell) + margin
        count = check_positions(count, rows, columns, most, count)
        latent_maps = model.sample_latent_maps(count, rows, columns, seed)
        if labels is not None:
            labels = tf.cond(
                tf.equal(tf.size(labels), 0),
                lambda: model.sample_labels(count, fold(seed, "texture", "labels")),
                lambda: check_labels(labels, count, model),
            )
        images = model.spec.to_edge(model.synthesize_textures(latent_maps, labels))
        return images[:, :height, :width]

    def warmup_inputs(self, count):
        height, width, _ = self.model.spec.shape
        values = {"seed": 0, "count": 1, "height": height, "width": width, "seamless": True}
        inputs = {name: np.array([value], _INPUTS[name].as_numpy_dtype) for name, value in values.items()}
        return inputs if self.model.num_classes is None else {**inputs, "labels": np.zeros([1, 1], np.int32)}

    def compare(self, exported, max_count):
        size = {"height": self.model.cell_size, "width": 2 * self.model.cell_size + 1}
        labels = {} if self.model.num_classes is None else {"labels": []}
        outputs = exported.call_signature(self.name, seed=1, count=1, seamless=False, **size, **labels)
        return self.model.generate_textures(**size, seed=1), outputs[self.model.spec.unit[1]]


def _numbers(*values):
    """Scalars of what are one number each."""
    values = [tf.reshape(value, [-1]) for value in values]
    sizes = [tf.size(value) for value in values]
    message = "seed, count, height, width and seamless must be one value each. Numbers of values given:"
    one_each = tf.reduce_all(tf.equal(sizes, 1))
    return [require(one_each, message, sizes, value)[0] for value in values]
