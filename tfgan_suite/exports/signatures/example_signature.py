"""ExampleSignature: what a model says of examples that a client sends."""

import numpy as np
import tensorflow as tf

from tfgan_suite.exports.signatures.checks import check_examples, check_labels
from tfgan_suite.exports.signatures.named_function import label_specs, named_function
from tfgan_suite.exports.signatures.signature import Signature


class ExampleSignature(Signature):
    """Base of signatures that take examples of the spec's `edge_dtype`, and labels where there are classes.

    Attributes:
        ability: The `Ability` that a model needs for it.
        takes_labels: Boolean. Whether labels are an input of a model with classes.
    """

    ability = None
    takes_labels = True

    @classmethod
    def applies(cls, model):
        return model.can(cls.ability)

    def outputs(self, examples, labels):
        """The outputs, a dict of tensors with one row for each example.

        Args:
            examples: Tensor. A batch as it is inside of models.
            labels: int32 `[batch]`, or `None`.
        """
        raise NotImplementedError

    def function(self, max_count):
        model, spec = self.model, self.model.spec
        units, shape = spec.unit[1], [None, *spec.shape]

        def outputs_of(labels=None, **inputs):
            examples = check_examples(spec, inputs[units], max_count)
            if labels is not None:
                labels = check_labels(labels, tf.shape(examples)[0], model)
            return self.outputs(spec.to_model(examples), labels)

        specs = {units: tf.TensorSpec(shape, tf.as_dtype(spec.edge_dtype))}
        return named_function(outputs_of, {**specs, **(label_specs(model, [None]) if self.takes_labels else {})})

    def warmup_inputs(self, count):
        spec = self.model.spec
        examples = tf.zeros([count, *spec.shape], tf.as_dtype(spec.edge_dtype)).numpy()
        labels = {"labels": np.zeros([count], np.int32)}
        has_labels = self.takes_labels and self.model.num_classes is not None
        return {spec.unit[1]: examples, **(labels if has_labels else {})}
