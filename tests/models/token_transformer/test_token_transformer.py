"""TokenTransformer: the contract of every model, causality, caches, a tree of probabilities, and a chain's entropy."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.exports.test_export_network import require
from tests.models.token_transformer.naive_sampling import sample_naively
from tests.test_case import run_model_test, run_replica_test
from tfgan_suite.data.dataset_info import DatasetInfo, SplitInfo
from tfgan_suite.exports.export_network import export_network
from tfgan_suite.exports.litert_file import LiteRTFile
from tfgan_suite.exports.onnx_file import OnnxFile
from tfgan_suite.exports.saved_model import export_saved_model, load_generator
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.runs.recipe import make_model
from tfgan_suite.runs.train_config import TrainConfig
from tfgan_suite.specs.condition import Condition

TINY = {"spec": {"shape": [6], "vocabulary_size": 5}, "width": 8, "num_blocks": 2, "num_heads": 2, "seed": 1}


def make(cls=tg.TokenTransformer, optimizer="auto", num_classes=3, **arguments):
    model = cls(**{**TINY, **arguments}, num_classes=num_classes)
    model.compile(optimizer=optimizer)
    return model


def shaken(model):
    """The model with larger weights, so that what it says differs from position to position."""
    generator = np.random.default_rng(7)
    for network in (model.network, model.ema_network):
        network.set_weights([generator.normal(0, 0.5, one.shape) for one in network.get_weights()])
        generator = np.random.default_rng(7)
    return model


def test_contract(tmp_path):
    run_model_test(make, tmp_path)


@pytest.mark.slow
def test_contract_of_the_masked_one(tmp_path):
    run_model_test(lambda: make(tg.MaskedTokenTransformer), tmp_path)


@pytest.mark.parametrize("cls", [tg.TokenTransformer, pytest.param(tg.MaskedTokenTransformer, marks=pytest.mark.slow)])
def test_two_replicas_equal_one(two_replicas, cls):
    # A token often occurs more than once in a batch: a gradient of slices would count wrongly.
    run_replica_test(lambda: make(cls, keras.optimizers.SGD(0.05)), two_replicas)


def test_a_token_that_occurs_often_moves_by_the_rate():
    """Adam's first step is the rate for every number with a gradient, if that is summed before it is squared."""
    model = make(optimizer=tg.Adam(0.01, epsilon=1e-12), num_classes=None)
    before = np.asarray(model.network.embed_token.embeddings)
    model.fit(np.tile([1, 2, 1, 1, 1, 1], [8, 1]), batch_size=8, verbose=0)
    moved = np.abs(np.asarray(model.network.embed_token.embeddings) - before)
    np.testing.assert_allclose(moved[1], 0.01, rtol=1e-3)
    np.testing.assert_array_equal(moved[[0, 3, 4]], 0.0)


def test_no_position_sees_a_later_one():
    network = shaken(make()).network
    values = tf.random.stateless_normal([1, 6, 8], [1, 2])
    with tf.GradientTape() as tape:
        tape.watch(values)
        outputs = values
        for block in network.blocks:
            outputs = block(outputs)
        outputs = tf.reduce_sum(outputs * tf.random.stateless_normal([1, 6, 8], [3, 4]), axis=[0, 2])
    seen = np.abs(tape.jacobian(outputs, values)[:, 0]).max(axis=-1) > 0  # [position, position that is seen]
    np.testing.assert_array_equal(seen, np.tril(np.ones([6, 6], bool)))
    # And what is seen there are earlier tokens only.
    tokens = np.zeros([2, 6], int)
    tokens[1, 3] = 4
    logits = network(tokens, np.zeros([2], int)).numpy()
    np.testing.assert_allclose(logits[0, :4], logits[1, :4], rtol=1e-5, atol=1e-5)
    assert (np.abs(logits[0, 4:] - logits[1, 4:]).max(axis=-1) > 1e-4).all()


@pytest.mark.parametrize("options", [{}, {"temperature": 0.5, "top_k": 3.0, "top_p": 0.8}, {"temperature": 0.0}])
def test_caches_equal_full_passes(options):
    model = shaken(make())
    seeds, labels = model.example_seeds(40, 5), tf.range(40) % 3
    tokens = model.draw(seeds, labels, **options)
    np.testing.assert_array_equal(tokens, tf.function(sample_naively)(model, seeds, labels, **options))
    if options.get("temperature") == 0.0:
        likeliest = tf.argmax(model.logits_of(tokens, labels), axis=-1, output_type=tf.int32)
        np.testing.assert_array_equal(tokens, likeliest)


