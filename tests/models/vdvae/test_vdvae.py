"""VDVAE: the reference's numbers, the contract of every model, and the paper's sizes."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.golden_vectors import assert_near, load_golden, part_of
from tests.test_case import run_model_test, run_replica_test
from tfgan_suite.checkpoints.vdvae_state import official_variables, vdvae_from_state, vdvae_state
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.models.vdvae.vdvae_decoder import VDVAEDecoder
from tfgan_suite.models.vdvae.vdvae_encoder import VDVAEEncoder

LAYOUTS = {
    "vdvae_16": {"encoder": "16x2,16d2,8x1,8d2,4x1,4d4,1x1", "decoder": "1x1,4m1,4x1,8m4,8x1,16m8,16x1"},
    "vdvae_8_widths": {"encoder": "8x1,8d2,4x1,4d4,1x1", "decoder": "1x1,4m1,8m4,8x1"},
}
STANDARD = {"mean_level": 120.0, "level_deviation": 64.0}
TINY = {"image_shape": (8, 8, 1), "width": 8, "latent_channels": 2, "components": 2, "seed": 1, **STANDARD}
TINY |= {"encoder": "8x1,8d2,4d4,1x1", "decoder": "1x1,4m1,8m4"}


class StoredNoise:
    """The reference's draws, in the order of the blocks."""

    def __init__(self, golden):
        self._draws = _ordered(golden, "in/posterior_noise_")

    def normal(self, name, shape):
        return self._draws[int(name.rpartition("_")[2])]


def _ordered(golden, prefix):
    parts = part_of(golden, prefix)
    return [tf.constant(parts[name].transpose(0, 2, 3, 1)) for name in sorted(parts, key=int)]


@pytest.fixture(scope="module", params=LAYOUTS)
def reference(request):
    golden = load_golden(f"likelihood/{request.param}")
    return golden, vdvae_from_state(part_of(golden, "w/"), **LAYOUTS[request.param], **STANDARD)


def test_equals_the_reference(reference):
    golden, model = reference
    images = model.spec.to_model(golden["in/image"])
    np.testing.assert_allclose(images, golden["in/target"], atol=1e-6)
    activations = model._activations(images)
    for name, expected in part_of(golden, "out/activations_").items():
        assert_near(activations[name], expected.transpose(0, 2, 3, 1))
    noise = StoredNoise(golden)
    state, steps = model.ema_decoder.draw(noise._draws, None, activations)
    for index, step in enumerate(steps):
        assert_near(step.latent, golden[f"out/z_{index}"].transpose(0, 2, 3, 1))
    assert_near(state * model.decoder.gain + model.decoder.bias, golden["out/px_z"].transpose(0, 2, 3, 1))
    assert_near(model.ema_decoder.parameters(state), golden["out/dmol_params"])
    bound = model.bound(images, None, noise)
    for index, divergence in enumerate(bound.divergences):
        np.testing.assert_allclose(
            tf.reduce_sum(divergence, axis=[1, 2, 3]), golden[f"out/kl_per_example_{index}"], rtol=1e-4
        )
    dimensions = model.num_dimensions
    distortion = tf.reduce_sum(bound.distortion, axis=[1, 2]) / dimensions
    np.testing.assert_allclose(distortion, golden["out/distortion_nats_per_dim"], rtol=1e-4)
    bits = -model.log_mass(images, None, 1, noise).numpy() * model.bits_per_nat
    np.testing.assert_allclose(bits, golden["out/elbo_bits_per_dim"], rtol=1e-4)


def test_gradients_equal_the_reference(reference):
    golden, model = reference
    images = model.spec.to_model(golden["in/image"])
    with tf.GradientTape() as tape:
        bound = model.bound(images, None, StoredNoise(golden), training=True)
        rate = tf.add_n([tf.reduce_sum(one, axis=[1, 2, 3]) for one in bound.divergences])
        loss = tf.reduce_mean(tf.reduce_sum(bound.distortion, axis=[1, 2]) + rate) / model.num_dimensions
    variables = official_variables(model, "")
    gradients = tape.gradient(loss, [variable for variable, _ in variables.values()])
    for (name, (_, (_, to_official))), gradient in zip(variables.items(), gradients):
        expected = golden[f"grad/{name}"]
        gradient = np.zeros_like(expected) if gradient is None else to_official(np.asarray(gradient))
        assert np.linalg.norm(gradient - expected) <= 1e-3 * np.linalg.norm(expected) + 1e-12, name


def test_samples_equal_the_reference(reference):
    golden, model = reference
    decoder, noises = model.ema_decoder, _ordered(golden, "in/prior_noise_")
    for temperature in (1.0, 0.7):
        state, steps = decoder.draw([temperature * noise for noise in noises])
        expected = golden[f"out/uncond_px_z_t{temperature}"].transpose(0, 2, 3, 1)
        assert_near(state * model.decoder.gain + model.decoder.bias, expected)
        # The same through one vector of standardized latents.
        flat = tf.concat([tf.reshape(step.noise, [len(step.noise), -1]) for step in steps], axis=1)
        np.testing.assert_allclose(decoder(flat), decoder.parameters(state), atol=1e-5)
    draws = {"component": golden["in/u_mixture"], "value": golden["in/u_logistic"]}
    sample = model.distribution.sample(decoder.parameters(state), 3, None, lambda name, shape: tf.constant(draws[name]))
    assert_near(sample, golden["out/uncond_sample_t0.7_float"])


