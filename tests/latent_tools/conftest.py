import numpy as np
import pytest

from tfgan_suite.latent_tools import StyleSpace
from tfgan_suite.models.dcgan.dcgan import DCGAN
from tfgan_suite.models.stylegan2.stylegan2 import StyleGAN2
from tfgan_suite.models.stylegan2.stylegan2_generator import StyleGAN2Generator


def make_stylegan2(num_classes=None, seed=0):
    """An untrained model of 16 x 16 pixels, six styles of eight numbers, with an average that is not zero."""
    gan = StyleGAN2(
        image_shape=(16, 16, 3),
        num_classes=num_classes,
        latent_size=8,
        w_size=8,
        num_mapping_layers=2,
        channel_base=128,
        seed=seed,
    )
    gan.compile()
    gan.generate(1)
    gan.ema_generator.mapping.w_average.assign(np.linspace(-0.5, 0.5, 8))
    return gan


@pytest.fixture(scope="module")
def gan():
    return make_stylegan2()


@pytest.fixture(scope="module")
def conditional_gan():
    return make_stylegan2(num_classes=3)


@pytest.fixture(scope="module")
def space(gan):
    return StyleSpace(gan)


@pytest.fixture(scope="module")
def dcgan():
    return DCGAN((8, 8, 1), num_classes=3, base_channels=4, latent_size=6)


@pytest.fixture(scope="module")
def vector_generator():
    """A generator with label vectors of two numbers."""
    generator = StyleGAN2Generator((16, 16, 1), latent_size=4, w_size=4, channel_base=64, label_size=2)
    generator.build()
    return generator
