"""Peak memory of training, predicted from the traced step: `estimate_memory`."""

import math

import tensorflow as tf

from tfgan_suite.runs.tensor_lifetimes import count_operations, peak_bytes

# Measured with TensorFlow 2.21 on Linux, see docs/memory.md: what tracing, optimising and running a graph takes for each
# operation and for any graph at all; and how much more memory the allocator needs than the tensors that are alive, since
# those of one step do not fit exactly in the gaps that others leave.
_BYTES_AN_OPERATION = 24_000
_BYTES_OF_ANY_GRAPH = 55_000_000
_GAPS = 0.35
_GAPS_BETWEEN_VARIABLES = 0.1


def estimate_memory(model, batch_size, image_shape=None):
    """Predicts the peak of resident memory in training on a CPU, without taking a step.

    Traces the model's own step, with its penalties, microbatches, rematerialisation and types, and follows which of its
    tensors are in memory at the same time.

    Args:
        model: A compiled `GAN`.
        batch_size: Images of one step.
        image_shape: Of the images of a step, `(height, width, channels)`; by default the model's.

    Returns:
        Bytes by use, a dict. What the process takes before the model is made is not in it.

    Example:

    >>> gan = DCGAN(image_shape=(32, 32, 1), base_channels=4)
    >>> gan.compile(microbatch_size=8)
    >>> sorted(estimate_memory(gan, batch_size=64))
    ['TensorFlow graphs', 'activations, gradients', 'allocator', 'averaged generator', 'optimizers', 'weights']
    """
    images = tf.TensorSpec([batch_size, *(image_shape or model.image_shape)], tf.float32)
    labels = tf.TensorSpec([batch_size], tf.int32)
    data = images if model.num_classes is None else (images, labels)
    graph = tf.function(model.train_step, autograph=False).get_concrete_function(data).graph
    memory_bytes = {
        "weights": _bytes_of(model.generator.variables + model.discriminator.variables),
        "averaged generator": _bytes_of(model.ema_generator.variables),
        "optimizers": _bytes_of(model.generator_optimizer.variables + model.discriminator_optimizer.variables),
    }
    state = sum(memory_bytes.values())
    activations = peak_bytes(graph)
    return {
        **memory_bytes,
        "activations, gradients": activations,
        "allocator": int(_GAPS * activations + _GAPS_BETWEEN_VARIABLES * state),
        "TensorFlow graphs": _BYTES_OF_ANY_GRAPH + _BYTES_AN_OPERATION * count_operations(graph),
    }


def _bytes_of(variables):
    return sum(math.prod(variable.shape) * tf.as_dtype(variable.dtype).size for variable in variables)