def test_state_goes_there_and_back(reference):
    golden, model = reference
    for name, array in vdvae_state(model).items():
        np.testing.assert_array_equal(array, golden[f"w/{name}"])


@pytest.mark.slow
def test_states_that_do_not_fit():
    model = tg.VDVAE(**TINY)
    state, layouts = vdvae_state(model), {name: TINY[name] for name in ("encoder", "decoder")}
    assert vdvae_from_state({f"module.{name}": array for name, array in state.items()}, **layouts).latent_size
    assert vdvae_from_state(state, **TINY).spec.shape == (8, 8, 1)  # What the weights tell may be said again.
    with pytest.raises(UserError, match="does not fit these layouts"):
        vdvae_from_state(state, **{**TINY, "latent_channels": 3})
    with pytest.raises(UserError, match="Missing: decoder.dec_blocks.3"):
        vdvae_from_state(state, **{**layouts, "decoder": "1x1,4m1,8m4,8x1"})
    with pytest.raises(UserError, match="no 'decoder.gain'"):
        vdvae_from_state({name: array for name, array in state.items() if name != "decoder.gain"}, **layouts)
    with pytest.raises(UserError, match="override 'encodr'"):
        vdvae_from_state(state, encodr="8x1")


def test_state_of_other_shapes():
    """Widths that no bottleneck divides, one component, few maps."""
    layouts = {"encoder": "4x1,4d2,2d2", "decoder": "1x1,2m1,4m2"}
    sizes = {"width": 10, "widths": {2: 14}, "latent_channels": 3, "components": 1, "largest_bias": 2}
    model = tg.VDVAE((4, 4, 3), **sizes, bottleneck=0.45, levels=3, **layouts)
    assert {block.middle_channels: block.channels for block in model.encoder.blocks} == {4: 10, 6: 14}
    state = vdvae_state(model)
    again = vdvae_state(vdvae_from_state(state, levels=3, **layouts))
    assert state.keys() == again.keys()
    for name, array in state.items():
        np.testing.assert_array_equal(again[name], array)


def make_vdvae(optimizer="auto", num_classes=None, **choices):
    model = tg.VDVAE(**TINY, num_classes=num_classes)
    # Learned maps and the last convolutions of priors begin with zeros, behind which nothing would move in the first step.
    for decoder in (model.decoder, model.ema_decoder):
        generator = np.random.default_rng(0)
        for variable in [*decoder.first_states.values(), *(prior.convolutions[-1].kernel for prior in decoder.priors)]:
            variable.assign(generator.normal(0, 0.1, variable.shape))
    model.compile(optimizer=optimizer, **choices)
    return model


@pytest.mark.slow
@pytest.mark.parametrize("num_classes", [3, None])
def test_contract(tmp_path, num_classes):
    run_model_test(lambda: make_vdvae(tg.Adam(1e-3), num_classes), tmp_path)


@pytest.mark.slow
def test_two_replicas_equal_one(two_replicas):
    run_replica_test(lambda: make_vdvae(keras.optimizers.SGD(0.05)), two_replicas)


def test_decoding_what_was_encoded():
    model = make_vdvae()
    generator = np.random.default_rng(0)
    for variable in model.ema_decoder.variables:  # So that priors and posteriors differ.
        variable.assign(variable + 0.3 * generator.normal(size=variable.shape).astype("float32"))
    images = generator.integers(0, 256, [3, 8, 8, 1]).astype("uint8")
    values = tg.to_float(images)
    np.testing.assert_allclose(model.decode(model.encode(values)), model.reconstruct(values), atol=1e-5)
    bounds = [model.log_prob(images, samples=samples).numpy().mean() for samples in (1, 32)]
    assert bounds[0] < bounds[1]


def test_default_training_is_the_papers():
    model = make_vdvae()
    adam = model.optimizer.inner_optimizer
    assert (adam.beta_1, adam.beta_2, adam.weight_decay, adam.global_clipnorm) == (0.9, 0.9, 0.01, 200.0)
    assert model.ema.decay == 0.9999


@pytest.mark.parametrize(
    ("preset", "millions"),
    [
        ("vdvae_cifar10", 39.1),
        ("vdvae_imagenet_32", 119.3),
        pytest.param("vdvae_imagenet_64", 125.0, marks=pytest.mark.slow),
    ],
)
def test_parameters_of_the_paper(preset, millions):
    arguments = {name: one.default for name, one in inspect.signature(tg.VDVAE).parameters.items()}
    arguments |= tg.VDVAE.presets[preset]["config"]
    encoder = VDVAEEncoder(arguments["image_shape"], arguments["encoder"], arguments["width"])
    decoder = VDVAEDecoder(arguments["image_shape"], 100, arguments["decoder"], arguments["width"])
    encoder(keras.Input(arguments["image_shape"]))
    decoder.build()
    assert round((encoder.count_params() + decoder.count_params()) / 1e6, 1) == millions


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"encoder": "8x1,4d4,1x1"}, "must go on at the resolution"),
        ({"decoder": "1x1,4m2,8m4"}, "mix in resolutions that come before"),
        ({"decoder": "1x1,4m1"}, "end at the size of the images"),
        ({"decoder": "1x1,2m1,8m2"}, "resolutions of the encoder only"),
        ({"encoder": "8y1"}, "`encoder` must be of parts"),
        ({"image_shape": (8, 4, 1)}, "square"),
    ],
)
def test_layouts_that_do_not_fit(arguments, message):
    with pytest.raises(UserError, match=message):
        tg.VDVAE(**{**TINY, **arguments})
