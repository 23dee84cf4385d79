"""The functions that an exported model answers with, each checking its own inputs inside the graph.

The checks live in the graph because TensorFlow Serving runs nothing else: it does not even compare the shape of an input
with the signature. A check that fails is `INVALID_ARGUMENT` over gRPC and HTTP 400 over REST, with the message below.
"""

import tensorflow as tf

from tfgan_suite.exports.signatures.signature_parts import (
    check_batch,
    check_labels,
    check_requests,
    encode_png,
    require,
    signature,
)
from tfgan_suite.exports.signatures.texture_signatures import TEXTURE_SIGNATURE_NAMES, texture_functions
from tfgan_suite.foundation.randomness import fold
from tfgan_suite.specs.image_range import to_float, to_uint8

# In the order in which they are documented.
SIGNATURE_NAMES = ("serving_default", "generate", "generate_png", "discriminate", *TEXTURE_SIGNATURE_NAMES)

# Channels that `tf.io.encode_png` can write.
PNG_CHANNELS = (1, 2, 3, 4)


class GeneratorModule(tf.Module):
    """What `tf.saved_model.save` writes for a `GenerativeModel`: its functions, and the variables that they touch.

    The model itself is no attribute, so that neither optimizers nor the generator without averaging are saved.
    `labels` is an input only where the model has classes, since TensorFlow Serving wants every input present.
    Functions that are no signatures are for `load_generator`; they are not limited to `max_count`.

    Args:
        model: A built `GenerativeModel`.
        max_count: Largest number of images in one request, >= 1. It bounds the memory that a client can ask for.
    """

    def __init__(self, model, max_count: int):
        super().__init__(name="generator_module")
        functions = {
            "serving_default": _latents_to_images(model, max_count),
            "generate": _seed_to_images(model, max_count, "images", tf.identity),
        }
        if model.image_shape[-1] in PNG_CHANNELS:
            functions["generate_png"] = _seed_to_images(model, max_count, "png_bytes", encode_png)
        if hasattr(model, "discriminate"):
            functions["discriminate"] = _images_to_logits(model, max_count)
        if hasattr(model, "synthesize_textures"):
            functions |= texture_functions(model, max_count, encode=model.image_shape[-1] in PNG_CHANNELS)
        functions |= _plain_functions(model)
        for name, function in functions.items():
            setattr(self, name, function)
        # Found in the graphs rather than asked of the model, so that it holds for any kind of model.
        graphs = [function.get_concrete_function().graph for function in functions.values()]
        self.used_variables = list(
            {id(variable): variable for graph in graphs for variable in graph.variables}.values()
        )

    @property
    def signature_functions(self) -> dict:
        """`{name: function}`, for the argument `signatures` of `tf.saved_model.save`."""
        return {name: getattr(self, name) for name in SIGNATURE_NAMES if hasattr(self, name)}


# === Signatures ===


def _latents_to_images(model, max_count):
    latents_spec = tf.TensorSpec([None, model.latent_size], tf.float32)

    def images_of(latents, labels=None):
        latents = check_batch("latents", latents, [None, model.latent_size], max_count)
        finite = tf.reduce_all(tf.math.is_finite(latents))
        latents = require(finite, "latents must be finite numbers.", latents, latents)
        if labels is not None:
            labels = check_labels(labels, tf.shape(latents)[0], model.num_classes)
        images = model(latents, labels, training=False)
        return {"images": tf.ensure_shape(images, [None, *model.image_shape])}

    def unlabelled_images_of(latents):
        return images_of(latents)

    return signature(model, images_of, unlabelled_images_of, [latents_spec], label_shape=[None])


def _seed_to_images(model, max_count, output_name, encode):
    # Of any shape: REST's column format and gRPC send a scalar or [1], REST's row format sends [requests].
    specs = [tf.TensorSpec(None, dtype) for dtype in (tf.int64, tf.int32, tf.float32)]

    def images_of(seed, count, truncation, labels=None):
        seed, count, truncation = check_requests(seed, count, truncation, max_count)
        latents = _for_each_request(
            lambda i: model.sample_latents(count[i], _seed_for(seed[i], "latents"), truncation[i]),
            tf.TensorSpec([None, model.latent_size], tf.float32),
            tf.size(seed),
        )
        if labels is not None:
            labels = tf.cond(
                tf.equal(tf.size(labels), 0),
                lambda: _for_each_request(
                    lambda i: model.sample_labels(count[i], _seed_for(seed[i], "labels")),
                    tf.TensorSpec([None], tf.int32),
                    tf.size(seed),
                ),
                lambda: check_labels(labels, tf.reduce_sum(count), model.num_classes),
            )
        images = to_uint8(model(latents, labels, training=False, truncation=tf.repeat(truncation, count)))
        return {output_name: encode(tf.ensure_shape(images, [None, *model.image_shape]))}

    def unlabelled_images_of(seed, count, truncation):
        return images_of(seed, count, truncation)

    return signature(model, images_of, unlabelled_images_of, specs, label_shape=None)


def _images_to_logits(model, max_count):
    images_spec = tf.TensorSpec([None, *model.image_shape], tf.uint8)

    def logits_of(images, labels=None):
        images = check_batch("images", images, [None, *model.image_shape], max_count)
        if labels is not None:
            labels = check_labels(labels, tf.shape(images)[0], model.num_classes)
        return {"logits": model.discriminate(to_float(images), labels, training=False)}

    def unlabelled_logits_of(images):
        return logits_of(images)

    return signature(model, logits_of, unlabelled_logits_of, [images_spec], label_shape=[None])


# === For load_generator: a model's own functions, without limits ===


def _plain_functions(model):
    latents_spec = tf.TensorSpec([None, model.latent_size], tf.float32)
    batch_size_spec, seed_spec = tf.TensorSpec([], tf.int32), tf.TensorSpec([2], tf.int32)

    truncation_spec = tf.TensorSpec(None, tf.float32)

    def synthesize(latents, truncation, labels=None):
        images = model(latents, labels, training=False, truncation=truncation)
        return tf.ensure_shape(images, [None, *model.image_shape])

    def unlabelled_synthesize(latents, truncation):
        return synthesize(latents, truncation)

    def sample_latents(batch_size, seed, truncation):
        return model.sample_latents(batch_size, seed, truncation)

    def sample_labels(batch_size, seed):
        return model.sample_labels(batch_size, seed)

    functions = {
        "synthesize": signature(
            model, synthesize, unlabelled_synthesize, [latents_spec, truncation_spec], label_shape=[None]
        ),
        "sample_latents": tf.function(
            sample_latents, input_signature=[batch_size_spec, seed_spec, tf.TensorSpec([], tf.float32)]
        ),
    }
    if model.num_classes is not None:
        functions["sample_labels"] = tf.function(sample_labels, input_signature=[batch_size_spec, seed_spec])
    return functions


def _seed_for(seed, purpose):
    """The seed by which `GenerativeModel.sample` draws for this purpose."""
    return fold(seed, "generate", purpose)


# === Parts ===


def _for_each_request(draw, spec, num_requests):
    """Concatenates `draw(i)` for every request i; the draws may differ in length."""
    draws = tf.TensorArray(spec.dtype, size=num_requests, infer_shape=False, element_shape=spec.shape)
    _, draws = tf.while_loop(
        lambda i, _: i < num_requests,
        lambda i, draws: (i + 1, draws.write(i, draw(i))),
        [tf.constant(0), draws],
    )
    return tf.ensure_shape(draws.concat(), spec.shape)