@pytest.mark.parametrize("options", [{}, {"temperature": 0.7, "top_k": 2}, {"top_p": 0.6}])
def test_sequences_have_the_probabilities_of_the_tree(options):
    """All sequences of two of three tokens, each with the product of the probabilities on its way, by NumPy."""
    model = shaken(make(num_classes=None, spec={"shape": [2], "vocabulary_size": 3}))
    sequences = np.array(list(itertools.product(range(3), repeat=2)))
    logits = model.logits_of(sequences, None).numpy().astype(np.float64) / options.get("temperature", 1.0)
    expected = np.ones([9])
    for row, position in itertools.product(range(9), range(2)):
        p = np.exp(logits[row, position]) / np.exp(logits[row, position]).sum()
        order = np.argsort(-p)
        kept = list(order[: options.get("top_k", 3)])
        shares = p[kept] / p[kept].sum()
        while len(kept) > 1 and shares[: len(kept) - 1].sum() >= options.get("top_p", 1.0):
            kept.pop()
        left = p * np.isin(np.arange(3), kept)
        expected[row] *= (left / left.sum())[sequences[row, position]]
    drawn = model.generate(4000, seed=2, batch_size=4000, **options)
    shares = np.bincount(drawn @ [3, 1], minlength=9) / 4000
    assert (shares[expected == 0] == 0).all()
    assert np.abs(shares - expected).max() < 4 * np.sqrt(expected * (1 - expected) / 4000).max()


def test_probabilities_sum_to_one():
    model = shaken(make(spec={"shape": [3], "vocabulary_size": 4}))
    sequences = np.array(list(itertools.product(range(4), repeat=3)))
    total = np.exp(model.log_prob(sequences, labels=np.full([64], 2))).sum()
    assert total == pytest.approx(1.0, abs=1e-5)


TRANSITIONS = np.array([[0.7, 0.2, 0.1, 0], [0.1, 0.6, 0.1, 0.2], [0.25, 0.25, 0.25, 0.25], [0.05, 0.05, 0.1, 0.8]])


def chain(count, length, seed):
    """Sequences of a Markov chain, and their own mean bits per token by the true probabilities."""
    generator, stationary = np.random.default_rng(seed), np.linalg.matrix_power(TRANSITIONS, 200)[0]
    tokens = np.empty([count, length], int)
    tokens[:, 0] = generator.choice(4, size=count, p=stationary)
    for index in range(1, length):
        tokens[:, index] = (TRANSITIONS.cumsum(axis=1)[tokens[:, index - 1]] < generator.random([count, 1])).sum(axis=1)
    bits = -np.log2(stationary[tokens[:, 0]]) - np.log2(TRANSITIONS[tokens[:, :-1], tokens[:, 1:]]).sum(axis=1)
    return tokens, bits.mean() / length


def test_it_learns_a_chain_to_its_entropy_rate():
    model = tg.TokenTransformer({"shape": [16], "vocabulary_size": 4}, width=16, num_blocks=1, num_heads=2, seed=1)
    model.compile(optimizer=tg.Adam(1e-2), ema=tg.ExponentialMovingAverage(decay=0.9))
    model.fit(chain(3000, 16, 0)[0], batch_size=64, epochs=4, verbose=0)
    tokens, bits = chain(2000, 16, 1)
    assert bits < model.bits_per_token(tokens).mean() < bits + 0.01
    made = model.generate(500, seed=3)
    counts = np.zeros([4, 4])
    np.add.at(counts, (made[:, :-1], made[:, 1:]), 1)
    assert np.abs(counts / counts.sum(axis=1, keepdims=True) - TRANSITIONS).max() < 0.06


@pytest.mark.parametrize("cls", [tg.TokenTransformer, tg.MaskedTokenTransformer])
def test_completion_keeps_what_is_given(cls):
    model = shaken(make(cls, spec={"shape": [2, 3], "vocabulary_size": 5}))
    tokens = np.random.default_rng(0).integers(0, 5, [20, 2, 3])
    mask = np.array([[True, True, False], [False, True, False]])
    made = model.complete(tokens, mask, labels=1, seed=4)
    assert made.shape == (20, 2, 3) and (made[:, mask] == tokens[:, mask]).all() and made.max() < 5
    assert len(np.unique(made[:, ~mask], axis=0)) > 3
    with pytest.raises(UserError, match="`mask` must be boolean"):
        model.complete(tokens, np.ones([2, 3]))
    with pytest.raises(UserError, match="`tokens` must be from 0 to 4 where they are given"):
        model.complete(tokens + 1, mask, labels=1)


@pytest.mark.parametrize("steps", [1, 3, 50])
def test_masked_decoding_decides_every_token(steps):
    model = shaken(make(tg.MaskedTokenTransformer, num_classes=None))
    tokens = model.generate(30, steps=steps)
    assert tokens.min() >= 0 and tokens.max() < 5


def test_it_can_be_served(tmp_path):
    model = shaken(make())
    exported = load_generator(export_saved_model(model, tmp_path / "tokens", max_count=8))
    np.testing.assert_array_equal(exported.generate(5, seed=2, top_k=2), model.generate(5, seed=2, top_k=2))
    tokens = model.generate(4, labels=[0, 1, 2, 0])
    served = exported.call_signature("log_prob", sequences=tokens, labels=[0, 1, 2, 0])["log_prob"]
    np.testing.assert_allclose(served, model.log_prob(tokens, [0, 1, 2, 0]), rtol=1e-5)
    np.testing.assert_allclose(model.log_prob_given(tokens, tf.constant([0, 1, 2, 0])), served, rtol=1e-5)


FILES = {"onnx": OnnxFile, "litert": LiteRTFile}


