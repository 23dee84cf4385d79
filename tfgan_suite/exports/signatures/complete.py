"""`complete`: examples of which a part is given to whole ones."""

import numpy as np
import tensorflow as tf

from tfgan_suite.exports.signatures.checks import check_examples, check_labels, check_options, require
from tfgan_suite.exports.signatures.named_function import label_specs, named_function
from tfgan_suite.exports.signatures.signature import Signature
from tfgan_suite.generative.abilities import Completes


class Complete(Signature):
    """Examples, a mask that is true where they are given, seeds and the model's sampling options to whole examples.

    Seeds and options are one for all examples of a request, as for the method `complete`, or one for each example, which is then
    completed as it would be alone.
    """

    name = "complete"

    @classmethod
    def applies(cls, model):
        return model.can(Completes)

    def function(self, max_count):
        model, spec = self.model, self.model.spec
        units, shape, positions = spec.unit[1], [None, *spec.shape], [None, *spec.positions]

        def outputs_of(mask, seed, labels=None, **inputs):
            examples = check_examples(spec, inputs.pop(units), max_count)
            count = tf.shape(examples)[0]
            mask = tf.ensure_shape(mask, positions)
            sizes = [tf.shape(mask)[0], count]
            mask = require(
                tf.equal(*sizes), f"mask must have as many rows as {units}. Numbers of rows differ.", sizes, mask
            )
            numbers = {"seed": seed, **inputs}
            numbers = {name: _check_size(name, values, count, spec.unit) for name, values in numbers.items()}
            seed = numbers.pop("seed")
            if labels is not None:
                labels = check_labels(labels, count, model)
            sampling = check_options(model.sampling_options, numbers)
            completed = model.fill_in(spec.to_model(examples), mask, seed, labels, **sampling)
            return {units: tf.ensure_shape(completed, shape)}

        specs = {
            units: tf.TensorSpec(shape, tf.as_dtype(spec.edge_dtype)),
            "mask": tf.TensorSpec(positions, tf.bool),
            "seed": tf.TensorSpec([None], tf.int64),
            **{option.name: tf.TensorSpec([None], tf.float32) for option in model.sampling_options},
        }
        return named_function(outputs_of, {**specs, **label_specs(model, [None])})

    def warmup_inputs(self, count):
        spec = self.model.spec
        inputs = {
            spec.unit[1]: np.zeros([count, *spec.shape], spec.edge_dtype),
            "mask": np.zeros([count, *spec.positions], bool),
            "seed": np.arange(count, dtype=np.int64),
        }
        for option in self.model.sampling_options:
            inputs[option.name] = np.full([count], option.default, np.float32)
        return inputs if self.model.num_classes is None else {**inputs, "labels": np.zeros([count], np.int32)}

    def compare(self, exported, max_count):
        count = min(2, max_count)
        inputs = self.warmup_inputs(count)
        mask = inputs["mask"] = np.indices(inputs["mask"].shape)[1] == 0  # The first rows.
        inputs["seed"] = [3]
        received = exported.call_signature(self.name, **inputs)[self.model.spec.unit[1]]
        examples = inputs[self.model.spec.unit[1]]
        return self.model.complete(examples, mask, inputs.get("labels"), seed=3), received


def _check_size(name, values, count, unit):
    sizes = [tf.size(values), count]
    one_or_each = tf.equal(sizes[0], 1) | tf.equal(*sizes)
    message = f"{name} must hold one number, or one for each {unit[0]}. Numbers given and of {unit[1]}:"
    return tf.reshape(require(one_or_each, message, sizes, values), [-1])
