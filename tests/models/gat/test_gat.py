"""GAT: sizes, initialization, levels, averages of styles, and the contract of all GANs."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.test_case import (
    count_trained_weights,
    fixed_dataset,
    random_batch,
    run_gan_test,
    run_layer_test,
    run_replica_test,
)
from tfgan_suite.engine.networks import copy_network
from tfgan_suite.foundation.randomness import fold
from tfgan_suite.layers.swiglu import SwiGLU
from tfgan_suite.models.gat.gat_discriminator import GATDiscriminator
from tfgan_suite.models.gat.gat_generator import GATGenerator
from tfgan_suite.models.gat.gat_sizes import SIZES
from tfgan_suite.models.gat.level_noise import add_noise, noise_deviations

SMALL = {"latent_size": 4, "width": 16, "depth": 2, "num_heads": 2, "num_levels": 2, "class_map_size": 6}


def make_gan(num_classes=None, image_shape=(8, 4, 1), compiled=True, **choices):
    gan = tg.GAT(image_shape=image_shape, num_classes=num_classes, **SMALL)
    if compiled:
        gan.compile(**choices)
    return gan


# Counted from the reference's own layers, the alignment left out.
@pytest.mark.parametrize(
    "size, generator, discriminator",
    [
        ("S", 29_263_040, 32_556_160),
        ("B", 116_558_144, 97_135_360),
        ("L", 408_486_432, 314_904_544),
        ("XL", 601_956_224, 459_252_544),
    ],
)
def test_published_sizes_have_the_papers_number_of_parameters(size, generator, discriminator):
    generator -= (
        17 * SIZES[size]["width"]
    )  # The embedding of an image of four channels that the reference multiplies by 0.
    for network_class, expected in ((GATGenerator, generator), (GATDiscriminator, discriminator)):
        count = count_trained_weights(lambda: network_class((32, 32, 4), num_classes=1000, **SIZES[size]))  # noqa: B023
        assert count == expected


def test_it_begins_as_the_papers():
    generator = GATGenerator((16, 16, 3), latent_size=64, width=128, depth=4, num_heads=4, num_classes=50)
    discriminator = GATDiscriminator((16, 16, 3), width=128, depth=4, num_heads=4, num_classes=50, class_map_size=96)
    generator.build()
    discriminator.build()

    def limit(weight):
        return float(np.abs(np.asarray(weight)).max())

    block = generator.blocks[1]
    assert limit(block.attention.to_heads.kernel) == pytest.approx(np.sqrt(6 / (128 + 384)), rel=0.02)
    assert limit(block.modulate.kernel) == pytest.approx(0.1 * np.sqrt(6 / (128 + 512)), rel=0.02)
    assert limit(generator.outputs_of_levels[0].modulate.kernel) == pytest.approx(0.1 * np.sqrt(6 / 256), rel=0.02)
    assert limit(generator.mapping.dense[0].kernel) == pytest.approx(100 * np.sqrt(6 / 256), rel=0.02)
    assert np.std(generator.mapping.class_vectors) == pytest.approx(0.02, rel=0.05)
    assert block.feed_forward.expand.kernel.shape == (128, 2 * 341)
    weights = {layer.path: layer for layer in (*generator.trainable_variables, *discriminator.trainable_variables)}
    assert not any(np.any(value) for path, value in weights.items() if path.endswith("/bias"))
    assert np.all(np.float32(0.1) == np.asarray(discriminator.blocks[0].weight_1))
    assert np.std(discriminator.token) == pytest.approx(0.02, rel=0.25)


def test_levels_add_up_and_patches_lie_where_they_belong():
    generator = make_gan(compiled=False).generator
    styles = generator.map(tf.random.stateless_normal([2, 4], [0, 1]))
    levels = generator.synthesize_levels(styles)
    assert [tuple(level.shape) for level in levels] == [(2, 8, 4, 1)] * 2
    # A bias for one pixel of a patch, in the first output, is in both levels and in each patch at its place.
    moved = np.zeros(4, "float32")
    moved[2] = 1.0  # Second row, first column.
    generator.outputs_of_levels[0].dense.bias.assign(moved)
    expected = np.zeros([8, 4], "float32")
    expected[1::2, ::2] = 1.0
    for before, after in zip(levels, generator.synthesize_levels(styles)):
        np.testing.assert_allclose((after - before)[1, :, :, 0], expected, atol=1e-5)


def test_noise_of_a_level_is_that_of_the_next_and_more():
    draws = [np.random.default_rng(seed).normal(size=[1, 200, 200, 1]).astype("float32") for seed in range(4)]
    noises = add_noise([tf.zeros([1, 200, 200, 1])] * 4, draws)
    deviations = noise_deviations(4)
    np.testing.assert_allclose([np.std(noise) for noise in noises], deviations, rtol=0.02)
    for index in range(3):
        share = deviations[index + 1] * (1 - deviations[index]) / (1 - deviations[index + 1]) / deviations[index]
        correlation = np.corrcoef(np.ravel(noises[index]), np.ravel(noises[index + 1]))[0, 1]
        assert correlation == pytest.approx(share, abs=0.02)


def test_all_levels_are_augmented_alike_and_real_images_stand_for_all():
    gan = make_gan(3, image_shape=(8, 8, 3), augmentation=tg.augment.DiffAugment())
    seed = fold(0, "test")
    images = tf.constant(random_batch(gan, 4)[0])
    of_two = gan.view(tf.concat([images, images], axis=-1), seed)
    augmented = gan.augmentation(images, fold(seed, "augmentation"))
    kept = [1.0 - deviation for deviation in noise_deviations(2)]
    # The last level is all but clean, and the first is the same image under other noise.
    np.testing.assert_allclose(of_two[..., 3:], kept[1] * augmented, atol=0.06)
    alone = gan.view(images, seed)
    assert alone.shape == of_two.shape
    np.testing.assert_allclose(alone[..., 3:], kept[1] * augmented, atol=0.06)
    assert not np.allclose(alone, of_two)  # Noise of its own.
    np.testing.assert_array_equal(alone, gan.view(images, seed))


def test_averages_of_styles_are_of_the_classes_that_are_there():
    gan = make_gan(3, compiled=False)
    styles = tf.reshape(tf.range(32.0), [2, 16])
    before = tf.ones([3, 16])
    gan.generator.style_averages.assign(before)
    gan.generator.update_averages(styles, tf.constant([2, 2]))
    expected = 0.995 + 0.005 * np.mean(styles, axis=0)
    np.testing.assert_allclose(gan.generator.style_averages[2], expected, rtol=1e-6)
    np.testing.assert_array_equal(gan.generator.style_averages[:2], before[:2])


def test_truncation_and_guidance():
    gan = make_gan(3, compiled=False)
    for network in (gan.generator, gan.ema_generator):
        network.style_averages.assign(np.random.default_rng(0).normal(size=[3, 16]))
    latents, labels = tf.random.stateless_normal([4, 4], [0, 1]), tf.constant([0, 1, 2, 2])
    # Without variety all images of a class are the same.
    same = gan(latents, labels, truncation=0.0)
    np.testing.assert_allclose(same[2], same[3], atol=1e-6)
    assert not np.allclose(same[0], same[1], atol=1e-4)
    # Without guidance, of weight 0, the class does not matter.
    nobody = [gan(latents, tf.fill([4], label), guidance=0.0) for label in (0, 1)]
    np.testing.assert_allclose(*nobody, atol=1e-5)
    mixed = gan.mix_classes(latents, gan.class_vectors(labels))
    np.testing.assert_allclose(mixed, gan(latents, labels), atol=1e-6)
    assert not np.array_equal(gan.generate(2, labels=[0, 1]), gan.generate(2, labels=[0, 1], guidance=3.0))
    with pytest.raises(tg.UserError, match="has no sampling option `guidance`"):
        make_gan(compiled=False).generate(1, guidance=1.5)


def test_a_file_keeps_its_training(tmp_path):
    gan = make_gan(3)
    gan.save(tmp_path / "gan.keras")
    again = tg.load_model(tmp_path / "gan.keras")
    assert again.get_config() == gan.get_config() and again.get_compile_config() == gan.get_compile_config()
    np.testing.assert_array_equal(again.generate(3, labels=[0, 1, 2]), gan.generate(3, labels=[0, 1, 2]))
    assert again.reuse_fakes and float(again.generator_optimizer.learning_rate) == pytest.approx(2e-4 * 768 / 16)
    assert again.generator_optimizer.global_clipnorm == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("num_classes, san_head", [(None, False), (3, False), (3, True)])
def test_contract(tmp_path, num_classes, san_head):
    def make():
        gan = tg.GAT(image_shape=(8, 4, 1), num_classes=num_classes, san_head=san_head, **SMALL)
        # In differences of logits the last bias cancels out, and never moves.
        gan.compile(loss=tg.losses.NonSaturating())
        return gan

    run_gan_test(make, tmp_path)


@pytest.mark.slow
def test_two_replicas_equal_one(two_replicas):
    def make():
        sgd = {f"{name}_optimizer": keras.optimizers.SGD(0.01) for name in ("generator", "discriminator")}
        return make_gan(3, discriminator_penalties=None, **sgd)

    run_replica_test(make, two_replicas)


@pytest.mark.slow
def test_a_step_under_xla_and_in_microbatches_equals_one_without():
    gans = []
    for choices in ({}, {"jit_compile": True}, {"microbatch_size": 4}):
        sgd = {f"{name}_optimizer": keras.optimizers.SGD(0.01) for name in ("generator", "discriminator")}
        gan = make_gan(3, **sgd, **choices)
        gan.fit(fixed_dataset(gan, 8, batches=1), verbose=0)
        gans.append(gan)
    for other in gans[1:]:
        for network in ("generator", "discriminator"):
            for one, two in zip(*(getattr(gan, network).trainable_variables for gan in (gans[0], other))):
                np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_layers():
    tokens = np.random.default_rng(0).normal(size=[2, 5, 8]).astype("float32")
    run_layer_test(SwiGLU, {}, tf.constant(tokens), (2, 5, 8))
    layer = SwiGLU(hidden_size=3)
    layer(tokens)
    gates, values = np.split(tokens @ np.asarray(layer.expand.kernel), 2, axis=-1)
    expected = (gates / (1 + np.exp(-gates)) * values) @ np.asarray(layer.reduce.kernel)
    np.testing.assert_allclose(layer(tokens), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_precision_of_the_networks():
    gan = make_gan()
    mixed = tg.GAT(image_shape=(8, 4, 1), dtype="mixed_bfloat16", **SMALL)
    mixed.generator.set_weights(gan.generator.get_weights())
    mixed.discriminator.set_weights(gan.discriminator.get_weights())
    latents = tf.random.stateless_normal([4, 4], [0, 1])
    images = gan.generator(latents)
    np.testing.assert_allclose(mixed.generator(latents), images, atol=0.05 * np.abs(images).max())
    assert mixed.generator(latents).dtype == mixed.discriminate(images).dtype == tf.float32
    assert copy_network("generator", mixed.generator).get_config() == mixed.generator.get_config()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"image_shape": (9, 8, 1)}, "multiples of patch_size=2. Received.*tfgan-suite prepare --image-size"),
        ({"width": 12}, "`width` must be a multiple of 4 \\* num_heads.*Received: width=12, num_heads=2"),
        ({"depth": 3}, "`depth` must be a multiple of num_levels=2.*Received: depth=3"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        tg.GAT(**{"image_shape": (8, 8, 1), **SMALL, **arguments})