@pytest.mark.slow
@pytest.mark.parametrize("format", FILES)
@pytest.mark.parametrize("cls", [tg.TokenTransformer, tg.MaskedTokenTransformer])
def test_files_generate_the_same_tokens(cls, format, tmp_path):
    """Of given draws, over more than one block of positions; the loop over tokens is inside of the file."""
    require(format)
    model = shaken(make(cls, spec={"shape": [20], "vocabulary_size": 5}))
    file = FILES[format](export_network(model, tmp_path / "tokens", format).read_bytes())
    draws = np.random.default_rng(0).random([5, *model.draws_shape]).astype("float32")
    labels = np.array([0, 1, 2, 1, 0], "int32")
    for temperature in (1.0, 0.5, 0.0):
        made = file(draws=draws, temperature=np.full([5], temperature, "float32"), labels=labels)
        np.testing.assert_array_equal(made, model.generate_from(draws, labels, temperature=temperature))
    assert len(np.unique(file(draws=draws, temperature=np.ones([5], "float32"), labels=labels))) == 5


def test_draws_that_are_given_make_what_they_make_of_seeds():
    model = shaken(make())
    seeds, labels = model.example_seeds(6, 3), tf.range(6) % 3
    made = model.generate_from(model.draws_of(seeds), labels, temperature=0.8)
    np.testing.assert_array_equal(made, model.draw(seeds, labels, temperature=0.8))


@pytest.mark.parametrize("cls", [tg.TokenTransformer, tg.MaskedTokenTransformer])
def test_options_for_each_sequence_are_as_if_alone(cls):
    model = shaken(make(cls))
    tokens, mask = np.random.default_rng(0).integers(0, 5, [3, 6]), np.arange(6) < 2
    labels, seeds = np.array([0, 1, 2], "int32"), [4, 5, 4]
    options = {"temperature": [1.0, 0.5, 0.0], "top_k": [0.0, 2.0, 0.0], "top_p": [1.0, 1.0, 0.5]}
    options |= {"steps": [8.0, 2.0, 3.0], "confidence_noise": [1.0, 4.0, 0.0]} if "Masked" in cls.__name__ else {}
    together = model.fill_in(tokens, np.tile(mask, [3, 1]), tf.constant(seeds, tf.int64), labels, **options)
    for i, seed in enumerate(seeds):
        own = {name: values[i] for name, values in options.items()}
        alone = model.complete(tokens[i : i + 1], mask, labels[i : i + 1], seed=seed, **own)
        np.testing.assert_array_equal(together[i : i + 1], alone)


@pytest.mark.parametrize("name", ["token_transformer", "masked_token_transformer"])
def test_a_run_makes_the_model_for_its_data(name):
    """The constructor takes the spec and the classes of the data, and what `--set` says."""
    info = DatasetInfo("any", tg.TokenSpec((12,), 7), {"train": SplitInfo(100, (50, 50), ())}, Condition.of_classes(2))
    config = TrainConfig("data/any", "runs/any", preset=name, model={"width": 8, "num_blocks": 1, "num_heads": 2})
    model, _, _ = make_model(config, info)
    assert model.spec == info.spec and model.num_classes == 2 and model.width == 8


def parameters_of(vocabulary_size, width, blocks, num_classes):
    """Of a masked transformer, by hand: four maps of attention, two of twice four widths with biases, two gains; and the rest."""
    block = 4 * width**2 + 8 * width**2 + 5 * width + 2 * width
    tables = (vocabulary_size + 1 + num_classes) * width
    return blocks * block + tables + width + (width + 1) * vocabulary_size


def test_parameters_of_maskgit():
    model = make(tg.MaskedTokenTransformer)
    assert model.network.count_params() == parameters_of(5, 8, 2, 3)
    config = tg.MaskedTokenTransformer.presets["maskgit_imagenet_256"]["config"]
    sizes = config["spec"]["vocabulary_size"], config["width"], config["num_blocks"], config["num_classes"]
    assert round(parameters_of(*sizes) / 1e6, 1) == 172.3


def test_bits_per_byte():
    model = make(num_classes=None)
    tokens = np.zeros([2, 6], int)
    np.testing.assert_allclose(model.bits_per_byte(tokens, 12), model.bits_per_token(tokens) / 2)
    with pytest.raises(UserError, match="`num_bytes` must say how many bytes"):
        model.bits_per_byte(tokens)


def test_tokens_that_do_not_fit_are_refused():
    model = make(num_classes=None)
    with pytest.raises(UserError, match="values from 0 to 5.*`vocabulary_size` of at least 6"):
        model.log_prob(np.full([1, 6], 5) * np.array([0, 1, 1, 1, 1, 1]))
    with pytest.raises(UserError, match="must be whole tokens. Received: 0.5"):
        model.fit(np.full([8, 6], 0.5, "float32"), verbose=0)
    with pytest.raises(ValueError, match="must be tokens of shape \\(6,\\)"):
        model.fit(np.zeros([8, 5], "float32"), verbose=0)
    with pytest.raises(UserError, match="values from -1"):
        model.fit(np.full([8, 6], -1), batch_size=4, verbose=0)
