"""Configurations without golden vectors, against a second implementation: outputs, penalties, every gradient."""

import numpy as np
import pytest
import tensorflow as tf

from tests.models.stylegan2.scalars import (
    assert_close,
    assert_same_gradients,
    channels_first,
    discriminator_loss,
    generator_loss,
    path_length,
)
from tfgan_suite.checkpoints.stylegan2_state import stylegan2_from_state, stylegan2_to_state
from tfgan_suite.models.stylegan2.stylegan2_discriminator import StyleGAN2Discriminator
from tfgan_suite.models.stylegan2.stylegan2_generator import StyleGAN2Generator

torch = pytest.importorskip("torch", reason="the second implementation is written in PyTorch")

# image_shape, generator, discriminator, batch, further arguments of both, of the discriminator
CASES = {
    "64_pixels": ((64, 64, 3), "skip", "resnet", 2, {}, {}),
    "resnet_skip_clamp_group_3": (
        (16, 16, 3),
        "resnet",
        "skip",
        6,
        {"conv_clamp": 0.8, "num_classes": 5},
        {"minibatch_stddev_group_size": 3},
    ),
    "orig_orig_vectors_grey": (
        (16, 16, 1),
        "orig",
        "orig",
        3,
        {"label_size": 3, "resample_filter": (1, 2, 1)},
        {"minibatch_stddev_group_size": None},
    ),
    "rectangle_clamp_rgba": (
        (16, 24, 4),
        "resnet",
        "resnet",
        4,
        {"conv_clamp": 0.8},
        {"minibatch_stddev_group_size": 2, "minibatch_stddev_channels": 2},
    ),
    "skip_clamp_sharp_filter": (
        (16, 16, 3),
        "skip",
        "skip",
        2,
        {"conv_clamp": 0.8, "resample_filter": (-1, 3, 9, 9, 3, -1)},
        {"minibatch_stddev_channels": 0},
    ),
}


def make_networks(image_shape, generator, discriminator, both, discriminator_only):
    """Networks of random weights, biases and noise strengths too."""
    both = {"channel_base": 4 * max(image_shape), "max_channels": 8, **both}
    networks = (
        StyleGAN2Generator(image_shape, latent_size=10, w_size=9, num_mapping_layers=2, architecture=generator, **both),
        StyleGAN2Discriminator(
            image_shape, architecture=discriminator, num_mapping_layers=3, seed=7, **both, **discriminator_only
        ),
    )
    numbers = np.random.default_rng(0)
    for network in networks:
        network.build()
        for variable in network.variables:
            if variable.name in ("bias", "noise_strength", "w_average"):
                variable.assign(np.asarray(variable) + 0.3 * numbers.normal(size=variable.shape))
    return networks


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def case(request):
    from tests.models.stylegan2.reference import Reference

    image_shape, generator_kind, discriminator_kind, batch, both, discriminator_only = request.param
    generator, discriminator = make_networks(image_shape, generator_kind, discriminator_kind, both, discriminator_only)
    taps, clamp = generator.resample_filter, generator.conv_clamp
    numbers = np.random.default_rng(1)
    label_size = generator.num_classes or generator.label_size
    labels = None
    if generator.num_classes:
        labels = np.eye(label_size)[numbers.integers(0, label_size, batch)]
    elif label_size:
        labels = numbers.normal(size=[batch, label_size])
    height, width, channels = image_shape
    return {
        "generator": generator,
        "discriminator": discriminator,
        "generator_reference": Reference(stylegan2_to_state(generator), generator_kind, taps, clamp),
        "discriminator_reference": Reference(
            stylegan2_to_state(discriminator),
            discriminator_kind,
            taps,
            clamp,
            discriminator.minibatch_stddev_group_size,
            discriminator.minibatch_stddev_channels,
        ),
        "latents": numbers.normal(size=[batch, 10]),
        "labels": labels,
        "images": numbers.normal(size=[batch, channels, height, width]) * 0.5,
    }


