"""`serving_default`: latents to examples."""

import numpy as np
import tensorflow as tf

from tfgan_suite.exports.signatures.checks import check_batch, check_labels
from tfgan_suite.exports.signatures.named_function import label_specs, named_function
from tfgan_suite.exports.signatures.signature import Signature
from tfgan_suite.generative.abilities import HasLatents


class ServingDefault(Signature):
    """Latents, and labels where there are classes, to examples as they are inside of models."""

    name = "serving_default"

    @classmethod
    def applies(cls, model):
        return model.can(HasLatents)

    def function(self, max_count):
        model = self.model
        shape = [None, *model.latent_shape]

        def examples_of(latents, labels=None):
            latents = check_batch("latents", latents, shape, max_count)
            if labels is not None:
                labels = check_labels(labels, tf.shape(latents)[0], model)
            examples = model(latents, labels, training=False)
            return {model.spec.unit[1]: tf.ensure_shape(examples, [None, *model.spec.shape])}

        return named_function(examples_of, {"latents": tf.TensorSpec(shape, tf.float32), **label_specs(model, [None])})

    def warmup_inputs(self, count):
        latents = {"latents": np.zeros([count, *self.model.latent_shape], np.float32)}
        return latents if self.model.num_classes is None else {**latents, "labels": np.zeros([count], np.int32)}
