"""Each signature by itself: which models have it, what it warms up with, what it refuses, how it is joined."""

import doctest
import inspect
import re

import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.exports.made_up_models import Cloud, Dice
from tests.serving.conftest import lively_gan
from tfgan_suite.exports.export_network import export_network, read_card
from tfgan_suite.exports.exported_model import ExportedModel
from tfgan_suite.exports.file_functions import GenerateFunction
from tfgan_suite.exports.frozen_function import freeze
from tfgan_suite.exports.model_card import read_model_card
from tfgan_suite.exports.parity import measure_parity
from tfgan_suite.exports.saved_model import export_saved_model, load_generator
from tfgan_suite.exports.signatures.all_signatures import SIGNATURES, signatures_of
from tfgan_suite.exports.signatures.named_function import named_function
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative import abilities
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.models.progan.progan import ProGAN
from tfgan_suite.models.progan.texture_progan import TextureProGAN
from tfgan_suite.serving.request_joining import RowJoining, SeedJoining, part
from tfgan_suite.serving.servable import Servable
from tfgan_suite.serving.serving_error import ServingError
from tfgan_suite.specs.image_spec import ImageSpec

MAX_COUNT = 8
OF_ALL = ["serving_default", "generate"]
OF_EXAMPLES = ["discriminate", "encode", "reconstruct", "log_prob", "anomaly_score"]
TEXTURES = ["textures", "generate_textures", "generate_textures_png"]


class FiveChannels(abilities.HasLatents, GenerativeModel):
    spec = ImageSpec((4, 4, 5))
    latent_shape = (1,)


def progan():
    return ProGAN(image_shape=(8, 8, 3), latent_size=4, channel_base=32, max_channels=8)


MODELS = {
    "GAN": (
        lambda: lively_gan(image_shape=(16, 16, 1), num_classes=3),
        [*OF_ALL, "generate_png", "discriminate"],
    ),
    "GAN without classes": (lambda: lively_gan(image_shape=(16, 16, 3)), [*OF_ALL, "generate_png", "discriminate"]),
    "no PNG": (FiveChannels, OF_ALL),
    "ProGAN": (progan, [*OF_ALL, "generate_png", "discriminate"]),
    "textures": (
        lambda: TextureProGAN((8, 8, 3), num_classes=3, latent_channels=4, channel_base=32, max_channels=8),
        [*OF_ALL, "generate_png", "discriminate", *TEXTURES],
    ),
    "every ability": (Cloud, [*OF_ALL, "generate_txt", *OF_EXAMPLES]),
    "every ability, no classes": (lambda: Cloud(None), [*OF_ALL, "generate_txt", *OF_EXAMPLES]),
    "PixelCNN": (
        lambda: tg.PixelCNN(image_shape=(4, 4, 1), blocks=1, filters=2, num_classes=3),
        ["generate", "generate_png", "complete", "log_prob", "anomaly_score"],
    ),
    "VQVAE": (
        lambda: tg.VQVAE(image_shape=(8, 8, 1), code_levels=(4, 3), channels=4, residual_blocks=1),
        [*OF_ALL, "generate_png", "encode", "reconstruct", "encode_tokens", "decode_tokens"],
    ),
    "text": (
        lambda: tg.TokenTransformer(tg.TextSpec((8,)), width=8, num_blocks=1, num_heads=2),
        ["generate", "generate_txt", "complete", "log_prob", "generate_text"],
    ),
    "no latents": (Dice, ["generate"]),
    "no latents, no classes": (lambda: Dice(None), ["generate"]),
}


@pytest.fixture(scope="module")
def models():
    return {name: make() for name, (make, _) in MODELS.items()}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_the_signatures_that_it_can_answer(models, name):
    found = [signature.name for signature in signatures_of(models[name])]
    assert found == MODELS[name][1]


def test_every_signature_is_among_those_tried(models):
    tried = {type(signature) for model in models.values() for signature in signatures_of(model)}
    assert tried == set(SIGNATURES)


@pytest.mark.parametrize(
    "name",
    [name for name in MODELS if name not in ("no PNG", "PixelCNN")]
    + [pytest.param("PixelCNN", marks=pytest.mark.slow)],
)
def test_warm_ups_are_answered_with_as_many_rows(models, name):
    for signature in signatures_of(models[name]):
        function = signature.function(MAX_COUNT)
        for count in (1, 3):
            inputs = signature.warmup_inputs(count)
            assert all(np.ndim(values) >= 1 for values in inputs.values())
            outputs = function(**{key: tf.constant(value) for key, value in inputs.items()})
            rows = {len(values) for values in inputs.values()}
            assert {len(output) for output in outputs.values()} == rows, signature.name
        assert signature.joining in ("rows", "seeded", "none")


