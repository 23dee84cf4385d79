"""What signatures are made of: the choice between labels and none, the encoding of pictures, checks within the graph."""

import tensorflow as tf


def signature(model, labelled, unlabelled, specs, label_shape):
    """The one of two functions that fits the model, as a `tf.function`. Its inputs bear the parameters' names."""
    if model.num_classes is None:
        return tf.function(unlabelled, input_signature=specs)
    return tf.function(labelled, input_signature=[*specs, tf.TensorSpec(label_shape, tf.int32)])


def encode_png(images):
    """PNG files, string `[batch]`, of uint8 `[batch, height, width, channels]`."""
    return tf.map_fn(tf.io.encode_png, images, fn_output_signature=tf.TensorSpec([], tf.string))


# === Checks ===


def require(condition, message, received, value):
    """Lets `value` pass if `condition` holds; otherwise fails the request with `message` and `received`."""
    with tf.control_dependencies([tf.debugging.Assert(condition, [message + " Received:", received], summarize=8)]):
        return tf.identity(value)


def check_batch(name, values, shape, max_count):
    """`values`, of this shape and at most `max_count` rows."""
    # ensure_shape stays in the graph, where a comparison of the shapes would be folded into "true".
    values = tf.ensure_shape(values, shape)
    size = tf.shape(values)[0]
    message = f"{name} must hold 1 to {max_count} rows; send several requests for more."
    return require((size >= 1) & (size <= max_count), message, size, values)


def check_labels(labels, count, num_classes):
    """Vector of labels, one for each of `count` images, all within the classes."""
    labels = tf.reshape(labels, [-1])
    message = "labels must be one for each image. Numbers of labels and of images differ."
    labels = require(tf.equal(tf.size(labels), count), message, [tf.size(labels), count], labels)
    in_range = tf.reduce_all((labels >= 0) & (labels < num_classes))
    return require(in_range, f"labels must be from 0 to {num_classes - 1}.", labels, labels)


def check_requests(seed, count, truncation, max_count):
    """Vectors `[requests]` of what are one number each, or one for each row of a REST request in row format."""
    seed, count, truncation = (tf.reshape(values, [-1]) for values in (seed, count, truncation))
    sizes = [tf.size(seed), tf.size(count), tf.size(truncation)]
    one_each = (sizes[0] >= 1) & tf.equal(sizes[0], sizes[1]) & tf.equal(sizes[0], sizes[2])
    message = "seed, count and truncation must hold one number each, or one for each request. Numbers given differ."
    count = require(one_each, message, sizes, count)
    # In int64, in which the sum of many large counts cannot wrap round to a small one.
    total = tf.reduce_sum(tf.cast(count, tf.int64))
    message = f"count must be from 1 to {max_count}, for all rows together; send several requests for more."
    count = require(tf.reduce_all(count >= 1) & (total <= max_count), message, count, count)
    in_range = tf.reduce_all((truncation >= 0.0) & (truncation <= 1.0))  # False for NaN.
    truncation = require(in_range, "truncation must be from 0 to 1.", truncation, truncation)
    return seed, count, truncation
