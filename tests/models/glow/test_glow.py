"""Glow: inverse, Jacobian, samples that stay finite, initialization, the contract of every model, and the papers' sizes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.test_case import assert_same_weights, random_batch, run_model_test, run_replica_test
from tfgan_suite.checkpoints.glow_state import glow_state
from tfgan_suite.checkpoints.realnvp_state import realnvp_state
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.models.glow.glow_network import GlowNetwork

TINY = {"image_shape": (8, 8, 1), "scales": 2, "steps": 2, "width": 6, "seed": 1}
REALNVP = {"image_shape": (8, 8, 1), "width": 4, "blocks": 1, "steps": 2, "checkerboards": 1, "seed": 1}
# Every kind of part once.
KINDS = {
    "glow": {},
    "color": {"image_shape": (4, 4, 3), "scales": 1},
    "additive": {"coupling": "additive", "permutation": "shuffle", "learned_top": False},
    "checkerboards": {"checkerboards": 1, "permutation": "reverse", "logit_range": 0.9, "learned_splits": False},
    "realnvp": {**tg.Glow.presets["realnvp_cifar10"]["config"], **REALNVP},
}


def randomized(model, deviation=0.05):
    """Weights at random, so that everything depends on everything."""
    generator = np.random.default_rng(0)
    for variable in model.network.trainable_variables:
        variable.assign(variable + generator.normal(0, deviation, variable.shape))
    model.ema_network.set_weights(model.network.get_weights())
    return model


def make_glow(optimizer="auto", num_classes=None, kind="glow", **choices):
    model = randomized(tg.Glow(**{**TINY, **KINDS[kind]}, num_classes=num_classes))
    model.compile(optimizer=optimizer, **choices)
    return model


def digit_like_images(count, seed=0):
    """Black images with a white bar each, uint8: what drives a flow's scales furthest apart."""
    generator = np.random.default_rng(seed)
    images = np.zeros([count, 8, 8, 1], "uint8")
    for image, column, level in zip(images, generator.integers(1, 7, count), generator.integers(100, 256, count)):
        image[1:7, column] = level
    return images


@pytest.mark.parametrize("kind", KINDS)
def test_the_inverse_and_the_numerical_jacobian(kind):
    """At 4x4: the log-determinant is that of differences, the inverse is within 1e-5."""
    choices = {**TINY, **KINDS[kind]}
    model = randomized(tg.Glow(**{**choices, "image_shape": (4, 4, choices["image_shape"][-1])}))
    generator = np.random.default_rng(0)
    values = tf.constant(generator.uniform(-0.9, 0.9, [1, *model.spec.shape]), tf.float32)
    latents, log_det = model.forward(values)
    assert np.abs(model.inverse(latents) - values).max() <= 1e-5 * np.abs(values).max()
    steps = 1e-2 * np.eye(model.num_dimensions, dtype="float32").reshape(-1, *model.spec.shape)
    # A fourth-order difference: float32 leaves no smaller step.
    ahead, behind, far_ahead, far_behind = (model.forward(values + size * steps)[0] for size in (1, -1, 2, -2))
    jacobian = (8.0 * (ahead - behind) - (far_ahead - far_behind)) / 0.12
    assert np.linalg.slogdet(jacobian)[1] == pytest.approx(float(log_det[0]), abs=0.05)


def test_encoding_and_decoding():
    model = randomized(tg.Glow(**TINY, num_classes=3))
    images, labels = digit_like_images(4), np.array([0, 1, 2, 0], "int32")
    values = tg.to_float(images)
    latents = model.encode(values, labels)
    np.testing.assert_allclose(model.decode(latents, labels), values, atol=1e-5)
    np.testing.assert_array_equal(model.spec.to_edge(model.reconstruct(values, labels, tf.constant([0, 1]))), images)
    assert np.abs(latents - model.encode(values, (labels + 1) % 3)).max() > 1e-3  # The prior is the class's.
    path = model.spec.to_edge(model.interpolate(images[:2], images[2:], steps=5, labels=[1, 2]))
    np.testing.assert_array_equal(path[:, 0], images[:2])
    np.testing.assert_array_equal(path[:, -1], images[2:])
    with pytest.raises(ValueError, match="`steps`"):
        model.interpolate(images[:2], images[2:], steps=1, labels=[1, 2])
    with pytest.raises(UserError, match="`labels` must be 2 integers, since the model is conditional"):
        model.interpolate(images[:2], images[2:])


