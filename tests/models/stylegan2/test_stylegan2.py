"""StyleGAN2 as a model: its step, its state, its truncation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.test_case import fixed_dataset, run_gan_test, run_replica_test
from tfgan_suite import penalties
from tfgan_suite.engine.adam import Adam, lazily_regularized_adam
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.exports.saved_model import export_saved_model, load_generator
from tfgan_suite.models.stylegan2.style_mixing import StyleMixing
from tfgan_suite.models.stylegan2.stylegan2 import StyleGAN2
from tfgan_suite.models.stylegan2.stylegan2_presets import PRESETS

TINY = {
    "image_shape": (16, 16, 3),
    "latent_size": 12,
    "w_size": 10,
    "num_mapping_layers": 2,
    "channel_base": 128,
    "max_channels": 8,
}


def make(num_classes=None, **compile_arguments):
    gan = StyleGAN2(num_classes=num_classes, seed=3, **TINY)
    gan.compile(**compile_arguments)
    return gan


def lazy_penalties():
    return {
        "discriminator_penalties": [penalties.R1(1.0, interval=2)],
        "generator_penalties": [penalties.PathLength(interval=2, style_mixing=StyleMixing(0.5))],
    }


@pytest.mark.slow
@pytest.mark.parametrize("num_classes", [None, 3])
def test_contract(num_classes, tmp_path):
    """Goes on exactly, with w_average and the mean path length."""
    run_gan_test(lambda: make(num_classes, **lazy_penalties()), tmp_path)


@pytest.mark.parametrize("num_classes", [None, pytest.param(3, marks=pytest.mark.slow)])
def test_two_replicas_equal_one(num_classes, two_replicas):
    def make_with_sgd():
        return make(
            num_classes,
            generator_optimizer=keras.optimizers.SGD(0.01),
            discriminator_optimizer=keras.optimizers.SGD(0.01),
            **lazy_penalties(),
        )

    # Noise strengths begin at 0, so that what rounding leaves in them is more, relative to them, than elsewhere.
    run_replica_test(make_with_sgd, two_replicas, batch_size=16, steps=3, tolerance=1e-3)


def test_state_moves_and_is_saved(tmp_path):
    gan = make(**lazy_penalties())
    gan.fit(fixed_dataset(gan, 8, batches=1), verbose=0)
    average = np.asarray(gan.generator.mapping.w_average)
    assert np.abs(average).max() > 0
    np.testing.assert_array_equal(average, np.asarray(gan.ema_generator.mapping.w_average))
    mean_length = gan.generator_penalties[0].mean_length
    assert float(np.asarray(mean_length)) > 0
    gan.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert float(np.asarray(again.generator_penalties[0].mean_length)) == float(np.asarray(mean_length))
    assert again.style_mixing.probability == 0.9 and again.get_config().keys() == gan.get_config().keys()


def test_compiling_again_leaves_no_old_state():
    gan = make(**lazy_penalties())
    before = len(gan.variables)
    gan.compile(**lazy_penalties())
    assert len(gan.variables) == before


def test_truncation_leads_to_the_average_picture():
    gan = make()
    gan.ema_generator.mapping.w_average.assign(np.random.default_rng(0).normal(size=10))
    ws = tf.tile(tf.convert_to_tensor(gan.ema_generator.mapping.w_average)[None, None], [1, gan.generator.num_ws, 1])
    average = np.asarray(tfgan_uint8(gan.ema_generator.synthesize(ws))).astype(int)
    images = gan.generate(3, truncation=0.0, seed=1)
    # One level, where a processor's sums in a batch of one and in a batch of three fall on two sides of a half.
    assert np.abs(images - average).max() <= 1 and np.mean(images != average) < 0.01
    whole = gan.generate(3, seed=1).astype(int)
    half = gan.generate(3, truncation=0.5, seed=1).astype(int)
    assert not np.array_equal(whole[0], whole[1])
    assert np.abs(half - average).mean() < np.abs(whole - average).mean()


def test_centres_of_classes_are_saved_and_restored(tmp_path):
    gan = StyleGAN2(num_classes=3, seed=3, **TINY)
    before = gan.generate(3, labels=[0, 1, 2], truncation=0.3)
    centres = np.random.default_rng(0).normal(size=[3, 10])
    gan.ema_generator.mapping.class_averages = centres
    assert not np.array_equal(gan.generate(3, labels=[0, 1, 2], truncation=0.3), before), "traced before, heeded yet"
    gan.save(tmp_path / "model.keras")
    gan.save_weights(tmp_path / "checkpoint.weights.h5")
    restored = StyleGAN2(num_classes=3, seed=4, **TINY)
    restored.load_weights(tmp_path / "checkpoint.weights.h5")
    for again in (keras.models.load_model(tmp_path / "model.keras"), restored):
        np.testing.assert_allclose(again.ema_generator.mapping.class_averages, centres, rtol=1e-6)
    # A step of training moves the styles.
    ExponentialMovingAverage().update(gan.ema_generator, gan.generator, 0.5)
    assert gan.ema_generator.mapping.class_averages is None


@pytest.mark.slow
def test_centres_of_classes_are_exported(tmp_path):
    gan = StyleGAN2(num_classes=3, seed=3, **TINY)
    gan.ema_generator.mapping.class_averages = np.random.default_rng(0).normal(size=[3, 10])
    latents, labels = gan.sample_latents(3, tf.constant([0, 1])), tf.range(3)
    exported = load_generator(export_saved_model(gan, tmp_path / "faces" / "1"))
    images = exported(latents, labels, truncation=0.3)
    np.testing.assert_allclose(images, gan(latents, labels, truncation=0.3), atol=1e-5)
    gan.ema_generator.mapping.class_averages = None
    assert np.abs(images - gan(latents, labels, truncation=0.3)).max() > 1e-3


def tfgan_uint8(images):
    from tfgan_suite.specs.image_range import to_uint8

    return to_uint8(images)


def test_each_image_may_have_its_own_truncation():
    gan = make()
    gan.ema_generator.mapping.w_average.assign(np.random.default_rng(0).normal(size=10))
    latents = gan.sample_latents(2, tf.constant([0, 1]))
    both = gan(latents, truncation=tf.constant([0.3, 0.8]))
    for index, truncation in enumerate([0.3, 0.8]):
        np.testing.assert_allclose(both[index], gan(latents, truncation=truncation)[index], atol=1e-6)


def test_style_mixing_changes_fine_styles_in_a_share_of_the_examples():
    gan = make()
    latents = gan.sample_latents(4000, tf.constant([0, 0]))
    ws = gan.generator.map(latents)
    mixed = StyleMixing(0.9)(gan.generator, ws, None, tf.constant([1, 1]))
    same = np.all(np.isclose(mixed, ws, atol=1e-6), axis=2)  # [batch, num_ws]
    cutoffs = same.sum(axis=1)
    # The first styles stay, up to a cutoff that is uniform from 1 to num_ws - 1.
    np.testing.assert_array_equal(same, np.arange(6)[None] < cutoffs[:, None])
    shares = np.bincount(cutoffs, minlength=7) / 4000
    np.testing.assert_allclose(shares, [0, *[0.9 / 5] * 5, 0.1], atol=0.02)
    np.testing.assert_array_equal(StyleMixing(0.0)(gan.generator, ws, None, tf.constant([1, 1])), ws)


def test_the_papers_training():
    gan = make()
    for optimizer, share in ((gan.generator_optimizer, 4 / 5), (gan.discriminator_optimizer, 16 / 17)):
        assert type(optimizer) is Adam
        np.testing.assert_allclose(
            [float(optimizer.learning_rate), optimizer.beta_1, optimizer.beta_2],
            [0.002 * share, 0.0, 0.99**share],
            rtol=1e-6,
        )
    (r1,), (path_length,) = gan.discriminator_penalties, gan.generator_penalties
    assert (r1.weight, r1.interval) == (10.0, 16)
    assert (path_length.weight, path_length.interval, path_length.decay, path_length.batch_shrink) == (2.0, 4, 0.01, 2)
    assert gan.style_mixing.probability == path_length.style_mixing.probability == 0.9
    assert (gan.ema.half_life_images, gan.ema.rampup_ratio) == (10_000, None)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_compile(preset):
    small = {"channel_base": 64, "max_channels": 4, "latent_size": 4, "w_size": 4, "image_shape": (16, 16, 3)}
    gan = StyleGAN2.from_preset(preset, **small)
    gan.compile()
    if preset == "stylegan2_cifar_32":
        assert gan.style_mixing is None and not gan.generator_penalties
        assert gan.discriminator_penalties[0].weight == 0.01
    if preset == "stylegan2_auto":
        assert gan.discriminator_penalties[0].weight == "auto" and gan.ema.half_life_images == "auto"


def test_networks_of_an_importer():
    networks = make(3)
    gan = StyleGAN2(generator=networks.generator, discriminator=networks.discriminator)
    assert gan.image_shape == (16, 16, 3) and gan.num_classes == 3 and gan.latent_size == 12
    np.testing.assert_array_equal(gan.generate(2, labels=1), networks.generate(2, labels=1))
    with pytest.raises(ValueError, match="`generator` and `discriminator` must be passed together"):
        StyleGAN2(generator=networks.generator)


def test_lazily_regularized_adam():
    optimizer = lazily_regularized_adam(0.01, interval=1)
    np.testing.assert_allclose([float(optimizer.learning_rate), optimizer.beta_2], [0.005, 0.99**0.5], rtol=1e-6)