@pytest.mark.parametrize(
    "name, signature, changes, reason",
    [
        ("every ability", "generate", {"temperature": [2.5]}, "temperature must be from 0 to 2"),
        ("every ability", "generate", {"shift": [-1.5]}, "shift must be from -1 to 1"),
        ("every ability", "generate", {"shift": [np.nan]}, "shift must be from -1 to 1"),
        (
            "every ability",
            "generate",
            {"shift": [0.0, 0.0]},
            "seed, count, temperature and shift must hold one number each",
        ),
        ("every ability", "generate_txt", {"temperature": [2.5]}, "temperature must be from 0 to 2"),
        ("every ability", "generate", {"labels": [[3]]}, "labels must be from 0 to 2"),
        ("every ability", "generate", {"labels": [0, 1]}, "labels must be one for each point"),
        ("every ability", "log_prob", {"points": np.zeros([9, 4]), "labels": [0] * 9}, "points must hold 1 to 8 rows"),
        ("every ability", "encode", {"points": np.zeros([0, 4]), "labels": []}, "points must hold 1 to 8 rows"),
        ("every ability", "reconstruct", {"points": [[np.nan] * 4]}, "points must be finite numbers"),
        ("every ability", "anomaly_score", {"points": [[np.inf] * 4]}, "points must be finite numbers"),
        ("every ability", "discriminate", {"labels": [-1]}, "labels must be from 0 to 2"),
        ("no latents", "generate", {"count": [9]}, "count must be from 1 to 8"),
        ("no latents", "generate", {"seed": [1, 2]}, "seed and count must hold one number each"),
        ("no latents", "generate", {"labels": [2]}, "labels must be from 0 to 1"),
        ("ProGAN", "generate", {"truncation": [0.5]}, "truncation must be 1. ProGAN cannot truncate"),
        ("GAN", "generate", {"truncation": [1.5]}, "truncation must be from 0 to 1"),
    ],
)
def test_the_graph_refuses(models, name, signature, changes, reason):
    (chosen,) = [one for one in signatures_of(models[name]) if one.name == signature]
    inputs = chosen.warmup_inputs(1)
    wrong = {key: tf.constant(changes.get(key, value), value.dtype) for key, value in inputs.items()}
    with pytest.raises(tf.errors.InvalidArgumentError, match=reason):
        chosen.function(MAX_COUNT)(**wrong)


@pytest.mark.parametrize("documented", [named_function, signatures_of, freeze, measure_parity])
def test_examples_of_the_documentation(documented):
    (test,) = doctest.DocTestFinder().find(
        documented,
        globs={
            "tf": tf,
            "np": np,
            "tg": tg,
            "DCGAN": tg.DCGAN,
            "GenerateFunction": GenerateFunction,
            **vars(inspect.getmodule(documented)),
        },
    )
    assert test.examples and not doctest.DocTestRunner().run(test).failed


# === Exported ===


@pytest.fixture(scope="module")
def directories(models, tmp_path_factory):
    root = tmp_path_factory.mktemp("saved_models")
    names = {"every ability": "cloud", "no latents": "dice", "no latents, no classes": "fair_dice"}
    return {
        name: export_saved_model(models[name], root / path, max_count=MAX_COUNT, license="CC0-1.0")
        for name, path in names.items()
    }


def points(count):
    return np.random.default_rng(4).normal(size=[count, 4]).astype(np.float32), np.arange(count, dtype=np.int32) % 3


def test_a_model_of_a_made_up_kind_comes_back_with_its_abilities(models, directories):
    model, loaded = models["every ability"], load_generator(directories["every ability"])
    assert isinstance(loaded, ExportedModel) and loaded.spec == model.spec and loaded.latent_shape == (2, 2)
    assert loaded.sampling_options == model.sampling_options and loaded.condition == model.condition
    has = [ability for ability in abilities.ABILITIES if loaded.can(ability)]
    assert has == [ability for ability in abilities.ABILITIES if model.can(ability)] and len(has) == 6

    sampling = {"temperature": 0.5, "shift": 0.25}
    expected = model.generate(5, labels=[0, 1, 2, 1, 0], seed=3, **sampling)
    assert expected.shape == (5, 4) and expected.dtype == np.float32
    np.testing.assert_allclose(loaded.generate(5, labels=[0, 1, 2, 1, 0], seed=3, **sampling), expected, atol=1e-6)
    by_signature = loaded.generate_by_signature(5, labels=[0, 1, 2, 1, 0], seed=3, **sampling)
    np.testing.assert_allclose(by_signature, expected, atol=1e-6)
    assert np.abs(expected - model.generate(5, labels=[0, 1, 2, 1, 0], seed=3)).max() > 0.2
    with pytest.raises(UserError, match=r"`temperature` must be in \[0, 2\]. Received: temperature=3"):
        loaded.generate_by_signature(1, temperature=3)
    with pytest.raises(UserError, match="no sampling option `truncation`"):
        loaded.generate(1, truncation=0.5)

    examples, labels = points(6)
    for name in ("encode", "reconstruct", "log_prob", "discriminate"):
        expected = getattr(model, name)(examples, labels)
        np.testing.assert_allclose(getattr(loaded, name)(examples, labels), expected, atol=1e-5)
    np.testing.assert_allclose(loaded.anomaly_score(examples), model.anomaly_score(examples), atol=1e-6)


