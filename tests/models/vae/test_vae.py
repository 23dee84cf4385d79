"""VAE: the contract of every model, and its bound against an exact likelihood."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import tfgan_suite as tg
from tests.test_case import random_batch, run_model_test, run_replica_test
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.likelihood.distributions import Bernoulli, DiscretizedGaussian
from tfgan_suite.likelihood.divergences import KLDivergence, MaximumMeanDiscrepancy

TINY = {"image_shape": (8, 8, 1), "latent_size": 3, "base_channels": 4, "dense_units": 8, "seed": 1}


def make_vae(optimizer="auto", conditional=True, **choices):
    vae = tg.VAE(**TINY, num_classes=3 if conditional else None)
    vae.compile(optimizer=optimizer, **choices)
    return vae


def everything():
    return {
        "divergence": KLDivergence(weight=tg.LinearSchedule(0.0, 1.0, 64), free_nats=0.05),
        "discrepancy": MaximumMeanDiscrepancy(10.0, num_features=16),
    }


@pytest.mark.slow
def test_contract(tmp_path):
    run_model_test(make_vae, tmp_path)


def test_contract_with_everything(tmp_path):
    run_model_test(lambda: make_vae(conditional=False, **everything()), tmp_path)


@pytest.mark.parametrize("choices", [pytest.param(dict, marks=pytest.mark.slow), everything])
def test_two_replicas_equal_one(two_replicas, choices):
    run_replica_test(lambda: make_vae(keras.optimizers.SGD(0.05), **choices()), two_replicas)


@pytest.mark.parametrize("choices", [dict, everything])
def test_microbatches_equal_the_batch(choices):
    whole = make_vae(keras.optimizers.SGD(0.05), **choices())
    sliced = make_vae(keras.optimizers.SGD(0.05), microbatch_size=2, **choices())
    examples, labels = random_batch(whole, 8)
    for model in (whole, sliced):
        model.fit(examples, labels, batch_size=8, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(whole.trainable_variables, sliced.trainable_variables):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@keras.saving.register_keras_serializable("tests")
class ConstantDeviation(keras.layers.Layer):
    """Means to means and a learned log-deviation for each, broadcast over the batch."""

    def __init__(self, value=0.0, **kwargs):
        super().__init__(**kwargs)
        self.value = value

    def call(self, means):
        return tf.concat([means, tf.zeros_like(means) + self.value], axis=-1)

    def compute_output_shape(self, shape):
        return (*shape[:-1], 2 * shape[-1])

    def get_config(self):
        return {**super().get_config(), "value": self.value}


def make_linear_vae(noise=0.5, latent_size=2):
    """x = W z + b + noise * e: everything about it is known in closed form. Its encoder is set to the exact posterior."""
    generator = np.random.default_rng(0)
    weights = generator.normal(0, 0.3, [latent_size, 4]).astype("float32")
    bias = generator.normal(0, 0.1, [4]).astype("float32")
    decoder = keras.Sequential(
        [
            keras.Input([latent_size]),
            keras.layers.Dense(4, name="linear"),
            keras.layers.Reshape([2, 2, 1]),
            ConstantDeviation(float(np.log(noise))),
        ]
    )
    precision = np.eye(latent_size) + weights @ weights.T / noise**2
    covariance = np.linalg.inv(precision)
    images = keras.Input([2, 2, 1])
    mean = keras.layers.Dense(latent_size, name="mean")(keras.layers.Flatten()(images))
    deviation = keras.layers.Dense(latent_size, name="deviation")(keras.layers.Flatten()(images))
    encoder = keras.Model(images, keras.layers.Concatenate()([mean, deviation]))
    vae = tg.VAE(
        encoder,
        decoder,
        image_shape=(2, 2, 1),
        latent_size=latent_size,
        distribution=DiscretizedGaussian(),
        levels=256,
    )
    to_mean = weights.T @ covariance / noise**2
    for name in ("encoder", "ema_encoder"):
        getattr(vae, name).get_layer("mean").set_weights([to_mean, -bias @ to_mean])
        # The posterior of each latent by itself: the best among normal ones without correlations.
        log_deviations = -0.5 * np.log(np.diag(precision))
        getattr(vae, name).get_layer("deviation").set_weights([np.zeros([4, latent_size]), log_deviations])
    for name in ("decoder", "ema_decoder"):
        getattr(vae, name).get_layer("linear").set_weights([weights, bias])
    marginal = stats.multivariate_normal(bias, weights.T @ weights + noise**2 * np.eye(4))
    return vae, marginal, (weights, bias, noise, covariance)


def test_bound_of_a_linear_vae_approaches_its_exact_likelihood():
    """The density times the width of a level is the probability of an image of 256 levels, up to the curvature within one."""
    vae, marginal, _ = make_linear_vae()
    generator = np.random.default_rng(1)
    # Away from the end levels, which take the tails.
    images = generator.integers(64, 192, [200, 2, 2, 1]).astype("uint8")
    exact = marginal.logpdf(tg.to_float(images).numpy().reshape(-1, 4)) + 4 * np.log(2 / 255)
    bounds = [float(np.mean(vae.log_prob(images, samples=samples, seed=3))) for samples in (1, 4, 64)]
    assert bounds[0] < bounds[1] - 0.02  # Latents are correlated under the posterior: the bound is not tight.
    assert bounds[1] < np.mean(exact) and abs(bounds[2] - np.mean(exact)) < 0.01
    assert vae.likelihood == "lower_bound"
    bits = vae.bits_per_dimension(images, samples=64, seed=3)
    np.testing.assert_allclose(np.mean(bits), -np.mean(exact) / 4 / np.log(2), atol=0.01)


def test_bound_is_exact_where_the_posterior_is():
    """With one latent there are no correlations: every draw has the weight of the exact likelihood."""
    vae, marginal, _ = make_linear_vae(latent_size=1)
    images = np.random.default_rng(1).integers(64, 192, [50, 2, 2, 1]).astype("uint8")
    exact = marginal.logpdf(tg.to_float(images).numpy().reshape(-1, 4)) + 4 * np.log(2 / 255)
    np.testing.assert_allclose(vae.log_prob(images, samples=2), exact, atol=5e-4)


def test_likelihood_is_a_function_of_the_image():
    """Not of the others, nor of their number or order, nor of whether it came as levels or as floats."""
    vae = make_vae()
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, [70, 8, 8, 1]).astype("uint8")
    labels = generator.integers(0, 3, 70)
    whole = vae.log_prob(images, labels, samples=3, seed=5).numpy()
    assert whole.dtype == np.float64 and (whole < 0).all()
    order = generator.permutation(70)
    np.testing.assert_allclose(vae.log_prob(images[order], labels[order], samples=3, seed=5), whole[order], rtol=1e-6)
    np.testing.assert_allclose(vae.log_prob(images[3:5], labels[3:5], samples=3, seed=5), whole[3:5], rtol=1e-6)
    np.testing.assert_allclose(vae.log_prob(tg.to_float(images), labels, samples=3, seed=5), whole, rtol=1e-6)
    assert not np.allclose(vae.log_prob(images, labels, samples=3, seed=6), whole, rtol=1e-6)
    assert not np.allclose(vae.log_prob(images, (labels + 1) % 3, samples=3, seed=5), whole, rtol=1e-6)
    uniform = 64 * np.log(256)
    np.testing.assert_allclose(vae.bits_per_dimension(images, labels, samples=3, seed=5), -whole / uniform * 8)


def test_masses_of_all_images_of_a_binary_model():
    """Bounds of all 16 images of 2x2 bits sum to nearly 1 with many samples."""
    # It says the prior of every image: what is drawn from it has the weight of the likelihood.
    zeros = keras.layers.Dense(4, kernel_initializer="zeros")
    encoder = keras.Sequential([keras.Input([2, 2, 1]), keras.layers.Flatten(), zeros])
    decoder = keras.Sequential([keras.Input([2]), keras.layers.Dense(4), keras.layers.Reshape([2, 2, 1])])
    vae = tg.VAE(encoder, decoder, image_shape=(2, 2, 1), latent_size=2, distribution=Bernoulli(), levels=2)
    images = ((np.arange(16)[:, None] >> np.arange(4)) & 1).reshape(16, 2, 2, 1).astype("uint8")
    total = np.exp(vae.log_prob(images, samples=300)).sum()
    assert abs(total - 1.0) < 0.1
    assert vae.generate(5).max() <= 1
    np.testing.assert_allclose(vae.log_prob(images.astype("float32") * 2 - 1), vae.log_prob(images))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.full([1, 8, 8, 1], 0.5, "float32"), "grid of 256 levels"),
        (np.full([1, 8, 8, 1], 1.5, "float32"), "grid of 256 levels"),
        (np.full([1, 8, 8, 1], np.nan, "float32"), "grid of 256 levels"),
        (np.full([1, 8, 8, 1], 256, "int32"), "from 0 to 255"),
        (np.full([1, 8, 8, 1], -1, "int32"), "from 0 to 255"),
        (np.full([1, 8, 8, 3], 1, "uint8"), "shape"),
        (np.full([8, 8, 1], 1, "uint8"), "shape"),
        (np.full([1, 8, 8, 1], True), "integers or floats"),
    ],
)
def test_images_that_have_no_likelihood(images, message):
    with pytest.raises(UserError, match=message):
        make_vae(conditional=False).log_prob(images)


def test_arguments_of_log_prob():
    images = np.zeros([2, 8, 8, 1], "uint8")
    with pytest.raises(UserError, match="`labels` must be 2 integers"):
        make_vae().log_prob(images)
    with pytest.raises(UserError, match="unconditional"):
        make_vae(conditional=False).log_prob(images, labels=[0, 1])
    with pytest.raises(UserError, match="`samples`"):
        make_vae(conditional=False).log_prob(images, samples=0)
    with pytest.raises(UserError, match="labels from 0 to 2"):
        make_vae().log_prob(images, labels=[0, 3])
    assert make_vae(conditional=False).log_prob(images[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"divergence": 4.0}, "`divergence` must be"),
        ({"discrepancy": 4.0}, "`discrepancy` must be"),
        ({"beta": 4.0}, "no argument `beta`"),
    ],
)
def test_compile_checks(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_vae(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"encoder": keras.Sequential([keras.Input([8, 8, 1]), keras.layers.Flatten(), keras.layers.Dense(3)])},
            "encoder",
        ),
        ({"distribution": Bernoulli()}, "`levels` must be 2"),
        ({"distribution": "logistic"}, "`distribution` must be"),
        ({"image_shape": (7, 7, 1)}, "even height and width"),
        ({"image_shape": (8, 8, 2)}, "`channels` must be 1 or 3"),
    ],
)
def test_networks_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        tg.VAE(**{**TINY, **arguments})


def test_it_learns_and_uses_its_latents():
    """Bars at eight places: below a bit per dimension, reconstructed, and told apart by their latents."""
    images = np.zeros([64, 8, 8, 1], "uint8")
    images[np.arange(64), :, np.arange(64) % 8] = 200
    vae = tg.VAE(**{**TINY, "dense_units": 32, "base_channels": 8})
    # Without the ramp, one order of the images in two ends in posterior collapse at this rate.
    ramp = KLDivergence(weight=tg.LinearSchedule(0.0, 1.0, 4000))
    vae.compile(optimizer=tg.Adam(1e-2), divergence=ramp)
    before = vae.bits_per_dimension(images).mean()
    history = vae.fit(tg.to_float(images), batch_size=16, epochs=120, shuffle=False, verbose=0).history
    assert before > 2.0 and vae.bits_per_dimension(images).mean() < 1.0
    np.testing.assert_allclose(
        history["bits_per_dimension"], np.add(history["bits/rate"], history["bits/distortion"]), rtol=1e-4
    )
    assert history["active_latents"][-1] > 0.3
    values = tg.to_float(images[:8])
    assert np.abs(vae.reconstruct(values) - values).mean() < 0.1
    row = vae.interpolate(values[:1], values[4:5], steps=5)
    assert row.shape == (1, 5, 8, 8, 1)
    np.testing.assert_allclose(row[:, 0], vae.reconstruct(values[:1]), atol=1e-5)
    np.testing.assert_allclose(vae.decode(vae.encode(values)), vae.reconstruct(values), atol=1e-6)


def test_divergence_counts_as_it_was_told():
    closed = [tf.constant([[0.1, 2.0, 0.0]])]
    assert float(KLDivergence(weight=4.0)(closed)[0]) == pytest.approx(8.4)
    assert float(KLDivergence(free_nats=0.25)(closed)[0]) == pytest.approx(2.5)


def test_discrepancy_is_that_of_the_kernel():
    """Random features against the kernel itself, for latents that are not distributed as the prior."""
    discrepancy = MaximumMeanDiscrepancy(1.0, num_features=20_000)
    generator = np.random.default_rng(0)
    latents = generator.normal(0.7, 0.5, [300, 2]).astype("float32")
    value = float(tf.reduce_mean(discrepancy(discrepancy.features(tf.constant(latents)), 2)))

    def kernel(a, b):
        return np.exp(-np.square(a[:, None] - b[None]).sum(-1) / 2).mean()

    prior = generator.normal(0, 1, [6000, 2])
    expected = kernel(latents, latents) + kernel(prior, prior) - 2 * kernel(latents, prior)
    assert value == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("as_dataset", [False, True])
def test_training_refuses_images_between_levels(as_dataset):
    """On the first batch, as arrays and as data that are read batch by batch."""
    vae = make_vae(conditional=False)
    images = np.random.default_rng(0).uniform(-1, 1, [8, 8, 8, 1]).astype("float32")
    data = tf.data.Dataset.from_tensor_slices(images).batch(4) if as_dataset else images
    with pytest.raises(UserError, match="grid of 256 levels"):
        vae.fit(data, batch_size=4, verbose=0)
    assert int(vae.steps) == 0


@pytest.mark.slow
def test_discrepancy_of_a_rest_on_two_replicas(two_replicas):
    """Batches of a size that only the run knows, the last one uneven, are worked on as on one device."""
    single = make_vae(keras.optimizers.SGD(0.05), **everything())
    with two_replicas.scope():
        mirrored = make_vae(keras.optimizers.SGD(0.05), **everything())
    examples, labels = random_batch(single, 11)
    for model in (single, mirrored):
        model.fit(tf.data.Dataset.from_tensor_slices((examples, labels)).batch(8), verbose=0)
    for a, b in zip(single.trainable_variables, mirrored.trainable_variables):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
