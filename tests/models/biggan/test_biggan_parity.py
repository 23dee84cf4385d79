"""Images, logits, losses, buffers and gradients of the reference implementation."""

import numpy as np
import pytest
import tensorflow as tf

from tests.golden_vectors import assert_near, load_golden, part_of
from tests.models.biggan.golden import FILES, assert_near_in_norm, networks_of
from tfgan_suite.checkpoints.biggan_state import biggan_state

SMALL = ("biggan_32_cls5", "biggandeep_32_cls5")
# Compiling takes long, and so do the deeper networks: they are with the slow tests.
IN_GRAPHS = [pytest.param(name, False) for name in FILES]
COMPILED = [pytest.param(name, True, marks=[] if name == SMALL[0] else [pytest.mark.slow]) for name in FILES]
LONG_STEPS = [
    pytest.param(*case, marks=[pytest.mark.slow])
    for case in [("biggan_64_cls10", False), ("biggandeep_64_cls10", False), *((name, True) for name in SMALL)]
]
STEPS = [*(pytest.param(name, False) for name in (*SMALL, "biggan_32_cls10")), *LONG_STEPS]
BUFFERS = ("u0", "sv0", "stored_mean", "stored_var")


def buffers_of(network):
    return {name: array for name, array in biggan_state(network).items() if name.split(".")[-1] in BUFFERS}


@pytest.mark.parametrize("name, compiled", [*IN_GRAPHS, *COMPILED])
def test_evaluation(name, compiled):
    golden = load_golden(name)
    generator, discriminator, latents, labels, real_images = networks_of(golden)

    @tf.function(jit_compile=compiled)
    def evaluate(latents, labels, real_images):
        images = generator(latents, labels, training=False)
        return images, discriminator(real_images, labels), discriminator(images, labels)

    before = {**buffers_of(generator), **buffers_of(discriminator)}
    images, real_logits, fake_logits = evaluate(latents, labels, real_images)
    assert_near(images, golden["out/img_eval"].transpose(0, 2, 3, 1))
    assert_near(real_logits, golden["out/D_real_eval"])
    assert_near(fake_logits, golden["out/D_fake_eval"])
    for buffer, array in {**buffers_of(generator), **buffers_of(discriminator)}.items():
        np.testing.assert_array_equal(array, before[buffer], err_msg=buffer)


def training_step(generator, discriminator, latents, labels, real_images):
    """Images, both hinge parts, the generator's loss, and the gradients of either network."""
    with tf.GradientTape() as generator_tape:
        images = generator(latents, labels, training=True)
    with tf.GradientTape() as tape:
        logits = discriminator(tf.concat([images, real_images], 0), tf.concat([labels, labels], 0), training=True)
        fake_logits, real_logits = tf.split(logits, 2)
        real_loss = tf.reduce_mean(tf.nn.relu(1.0 - real_logits))
        fake_loss = tf.reduce_mean(tf.nn.relu(1.0 + fake_logits))
        loss = real_loss + fake_loss
    discriminator_gradients = tape.gradient(loss, discriminator.trainable_variables)
    with tf.GradientTape() as tape:
        tape.watch(images)
        generator_loss = -tf.reduce_mean(discriminator(images, labels, training=False))
    upstream = tape.gradient(generator_loss, images)
    generator_gradients = generator_tape.gradient(images, generator.trainable_variables, output_gradients=upstream)
    gradients = [[tf.convert_to_tensor(gradient) for gradient in discriminator_gradients]]
    gradients.append([tf.convert_to_tensor(gradient) for gradient in generator_gradients])
    return images, real_loss, fake_loss, generator_loss, *gradients


@pytest.mark.parametrize("name, compiled", STEPS)
def test_a_training_step(name, compiled):
    golden = load_golden(name)
    generator, discriminator, *inputs = networks_of(golden)
    step = tf.function(lambda *inputs: training_step(generator, discriminator, *inputs), jit_compile=compiled)
    images, real_loss, fake_loss, generator_loss, discriminator_gradients, generator_gradients = step(*inputs)
    assert_near(images, golden["out/img_train"].transpose(0, 2, 3, 1))
    np.testing.assert_allclose(real_loss, golden["out/D_hinge_real"], rtol=1e-4)
    np.testing.assert_allclose(fake_loss, golden["out/D_hinge_fake"], rtol=1e-4)
    np.testing.assert_allclose(generator_loss, golden["out/G_hinge"], rtol=1e-4)
    assert_near_in_norm(buffers_of(generator), part_of(golden, "G_after/"))
    assert_near_in_norm(buffers_of(discriminator), part_of(golden, "D_after/"))
    assert_near_in_norm(biggan_state(discriminator, discriminator_gradients), part_of(golden, "grad_D/"))
    assert_near_in_norm(biggan_state(generator, generator_gradients), part_of(golden, "grad_G/"))