def test_the_bound_is_tighter_with_more_samples():
    model = randomized(tg.Glow(**TINY, levels=2), 0.1)  # Within wide levels the density varies.
    images = np.random.default_rng(0).integers(0, 2, [64, 8, 8, 1]).astype("uint8")
    bounds = [model.log_prob(images, samples=samples).numpy().mean() for samples in (1, 8)]
    assert bounds[0] + 0.2 < bounds[1] < 0
    np.testing.assert_allclose(model.log_prob(images[2:4]), model.log_prob(images)[2:4], rtol=1e-6)


def test_a_new_model_of_standard_latents_has_their_likelihood():
    """Without a step that does anything, the mass of a level is its width times a normal density."""
    model = tg.Glow(**{**TINY, "permutation": "reverse"})
    images = digit_like_images(3)
    values = model.dequantize(tg.to_float(images), 0.25)

    class Quarter:
        def uniform(self, name, shape):
            return tf.fill([3, *shape], 0.25)

    expected = -0.5 * np.sum((values.numpy() / 2) ** 2 + np.log(2 * np.pi), axis=(1, 2, 3)) - 64 * np.log(256)
    np.testing.assert_allclose(model.log_mass(tg.to_float(images), None, 1, Quarter()), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", ["glow", pytest.param("realnvp", marks=pytest.mark.slow)])
def test_samples_are_finite_at_every_stage_of_training(kind):
    """At a rate that ruins the model: all samples are finite, and drawn once."""
    model = tg.Glow(**{**TINY, **KINDS[kind]})
    model.compile(optimizer=keras.optimizers.Adam(0.1), ema=tg.ExponentialMovingAverage(decay=0.0))
    images = tg.to_float(digit_like_images(64))
    for _ in range(5):
        model.fit(images, batch_size=16, epochs=2, verbose=0)
        for temperature in (0.7, 1.0, 2.0):
            latents = model.sample_latents(64, tf.constant([0, 1]), temperature)
            assert np.isfinite(model.inverse(latents)).all()
    latents, log_det = model.forward(model.dequantize(images, 0.5))
    assert np.isfinite(latents).all() and np.isfinite(log_det).all()


def test_the_papers_flow_without_bounds_overflows():
    """What the bounds are for: ten scales of e^-30 in a row, of an inverse that multiplies."""
    finite = {}
    for bound in (1.0, None):
        model = tg.Glow(**{**TINY, "steps": 10, "scales": 1}, max_log_scale=bound)
        for layer in model.ema_network.step_layers[0]:
            if hasattr(layer, "network"):
                layer.network.last.bias.assign([0.0] * 2 + [-30.0] * 2)
        finite[bound] = bool(np.isfinite(model.inverse(model.sample_latents(8, tf.constant([0, 1])))).all())
    assert finite == {1.0: True, None: False}


@pytest.mark.parametrize("kind, num_classes", [("glow", 3), pytest.param("realnvp", None, marks=pytest.mark.slow)])
def test_contract(tmp_path, kind, num_classes):
    model = run_model_test(lambda: make_glow(tg.Adam(1e-3), num_classes, kind), tmp_path)
    assert model.likelihood == "lower_bound" and int(model.is_initialized) == 1


@pytest.mark.slow
def test_two_replicas_equal_one(two_replicas):
    run_replica_test(lambda: make_glow(keras.optimizers.SGD(1e-4)), two_replicas)


@pytest.mark.slow
def test_microbatches_equal_the_batch():
    whole, sliced = (make_glow(keras.optimizers.SGD(1e-4), microbatch_size=size) for size in (None, 2))
    examples, _ = random_batch(whole, 8)
    for model in (whole, sliced):
        model.fit(examples, batch_size=8, epochs=2, shuffle=False, verbose=0)
    assert_same_weights(whole, sliced, tolerance=1e-4)


def test_initialization_is_done_once_and_never_by_sampling():
    model = tg.Glow(**TINY)
    before = model.network.get_weights()
    model.generate(2), model.log_prob(digit_like_images(2)), model.encode(tg.to_float(digit_like_images(2)))
    for old, new in zip(before, model.network.get_weights()):
        np.testing.assert_array_equal(old, new)
    images = tg.to_float(digit_like_images(16))
    model.initialize_from_data(images)
    assert_same_weights(model.network, model.ema_network)
    # All of these images were looked at: behind the first actnorm they have mean 0 and deviation 1.
    scaled, _ = model.network.scaling.forward(model.dequantize(images, 0.5))
    blocks = tf.nn.space_to_depth(scaled, 2)
    normalized, _ = model.network.step_layers[0][0].forward(blocks)
    np.testing.assert_allclose(tf.reduce_mean(normalized, axis=[0, 1, 2]), np.zeros(4), atol=0.02)
    np.testing.assert_allclose(tf.math.reduce_std(normalized, axis=[0, 1, 2]), np.ones(4), atol=0.02)
    with pytest.raises(UserError, match="once"):
        model.initialize_from_data(images)
    fitted = tg.Glow(**TINY)
    fitted.compile(optimizer=keras.optimizers.SGD(0.0))
    fitted.fit(images, batch_size=16, verbose=0)
    assert_same_weights(fitted.network, model.network)


def test_it_learns():
    images = tg.to_float(digit_like_images(64))
    model = tg.Glow(**{**TINY, "width": 16})
    model.compile(optimizer=tg.Adam(3e-3), ema=tg.ExponentialMovingAverage(half_life_images=100))
    history = model.fit(images, batch_size=32, epochs=25, verbose=0).history["bits_per_dimension"]
    assert model.bits_per_dimension(digit_like_images(64)).mean() < history[0] - 1.0
    values = model.dequantize(images, 0.3)
    assert np.abs(model.inverse(model.forward(values)[0]) - values).max() <= 1e-5


@pytest.mark.slow
def test_reduced_precision_is_for_training_alone():
    single, mixed = (randomized(tg.Glow(**TINY, dtype=dtype)) for dtype in ("float32", "mixed_bfloat16"))
    images = digit_like_images(4)
    np.testing.assert_allclose(mixed.log_prob(images), single.log_prob(images), rtol=1e-6)
    values = mixed.dequantize(tg.to_float(images), 0.5)
    trained = [model.forward(values, training=True)[1].numpy() for model in (single, mixed)]
    assert 0 < np.abs(trained[0] - trained[1]).max() < 0.5
    mixed.compile()
    assert np.isfinite(mixed.fit(tg.to_float(images), batch_size=4, verbose=0).history["loss"]).all()


@pytest.mark.parametrize(
    "preset, millions",
    [
        ("glow_cifar10", 44.6),
        pytest.param("glow_imagenet_32", 66.9, marks=pytest.mark.slow),
        pytest.param("glow_imagenet_64", 112.4, marks=pytest.mark.slow),
        ("realnvp_cifar10", 19.6),
    ],
)
def test_parameters_of_the_papers(preset, millions):
    """Built without a value for any weight."""
    config = {"image_shape": (32, 32, 3), **tg.Glow.presets[preset]["config"]}
    with keras.StatelessScope():
        network = GlowNetwork(**config)
    count = sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)
    assert round(count / 1e6, 1) == millions


