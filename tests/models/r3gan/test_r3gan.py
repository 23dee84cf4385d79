"""R3GAN: sizes, initialization, schedules, and the contract of all GANs."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.test_case import count_trained_weights, run_gan_test, run_replica_test
from tfgan_suite.models.r3gan.r3gan_discriminator import R3GANDiscriminator
from tfgan_suite.models.r3gan.r3gan_generator import R3GANGenerator
from tfgan_suite.models.r3gan.r3gan_presets import PRESETS, burn_in, paper_gamma

SMALL = {"latent_size": 6, "widths": (12, 8), "groups": (3, 2), "blocks": 1}


def make_gan(num_classes=None, **choices):
    gan = tg.R3GAN(image_shape=(8, 8, 3), num_classes=num_classes, class_size=5, **SMALL)
    draws = np.random.default_rng(0)
    for network in (gan.generator, gan.ema_generator, gan.discriminator):
        for block in (block for blocks in network.residual_blocks for block in blocks):
            # From zero the weights before it would not move in the first step.
            block.reduce.kernel.assign(0.1 * draws.normal(size=block.reduce.kernel.shape))
    gan.compile(**choices)
    return gan


# Counted from the reference's own layers, resampling filters left out.
@pytest.mark.parametrize(
    "preset, generator, discriminator",
    [
        ("r3gan_cifar10_32", 20_781_952, 21_280_512),
        ("r3gan_ffhq_64", 22_429_824, 22_381_440),
        ("r3gan_ffhq_256", 23_057_952, 23_009_568),
        ("r3gan_imagenet_32", 82_914_304, 86_548_992),
        ("r3gan_imagenet_64", 103_570_432, 107_205_120),
    ],
)
def test_presets_have_the_papers_number_of_parameters(preset, generator, discriminator):
    for network_class, expected in ((R3GANGenerator, generator), (R3GANDiscriminator, discriminator)):
        count = count_trained_weights(lambda: network_class(**PRESETS[preset]["config"]))  # noqa: B023
        assert count == expected


def test_a_file_keeps_its_training(tmp_path):
    gan = make_gan(3)
    gan.examples_seen.assign(10_000_000)
    gan.save(tmp_path / "gan.keras")
    again = tg.load_model(tmp_path / "gan.keras")
    assert again.get_config() == gan.get_config() and again.get_compile_config() == gan.get_compile_config()
    np.testing.assert_array_equal(again.generate(3, labels=[0, 1, 2]), gan.generate(3, labels=[0, 1, 2]))
    for one, other in zip(gan.discriminator_penalties, again.discriminator_penalties):
        assert float(one.weight()) == float(other.weight()) > 0.04
    assert again.separate_batches and again.augmentation.pipeline.weights["hue"] == 0.5


@pytest.mark.slow
@pytest.mark.parametrize("num_classes", [None, 3])
def test_contract(tmp_path, num_classes):
    run_gan_test(lambda: make_gan(num_classes), tmp_path)


@pytest.mark.slow
def test_two_replicas_equal_one(two_replicas):
    def make():
        sgd = {f"{name}_optimizer": keras.optimizers.SGD(0.01) for name in ("generator", "discriminator")}
        return make_gan(3, augmentation=None, **sgd)

    run_replica_test(make, two_replicas)


def test_it_begins_as_the_papers():
    generator = R3GANGenerator((32, 32, 3), widths=64, groups=4, blocks=(1, 2, 3, 2), num_classes=20, class_size=16)
    discriminator = R3GANDiscriminator((32, 32, 3), widths=64, groups=4, blocks=(1, 2, 3, 2), num_classes=20)
    generator(np.zeros([1, 64], "float32"), np.zeros([1], "int32"))
    discriminator(np.zeros([1, 32, 32, 3], "float32"), np.zeros([1], "int32"))

    def deviation(weight):
        return float(np.asarray(weight).std())

    # Fixup: (number of blocks)^(-1 / 4), here of 8.
    gain = np.sqrt(2 / 1.04) * 8**-0.25
    block = generator.residual_blocks[2][1]
    assert deviation(block.expand.kernel) == pytest.approx(gain / 8, rel=0.05)
    assert deviation(block.mix.kernel) == pytest.approx(gain / np.sqrt(9 * 32), rel=0.05)
    assert not np.any(block.reduce.kernel) and not np.any(block.mix_bias) and not np.any(block.reduce_bias)
    assert deviation(generator.basis) == pytest.approx(1.0, rel=0.1)
    assert deviation(generator.weigh.kernel) == pytest.approx(1 / np.sqrt(80), rel=0.05)
    assert deviation(generator.embed_class.kernel) == pytest.approx(1 / np.sqrt(20), rel=0.1)
    assert deviation(discriminator.class_vectors.embeddings) == pytest.approx(1 / np.sqrt(20 * 64), rel=0.1)
    assert deviation(discriminator.basis) == pytest.approx(1 / 4, rel=0.1)
    # Each block is the identity, so that pixels of an image are those of the basis, resampled.
    features = tf.random.stateless_normal([2, 8, 8, 64], [0, 1])
    np.testing.assert_array_equal(block(features), features)


def test_the_schedules_are_cosines_over_twice_the_papers_images():
    gan = tg.R3GAN(image_shape=(64, 64, 1), widths=8, groups=1, blocks=1)
    gan.compile()
    optimizer, (r1, r2) = gan.optimizers["generator"], gan.discriminator_penalties
    for seen, expected in {
        0: (2e-4, 0.9, 2.0, 0.0, 0.0),
        20_000_000: (1.25e-4, 0.945, 1.1, 250_000, 0.15),
        90_000_000: (5e-5, 0.99, 0.2, 500_000, 0.3),
    }.items():
        gan.examples_seen.assign(seen)
        values = (
            optimizer.learning_rate,
            optimizer.beta_2(),
            r1.weight(),
            gan.ema.half_life_images(),
            gan.augmentation.schedule(),
        )
        assert [float(value) for value in values] == pytest.approx(expected, rel=1e-6)
        assert float(r2.weight()) == pytest.approx(expected[2])
    assert gan.separate_batches and gan.num_shares == 2


def test_gamma_by_size():
    assert [paper_gamma(size) for size in (16, 32, 64, 256)] == pytest.approx([0.05, 0.05, 2.0, 150.0])
    assert paper_gamma(128) == pytest.approx(np.sqrt(300.0))
    assert paper_gamma(512) == pytest.approx(150 * np.sqrt(75.0))
    gan = tg.R3GAN(image_shape=(8, 8, 3), **SMALL)
    chosen = burn_in(gan, images=100, gamma=3.0, augmentation_probability=0)
    assert chosen["discriminator_penalties"][0].weight.start == 3.0 and chosen["augmentation"] is None


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"image_shape": (24, 24, 3)}, "a power of two from 4.*tfgan-suite prepare --image-size"),
        (
            {"widths": (8, 8)},
            "`widths` must be an integer >= 1, or 3 of them, for 4x4 to 16x16.*Received: widths=\\(8, 8\\)",
        ),
        ({"groups": 5}, "`groups` must divide the 16 channels within a block at 4x4"),
        ({"blocks": 0}, "`blocks` must be an integer >= 1"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        tg.R3GAN(**{"image_shape": (16, 16, 3), "widths": 8, "groups": 2, "blocks": 1, **arguments})


def test_precision_of_the_networks():
    latents = tf.random.stateless_normal([4, 6], [0, 1])
    gan = make_gan()
    mixed = tg.R3GAN(image_shape=(8, 8, 3), dtype="mixed_bfloat16", **SMALL)
    mixed.generator.set_weights(gan.generator.get_weights())
    mixed.discriminator.set_weights(gan.discriminator.get_weights())
    images = gan.generator(latents)
    np.testing.assert_allclose(mixed.generator(latents), images, atol=0.03 * np.abs(images).max())
    assert mixed.generator(latents).dtype == mixed.discriminate(images).dtype == tf.float32
    logits = gan.discriminate(images)
    np.testing.assert_allclose(mixed.discriminate(images), logits, atol=0.05 * np.abs(logits).max())


@pytest.mark.slow
def test_a_step_under_xla_equals_one_without():
    images = np.random.default_rng(0).uniform(-1, 1, [8, 8, 8, 3]).astype("float32")
    sgd = {f"{name}_optimizer": keras.optimizers.SGD for name in ("generator", "discriminator")}
    gans = []
    for jit_compile in (False, True):
        gan = make_gan(3, augmentation=None, jit_compile=jit_compile, **{name: one(0.01) for name, one in sgd.items()})
        gan.fit(images, np.arange(8) % 3, batch_size=8, shuffle=False, verbose=0)
        gans.append(gan)
    for one, other in zip(*(gan.generator.get_weights() for gan in gans)):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
