"""The scalars of StyleGAN2's training and their gradients, as the golden vectors name them."""

import numpy as np
import tensorflow as tf

from tfgan_suite.checkpoints.stylegan2_state import stylegan2_to_state


def channels_last(images):
    return tf.constant(np.transpose(images, [0, 2, 3, 1]), tf.float32)


def channels_first(images):
    return np.transpose(images, [0, 3, 1, 2])


def _gradients(tape, loss, network):
    """Zeros for a variable that the loss does not depend on."""
    variables = network.trainable_variables
    gradients = tape.gradient(loss, variables)
    return [tf.zeros(v.shape) if gradient is None else gradient for v, gradient in zip(variables, gradients)]


def _compiled(function, jit_compile):
    """As a graph, with or without XLA; `None` for operation by operation, the quickest if it runs but once."""
    if jit_compile is None:
        return function
    return tf.function(function, jit_compile=jit_compile, autograph=False)


def path_length(generator, latents, labels, noise, jit_compile=False):
    """Lengths, penalties against a mean that just left 0, gradient of twice their mean by official names."""

    def compute():
        ws = tf.stop_gradient(generator.map(latents, labels))
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(ws)
                product = tf.reduce_sum(generator.synthesize(ws, noise="const") * channels_last(noise))
            slopes = inner.gradient(product, ws)  # [batch, num_ws, w_size]
            lengths = tf.sqrt(tf.reduce_mean(tf.reduce_sum(tf.square(slopes), axis=2), axis=1))
            penalties = tf.square(lengths - 0.01 * tf.reduce_mean(lengths))
            loss = 2.0 * tf.reduce_mean(penalties)
        return lengths, penalties, _gradients(outer, loss, generator)

    lengths, penalties, gradients = _compiled(compute, jit_compile)()
    return lengths.numpy(), penalties.numpy(), stylegan2_to_state(generator, gradients)


def discriminator_loss(discriminator, real_images, fake_images, labels, jit_compile=False):
    """Logits of both, R1 without its weight, the loss with gamma 10, its gradient by official names."""

    def compute():
        images = channels_last(real_images)
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(images)
                real_logits = discriminator(images, labels)
                total = tf.reduce_sum(real_logits)
            penalties = tf.reduce_sum(tf.square(inner.gradient(total, images)), axis=[1, 2, 3])
            fake_logits = discriminator(channels_last(fake_images), labels)
            loss = tf.reduce_mean(tf.nn.softplus(-real_logits) + 5.0 * penalties)
            loss += tf.reduce_mean(tf.nn.softplus(fake_logits))
        return real_logits, fake_logits, penalties, loss, _gradients(outer, loss, discriminator)

    *scalars, gradients = _compiled(compute, jit_compile)()
    return *(scalar.numpy() for scalar in scalars), stylegan2_to_state(discriminator, gradients)


def generator_loss(generator, discriminator, latents, labels, jit_compile=False):
    """The loss through mapping and synthesis with constant noise, its gradient by official names."""

    def compute():
        with tf.GradientTape() as tape:
            logits = discriminator(generator(latents, labels, noise="const"), labels)
            loss = tf.reduce_mean(tf.nn.softplus(-logits))
        return loss, _gradients(tape, loss, generator)

    loss, gradients = _compiled(compute, jit_compile)()
    return loss.numpy(), stylegan2_to_state(generator, gradients)


def assert_close(received, expected, tolerance=2e-4):
    """Largest error, relative to the largest value."""
    expected = np.asarray(expected)
    np.testing.assert_allclose(received, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def assert_same_gradients(received, expected, tolerance=1e-3):
    """`||a - b|| / ||b||` for each name of `expected`; what is not named there is zero."""
    for name, gradient in received.items():
        reference = np.asarray(expected.get(name, np.zeros_like(gradient)))
        error, size = np.linalg.norm(gradient - reference), np.linalg.norm(reference)
        assert error <= tolerance * size + 1e-12, f"{name}: {error} of {size}"
    assert set(expected) <= set(received)