def test_states_of_other_shapes():
    model = randomized(tg.Glow(**{**TINY, "image_shape": (8, 16, 3), "coupling": "additive"}, num_classes=3, levels=8))
    state = {f"w/{name}": array for name, array in glow_state(model.network).items()}
    again = tg.checkpoints.glow_from_state(state, image_shape=(8, 16, 3), bits=3, max_log_scale=0.5)
    told = {name: again.architecture[name] for name in ("scales", "steps", "width", "coupling", "permutation")}
    assert told == {"scales": 2, "steps": 2, "width": 6, "coupling": "additive", "permutation": "convolution"}
    images = np.random.default_rng(0).integers(0, 8, [2, 8, 16, 3])
    np.testing.assert_allclose(again.log_prob(images, [0, 2]), model.log_prob(images, [0, 2]), rtol=1e-5)
    with pytest.raises(UserError, match="told by the weights: 6"):
        tg.checkpoints.glow_from_state(state, width=7)
    with pytest.raises(UserError, match="3 channels"):
        tg.checkpoints.glow_from_state(state, image_shape=(8, 16, 1))
    with pytest.raises(UserError, match="singular"):
        tg.checkpoints.glow_from_state({**state, "w/0/0/invconv/W": np.ones([12, 12])}, image_shape=(8, 16, 3), bits=3)
    with pytest.raises(UserError, match="no Glow"):
        tg.checkpoints.glow_from_state({"0/0/actnorm_center/b": np.zeros([1, 1, 1, 4])})
    with pytest.raises(UserError, match="Missing: prior/p/logs"):
        tg.checkpoints.glow_from_state({name: state[name] for name in state if name != "w/prior/p/logs"})


