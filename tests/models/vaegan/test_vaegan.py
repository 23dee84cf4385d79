"""VAEGAN: the contract of every model, who sees whose loss, and the losses in closed form."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.test_case import fixed_dataset, random_batch, run_model_test, run_replica_test
from tfgan_suite.engine.step import Step
from tfgan_suite.generative.abilities import HasLikelihood, require
from tfgan_suite.models.vaegan.vaegan_decoder import VAEGANDecoder
from tfgan_suite.models.vaegan.vaegan_discriminator import VAEGANDiscriminator
from tfgan_suite.models.vaegan.vaegan_encoder import VAEGANEncoder

TINY = {"image_shape": (8, 8, 1), "latent_size": 3, "base_channels": 4, "seed": 1}
OPTIMIZERS = ("encoder_optimizer", "generator_optimizer", "discriminator_optimizer")


def make_vaegan(**choices):
    model = tg.VAEGAN(**TINY, num_classes=3)
    model.compile(**choices)
    return model


def descent(rate):
    return {name: keras.optimizers.SGD(rate) for name in OPTIMIZERS}


def everything():
    return {
        "loss": tg.losses.LeastSquares(),
        "discriminator_penalties": [tg.penalties.R1(1.0, interval=2), tg.penalties.Drift()],
        "augmentation": tg.augment.DiffAugment("color"),
        "divergence": tg.divergences.KLDivergence(weight=tg.LinearSchedule(0.5, 1.0, 64), free_nats=0.05),
        "reconstruction_weight": tg.LinearSchedule(1e-3, 1e-2, 64),
        "discriminator_steps": 2,
    }


@pytest.mark.slow
def test_contract(tmp_path):
    model = run_model_test(make_vaegan, tmp_path)
    scores = model.evaluate(fixed_dataset(model, 8, batches=2), verbose=0, return_dict=True)
    of_gan = {"loss", "loss/generator", "loss/discriminator", "logits/real", "logits/fake"}
    assert set(scores) == of_gan | {"loss/divergence", "loss/reconstruction"}
    values = random_batch(model, 4)
    np.testing.assert_allclose(
        model.decode(model.encode(*values), values[1]), model.reconstruct(*values), rtol=1e-5, atol=1e-6
    )


def test_contract_with_everything(tmp_path):
    run_model_test(lambda: make_linear_vaegan(**everything()), tmp_path)


@pytest.mark.slow
def test_two_replicas_equal_one(two_replicas):
    run_replica_test(lambda: make_linear_vaegan(0.001, reconstruction_weight=0.01), two_replicas)


def make_linear_vaegan(rate=None, **choices):
    """Encoder, decoder, features and logits are linear, and the posterior is so narrow that its draws are its means."""
    images, latents = keras.Input([2, 2, 1]), keras.Input([2])
    mean = keras.layers.Dense(2, name="mean")(keras.layers.Flatten()(images))
    zeros, narrow = keras.initializers.Zeros(), keras.initializers.Constant(-12.0)
    deviation = keras.layers.Dense(2, kernel_initializer=zeros, bias_initializer=narrow)(keras.layers.Flatten()(images))
    features = keras.layers.Dense(3, name="features")(keras.layers.Flatten()(images))
    model = tg.VAEGAN(
        keras.Model(images, keras.layers.Concatenate()([mean, deviation])),
        keras.Sequential([latents, keras.layers.Dense(4, name="linear"), keras.layers.Reshape([2, 2, 1])]),
        keras.Model(images, [keras.layers.Dense(1, name="score")(features), features]),
        image_shape=(2, 2, 1),
        latent_size=2,
    )
    generator = np.random.default_rng(0)
    for network, layer in (
        (model.encoder, "mean"),
        (model.generator, "linear"),
        (model.discriminator, "features"),
        (model.discriminator, "score"),
    ):
        layer = network.get_layer(layer)
        layer.set_weights([generator.normal(0, 0.5, weight.shape) for weight in layer.get_weights()])
    model.compile(**choices, **({} if rate is None else descent(rate)))
    return model


def gradients(model, name, images, labels=None, seed=3):
    """What the update of that name changes its weights by, and what it minimizes and logs."""
    (update,) = (update for update in model.updates() if update.name == name)
    model.reset_metrics()
    images = tf.constant(images)
    data = images if labels is None else (images, tf.constant(labels))
    parts, _ = Step(model, data).gradients(data, update, 0, tf.constant([0, seed]))
    logs = {name: float(tracker.result()) for name, tracker in model._trackers.items() if float(tracker.count)}
    return [np.add.reduce([np.asarray(one) for one in per_weight]) for per_weight in zip(*parts)], logs


def difference(first, second):
    return max(np.abs(a - b).max() / (np.abs(a).max() + 1e-12) for a, b in zip(first, second))


def test_losses_in_closed_form():
    gamma, weight, seed = 0.3, 2.0, 3
    model = make_linear_vaegan(
        reconstruction_weight=gamma, divergence=tg.divergences.KLDivergence(weight=weight), loss=tg.losses.Hinge()
    )
    images = np.random.default_rng(1).uniform(-1, 1, [6, 2, 2, 1]).astype("float32")
    x = images.reshape(6, 4)
    (a, b), (c, d) = (
        model.encoder.get_layer("mean").get_weights(),
        model.generator.get_layer("linear").get_weights(),
    )
    (e, f), (g, h) = (model.discriminator.get_layer(name).get_weights() for name in ("features", "score"))
    means = x @ a + b
    rebuilt = means @ c + d
    differences = (x - rebuilt) @ e
    divergence = (0.5 * (np.exp(-24.0) + means**2 - 1) + 12.0).sum(axis=1)
    distance = 0.5 * np.square(differences).sum(axis=1)

    found, logs = gradients(model, "encoder", images, seed=seed)
    assert logs["loss/divergence"] == pytest.approx(weight * divergence.mean(), rel=1e-4)
    assert logs["loss/reconstruction"] == pytest.approx(distance.mean(), rel=1e-4)
    names = [variable.path.split("/")[-2] for variable in model.encoder.trainable_variables]
    by_means = (weight * means - differences @ e.T @ c.T) / 6
    np.testing.assert_allclose(found[names.index("mean")], x.T @ by_means, rtol=1e-3, atol=1e-5)

    samples = np.asarray(model.draw_latents(6, tf.constant([0, seed]))[0]) @ c + d
    real, fake, again = ((one @ e + f) @ g + h for one in (x, samples, rebuilt))
    _, logs = gradients(model, "discriminator", images, seed=seed)
    of_samples = np.maximum(0, 1 - real) + np.maximum(0, 1 + fake)
    of_reconstructions = np.maximum(0, 1 - real) + np.maximum(0, 1 + again)
    assert logs["loss/discriminator"] == pytest.approx(of_samples.mean(), rel=1e-4)
    assert logs["loss/discriminator_of_reconstructions"] == pytest.approx(of_reconstructions.mean(), rel=1e-4)
    assert logs["logits/reconstructed"] == pytest.approx(again.mean(), rel=1e-3)

    found, logs = gradients(model, "generator", images, seed=seed)
    assert logs["loss/generator"] == pytest.approx(-fake.mean(), rel=1e-4)
    assert logs["loss/generator_of_reconstructions"] == pytest.approx(-again.mean(), rel=1e-3)
    assert logs["loss/weighted_reconstruction"] == pytest.approx(gamma * distance.mean(), rel=1e-4)
    by_bias = -gamma * (differences @ e.T).mean(axis=0) - 2 * (e @ g)[:, 0]
    np.testing.assert_allclose(found[1], by_bias, rtol=1e-3, atol=1e-5)


@pytest.fixture(scope="module")
def batch():
    return random_batch(make_vaegan(), 8)


def test_encoder_never_sees_the_loss_of_the_gan(batch):
    """Neither another loss nor other logits change its gradient; other features do."""
    plain, logs = gradients(make_vaegan(), "encoder", *batch)
    assert all(np.abs(one).max() > 0 for one in plain) and set(logs) == {
        "loss/divergence",
        "loss/reconstruction",
        "active_latents",
    }
    other = make_vaegan(loss=tg.losses.LeastSquares(), reconstruction_weight=1e3)
    other.discriminator.score.set_weights([weight + 1.0 for weight in other.discriminator.score.get_weights()])
    assert difference(plain, gradients(other, "encoder", *batch)[0]) == 0.0
    other.discriminator.convolutions[0].kernel.assign(2.0 * other.discriminator.convolutions[0].kernel)
    assert difference(plain, gradients(other, "encoder", *batch)[0]) > 0.01


def test_discriminator_never_sees_the_reconstruction(batch):
    plain, _ = gradients(make_vaegan(), "discriminator", *batch)
    other = make_vaegan(reconstruction_weight=1e3, divergence=tg.divergences.KLDivergence(weight=1e3))
    assert difference(plain, gradients(other, "discriminator", *batch)[0]) == 0.0
    hinge = make_vaegan(loss=tg.losses.Hinge())
    assert difference(plain, gradients(hinge, "discriminator", *batch)[0]) > 0.01
    # It sees the reconstructions themselves: with other ones its gradient differs.
    other.encoder.posterior.bias.assign(other.encoder.posterior.bias + 1.0)
    assert difference(plain, gradients(other, "discriminator", *batch)[0]) > 0.01


def test_decoder_sees_both_by_gamma(batch):
    none, one, three = (
        gradients(make_vaegan(reconstruction_weight=weight), "generator", *batch)[0] for weight in (0.0, 1.0, 3.0)
    )
    assert all(np.abs(gradient).max() > 0 for gradient in none)
    assert difference(one, none) > 0.1
    for a, b, c in zip(none, one, three):
        np.testing.assert_allclose(c - a, 3.0 * (b - a), rtol=1e-3, atol=1e-4 * np.abs(c).max())


def test_step_changes_each_network_by_its_own_update():
    """With one rate above 0, no other network moves."""
    images = np.random.default_rng(1).uniform(-1, 1, [4, 2, 2, 1]).astype("float32")
    for moving in OPTIMIZERS:
        rates = {name: keras.optimizers.SGD(float(name == moving)) for name in OPTIMIZERS}
        model = make_linear_vaegan(**rates, run_eagerly=True)
        before = {name: one.get_weights() for name, one in model.networks.items()}
        model.fit(images, batch_size=4, verbose=0)
        for name, network in model.networks.items():
            moved = any(not np.array_equal(a, b) for a, b in zip(before[name], network.get_weights()))
            assert moved == moving.startswith(name)


def test_microbatches_equal_the_batch():
    whole, sliced = make_linear_vaegan(0.01), make_linear_vaegan(0.01, microbatch_size=2)
    images, _ = random_batch(whole, 8)
    for model in (whole, sliced):
        model.fit(images, batch_size=8, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(whole.trainable_variables, sliced.trainable_variables):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_it_learns_to_reconstruct():
    """Bars at eight places: told apart by their latents, and nearer to themselves than to any other."""
    images = np.full([64, 8, 8, 1], -1.0, "float32")
    images[np.arange(64), :, np.arange(64) % 8] = 1.0
    model = tg.VAEGAN(**{**TINY, "base_channels": 8})
    model.compile(reconstruction_weight=0.1, **{name: tg.Adam(3e-3, beta_1=0.5) for name in OPTIMIZERS})
    model.fit(images, batch_size=32, epochs=66, shuffle=False, verbose=0)
    rebuilt = model.reconstruct(images[:8]).numpy().reshape(8, 64)
    distances = np.abs(rebuilt[:, None] - images[:8].reshape(8, 64)).mean(axis=2)
    assert np.argmin(distances, axis=1).tolist() == list(range(8))
    guess = np.abs(images[:8] - images[:8].mean(axis=0)).mean()
    assert np.diag(distances).mean() < 0.5 * guess


def test_optimizers_by_place():
    model = tg.VAEGAN(**TINY)
    optimizers = [keras.optimizers.SGD(rate) for rate in (0.1, 0.2, 0.3)]
    model.compile(*optimizers)
    assert [model.optimizers[name] for name in ("encoder", "generator", "discriminator")] == optimizers
    with pytest.raises(ValueError, match="`encoder_optimizer` and `generator_optimizer` and `discriminator_optimizer`"):
        model.compile("adam", "adam")


def test_likelihood_is_refused():
    model = make_vaegan()
    assert not hasattr(model, "log_prob")
    able = "generate from latents, encode examples, reconstruct examples, discriminate"
    with pytest.raises(tg.UserError, match=f"likelihoods. VAEGAN can: {able}"):
        require(model, HasLikelihood, "Bits per dimension")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"divergence": 4.0}, "`divergence` must be"),
        ({"reconstruction_weight": -1.0}, "`reconstruction_weight` must be"),
        ({"gamma": 1.0}, "no argument `gamma`"),
        ({"optimizer": "adam"}, "an optimizer each"),
    ],
)
def test_compile_checks(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_vaegan(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"discriminator": keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)])}, "must return a pair"),
        ({"encoder": keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])}, "`encoder` must return"),
        ({"image_shape": (7, 7, 1)}, "even height and width"),
    ],
)
def test_networks_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        tg.VAEGAN(**{**TINY, **arguments})


def test_networks_are_the_papers():
    """Table 1: the widths, and a discriminator that shows 16x16x256."""
    networks = {"encoder": VAEGANEncoder((64, 64, 3)), "generator": VAEGANDecoder((64, 64, 3))}
    networks["discriminator"] = VAEGANDiscriminator((64, 64, 3))
    networks["encoder"](keras.Input([64, 64, 3])), networks["generator"](keras.Input([128]))
    _, features = networks["discriminator"](keras.Input([64, 64, 3]))
    assert features.shape == (None, 16, 16, 256)
    shapes = {name: {tuple(v.shape) for v in one.trainable_variables} for name, one in networks.items()}
    assert {(5, 5, 3, 64), (5, 5, 64, 128), (5, 5, 128, 256), (16384, 2048), (2048, 256)} <= shapes["encoder"]
    assert {(128, 16384), (5, 5, 256, 256), (5, 5, 128, 256), (5, 5, 32, 128), (5, 5, 32, 3)} <= shapes["generator"]
    of_discriminator = {(5, 5, 3, 32), (5, 5, 32, 128), (5, 5, 128, 256), (5, 5, 256, 256), (16384, 512), (512, 1)}
    assert of_discriminator <= shapes["discriminator"]