def test_signatures_give_what_the_methods_give(models, directories):
    model, loaded = models["every ability"], load_generator(directories["every ability"])
    examples, labels = points(6)
    outputs = {"encode": "latents", "reconstruct": "points", "log_prob": "log_prob", "discriminate": "logits"}
    for name, output in outputs.items():
        (received,) = (answer := loaded.call_signature(name, points=examples, labels=labels)).values()
        assert list(answer) == [output]
        np.testing.assert_allclose(received, getattr(model, name)(examples, labels), atol=1e-5)
    np.testing.assert_allclose(
        loaded.call_signature("reconstruct", points=examples, labels=labels)["points"], examples, atol=1e-5
    )
    score = loaded.call_signature("anomaly_score", points=examples)["anomaly_score"]
    np.testing.assert_allclose(score, np.abs(examples).max(axis=1), atol=1e-6)
    inputs = {"seed": 5, "count": 2, "temperature": 1.0, "shift": 0.0, "labels": [1, 2]}
    lines = loaded.call_signature("generate_txt", **inputs)["txt_bytes"]
    written = [[float(number) for number in line.split()] for line in lines]
    np.testing.assert_allclose(written, model.generate(2, labels=[1, 2], seed=5), atol=1e-5)
    with pytest.raises(UserError, match="Unknown signature 'endcode'. Did you mean 'encode'"):
        loaded.call_signature("endcode", points=examples)
    with pytest.raises(UserError, match="The inputs of `anomaly_score` must be points. Received: labels, points"):
        loaded.call_signature("anomaly_score", points=examples, labels=labels)


@pytest.mark.parametrize("name", ["no latents", "no latents, no classes"])
def test_a_model_without_latents(models, directories, name):
    model, loaded = models[name], load_generator(directories[name])
    expected = model.generate(7, seed=2)
    assert expected.dtype == np.int32 and len(np.unique(expected)) > 3
    np.testing.assert_array_equal(loaded.generate(7, seed=2), expected)
    np.testing.assert_array_equal(loaded.generate_by_signature(7, seed=2), expected)
    together = loaded.generate_by_signature([1, 3, 2], seed=[4, 5, 4])
    np.testing.assert_array_equal(
        together, np.concatenate([model.generate(n, seed=s) for n, s in ((1, 4), (3, 5), (2, 4))])
    )
    if model.num_classes:
        labels = [1, 0, 0, 1, 1]
        alone = np.concatenate(
            [model.generate(2, labels=labels[:2], seed=8), model.generate(3, labels=labels[2:], seed=9)]
        )
        np.testing.assert_array_equal(loaded.generate_by_signature([2, 3], labels=labels, seed=[8, 9]), alone)
    assert not any(loaded.can(ability) for ability in abilities.ABILITIES)
    with pytest.raises(UserError, match="needs a model that can generate from latents. ExportedModel can: nothing"):
        export_network(loaded, "nowhere/dice", "litert")


def test_the_card_lists_what_the_model_is(directories):
    card = read_model_card(directories["every ability"])
    assert (card["format_version"], card["license"]) == (2, "CC0-1.0")
    model = card["model"]
    assert model["example"] == {"kind": "export-point", "shape": [4]} and model["unit"] == ["point", "points"]
    assert model["condition"] == {"kind": "classes", "size": 3, "names": []}
    assert model["abilities"]["HasLatents"] == {"latent_shape": [2, 2], "latents_on_a_shell": False}
    assert model["abilities"]["HasLikelihood"] == {"likelihood": "exact"}
    assert [option["name"] for option in model["sampling_options"]] == ["temperature", "shift"]
    assert card["training"] == {"examples_seen": None, "steps": None, "seed": None}
    assert list(card["serving"]["signatures"]["generate"]["inputs"]) == [
        "seed",
        "count",
        "temperature",
        "shift",
        "labels",
    ]
    text = (directories["every ability"] / "assets.extra" / "model_card.md").read_text()
    for said in (
        "points: 4, 3 classes, latents of 2 x 2",
        "| `temperature` | 1 | 0 to 2 |",
        "compute likelihoods",
        "At most 8 points",
    ):
        assert said in text