def test_a_state_with_shuffled_channels():
    model = randomized(tg.Glow(**{**TINY, "permutation": "shuffle", "seed": 5}))
    state = glow_state(model.network)
    # The code of the authors stores the inverse as well, in a scope that has the name of the function.
    for name in [name for name in state if name.endswith("indices")]:
        state[name.replace("indices", "indices_inverse")] = np.argsort(state[name])
    again = tg.checkpoints.glow_from_state(state, image_shape=(8, 8, 1), max_log_scale=0.5)
    images = digit_like_images(2)
    np.testing.assert_allclose(again.log_prob(images), model.log_prob(images), rtol=1e-6)


def test_a_realnvp_of_three_scales():
    model = randomized(tg.Glow(**{**KINDS["realnvp"], "scales": 3, "image_shape": (12, 8, 1)}))
    state = realnvp_state(model.network)
    state["data_constraint"] = np.array([0.9], "float32")
    again = tg.checkpoints.realnvp_from_state(state, image_shape=(12, 8, 1), max_log_scale=1.0)
    assert again.architecture == model.architecture
    images = np.random.default_rng(0).integers(0, 256, [2, 12, 8, 1])
    np.testing.assert_allclose(again.log_prob(images), model.log_prob(images), rtol=1e-6)
    with pytest.raises(UserError, match="no RealNVP"):
        tg.checkpoints.realnvp_from_state({"flows.x": np.zeros(1)})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_shape": (10, 8, 1)}, "multiples of 4 with 2 scales"),
        ({"scales": 0}, "`scales` must be"),
        ({"steps": 1.5}, "`steps` must be"),
        ({"checkerboards": -1}, "`checkerboards` must be"),
        ({"logit_range": 1.0}, "`logit_range` must be"),
        ({"max_log_scale": 0.0}, "`max_log_scale` must be"),
        ({"coupling": "afine"}, "Did you mean 'affine'"),
        ({"permutation": "shufle"}, "Did you mean 'shuffle'"),
    ],
)
def test_arguments(arguments, message):
    with pytest.raises((ValueError, UserError), match=message):
        tg.Glow(**{**TINY, **arguments})
