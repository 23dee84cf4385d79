"""`generate`: seeds to examples, as `GenerativeModel.generate` makes them."""

import numpy as np
import tensorflow as tf

from tfgan_suite.exports.signatures.checks import check_labels, check_requests
from tfgan_suite.exports.signatures.named_function import label_specs, named_function
from tfgan_suite.exports.signatures.signature import Signature
from tfgan_suite.foundation.randomness import fold
from tfgan_suite.generative.abilities import HasLatents


class Generate(Signature):
    """A seed, a count and the model's sampling options to examples of the spec's `edge_dtype`.

    Several requests may come in one: a seed, a count and a value of each option for each of them.
    """

    name = "generate"
    joining = "seeded"

    @classmethod
    def applies(cls, model):
        return True

    def outputs(self, examples):
        """The outputs, a dict of tensors, of examples of the spec's `edge_dtype`."""
        return {self.model.spec.unit[1]: examples}

    def function(self, max_count):
        def outputs_of(**inputs):
            return self.outputs(self._examples(max_count, **inputs))

        # Of any shape: REST's column format and gRPC send a scalar or [1], REST's row format sends [requests].
        numbers = {"seed": tf.int64, "count": tf.int32}
        numbers |= {option.name: tf.float32 for option in self.model.sampling_options}
        specs = {name: tf.TensorSpec(None, dtype) for name, dtype in numbers.items()}
        return named_function(outputs_of, {**specs, **label_specs(self.model, None)})

    def _examples(self, max_count, seed, count, labels=None, **sampling):
        model, spec = self.model, self.model.spec
        seed, count, sampling = check_requests(seed, count, sampling, model.sampling_options, max_count)

        def options_of(request):
            return {name: values[request] for name, values in sampling.items()}

        def draw_labels(request):
            return model.sample_labels(count[request], fold(seed[request], "generate", "labels"))

        def draw_latents(request):
            drawn_by = fold(seed[request], "generate", "latents")
            return model.sample_latents(count[request], drawn_by, **options_of(request))

        def sample(request):
            end = tf.reduce_sum(count[: request + 1])
            own_labels = None if labels is None else labels[end - count[request] : end]
            return model.sample(count[request], seed[request], own_labels, **options_of(request))

        if labels is not None:
            labels = tf.cond(
                tf.equal(tf.size(labels), 0),
                lambda: _for_each_request(draw_labels, tf.TensorSpec([None], tf.int32), tf.size(seed)),
                lambda: check_labels(labels, tf.reduce_sum(count), model),
            )
        if model.can(HasLatents):
            latents_spec = tf.TensorSpec([None, *model.latent_shape], tf.float32)
            latents = _for_each_request(draw_latents, latents_spec, tf.size(seed))
            repeated = {name: tf.repeat(values, count) for name, values in sampling.items()}
            examples = spec.to_edge(model(latents, labels, training=False, **repeated))
        else:
            examples_spec = tf.TensorSpec([None, *spec.shape], tf.as_dtype(spec.edge_dtype))
            examples = _for_each_request(sample, examples_spec, tf.size(seed))
        return tf.ensure_shape(examples, [None, *spec.shape])

    def warmup_inputs(self, count):
        inputs = {"seed": np.arange(count, dtype=np.int64), "count": np.ones([count], np.int32)}
        for option in self.model.sampling_options:
            inputs[option.name] = np.full([count], option.default, np.float32)
        return inputs if self.model.num_classes is None else {**inputs, "labels": np.zeros([count, 1], np.int32)}

    def compare(self, exported, max_count):
        count = min(4, max_count)
        return self.model.generate(count, seed=1), exported.generate_by_signature(count, seed=1)


def _for_each_request(draw, spec, num_requests):
    """Concatenates `draw(i)` for every request i; the draws may differ in length."""
    draws = tf.TensorArray(spec.dtype, size=num_requests, infer_shape=False, element_shape=spec.shape)
    _, draws = tf.while_loop(
        lambda i, _: i < num_requests,
        lambda i, draws: (i + 1, draws.write(i, draw(i))),
        [tf.constant(0), draws],
    )
    return tf.ensure_shape(draws.concat(), spec.shape)