@pytest.mark.parametrize("format", ["onnx", "litert"])
def test_a_made_up_kind_as_a_file_for_another_engine(models, tmp_path, format):
    from tests.exports.test_export_network import require, run

    require(format)
    model = models["every ability"]
    path = export_network(model, tmp_path / "cloud", format)
    latents = np.random.default_rng(1).normal(size=[3, 2, 2]).astype(np.float32)
    labels = np.array([2, 0, 1], np.int32)
    np.testing.assert_allclose(run(path, latents, labels), model(latents, labels), atol=1e-5)
    file = read_card(path)["file"]
    assert file["outputs"] == {"points": {"dtype": "float32", "shape": [None, 4]}}
    assert file["parity"]["examples"] == 16 and 2.0 < file["parity"]["peak"] < 20.0  # The range of these points.


# === Joined ===


def requests_of(name, count, number):
    draws = np.random.default_rng(number)
    examples = {"points": draws.normal(size=[count, 4]).astype(np.float32)}
    labels = {"labels": draws.integers(3, size=count).astype(np.int32)}
    seeded = {"seed": np.int64(number), "count": np.int32(count), "temperature": np.float32(0.5 + number / 4)}
    seeded |= {"shift": np.float32(number / 10), **labels}
    latents = {"latents": draws.normal(size=[count, 2, 2]).astype(np.float32), **labels}
    special = {"serving_default": latents, "generate": seeded, "generate_txt": seeded, "anomaly_score": examples}
    return special.get(name, examples | labels)


@pytest.mark.parametrize("name", MODELS["every ability"][1])
def test_joined_requests_are_answered_as_alone(directories, name):
    servable = Servable("cloud", 1, directories["every ability"])
    joining = servable.joinings[name]
    assert isinstance(joining, SeedJoining if name.startswith("generate") else RowJoining)
    requests = [requests_of(name, count, number) for number, count in enumerate([1, 2, 1, 3])]
    for inputs in requests:
        servable.check(name, inputs)
    sizes = [joining.measure(inputs)[0] for inputs in requests]
    assert sizes == [1, 2, 1, 3]
    joined = part(servable.run(name, joining.join(requests)), sizes)
    for ours, inputs in zip(joined, requests, strict=True):
        for key, array in servable.run(name, inputs).items():
            if name == "generate_txt":  # Numbers as text, whose last digits may depend on the size of the batch.
                texts = [
                    [re.findall(rb"-?[\d.]+(?:e[-+]?\d+)?", file) for file in files] for files in (ours[key], array)
                ]
                np.testing.assert_allclose(*(np.asarray(numbers, float) for numbers in texts), atol=1e-5)
            elif array.dtype == object:
                assert ours[key].tolist() == array.tolist()
            else:
                np.testing.assert_allclose(ours[key], array, atol=1e-5)


def test_what_depends_on_the_place_in_a_batch_is_not_joined(tmp_path):
    model = Cloud(likelihood="lower_bound")
    servable = Servable("cloud", 1, export_saved_model(model, tmp_path / "cloud"))
    assert servable.joinings["log_prob"] is None and servable.joinings["encode"] is not None
    # And rightly so: joined, the second would not get its own answer.
    inputs = [requests_of("log_prob", 1, number) for number in (1, 2)]
    alone = servable.run("log_prob", inputs[1])["log_prob"]
    together = servable.run("log_prob", RowJoining().join(inputs))["log_prob"]
    assert abs(together[1] - alone[0]) > 1e-3
    loaded = load_generator(tmp_path / "cloud")
    with pytest.raises(UserError, match="`samples` must be 1 for an exported model. Received: samples=5"):
        loaded.log_prob(*points(2), samples=5)


def test_a_model_without_options_and_latents_is_joined_too(directories):
    servable = Servable("dice", 1, directories["no latents"])
    assert isinstance(servable.joinings["generate"], SeedJoining) and servable.sampling_defaults == {}
    inputs = {"seed": np.int64(1), "count": np.int32(2), "labels": np.zeros([0], np.int32)}
    assert servable.joinings["generate"].measure(inputs) == (2, "labels drawn")
    with pytest.raises(ServingError, match="labels must be from 0 to 1"):
        servable.run("generate", {**inputs, "labels": np.array([0, 7], np.int32)})
