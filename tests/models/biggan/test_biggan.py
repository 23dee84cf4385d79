"""BigGAN as a model: its step, its state, its latents, its statistics."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tests.test_case import fixed_dataset, run_gan_test, run_replica_test
from tfgan_suite import penalties
from tfgan_suite.adversarial.augment import DiffAugment
from tfgan_suite.adversarial.losses import Hinge, NonSaturating
from tfgan_suite.engine.adam import Adam
from tfgan_suite.foundation.randomness import fold
from tfgan_suite.layers.spectral_normalization import SpectralConvolution
from tfgan_suite.models.biggan.biggan import BigGAN
from tfgan_suite.models.biggan.biggan_architecture import paper_attention_resolutions, paper_latent_size
from tfgan_suite.models.biggan.biggan_presets import PRESETS

TINY = {"image_shape": (32, 32, 3), "num_classes": 4, "latent_size": 8, "base_channels": 2, "shared_size": 6}


def make(seed=3, compile_arguments=None, **config):
    gan = BigGAN(seed=seed, **{**TINY, **config})
    gan.compile(**(compile_arguments or {}))
    return gan


def with_sgd(learning_rate, **compile_arguments):
    return {
        "generator_optimizer": keras.optimizers.SGD(learning_rate),
        "discriminator_optimizer": keras.optimizers.SGD(learning_rate),
        **compile_arguments,
    }


def state_named(network, name):
    """All state of that name, such as every layer's `u`, in one vector."""
    values = [np.ravel(np.asarray(v)) for v in network.non_trainable_variables if v.path.endswith(f"/{name}")]
    return np.concatenate(values)


@pytest.fixture(scope="module")
def fresh_gan():
    """As the paper trains it. Tests only read it."""
    return make()


