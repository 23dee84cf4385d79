"""Latents of examples, for models that encode: where other models have to search."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.abilities import Encodes, require

_BATCH_SIZE = 64


@dataclasses.dataclass(frozen=True)
class Encoded:
    """What a model makes of one example.

    Attributes:
        latents: Float32 array `[*latent_shape]`.
        example: Array `[*spec.shape]` of the spec's `edge_dtype`. What the model makes of the latents.
        squared_error: Float. Mean squared difference from the example that was given, as they are inside of models: of images
            in [-1, 1].
    """

    latents: np.ndarray
    example: np.ndarray
    squared_error: float


def encode_examples(model, examples, labels=None):
    """Latents of examples, in batches.

    Args:
        model: A model that encodes.
        examples: `[count, *spec.shape]`, of the spec's `edge_dtype` or as they are inside of models.
        labels: Integers `[count]` of a conditional model.

    Returns:
        Float32 array `[count, *latent_shape]`.

    Raises:
        UserError: A model that does not encode.
    """
    require(model, Encodes, "Encoding")
    encode = tf.function(model.encode, autograph=False, reduce_retracing=True)
    parts = []
    for i in range(0, len(examples), _BATCH_SIZE):
        batch = tf.convert_to_tensor(examples[i : i + _BATCH_SIZE])
        batch = model.spec.to_model(batch) if batch.dtype == model.spec.edge_dtype else batch
        parts.append(encode(batch, None if labels is None else tf.constant(labels[i : i + _BATCH_SIZE], tf.int32)))
    return tf.concat(parts, axis=0).numpy()


def encode_example(model, example, label=None):
    """Projects one example into a model that encodes: no search is needed.

    Args:
        model: A model that encodes, such as `Glow` or `VAE`.
        example: `[*spec.shape]`, of the spec's `edge_dtype`.
        label: Integer or name of a class, for a conditional model.

    Returns:
        An `Encoded`.

    Raises:
        UserError: A model that does not encode, or a conditional one without a label.

    Example:

    >>> vae = VAE(image_shape=(8, 8, 1), latent_size=3, base_channels=4, dense_units=8)
    >>> encode_example(vae, np.zeros([8, 8, 1], "uint8")).latents.shape
    (3,)
    """
    if label is None and model.num_classes is not None:
        raise UserError(
            "`label` must be the class of the example, since the model is conditional. Received: label=None"
        )
    labels = None if label is None else model.condition.class_indices(label, 1)
    latents = encode_examples(model, example[None], labels)
    values = model(tf.constant(latents), None if labels is None else tf.constant(labels, tf.int32))
    error = tf.reduce_mean(tf.square(values - model.spec.to_model(tf.constant(example[None])))).numpy()
    return Encoded(latents[0], model.spec.to_edge(values)[0].numpy(), float(error))