def tensors(case, *names):
    return [None if case[name] is None else torch.tensor(case[name]) for name in names]


def floats(case, *names):
    return [None if case[name] is None else tf.constant(case[name], tf.float32) for name in names]


def test_images(case):
    latents, labels = tensors(case, "latents", "labels")
    reference = case["generator_reference"]
    ws = reference.map(latents, labels)[:, None].expand(-1, case["generator"].num_ws, -1)
    for noise in ("const", "none"):
        expected = reference.synthesize(ws, noise).detach().numpy()
        assert_close(channels_first(case["generator"](*floats(case, "latents", "labels"), noise=noise)), expected)


def test_path_length(case):
    latents, labels, images = tensors(case, "latents", "labels", "images")
    reference = case["generator_reference"]
    ws = reference.map(latents, labels)[:, None].expand(-1, case["generator"].num_ws, -1).detach().requires_grad_()
    product = (reference.synthesize(ws) * images).sum()
    (slopes,) = torch.autograd.grad(product, ws, create_graph=True)
    expected_lengths = slopes.square().sum(dim=2).mean(dim=1).sqrt()
    loss = 2.0 * (expected_lengths - 0.01 * expected_lengths.mean()).square().mean()
    lengths, _, gradients = path_length(case["generator"], *floats(case, "latents", "labels"), case["images"], None)
    assert_close(lengths, expected_lengths.detach().numpy())
    assert_same_gradients(gradients, reference.gradients(loss))


def test_discriminator_loss(case):
    labels, real_images = tensors(case, "labels", "images")
    reference = case["discriminator_reference"]
    real_images.requires_grad_()
    real_logits = reference.discriminate(real_images, labels)
    (slopes,) = torch.autograd.grad(real_logits.sum(), real_images, create_graph=True)
    penalties = slopes.square().sum(dim=[1, 2, 3])
    fake_logits = reference.discriminate(real_images.detach().flip(0) * 0.7, labels)
    softplus = torch.nn.functional.softplus
    loss = (softplus(-real_logits) + 5.0 * penalties).mean() + softplus(fake_logits).mean()
    received = discriminator_loss(
        case["discriminator"], case["images"], case["images"][::-1] * 0.7, *floats(case, "labels"), None
    )
    for value, expected in zip(received, (real_logits, fake_logits, penalties, loss)):
        assert_close(value, expected.detach().numpy())
    assert_same_gradients(received[-1], reference.gradients(loss))


def test_generator_loss(case):
    latents, labels = tensors(case, "latents", "labels")
    reference = case["generator_reference"]
    ws = reference.map(latents, labels)[:, None].expand(-1, case["generator"].num_ws, -1)
    logits = case["discriminator_reference"].discriminate(reference.synthesize(ws), labels)
    loss = torch.nn.functional.softplus(-logits).mean()
    received, gradients = generator_loss(
        case["generator"], case["discriminator"], *floats(case, "latents", "labels"), None
    )
    assert_close(received, loss.detach().numpy())
    assert_same_gradients(gradients, reference.gradients(loss))


def test_architecture_is_read_back(case):
    generator, discriminator = case["generator"], case["discriminator"]
    overrides = {"seed": 3, "label_size": generator.label_size, "conv_clamp": generator.conv_clamp}
    again = stylegan2_from_state(stylegan2_to_state(generator), stylegan2_to_state(discriminator), **overrides)
    for network, copy in zip((generator, discriminator), again):
        assert network.mapping is None or copy.num_mapping_layers == network.num_mapping_layers
        for name in ("image_shape", "architecture", "num_classes", "label_size"):
            assert getattr(copy, name) == getattr(network, name), name
        np.testing.assert_allclose(
            np.divide(copy.resample_filter, np.sum(copy.resample_filter)),
            np.divide(network.resample_filter, np.sum(network.resample_filter)),
            rtol=1e-5,
        )
        for variable, expected in zip(copy.variables, network.variables):
            np.testing.assert_array_equal(np.asarray(variable), np.asarray(expected))
