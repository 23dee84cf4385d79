"""Sampling as the paper's code does it: the whole network once for each pixel."""

import tensorflow as tf

from tfgan_suite.models.pixelcnn.cached_sampling import sample_pixel


def sample_naively(network, distribution, labels, noise, num_levels, temperature=1.0, given=None):
    """Images float32 `[batch, height, width, channels]`. `noise` is as `draw_noise` returns it, `given` images and their mask."""
    height, width, channels = network.image_shape
    images = tf.Variable(tf.zeros([len(next(iter(noise.values()))), height, width, channels]))
    inputs = (images,) if labels is None else (images, labels)
    run = tf.function(lambda: network(*inputs), autograph=False)
    for row in range(height):
        for column in range(width):
            parameters = run()[:, row, column]
            drawn = {name: values[:, row, column] for name, values in noise.items()}
            pixel = sample_pixel(distribution, parameters, channels, num_levels, drawn, temperature)
            if given is not None:
                pixel = tf.where(given[1][:, row, column, None], given[0][:, row, column], pixel)
            images[:, row, column].assign(pixel)
    return tf.convert_to_tensor(images)
