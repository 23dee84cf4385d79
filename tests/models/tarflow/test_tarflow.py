"""TarFlow: inverse, Jacobian, samples that stay finite, guidance, the contract of every model, and the paper's sizes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.test_case import assert_same_weights, random_batch, run_model_test, run_replica_test
from tfgan_suite.checkpoints.tarflow_state import tarflow_state
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.models.tarflow.tarflow_network import TarFlowNetwork

TINY = {"image_shape": (8, 8, 1), "width": 32, "num_blocks": 2, "layers_per_block": 1, "head_size": 16, "seed": 1}
# Every kind of flow once.
KINDS = {
    "uniform": {},
    "color": {"image_shape": (4, 4, 3), "num_blocks": 3, "layers_per_block": 2},
    "gaussian": {"noise_deviation": 0.05},
    "volume_preserving": {"volume_preserving": True},
    "unbounded": {"max_log_scale": None},
}


def randomized(model, deviation=0.05):
    """Weights at random, so that everything depends on everything."""
    generator = np.random.default_rng(0)
    for variable in model.network.trainable_variables:
        variable.assign(variable + generator.normal(0, deviation, variable.shape))
    model.ema_network.set_weights(model.network.get_weights())
    return model


def make_tarflow(optimizer="auto", num_classes=None, kind="uniform", **choices):
    model = randomized(tg.TarFlow(**{**TINY, **KINDS[kind]}, num_classes=num_classes))
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
    model = randomized(tg.TarFlow(**{**choices, "image_shape": (4, 4, choices["image_shape"][-1])}))
    generator = np.random.default_rng(0)
    model.ema_network.prior.variance.assign(generator.uniform(0.5, 2.0, model.ema_network.token_shape))
    values = tf.constant(generator.uniform(-0.9, 0.9, [1, *model.spec.shape]), tf.float32)
    latents, log_det = model.forward(values)
    assert np.abs(model.inverse(latents) - values).max() <= 1e-5 * np.abs(values).max()
    steps = 1e-2 * np.eye(model.num_dimensions, dtype="float32").reshape(-1, *model.spec.shape)
    # A fourth-order difference: float32 leaves no smaller step.
    ahead, behind, far_ahead, far_behind = (model.forward(values + size * steps)[0] for size in (1, -1, 2, -2))
    jacobian = (8.0 * (ahead - behind) - (far_ahead - far_behind)) / 0.12
    assert np.linalg.slogdet(jacobian)[1] == pytest.approx(float(log_det[0]), abs=0.05)


def test_encoding_and_decoding():
    model = randomized(tg.TarFlow(**TINY, noise_deviation=0.05, num_classes=3))
    images, labels = digit_like_images(4), np.array([0, 1, 2, 0], "int32")
    values = tg.to_float(images)
    latents = model.encode(values, labels)
    np.testing.assert_allclose(model.decode(latents, labels), values, atol=1e-5)
    np.testing.assert_array_equal(model.spec.to_edge(model.reconstruct(values, labels, tf.constant([0, 1]))), images)
    assert np.abs(latents - model.encode(values, (labels + 1) % 3)).max() > 1e-3
    path = model.spec.to_edge(model.interpolate(images[:2], images[2:], steps=5, labels=[1, 2]))
    np.testing.assert_array_equal(path[:, 0], images[:2])
    np.testing.assert_array_equal(path[:, -1], images[2:])


def test_classes_by_the_rule_of_bayes():
    model = randomized(tg.TarFlow(**TINY, num_classes=3, label_weights=[1.0, 2.0, 1.0]), 0.1)
    images = digit_like_images(4)
    likelihoods = np.stack([model.log_prob(images, [label] * 4, samples=2, seed=5) for label in range(3)], axis=1)
    joint = np.exp(likelihoods - likelihoods.max(axis=1, keepdims=True)) * [1.0, 2.0, 1.0]
    expected = joint / joint.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.exp(model.classify(images, samples=2, seed=5)), expected, rtol=1e-6)
    with pytest.raises(UserError, match="needs a model with classes"):
        tg.TarFlow(**TINY).classify(images)


def test_a_new_model_is_the_identity():
    model = tg.TarFlow(**TINY)
    values = model.dequantize(tg.to_float(digit_like_images(2)), 0.25)
    latents, log_det = model.forward(values)
    np.testing.assert_array_equal(np.sort(latents), np.sort(tf.reshape(values, [2, -1])))
    np.testing.assert_array_equal(log_det, [0.0, 0.0])


def test_each_token_depends_on_earlier_ones_alone():
    model = randomized(tg.TarFlow(**TINY))
    tokens = tf.constant(np.random.default_rng(0).normal(size=[1, 16, 4]), tf.float32)
    for block in model.network.blocks:
        with tf.GradientTape() as tape:
            tape.watch(tokens)
            latents = tf.reduce_sum(block.forward(tokens)[0], axis=[0, 2])
        jacobian = np.abs(tape.jacobian(latents, tokens)[:, 0]).max(axis=-1)
        below = np.triu(jacobian, 1) if not block.reverse else np.tril(jacobian, -1)
        above = np.tril(jacobian) if not block.reverse else np.triu(jacobian)
        assert not below.any() and np.count_nonzero(above) == 16 * 17 // 2


@pytest.mark.slow
@pytest.mark.parametrize("num_classes", [None, 3])
def test_samples_are_finite_at_every_stage_of_training(num_classes):
    """At a rate that ruins the model: all samples are finite, with guidance too, and drawn once."""
    model = tg.TarFlow(**TINY, num_classes=num_classes)
    model.compile(optimizer=keras.optimizers.Adam(0.1), ema=tg.ExponentialMovingAverage(decay=0.0))
    images = tg.to_float(digit_like_images(64))
    labels = None if num_classes is None else np.arange(64) % 3
    options = {} if num_classes is None else {"guidance": 10.0}
    inverse = tf.function(lambda latents, labels: model.inverse(latents, labels, **options))
    for fits in range(4):
        for temperature in (1.0, 2.0):
            latents = model.sample_latents(64, tf.constant([0, 1]), temperature)
            assert np.isfinite(inverse(latents, None if labels is None else labels[:64])).all()
        if fits < 3:
            model.fit(images, labels, batch_size=16, epochs=2, verbose=0)
    latents, log_det = model.forward(model.dequantize(images, 0.5), labels)
    assert np.isfinite(latents).all() and np.isfinite(log_det).all()


def test_samples_are_finite_with_badly_scaled_weights():
    """What the bounds are for: without them the inverse overflows."""
    finite = {}
    for bound in (3.0, None):
        model = tg.TarFlow(**{**TINY, "patch_size": 1}, max_log_scale=bound)
        randomized(model, 1.0)
        samples = model.inverse(model.sample_latents(8, tf.constant([0, 1])))
        finite[bound] = bool(np.isfinite(samples).all())
        if bound is not None:
            latents, log_det = model.forward(model.dequantize(tg.to_float(digit_like_images(8)), 0.5))
            assert np.isfinite(latents).all() and np.isfinite(log_det).all()
    assert finite == {3.0: True, None: False}


@pytest.mark.parametrize(
    "kind, num_classes",
    [
        ("uniform", 3),
        ("gaussian", None),
        ("volume_preserving", None),
    ],
)
@pytest.mark.slow
def test_contract(tmp_path, kind, num_classes):
    model = run_model_test(lambda: make_tarflow(tg.Adam(1e-3), num_classes, kind), tmp_path)
    assert model.likelihood == "lower_bound"


@pytest.mark.slow
def test_two_replicas_equal_one(two_replicas):
    run_replica_test(lambda: make_tarflow(keras.optimizers.SGD(1e-3), kind="volume_preserving"), two_replicas)


@pytest.mark.slow
def test_microbatches_equal_the_batch():
    whole, sliced = (
        make_tarflow(keras.optimizers.SGD(1e-3), 3, "volume_preserving", microbatch_size=size) for size in (None, 2)
    )
    examples, labels = random_batch(whole, 8)
    for model in (whole, sliced):
        model.fit(examples, labels, batch_size=8, epochs=2, shuffle=False, verbose=0)
    assert_same_weights(whole, sliced, tolerance=1e-4)


def test_the_prior_of_a_volume_preserving_flow_follows_what_it_makes():
    model = make_tarflow(keras.optimizers.SGD(0.0), kind="volume_preserving")
    images = tg.to_float(digit_like_images(64))
    model.fit(images, batch_size=16, epochs=10, verbose=0)
    latents, _ = model.forward(model.dequantize(images, 0.5))
    np.testing.assert_allclose(tf.reduce_mean(tf.square(latents)), 1.0, atol=0.05)
    assert np.abs(model.ema_network.prior.variance - 1.0).max() > 0.5


@pytest.mark.slow
def test_it_learns():
    images = tg.to_float(digit_like_images(64))
    model = tg.TarFlow(**TINY)
    model.compile(optimizer=tg.Adam(3e-3), ema=tg.ExponentialMovingAverage(half_life_images=100))
    history = model.fit(images, batch_size=32, epochs=25, verbose=0).history["bits_per_dimension"]
    assert model.bits_per_dimension(digit_like_images(64)).mean() < history[0] - 1.0
    values = model.dequantize(images, 0.3)
    assert np.abs(model.inverse(model.forward(values)[0]) - values).max() <= 1e-5


@pytest.mark.slow
def test_reduced_precision_is_for_training_alone():
    single, mixed = (randomized(tg.TarFlow(**TINY, dtype=dtype)) for dtype in ("float32", "mixed_bfloat16"))
    images = digit_like_images(4)
    np.testing.assert_allclose(mixed.log_prob(images), single.log_prob(images), rtol=1e-6)
    values = mixed.dequantize(tg.to_float(images), 0.5)
    trained = [model.normal_values(values, training=True)[1].numpy() for model in (single, mixed)]
    assert 0 < np.abs(trained[0] - trained[1]).max() < 0.5
    mixed.compile()
    assert np.isfinite(mixed.fit(tg.to_float(images), batch_size=4, verbose=0).history["loss"]).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "preset, millions",
    [
        ("tarflow_imagenet_64_likelihood", 460),
        ("tarflow_imagenet_64", 466),
        ("tarflow_imagenet_128", 824),
        ("tarflow_afhq_256", 463),
    ],
)
def test_parameters_of_the_paper(preset, millions):
    """Built without a value for any weight."""
    config = dict(tg.TarFlow.presets[preset]["config"])
    config.pop("noise_deviation", None)
    with keras.StatelessScope():
        network = TarFlowNetwork(**config)
    count = sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)
    assert round(count / 1e6) == millions


def test_parameters_of_the_small_preset():
    model = tg.TarFlow.from_preset("tarflow_digits_28")
    assert sum(int(np.prod(variable.shape)) for variable in model.network.trainable_variables) == 2_429_568


def test_states_of_other_shapes():
    model = randomized(
        tg.TarFlow(
            image_shape=(6, 12, 3),
            patch_size=3,
            width=32,
            head_size=16,
            num_blocks=3,
            layers_per_block=2,
            num_classes=5,
        )
    )
    state = {f"w/{name}": array for name, array in tarflow_state(model.network).items()}
    again = tg.checkpoints.tarflow_from_state(state, image_shape=(6, 12, 3), head_size=16, max_log_scale=3.0)
    assert again.architecture == model.architecture and again.num_classes == 5
    images = np.random.default_rng(0).integers(0, 256, [2, 6, 12, 3])
    np.testing.assert_allclose(again.log_prob(images, [0, 2]), model.log_prob(images, [0, 2]), rtol=1e-6)
    pixels = tg.TarFlow(image_shape=(3, 3, 1), patch_size=1, width=32, head_size=8, num_blocks=1, layers_per_block=1)
    assert tg.checkpoints.tarflow_from_state(tarflow_state(pixels.network), head_size=8).image_shape == (3, 3, 1)
    with pytest.raises(UserError, match="told by the weights: 32"):
        tg.checkpoints.tarflow_from_state(state, image_shape=(6, 12, 3), width=64)
    with pytest.raises(UserError, match="`image_shape` must be given, since 8 patches are no square"):
        tg.checkpoints.tarflow_from_state(state)
    with pytest.raises(UserError, match="square patches"):
        tg.checkpoints.tarflow_from_state(state, image_shape=(6, 12, 1))
    with pytest.raises(UserError, match="no TarFlow"):
        tg.checkpoints.tarflow_from_state({"blocks.0.proj_in.bias": np.zeros(4)})
    with pytest.raises(UserError, match="Missing: blocks.1.pos_embed"):
        tg.checkpoints.tarflow_from_state(
            {name: state[name] for name in state if name != "w/blocks.1.pos_embed"},
            image_shape=(6, 12, 3),
            head_size=16,
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_shape": (9, 8, 1)}, "multiples of the `patch_size` 2"),
        ({"image_shape": (2, 2, 1)}, "more than one patch"),
        ({"num_blocks": 0}, "`num_blocks` must be"),
        ({"width": 40}, "multiple of `head_size`, 16"),
        ({"max_log_scale": 0.0}, "`max_log_scale` must be"),
        ({"noise_deviation": -1.0}, "`noise_deviation` must be"),
    ],
)
def test_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        tg.TarFlow(**{**TINY, **arguments})


def test_label_dropout_is_checked():
    model = tg.TarFlow(**TINY)
    with pytest.raises(ValueError, match="`label_dropout` must be"):
        model.compile(label_dropout=0.1)
    model.compile()
    assert model.label_dropout == 0.0
