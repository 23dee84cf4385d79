import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.test_case import run_gan_test, run_replica_test


def number_of_parameters(network):
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)


@pytest.mark.parametrize(
    "config, generator, discriminator",
    [
        # Radford et al. (2016), figure 1: 5x5 kernels, 1024-512-256-128.
        ({}, 18_855_040, 17_232_768),
        # The common tutorial: 4x4 kernels, 512-256-128-64.
        ({"base_channels": 64, "kernel_size": 4}, 3_576_704, 2_765_568),
    ],
)
def test_parameter_counts(config, generator, discriminator):
    gan = tg.DCGAN(**config)
    assert number_of_parameters(gan.generator) == generator
    assert number_of_parameters(gan.discriminator) == discriminator


@pytest.mark.parametrize(
    "num_classes, channels",
    [(3, 1), *(pytest.param(*one, marks=pytest.mark.slow) for one in [(None, 1), (None, 3), (3, 3)])],
)
def test_contract(tmp_path, num_classes, channels):
    def make_gan():
        gan = tg.DCGAN(image_shape=(16, 16, channels), num_classes=num_classes, base_channels=4, kernel_size=4)
        gan.compile()
        return gan

    run_gan_test(make_gan, tmp_path)


@pytest.mark.parametrize("num_classes", [pytest.param(None, marks=pytest.mark.slow), 3])
def test_two_replicas_equal_one(two_replicas, num_classes):
    def make_gan():
        gan = tg.DCGAN(image_shape=(16, 16, 1), num_classes=num_classes, base_channels=4, kernel_size=4)
        gan.compile(
            generator_optimizer=keras.optimizers.SGD(0.01),
            discriminator_optimizer=keras.optimizers.SGD(0.01),
            discriminator_penalties=[tg.penalties.R1(1.0, interval=2)],
        )
        return gan

    run_replica_test(make_gan, two_replicas)


@pytest.mark.parametrize("size", [8, 32, 64, 128])
def test_sizes(size):
    gan = tg.DCGAN(image_shape=(size, size, 3), base_channels=2, max_channels=8)
    images = gan(np.zeros([2, 100], "float32"))
    assert images.shape == (2, size, size, 3)
    assert gan.discriminate(images).shape == (2,)


@pytest.mark.parametrize("image_shape", [(48, 48, 3), (32, 64, 3), (256, 256, 3), (32, 32, 2), (4, 4, 1)])
def test_refuses_other_shapes(image_shape):
    with pytest.raises(ValueError, match="size one of 8, 16, 32, 64, 128"):
        tg.DCGAN(image_shape=image_shape)


def test_initial_weights_are_the_papers():
    gan = tg.DCGAN(image_shape=(32, 32, 3), base_channels=32)
    kernel = np.asarray(gan.generator.convolutions[0].kernel)
    assert abs(kernel.mean()) < 1e-3 and abs(kernel.std() - 0.02) < 1e-3
    gammas = np.asarray(gan.generator.normalizations[0].gamma)
    assert abs(gammas.mean() - 1.0) < 0.02
    # Each layer has a seed of its own, and the model's seed moves all of them.
    other = tg.DCGAN(image_shape=(32, 32, 3), base_channels=32, seed=1)
    assert not np.array_equal(kernel, np.asarray(other.generator.convolutions[0].kernel))


def test_presets():
    gan = tg.DCGAN.from_preset("dcgan_digits_32")
    assert gan.image_shape == (32, 32, 1) and gan.num_classes == 10
    assert tg.DCGAN.from_preset("dcgan_digits_32", num_classes=None).num_classes is None
    with pytest.raises(tg.UserError, match="Did you mean 'dcgan_digits_32'"):
        tg.DCGAN.from_preset("dcgan_digit_32")
    for preset in tg.DCGAN.presets.values():
        assert set(preset) - {"compile"} == {"description", "reference", "expected", "config", "training"}


def test_a_preset_brings_its_training_choices():
    gan = tg.DCGAN.from_preset("dcgan_avatars_64", image_shape=(8, 8, 3))
    gan.compile()
    assert [penalty.get_config() for penalty in gan.discriminator_penalties] == [
        {"weight": 5.0, "interval": 4, "name": "r1"}
    ]
    gan.compile(discriminator_penalties=[])
    assert gan.discriminator_penalties == []
    plain = tg.DCGAN(image_shape=(8, 8, 3), base_channels=2)
    plain.compile()
    assert plain.discriminator_penalties == []


def test_learns_two_classes():
    """Class 0 is a disc on the left, class 1 one on the right: after 9,600 images the generator knows which."""
    size, columns = 16, np.arange(16)
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 512).astype("int32")
    centres = np.where(labels == 0, 4, 11) + generator.uniform(-1, 1, 512)
    distances = (columns[None, :, None] - 8) ** 2 + (columns[None, None, :] - centres[:, None, None]) ** 2
    images = np.where(distances < 9, 1.0, -1.0)[..., None].astype("float32")
    gan = tg.DCGAN(image_shape=(size, size, 1), num_classes=2, base_channels=16, kernel_size=4)
    gan.compile(discriminator_penalties=[tg.penalties.R1(2.0)])
    data = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(512, seed=0).repeat().batch(32)
    gan.fit(data, steps_per_epoch=300, epochs=1, verbose=0)

    fake_labels = np.arange(200) % 2
    fakes = gan.generate(200, labels=fake_labels, seed=1)[..., 0] / 255.0
    mean_columns = (fakes.sum(axis=1) * columns).sum(axis=1) / fakes.sum(axis=(1, 2))
    assert np.mean((mean_columns > 7.5) == fake_labels) > 0.97
    assert abs(np.mean(fakes > 0.5) - np.mean(images > 0)) < 0.15 * np.mean(images > 0)
