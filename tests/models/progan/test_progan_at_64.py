"""At 64x64, against an implementation of the paper in PyTorch that shares nothing with the package."""

import numpy as np
import pytest
import tensorflow as tf

from tfgan_suite.checkpoints.progan_state import progan_from_state, progan_state
from tfgan_suite.models.progan.progan_discriminator import ProGANDiscriminator
from tfgan_suite.models.progan.progan_generator import ProGANGenerator

torch = pytest.importorskip("torch", reason="The independent implementation is written in PyTorch.")
paper = pytest.importorskip("tests.models.progan.paper_networks")

CASES = [(True, None, 0.0), (True, 3, 0.7), (True, None, 2.25), (False, 3, 0.0), (False, None, 1.4), (False, 3, 4.0)]


def pair_with_random_biases(fused_scaling, num_classes):
    config = {
        "image_shape": (64, 64, 3),
        "channel_base": 256,
        "max_channels": 24,
        "num_classes": num_classes,
        "fused_scaling": fused_scaling,
    }
    networks = ProGANGenerator(latent_size=20, seed=1, **config), ProGANDiscriminator(seed=2, **config)
    numbers = np.random.default_rng(3)
    for network in networks:
        for variable in network.trainable_variables:
            if len(variable.shape) == 1:
                variable.assign(0.2 * numbers.normal(size=variable.shape))
    return networks


def torch_state(network):
    return {name: torch.tensor(value, requires_grad=True) for name, value in progan_state(network).items()}


def channels_first(images):
    return torch.tensor(np.asarray(images).transpose(0, 3, 1, 2))


@pytest.mark.parametrize("fused_scaling, num_classes, level_of_detail", CASES)
def test_equals_the_paper(fused_scaling, num_classes, level_of_detail):
    """Images, scores, gradient norms; gradients of the discriminator's whole loss and of the generator's."""
    # By way of the official names: what reads a checkpoint is what is compared.
    networks = pair_with_random_biases(fused_scaling, num_classes)
    generator, discriminator = progan_from_state(*(progan_state(network) for network in networks))
    numbers = np.random.default_rng(4)
    latents = numbers.normal(size=[4, 20]).astype("float32")
    labels = None if num_classes is None else np.eye(num_classes, dtype="float32")[[0, 2, 1, 1]]
    real_images = numbers.uniform(-1, 1, [4, 64, 64, 3]).astype("float32")

    @tf.function
    def compute():
        with tf.GradientTape(persistent=True) as tape:
            images = generator(latents, labels, level_of_detail=level_of_detail)
            fake_logits, class_logits = discriminator.score(images, level_of_detail)
            with tf.GradientTape() as inner_tape:
                inner_tape.watch(real_images_tensor)
                real_logits = discriminator(real_images_tensor, level_of_detail=level_of_detail)
            gradients = inner_tape.gradient(real_logits, real_images_tensor)
            norms = tf.sqrt(tf.reduce_sum(tf.square(gradients), axis=[1, 2, 3]))
            loss = tf.reduce_sum(10.0 * tf.square(norms - 1.0) + tf.square(real_logits) - real_logits)
            generator_loss = tf.reduce_sum(tf.square(fake_logits)) + (
                0.0 if class_logits is None else tf.reduce_sum(tf.square(class_logits))
            )
        return (
            (images, fake_logits, class_logits, norms),
            tape.gradient(generator_loss, generator.trainable_variables),
            tape.gradient(loss, discriminator.trainable_variables),
        )

    real_images_tensor = tf.constant(real_images)
    (images, fake_logits, class_logits, norms), generator_gradients, discriminator_gradients = compute()

    generator_state, discriminator_state = torch_state(generator), torch_state(discriminator)
    torch_labels = None if labels is None else torch.tensor(labels)
    expected_images = paper.generate(generator_state, torch.tensor(latents), torch_labels, level_of_detail)
    outputs = paper.discriminate(discriminator_state, expected_images, level_of_detail)
    outputs.square().sum().backward()
    expected_generator_gradients = {name: value.grad for name, value in generator_state.items()}

    discriminator_state = torch_state(discriminator)
    inputs = channels_first(real_images).requires_grad_()
    real_logits = paper.discriminate(discriminator_state, inputs, level_of_detail)[:, 0]
    (gradients,) = torch.autograd.grad(real_logits.sum(), inputs, create_graph=True)
    expected_norms = gradients.flatten(1).norm(dim=1)
    (10.0 * (expected_norms - 1.0).square() + real_logits.square() - real_logits).sum().backward()
    expected_discriminator_gradients = {name: value.grad for name, value in discriminator_state.items()}

    def assert_near(value, expected):
        expected = expected.detach().numpy()
        assert np.abs(np.asarray(value) - expected).max() < 5e-5 * np.abs(expected).max()

    assert_near(images, expected_images.permute(0, 2, 3, 1))
    assert_near(fake_logits, outputs[:, 0])
    if num_classes is not None:
        assert_near(class_logits, outputs[:, 1:])
    assert_near(norms, expected_norms)
    assert_same_gradients(generator, generator_gradients, expected_generator_gradients)
    assert_same_gradients(discriminator, discriminator_gradients, expected_discriminator_gradients)


def assert_same_gradients(network, gradients, expected):
    gradients = [np.zeros(v.shape) if g is None else g for g, v in zip(gradients, network.trainable_variables)]
    named = progan_state(network, gradients)
    assert set(named) == set(expected)
    active = 0
    for name, gradient in expected.items():
        gradient = np.zeros(named[name].shape) if gradient is None else gradient.numpy()
        assert np.linalg.norm(named[name] - gradient) <= 5e-4 * np.linalg.norm(gradient), name
        active += np.any(gradient)
    assert active >= 6
