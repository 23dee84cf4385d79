"""A model's own functions as an export holds them for `load_generator`: without limits, and with values as inside models."""

import tensorflow as tf

from tfgan_suite.exports.signatures.checks import look_up_labels
from tfgan_suite.exports.signatures.named_function import label_specs, named_function
from tfgan_suite.generative.abilities import (
    Completes,
    Discriminates,
    Encodes,
    HasLatents,
    HasLikelihood,
    MakesTextures,
    Reconstructs,
    ScoresAnomalies,
    Tokenizes,
    WritesText,
)

_COUNT = tf.TensorSpec([], tf.int32)
_SEED = tf.TensorSpec([2], tf.int32)


def exported_abilities(model) -> list:
    """The abilities of a model that its export has as well, a list of classes."""
    return [ability for ability in _FUNCTIONS if model.can(ability)]


def model_functions(model) -> dict:
    """The functions, a dict of name to `tf.function`.

    Args:
        model: A built `GenerativeModel`.
    """
    functions = {} if model.can(HasLatents) else _sampling(model)
    if model.num_classes is not None:
        functions["sample_labels"] = _positional(model, model.sample_labels, {"batch_size": _COUNT, "seed": _SEED})
    for ability in exported_abilities(model):
        functions |= _FUNCTIONS[ability](model)
    return functions


def _positional(model, function, specs, by_name=()):
    """`named_function` of a method that gets its arguments by position: its own names for them may be others."""

    def call(**inputs):
        if "labels" in inputs:
            inputs["labels"] = look_up_labels(inputs["labels"], model.num_classes)
        named = {name: inputs.pop(name) for name in by_name}
        return function(*inputs.values(), **named)

    return named_function(call, specs)


def _option_specs(model, shape):
    return {option.name: tf.TensorSpec(shape, tf.float32) for option in model.sampling_options}


def _sampling(model):
    options = _option_specs(model, [])
    specs = {"count": _COUNT, "seed": tf.TensorSpec([], tf.int64), **label_specs(model, [None]), **options}
    return {"sample": _positional(model, model.sample, specs, by_name=options)}


def _of_latents(model):
    def synthesize(latents, labels=None, **sampling):
        labels = None if labels is None else look_up_labels(labels, model.num_classes)
        return tf.ensure_shape(model(latents, labels, training=False, **sampling), [None, *model.spec.shape])

    latents = tf.TensorSpec([None, *model.latent_shape], tf.float32)
    # A number for all examples, or one for each.
    specs = {"latents": latents, **_option_specs(model, None), **label_specs(model, [None])}
    options = _option_specs(model, [])
    draws = {"batch_size": _COUNT, "seed": _SEED, **options}
    return {
        "synthesize": named_function(synthesize, specs),
        "sample_latents": _positional(model, model.sample_latents, draws, by_name=options),
    }


def _of_textures(model):
    maps = tf.TensorSpec([None, None, None, model.latent_channels], tf.float32)
    specs = {"latent_maps": maps, **label_specs(model, [None])}
    return {"synthesize_textures": _positional(model, model.synthesize_textures, specs)}


def _of_examples(name, takes_labels=True, takes_seed=False):
    """Makes the function of that name, which has examples as they are inside of models among its inputs."""

    def make(model):
        batch = model.spec.to_model(tf.zeros([1, *model.spec.shape], tf.as_dtype(model.spec.edge_dtype)))
        specs = {"examples": tf.TensorSpec([None, *batch.shape[1:]], batch.dtype)}
        specs |= label_specs(model, [None]) if takes_labels else {}
        seed = {"seed": tf.TensorSpec([], tf.int64)} if takes_seed else {}
        # The bare names are those of the signatures.
        return {f"model_{name}": _positional(model, getattr(model, name), {**specs, **seed}, by_name=seed)}

    return make


def _of_completion(model):
    batch = model.spec.to_model(tf.zeros([1, *model.spec.shape], tf.as_dtype(model.spec.edge_dtype)))
    options = _option_specs(model, [None])
    specs = {
        "examples": tf.TensorSpec([None, *batch.shape[1:]], batch.dtype),
        "mask": tf.TensorSpec([None, *model.spec.positions], tf.bool),
        "seed": tf.TensorSpec([None], tf.int64),
        **label_specs(model, [None]),
        **options,
    }
    return {"model_complete": _positional(model, model.fill_in, specs, by_name=options)}


def _of_text(model):
    options = _option_specs(model, [])
    specs = {
        "prompts": tf.TensorSpec([None], tf.string),
        "seeds": tf.TensorSpec([None, 2], tf.int32),
        "num_bytes": tf.TensorSpec([], tf.int32),
        **label_specs(model, [None]),
        **options,
    }
    return {
        "model_continue_text": _positional(model, model.continue_text, specs, by_name=options),
        **_of_examples("byte_log_prob")(model),
    }


def _of_tokens(model):
    tokens = {"tokens": tf.TensorSpec([None, *model.token_shape], tf.int32)}
    return {
        **_of_examples("encode_tokens", takes_labels=False)(model),
        "model_decode_tokens": _positional(model, model.decode_tokens, tokens),
    }


_FUNCTIONS = {
    HasLatents: _of_latents,
    Encodes: _of_examples("encode"),
    Reconstructs: _of_examples("reconstruct"),
    Completes: _of_completion,
    Tokenizes: _of_tokens,
    HasLikelihood: _of_examples("log_prob", takes_seed=True),
    WritesText: _of_text,
    Discriminates: _of_examples("discriminate"),
    ScoresAnomalies: _of_examples("anomaly_score", takes_labels=False),
    MakesTextures: _of_textures,
}
