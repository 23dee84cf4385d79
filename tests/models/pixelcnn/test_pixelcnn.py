"""PixelCNN: the authors' numbers, causality, masses that sum to 1, and the contract of every model."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.golden_vectors import assert_near, load_golden, part_of
from tests.test_case import assert_same_weights, random_batch, run_model_test, run_replica_test
from tfgan_suite.checkpoints.pixelcnn_state import load_pixelcnn_state, pixelcnn_state
from tfgan_suite.commands import cli
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.likelihood.distributions import Bernoulli, DiscretizedLogisticMixture
from tfgan_suite.models.pixelcnn.pixelcnn_network import PixelCNNNetwork

TINY = {"image_shape": (8, 4, 1), "blocks": 1, "filters": 3, "distribution": DiscretizedLogisticMixture(2), "seed": 1}
GOLDEN = ["likelihood/pixelcnnpp_8", "likelihood/pixelcnnpp_8_cond4"]


def make_pixelcnn(optimizer="auto", conditional=True, **choices):
    model = tg.PixelCNN(**TINY, num_classes=3 if conditional else None)
    model.compile(optimizer=optimizer, **choices)
    return model


def randomize(model, deviation=0.3):
    """Weights at random, so that everything depends on everything."""
    generator = np.random.default_rng(0)
    for variable in model.network.trainable_variables:
        variable.assign(variable + generator.normal(0, deviation, variable.shape))
    model.ema_network.set_weights(model.network.get_weights())
    return model


def from_golden(golden):
    return tg.checkpoints.pixelcnn_from_state(part_of(golden, "w/"), image_shape=(8, 8, 3))


@pytest.mark.parametrize("name", GOLDEN)
def test_network_and_gradients_of_the_authors(name):
    golden = load_golden(name)
    model, labels = from_golden(golden), golden.get("in/label")
    bits = model.bits_per_dimension(golden["in/image"], labels)
    np.testing.assert_allclose(bits, golden["out/bits_per_dim"], rtol=2e-5)
    np.testing.assert_allclose(-model.log_prob(golden["in/image"], labels), golden["out/nats"], rtol=2e-5)
    images = tf.constant(golden["in/x"])
    with tf.GradientTape() as tape:
        parameters = model.network(images, labels)
        log_masses = model.distribution.log_mass(images, parameters, 256)
        nats = -tf.reduce_mean(tf.reduce_sum(log_masses, axis=[1, 2]))
    assert_near(parameters, golden["out/parameters"])
    gradients = pixelcnn_state(model.network, tape.gradient(nats, model.network.trainable_variables))
    expected = part_of(golden, "grad/")
    assert gradients.keys() == expected.keys()
    for weight, gradient in gradients.items():
        difference = np.linalg.norm(gradient - expected[weight])
        assert difference <= 1e-3 * np.linalg.norm(expected[weight]), weight


@pytest.mark.parametrize("name", GOLDEN)
def test_initialization_from_data_of_the_authors(name):
    golden = load_golden(name)
    network, labels = from_golden(golden).network, golden.get("in/init_label")
    load_pixelcnn_state(network, part_of(golden, "before_init/"))
    inputs = [one for one in (golden["in/init_batch"], labels) if one is not None]
    assert_near(network(*inputs, initialize=True), golden["out/init_pass_output"])
    state = pixelcnn_state(network)
    for weight, value in part_of(golden, "after_init/").items():
        assert_near(state[weight], value)


@pytest.mark.slow
def test_a_model_of_other_shapes_from_its_state():
    """What names and shapes tell is told; the rest are overrides."""
    model = randomize(tg.PixelCNN(**{**TINY, "blocks": 2, "image_shape": (12, 8, 1)}, levels=3, num_classes=3))
    state = {f"w/{name}": value for name, value in pixelcnn_state(model.network).items()}
    again = tg.checkpoints.pixelcnn_from_state(state, image_shape=(12, 8, 1), levels=3)
    assert (again.blocks, again.filters, again.num_classes, again.distribution.components) == (2, 3, 3, 2)
    images = np.random.default_rng(0).integers(0, 3, [2, 12, 8, 1])
    np.testing.assert_array_equal(again.log_prob(images, [0, 2]), model.log_prob(images, [0, 2]))
    told = {"filters": 3, "num_classes": 3, "distribution": tg.distributions.DiscretizedLogisticMixture(2)}
    assert tg.checkpoints.pixelcnn_from_state(state, image_shape=(12, 8, 1), **told).blocks == 2
    with pytest.raises(UserError, match="`filters` is told by the weights: 3. Leave it out. Received: filters=4"):
        tg.checkpoints.pixelcnn_from_state(state, filters=4)
    with pytest.raises(UserError, match="1 channels"):
        tg.checkpoints.pixelcnn_from_state(state, image_shape=(12, 8, 3))
    with pytest.raises(UserError, match="no PixelCNN"):
        tg.checkpoints.pixelcnn_from_state({"conv2d_0/V": np.zeros([2, 3, 4, 8])})
    state.pop("w/deconv2d_1/g")
    with pytest.raises(UserError, match="Missing: deconv2d_1/g"):
        tg.checkpoints.pixelcnn_from_state(state, image_shape=(12, 8, 1))


def test_no_pixel_sees_itself_or_what_comes_after():
    model = randomize(make_pixelcnn(conditional=False))
    height, width = 8, 4
    images = tf.constant(np.random.default_rng(0).uniform(-1, 1, [1, height, width, 1]), tf.float32)
    weights = np.random.default_rng(1).normal(size=6).astype("float32")
    with tf.GradientTape() as tape:
        tape.watch(images)
        values = tf.reshape(tf.linalg.matvec(model.network(images), weights), [-1])
    influence = tf.reshape(tape.jacobian(values, images), [height * width, height * width]).numpy()
    assert not influence[np.triu_indices(height * width)].any()
    assert (np.abs(influence[1:]).max(axis=1) > 0).all()
    # Far as well: what is in the first rows reaches the last one.
    assert np.abs(influence[-1, :width]).max() > 0


@pytest.mark.parametrize(
    ("levels", "distribution"),
    [(2, DiscretizedLogisticMixture(1)), pytest.param(2, Bernoulli(), marks=pytest.mark.slow)],
    ids=["logistic", "bernoulli"],
)
def test_masses_of_all_images_sum_to_one(levels, distribution):
    model = randomize(tg.PixelCNN(image_shape=(4, 4, 1), blocks=1, filters=2, distribution=distribution, levels=levels))
    images = ((np.arange(2**16)[:, None] >> np.arange(16)) & 1).reshape(-1, 4, 4, 1).astype("uint8")

    @tf.function(autograph=False)
    def masses(images):
        return tf.exp(model.log_mass(tg.to_float(images, 2), None, 1, None))

    batches = np.concatenate([masses(tf.constant(part)) for part in np.split(images, 8)])
    assert batches.sum() == pytest.approx(1.0, abs=1e-4)
    assert batches.std() > 0.5 * batches.mean()  # Not all alike.
    np.testing.assert_allclose(np.exp(model.log_prob(images[:3])), batches[:3], rtol=1e-5)


@pytest.mark.slow
def test_contract(tmp_path):
    model = run_model_test(make_pixelcnn, tmp_path)
    assert model.likelihood == "exact"


@pytest.mark.slow
def test_two_replicas_equal_one(two_replicas):
    run_replica_test(lambda: make_pixelcnn(keras.optimizers.SGD(0.01)), two_replicas)


@pytest.mark.slow
def test_microbatches_equal_the_batch():
    # Small steps: the loss of a new model is so steep that larger ones magnify rounding, on some processors to 1e-3.
    whole = make_pixelcnn(keras.optimizers.SGD(0.005))
    sliced = make_pixelcnn(keras.optimizers.SGD(0.005), microbatch_size=2)
    examples, labels = random_batch(whole, 8)
    for model in (whole, sliced):
        model.fit(examples, labels, batch_size=8, epochs=2, shuffle=False, verbose=0)
    assert_same_weights(whole, sliced, tolerance=1e-4)


@pytest.mark.slow
def test_initialization_is_done_once():
    model = make_pixelcnn(conditional=False)
    images, _ = random_batch(model, 8)
    model.initialize_from_data(images)
    assert_same_weights(model.network, model.ema_network)
    outputs = model.network(images)
    assert_near(tf.reduce_mean(outputs, axis=[0, 1, 2]) + 1.0, np.ones(6), 1e-4)
    assert_near(tf.math.reduce_std(outputs, axis=[0, 1, 2]), np.ones(6), 1e-3)
    with pytest.raises(UserError, match="once"):
        model.initialize_from_data(images)
    # `fit` does it with its first batch, of arrays or of a data set.
    arrays, dataset, by_hand = (make_pixelcnn(keras.optimizers.SGD(0.0), conditional=False) for _ in range(3))
    arrays.fit(images, batch_size=4, verbose=0)
    dataset.fit(tf.data.Dataset.from_tensor_slices(images).batch(4), verbose=0)
    by_hand.initialize_from_data(images[:4])
    assert_same_weights(arrays.network, dataset.network)
    assert_same_weights(arrays.network, by_hand.network)
    with pytest.raises(ValueError, match="initialize_from_data"):
        make_pixelcnn(conditional=False).fit(iter([images]), verbose=0)


@pytest.mark.slow
def test_single_batches_and_own_loops_are_initialized_too():
    single, own = (make_pixelcnn(keras.optimizers.SGD(0.01), conditional=False) for _ in range(2))
    images, _ = random_batch(single, 4)
    single.train_on_batch(images)
    step = tf.function(own.train_step, autograph=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match="has not been initialized from data"):
        step(images)
    assert int(own.steps.numpy()) == 0
    own.initialize_from_data(images)
    step(images)
    assert_same_weights(single.network, own.network)


def test_what_it_cannot_do_is_refused_in_a_sentence(tmp_path, capsys):
    model = tg.PixelCNN(image_shape=(4, 4, 1), blocks=1, filters=2)
    can = "PixelCNN can: complete examples of which a part is given, compute likelihoods, score anomalies."
    for name in ("encode", "decode", "interpolate", "reconstruct", "discriminate"):
        with pytest.raises(UserError, match=f"PixelCNN has no `{name}`, which belongs to models that can .*{can}"):
            getattr(model, name)
        assert not hasattr(model, name)
    with pytest.raises(AttributeError, match="no attribute 'encoder_network'"):
        model.encoder_network  # noqa: B018
    model.save(tmp_path / "model.keras")
    path, output = str(tmp_path / "model.keras"), str(tmp_path / "out.png")
    for command in (
        ["sample", path, "--output", output, "--interpolate", "3"],
        ["animate", path, "--output", str(tmp_path / "out.gif")],
        ["directions", path, "--output", output],
    ):
        assert cli.main(command) == 2
        assert can in capsys.readouterr().err, command


@pytest.mark.slow
def test_dropout_is_of_the_step_and_the_example():
    model = randomize(make_pixelcnn(conditional=False))
    images = tf.repeat(random_batch(model, 1)[0], 3, axis=0)
    first = model.network(images, dropout_seed=tf.constant([0, 1])).numpy()
    np.testing.assert_array_equal(first, model.network(images, dropout_seed=tf.constant([0, 1])))
    assert np.abs(first - model.network(images, dropout_seed=tf.constant([0, 2]))).max() > 1e-3
    assert np.abs(first[0] - first[1]).max() > 1e-3
    np.testing.assert_array_equal(model.network(images[:1], training=True), model.network(images[:1]))


def test_presets_have_the_parameters_of_the_papers():
    """Built without a value for any weight."""
    counts = {}
    for name, preset in tg.PixelCNN.presets.items():
        config = preset["config"]
        channels = config["image_shape"][-1]
        mixture = config.get("distribution", DiscretizedLogisticMixture())
        sizes = {key: config[key] for key in ("blocks", "filters") if key in config}
        with keras.StatelessScope():
            network = PixelCNNNetwork(config["image_shape"], mixture.num_parameters(channels), **sizes)
            network(keras.Input(config["image_shape"]))
        counts[name] = network.count_params()
    assert counts == {"pixelcnn_digits_28": 971_262, "pixelcnn_color_32": 53_659_080}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_shape": (6, 8, 1)}, "multiples of 4"),
        ({"image_shape": (8, 8, 2)}, "`channels` must be 1 or 3"),
        ({"blocks": 0}, "`blocks` must be"),
        ({"filters": 1.5}, "`filters` must be"),
        ({"dropout_rate": 1.0}, "`dropout_rate` must be"),
        ({"distribution": Bernoulli()}, "`levels` must be 2"),
        ({"distribution": "logistic"}, "`distribution` must be"),
    ],
)
def test_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        tg.PixelCNN(**{**TINY, **arguments})


@pytest.mark.slow
def test_it_learns():
    """Bars at four places: from the second row on nothing is left to say."""
    images = np.zeros([64, 8, 4, 1], "uint8")
    images[np.arange(64), :, np.arange(64) % 4] = 200
    model = tg.PixelCNN(**{**TINY, "filters": 8})
    model.compile(optimizer=tg.Adam(1e-2), ema=tg.ExponentialMovingAverage(half_life_images=64))
    history = model.fit(tg.to_float(images), batch_size=16, epochs=40, shuffle=False, verbose=0).history
    assert history["bits_per_dimension"][0] > 3.0
    assert model.bits_per_dimension(images).mean() < 1.6


def test_reduced_precision():
    """Half a percent from float32, which is a hundredth of a bit where a trained model is; a new model trains."""
    golden = load_golden("likelihood/pixelcnnpp_8_cond4")
    model = tg.checkpoints.pixelcnn_from_state(part_of(golden, "w/"), image_shape=(8, 8, 3), dtype="mixed_bfloat16")
    bits = model.bits_per_dimension(golden["in/image"], golden["in/label"])
    np.testing.assert_allclose(bits, golden["out/bits_per_dim"], rtol=0.005)
    new = tg.PixelCNN(**TINY, dtype="mixed_bfloat16")
    new.compile()
    history = new.fit(random_batch(new, 4)[0], batch_size=4, verbose=0).history
    assert np.isfinite(history["bits_per_dimension"]).all()
    assert new.network.trainable_variables[0].dtype == "float32"
