"""`generate_text`: prompts to text that begins with them."""

import numpy as np
import tensorflow as tf

from tfgan_suite.exports.signatures.checks import check_labels, check_options, require
from tfgan_suite.exports.signatures.named_function import label_specs, named_function
from tfgan_suite.exports.signatures.signature import Signature
from tfgan_suite.generative.abilities import WritesText
from tfgan_suite.generative.seeded_sampling import example_seeds

# The longest continuation of a request, in windows of the model.
_MAX_WINDOWS = 16


class GenerateText(Signature):
    """Prompts, seeds, numbers of bytes and the model's sampling options to text, each with its prompt in front.

    Seeds, numbers and options are one for all prompts of a request, as for `generate(prompt=[...])`, or one for each prompt, which
    is then continued as it would be alone. An answer comes when all of its text is written: it is not streamed.
    """

    name = "generate_text"
    joining = "none"

    @classmethod
    def applies(cls, model):
        return model.can(WritesText)

    def function(self, max_count):
        model, max_bytes = self.model, _MAX_WINDOWS * self.model.spec.shape[0]

        def outputs_of(prompt, seed, num_bytes, labels=None, **sampling):
            prompt = _check_strings(prompt, max_count)
            count = tf.size(prompt)
            numbers = {"seed": seed, "num_bytes": num_bytes, **sampling}
            numbers = {name: _check_size(name, values, count) for name, values in numbers.items()}
            seed, num_bytes = numbers.pop("seed"), numbers.pop("num_bytes")
            message = f"num_bytes must be from 1 to {max_bytes}."
            in_range = tf.reduce_all((num_bytes >= 1) & (num_bytes <= max_bytes))
            num_bytes = require(in_range, message, num_bytes, num_bytes)
            if labels is not None:
                labels = check_labels(labels, count, model)
            sampling = check_options(model.sampling_options, numbers)
            sampling = {name: tf.broadcast_to(values, [count]) for name, values in sampling.items()}
            seeds = tf.cond(
                tf.equal(tf.size(seed), 1), lambda: example_seeds(count, seed[0], "tokens"), lambda: _seeds_alone(seed)
            )
            text = tf.strings.join([prompt, model.continue_text(prompt, seeds, num_bytes, labels, **sampling)])
            # Where text is wanted, what is no UTF-8 becomes U+FFFD.
            return {"text": tf.strings.unicode_transcode(text, "UTF-8", "UTF-8"), "txt_bytes": text}

        specs = {
            "prompt": tf.TensorSpec([None], tf.string),
            "seed": tf.TensorSpec([None], tf.int64),
            "num_bytes": tf.TensorSpec([None], tf.int32),
            **{option.name: tf.TensorSpec([None], tf.float32) for option in self.model.sampling_options},
        }
        return named_function(outputs_of, {**specs, **label_specs(self.model, [None])})

    def warmup_inputs(self, count):
        inputs = {
            "prompt": np.array([b"The "] * count, object),
            "seed": np.arange(count, dtype=np.int64),
            "num_bytes": np.ones([count], np.int32),
        }
        for option in self.model.sampling_options:
            inputs[option.name] = np.full([count], option.default, np.float32)
        return inputs if self.model.num_classes is None else {**inputs, "labels": np.zeros([count], np.int32)}

    def compare(self, exported, max_count):
        count = min(2, max_count)
        inputs = {**self.warmup_inputs(count), "seed": [3], "num_bytes": [self.model.spec.shape[0]]}
        labels = inputs.get("labels")
        made = self.model.generate(labels=labels, prompt=inputs["prompt"].tolist(), seed=3)
        received = exported.call_signature(self.name, **inputs)["txt_bytes"].tolist()
        return _as_array(made), _as_array(received)


def _check_strings(prompt, max_count):
    size = tf.size(prompt)
    message = f"prompt must hold 1 to {max_count} texts; send several requests for more."
    return require((size >= 1) & (size <= max_count), message, size, tf.ensure_shape(prompt, [None]))


def _check_size(name, values, count):
    sizes = [tf.size(values), count]
    message = f"{name} must hold one number, or one for each prompt. Numbers given and of prompts:"
    return tf.reshape(require(tf.equal(sizes[0], 1) | tf.equal(*sizes), message, sizes, values), [-1])


def _seeds_alone(seed):
    """The seed of each of several requests for one text."""
    pair = tf.TensorSpec([2], tf.int32)
    return tf.map_fn(lambda one: example_seeds(1, one, "tokens")[0], seed, fn_output_signature=pair)


def _as_array(texts):
    return np.frombuffer(b"".join(texts), np.uint8)