@pytest.mark.parametrize("variant", ["biggan", pytest.param("deep", marks=pytest.mark.slow)])
def test_contract(variant, tmp_path):
    """Goes on exactly, with the vectors of the power iterations and the running moments."""
    base_channels = 4 if variant == "deep" else 2
    # The hinge leaves the last bias where it is as long as all logits are small: as many pull up as down.
    choices = {"loss": NonSaturating(), "discriminator_steps": 1}

    def make_gan():
        return make(variant=variant, base_channels=base_channels, label_weights=[1, 2, 3, 4], compile_arguments=choices)

    run_gan_test(make_gan, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("rematerialize", [False, True])
def test_two_replicas_equal_one(rematerialize, two_replicas):
    """Two discriminator steps, orthogonal regularisation, an augmentation; `u` and the moments among the variables."""

    def make_gan():
        # Draws of the augmentation are made for the alternating fakes and real images of the whole batch.
        return make(rematerialize=rematerialize, compile_arguments=with_sgd(0.001, augmentation=DiffAugment()))

    # The biases of convolutions before a normalisation have a gradient of zero: what moves them is rounding.
    run_replica_test(make_gan, two_replicas, batch_size=8, steps=2, tolerance=1e-4)


def test_fakes_and_real_images_are_scored_in_one_call(fresh_gan):
    calls = []

    def discriminate(images, labels):
        calls.append((images, labels))
        return tf.reduce_sum(images, axis=[1, 2, 3]) + 10.0 * tf.cast(labels, tf.float32)

    real_images, fake_images = tf.fill([3, 1, 1, 1], 0.25), tf.reshape([-2.0, 0.5, -1.5], [3, 1, 1, 1])
    losses, real_logits, fake_logits = fresh_gan.compute_discriminator_loss(
        discriminate, real_images, fake_images, tf.constant([0, 1, 2]), tf.constant([0, 0, 3])
    )
    (call,) = calls
    np.testing.assert_array_equal(np.ravel(call[0]), [-2.0, 0.25, 0.5, 0.25, -1.5, 0.25])
    np.testing.assert_array_equal(call[1], [0, 0, 0, 1, 3, 2])
    np.testing.assert_allclose(real_logits, [0.25, 10.25, 20.25])
    np.testing.assert_allclose(fake_logits, [-2.0, 0.5, 28.5])
    np.testing.assert_allclose(losses, [0.75, 1.5, 29.5])  # max(0, 1 - real) + max(0, 1 + fake)


def test_one_power_iteration_a_call():
    """k + 1 a step, in both networks: at a rate of zero the vectors can be followed by hand."""
    gan = make(compile_arguments=with_sgd(0.0, run_eagerly=True))
    layers = [network.blocks[0].convolve_1 for network in (gan.generator, gan.discriminator)]
    expected = []
    for layer in layers:
        assert isinstance(layer, SpectralConvolution)
        matrix, u = np.asarray(layer.kernel, np.float64), np.asarray(layer.u, np.float64)
        matrix = matrix.reshape([-1, matrix.shape[-1]])
        # An orthogonal matrix would leave u where it is.
        matrix += np.random.default_rng(0).normal(0, 0.1, matrix.shape)
        layer.kernel.assign(matrix.reshape(layer.kernel.shape))
        for _ in range(3):
            v = matrix @ u
            u = matrix.T @ v
            u /= np.linalg.norm(u)
        expected.append(u)
    gan.fit(fixed_dataset(gan, 8, batches=1), verbose=0)
    for layer, u in zip(layers, expected):
        np.testing.assert_allclose(layer.u, u, atol=1e-5)
    # The average has the trained generator's.
    np.testing.assert_array_equal(state_named(gan.ema_generator, "u"), state_named(gan.generator, "u"))


def test_the_orthogonal_penalty_leaves_the_shared_embedding_alone(fresh_gan):
    gan = fresh_gan
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(gan.generator_penalties[0](gan.generator, tf.zeros([2, 8]), None, None))
    kernels, free = [], []
    for variable, gradient in zip(
        gan.generator.trainable_variables, tape.gradient(value, gan.generator.trainable_variables)
    ):
        (free if gradient is None else kernels).append(variable)
    # The first layer, three blocks of three convolutions and two normalisations with gain and bias, the last layer.
    assert len(kernels) == 1 + 3 * (3 + 2 * 2) + 1
    assert {variable.path.split("/")[-1] for variable in free} == {"embeddings", "bias", "gamma", "beta"}
    matrices = [np.asarray(kernel, np.float64).reshape([-1, kernel.shape[-1]]) for kernel in kernels]
    products = [matrix.T @ matrix for matrix in matrices]
    expected = 1e-4 * sum(np.sum((product - np.diag(np.diag(product))) ** 2) for product in products)
    np.testing.assert_allclose(value, expected, rtol=1e-4)


def test_the_papers_training(fresh_gan):
    gan = fresh_gan
    for optimizer, learning_rate in ((gan.generator_optimizer, 5e-5), (gan.discriminator_optimizer, 2e-4)):
        assert type(optimizer) is Adam
        assert (float(optimizer.learning_rate), optimizer.beta_1, optimizer.beta_2) == (
            pytest.approx(learning_rate),
            0.0,
            0.999,
        )
    assert type(gan.adversarial_loss) is Hinge and gan.discriminator_steps == 2 and not gan.discriminator_penalties
    (orthogonal,) = gan.generator_penalties
    assert type(orthogonal) is penalties.Orthogonal and (orthogonal.weight, orthogonal.interval) == (1e-4, 1)
    assert (gan.ema.decay, gan.ema.start_step) == (0.9999, 20_000)


def test_truncation_cuts_the_latents_off(fresh_gan):
    gan = fresh_gan
    seed = tf.constant([0, 1])
    values = np.ravel(gan.sample_latents(2000, seed, truncation=0.35))
    assert scipy.stats.kstest(values, scipy.stats.truncnorm(-0.7, 0.7).cdf).pvalue > 0.001
    assert scipy.stats.kstest(np.ravel(gan.sample_latents(2000, seed)), scipy.stats.norm.cdf).pvalue > 0.001
    images = gan.generate(3, labels=2, truncation=0.0)
    np.testing.assert_array_equal(images, np.repeat(images[:1], 3, axis=0))
    assert not np.array_equal(images[0], gan.generate(1, labels=1, truncation=0.0)[0])


def test_labels_follow_their_weights(fresh_gan):
    networks = {"generator": fresh_gan.generator, "discriminator": fresh_gan.discriminator}
    for weights in (None, [1.0, 2.0, 3.0, 4.0]):
        labels = BigGAN(label_weights=weights, **networks).sample_labels(4000, tf.constant([0, 1]))
        expected = np.full(4, 0.25) if weights is None else np.array(weights) / 10
        np.testing.assert_allclose(np.bincount(labels, minlength=4) / 4000, expected, atol=0.03)


@pytest.mark.slow
def test_standing_statistics():
    """The averaged generator's moments become those of what it generates; nothing else moves."""
    gan = make(compile_arguments={"run_eagerly": True})  # Quicker than a graph for two steps.
    data = fixed_dataset(gan, 8, batches=1)
    gan.fit(data, verbose=0)
    other_state = {name: state_named(gan.ema_generator, name) for name in ("u", "sigma")}
    trained = gan.generator.get_weights()
    weights = [np.asarray(v) for v in gan.ema_generator.variables if "moving" not in v.name]
    gan.accumulate_standing_statistics(num_batches=3, batch_size=16, truncation=0.5, seed=5)
    for name, value in other_state.items():
        np.testing.assert_array_equal(state_named(gan.ema_generator, name), value)
    for a, b in zip(weights, [np.asarray(v) for v in gan.ema_generator.variables if "moving" not in v.name]):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(trained, gan.generator.get_weights()):
        np.testing.assert_array_equal(a, b)

    # The first normalisation sees what the first layer makes of the latents alone.
    normalization = gan.ema_generator.blocks[0].normalize_1
    moments = []
    for index in range(3):
        latents = gan.sample_latents(16, fold(fold(5, "standing_statistics", index), "latents"), 0.5)
        features = np.asarray(gan.ema_generator.linear(latents[:, :2]), np.float64)
        features = features.reshape([-1, normalization.moving_mean.shape[0]])
        moments.append([features.mean(axis=0), features.var(axis=0, ddof=1)])
    mean, variance = np.mean(moments, axis=0)
    np.testing.assert_allclose(normalization.moving_mean, mean, atol=1e-5)
    np.testing.assert_allclose(normalization.moving_variance, variance, rtol=1e-4)

    # What lies behind it differs as well, is a function of the seed, and makes other images.
    np.testing.assert_array_equal(state_named(gan.ema_generator, "standing_pass"), np.zeros(7))
    before, images = state_named(gan.ema_generator, "moving_mean"), gan.generate(2, seed=1)
    gan.accumulate_standing_statistics(num_batches=3, batch_size=16, truncation=0.5, seed=5)
    np.testing.assert_allclose(state_named(gan.ema_generator, "moving_mean"), before, rtol=1e-5, atol=1e-7)
    gan.accumulate_standing_statistics(num_batches=3, batch_size=16, seed=6)
    assert np.abs(state_named(gan.ema_generator, "moving_mean") - before).min() > 0
    assert not np.array_equal(gan.generate(2, seed=1), images)
    # Training on goes by the trained generator's moments again.
    gan.fit(data, verbose=0)
    np.testing.assert_array_equal(
        state_named(gan.ema_generator, "moving_mean"), state_named(gan.generator, "moving_mean")
    )
    with pytest.raises(ValueError, match="`batch_size` >= 2"):
        gan.accumulate_standing_statistics(batch_size=1)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_compile(preset):
    small = {"image_shape": (32, 32, 3), "base_channels": 4, "num_classes": 3, "depth": 1, "initializer": "normal"}
    gan = BigGAN.from_preset(preset, **small)
    gan.compile()
    deep = "deep" in preset
    assert gan.generator.variant == gan.discriminator.variant == ("deep" if deep else "biggan")
    assert PRESETS[preset]["training"]["batch_size"] % gan.discriminator_steps == 0
    rates = float(gan.generator_optimizer.learning_rate), float(gan.discriminator_optimizer.learning_rate)
    if preset == "biggan_cifar_32":
        assert gan.discriminator_steps == 4 and not gan.generator_penalties and gan.ema.start_step == 1000
        assert gan.generator.shared_size is None and gan.generator_optimizer.epsilon == 1e-8
    elif deep and preset != "biggan_deep_imagenet_128":
        assert rates == pytest.approx((2.5e-5, 2.5e-5))
    elif "imagenet" in preset:
        assert rates == pytest.approx((5e-5, 2e-4))


@pytest.mark.parametrize(
    "size, variant, latent_size, attention",
    [(32, "biggan", 80, ()), (64, "biggan", 100, (32,)), (128, "biggan", 120, (64,)), (256, "biggan", 140, (128,))]
    + [(512, "biggan", 160, (64,)), (128, "deep", 128, (64,)), (256, "deep", 128, (64,)), (512, "deep", 128, (64,))],
)
def test_the_papers_latents_and_attention(size, variant, latent_size, attention):
    assert paper_latent_size(size, variant) == latent_size
    assert paper_attention_resolutions(size, variant) == attention


def test_networks_of_an_importer(fresh_gan):
    networks = fresh_gan
    gan = BigGAN(generator=networks.generator, discriminator=networks.discriminator)
    assert gan.image_shape == (32, 32, 3) and gan.num_classes == 4 and gan.latent_size == 8
    np.testing.assert_array_equal(gan.generate(2, labels=1), networks.generate(2, labels=1))
    with pytest.raises(ValueError, match="`generator` and `discriminator` must be passed together"):
        BigGAN(generator=networks.generator)


def test_refuses_data_without_classes():
    with pytest.raises(ValueError, match="`num_classes` must be >= 1"):
        BigGAN(num_classes=None)
