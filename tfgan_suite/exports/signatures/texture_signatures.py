"""The functions by which an exported model answers with textures of any size, beside those of all models."""

import tensorflow as tf

from tfgan_suite.exports.signatures.signature_parts import check_batch, check_labels, encode_png, require, signature
from tfgan_suite.foundation.randomness import fold
from tfgan_suite.specs.image_range import to_uint8

# In the order in which they are documented.
TEXTURE_SIGNATURE_NAMES = ("textures", "generate_textures", "generate_textures_png")


def texture_functions(model, max_count, encode):
    """Signatures of a model with `synthesize_textures`, and that function itself, without limits, for `load_generator`.

    Args:
        model: A built `GenerativeModel` that is a `TextureModel`.
        max_count: As many pixels as this number of the model's images have may be asked for in one request.
        encode: Whether its images can be PNG.

    Returns:
        `{name: tf.function}`.
    """
    height, width, _ = model.image_shape
    max_positions = max_count * (height // model.cell_size) * (width // model.cell_size)
    functions = {
        "textures": _maps_to_images(model, max_count, max_positions),
        "generate_textures": _seed_to_textures(model, max_positions, "images", tf.identity),
        "synthesize_textures": _plain_synthesis(model),
    }
    if encode:
        functions["generate_textures_png"] = _seed_to_textures(model, max_positions, "png_bytes", encode_png)
    return functions


def _maps_spec(model):
    return tf.TensorSpec([None, None, None, model.latent_channels], tf.float32)


def _maps_to_images(model, max_count, max_positions):
    def images_of(latent_maps, labels=None):
        latent_maps = check_batch("latent_maps", latent_maps, _maps_spec(model).shape, max_count)
        shape = tf.shape(latent_maps)
        latent_maps = _check_positions(shape[0], shape[1], shape[2], max_positions, latent_maps)
        finite = tf.reduce_all(tf.math.is_finite(latent_maps))
        latent_maps = require(finite, "latent_maps must be finite numbers.", latent_maps, latent_maps)
        if labels is not None:
            labels = check_labels(labels, shape[0], model.num_classes)
        return {"images": model.synthesize_textures(latent_maps, labels)}

    def unlabelled_images_of(latent_maps):
        return images_of(latent_maps)

    return signature(model, images_of, unlabelled_images_of, [_maps_spec(model)], label_shape=[None])


def _seed_to_textures(model, max_positions, output_name, encode):
    # Of any shape, as REST and gRPC send a scalar or [1].
    specs = [tf.TensorSpec(None, dtype) for dtype in (tf.int64, tf.int32, tf.int32, tf.int32, tf.bool)]
    cell = model.cell_size

    def textures_of(seed, count, height, width, seamless, labels=None):
        seed, count, height, width, seamless = _numbers(seed, count, height, width, seamless)
        height = require((height >= 1) & (width >= 1), "height and width must be 1 or more.", [height, width], height)
        whole_cells = tf.equal(height % cell, 0) & tf.equal(width % cell, 0)
        message = f"With seamless, height and width must be multiples of {cell}."
        height = require(whole_cells | ~seamless, message, [height, width], height)
        # As in TextureModel.generate_textures.
        margin = tf.where(seamless, 0, 1)
        rows, columns = -(-height // cell) + margin, -(-width // cell) + margin
        count = _check_positions(count, rows, columns, max_positions, count)
        latent_maps = model.sample_latent_maps(count, rows, columns, seed)
        if labels is not None:
            labels = tf.cond(
                tf.equal(tf.size(labels), 0),
                lambda: model.sample_labels(count, fold(seed, "texture", "labels")),
                lambda: check_labels(labels, count, model.num_classes),
            )
        images = to_uint8(model.synthesize_textures(latent_maps, labels))
        return {output_name: encode(images[:, :height, :width])}

    def unlabelled_textures_of(seed, count, height, width, seamless):
        return textures_of(seed, count, height, width, seamless)

    return signature(model, textures_of, unlabelled_textures_of, specs, label_shape=None)


def _plain_synthesis(model):
    def synthesize_textures(latent_maps, labels=None):
        return model.synthesize_textures(latent_maps, labels)

    def unlabelled_synthesize_textures(latent_maps):
        return model.synthesize_textures(latent_maps)

    specs = [_maps_spec(model)]
    return signature(model, synthesize_textures, unlabelled_synthesize_textures, specs, label_shape=[None])


def _numbers(*values):
    """Scalars of what are one number each."""
    values = [tf.reshape(value, [-1]) for value in values]
    sizes = [tf.size(value) for value in values]
    message = "seed, count, height, width and seamless must be one value each. Numbers of values given:"
    one_each = tf.reduce_all(tf.equal(sizes, 1))
    return [require(one_each, message, sizes, value)[0] for value in values]


def _check_positions(count, rows, columns, max_positions, value):
    """Lets `value` pass if there is something to make, and not too much."""
    there = (count >= 1) & (rows >= 1) & (columns >= 1)
    # In floating point, in which the product of large numbers cannot wrap round to a small one.
    positions = tf.cast(count, tf.float64) * tf.cast(rows, tf.float64) * tf.cast(columns, tf.float64)
    message = (
        f"Textures must have 1 to {max_positions} latents in all: their number x rows x columns. "
        "Ask for fewer or smaller ones."
    )
    return require(there & (positions <= max_positions), message, [count, rows, columns], value)
