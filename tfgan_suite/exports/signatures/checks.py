"""Checks of inputs within the graph."""

import tensorflow as tf

# In the name of the operation that fails, which engines show: after what it is about, before the largest number.
OUT_OF_RANGE = "_must_be_from_0_to_"


def require(condition, message, received, value):
    """Lets `value` pass if `condition` holds; otherwise fails the request with `message` and `received`."""
    with tf.control_dependencies([tf.debugging.Assert(condition, [message + " Received:", received], summarize=8)]):
        return tf.identity(value)


def check_batch(name, values, shape, max_count):
    """`values`, of this shape, with 1 to `max_count` rows, and finite where they are floating-point numbers."""
    # ensure_shape stays in the graph, where a comparison of the shapes would be folded into "true".
    values = tf.ensure_shape(values, shape)
    size = tf.shape(values)[0]
    message = f"{name} must hold 1 to {max_count} rows; send several requests for more."
    values = require((size >= 1) & (size <= max_count), message, size, values)
    if not values.dtype.is_floating:
        return values
    return require(tf.reduce_all(tf.math.is_finite(values)), f"{name} must be finite numbers.", values, values)


def check_examples(spec, values, max_count):
    """`check_batch` of examples of the spec's `edge_dtype`; of tokens, whose integers could be any, also within their range."""
    units = spec.unit[1]
    values = check_batch(units, values, [None, *spec.shape], max_count)
    if not spec.takes_integers:
        return values
    low, high = (int(limit) for limit in spec.model_range)
    ends = [tf.reduce_min(values), tf.reduce_max(values)]
    return require((ends[0] >= low) & (ends[1] <= high), f"{units} must be from {low} to {high}.", ends, values)


def check_labels(labels, count, model):
    """Vector of labels, one for each of `count` examples, all within the model's classes."""
    labels = tf.reshape(labels, [-1])
    one, several = model.spec.unit
    message = f"labels must be one for each {one}. Numbers of labels and of {several} differ."
    labels = require(tf.equal(tf.size(labels), count), message, [tf.size(labels), count], labels)
    in_range = tf.reduce_all((labels >= 0) & (labels < model.num_classes))
    return require(in_range, f"labels must be from 0 to {model.num_classes - 1}.", labels, labels)


def look_up_labels(labels, num_classes):
    """`labels`, looked up in a table of all classes, so that engines without assertions fail for one that does not exist.

    ONNX Runtime and LiteRT run no `tf.debugging.Assert`, but refuse to read beyond the end of a table. ONNX counts negative
    numbers from its end: they are made to point behind it, as are those that are too large.

    Args:
        labels: int32 tensor.
        num_classes: Integer >= 1.

    Example:

    >>> look_up_labels(tf.constant([0, 2]), 3).numpy().tolist()
    [0, 2]
    """
    return look_up(labels, num_classes, f"labels{OUT_OF_RANGE}{num_classes - 1}")


def look_up(numbers, count, name):
    """As `look_up_labels`, of int32 numbers of any shape from 0 to `count - 1`. Errors of engines show the name."""
    in_range = (numbers >= 0) & (numbers < count)
    return tf.gather(tf.range(count), tf.where(in_range, numbers, count), name=name)


def check_requests(seed, count, sampling, options, max_count):
    """What each of several requests asks for, one number each, or one for each row of a REST request in row format.

    Args:
        seed: int64 tensor.
        count: int32 tensor.
        sampling: Dict of name to float32 tensor, the value of each sampling option.
        options: Tuple of `SamplingOption`, those of the model.
        max_count: Integer >= 1. The most examples of all requests together.

    Returns:
        The same, as vectors `[requests]`.
    """
    seed, count = tf.reshape(seed, [-1]), tf.reshape(count, [-1])
    sampling = {name: tf.reshape(values, [-1]) for name, values in sampling.items()}
    sizes = [tf.size(values) for values in (seed, count, *sampling.values())]
    names = ["seed", "count", *sampling]
    message = f"{', '.join(names[:-1])} and {names[-1]} must hold one number each, or one for each request. Numbers given differ."
    one_each = (sizes[0] >= 1) & tf.reduce_all(tf.equal(tf.stack(sizes), sizes[0]))
    count = require(one_each, message, sizes, count)
    # In int64, in which the sum of many large counts cannot wrap round to a small one.
    total = tf.reduce_sum(tf.cast(count, tf.int64))
    message = f"count must be from 1 to {max_count}, for all rows together; send several requests for more."
    count = require(tf.reduce_all(count >= 1) & (total <= max_count), message, count, count)
    return seed, count, check_options(options, sampling)


def check_options(options, sampling):
    """The values of sampling options, each within its bounds.

    Args:
        options: Tuple of `SamplingOption`.
        sampling: Dict of name to float32 tensor.
    """
    return {option.name: _check_option(option, sampling[option.name]) for option in options}


def _check_option(option, values):
    if option.minimum == option.maximum:
        message = f"{option.name} must be {option.minimum:g}. {option.description}"
    else:
        message = f"{option.name} must be from {option.minimum:g} to {option.maximum:g}."
    in_range = tf.reduce_all((values >= option.minimum) & (values <= option.maximum))  # False for NaN.
    return require(in_range, message, values, values)
