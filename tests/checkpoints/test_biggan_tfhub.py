"""Variables of TF-Hub's BigGAN modules become generators that make the reference's images."""

import json

import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.checkpoints.tfhub_files import module_variables, normalized_layers, write_checkpoint, write_module
from tests.golden_vectors import assert_near, load_golden, part_of
from tfgan_suite.adversarial.pretrained_generator import PretrainedGenerator
from tfgan_suite.checkpoints.biggan_state import biggan_state
from tfgan_suite.checkpoints.biggan_tfhub import LICENSE, read_moments
from tfgan_suite.checkpoints.conversion import find_manifest, read_conversion, write_conversion
from tfgan_suite.checkpoints.tfhub_names import official_state
from tfgan_suite.commands import cli
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.latents import ScaledTruncatedNormal
from tfgan_suite.models.biggan.biggan_generator import BigGANGenerator
from tfgan_suite.untrusted.tensorflow_variables import read_tensorflow_variables

KIND = "biggan-tfhub"
GOLDEN, DEEP = load_golden("biggan_32_cls5"), load_golden("biggandeep_32_cls5")
STATE, DEEP_STATE = part_of(GOLDEN, "G/"), part_of(DEEP, "G/")
# Those of the golden networks, which are BigGAN-PyTorch's; and where their attention stands.
EPSILONS = {"spectral_norm_epsilon": 1e-6, "batch_norm_epsilon": 1e-5}
SETTINGS = {**EPSILONS, "attention_resolution": 16}


def save_npz(path, variables):
    np.savez(path, **{f"module/{name}:0": array for name, array in variables.items()})
    return path


def assert_golden(model, golden):
    assert_near(model(golden["in/z"], golden["in/y"]), golden["out/img_eval"].transpose(0, 2, 3, 1))


def assert_state(official, expected):
    """Bit for bit, but for the singular values, which nobody uses and the modules do not have."""
    received = official.states["ema_generator"]
    assert received.keys() == expected.keys()
    for name, array in expected.items():
        if not name.endswith("sv0"):
            np.testing.assert_array_equal(received[name], array, err_msg=name)


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    return save_npz(tmp_path_factory.mktemp("npz") / "module.npz", module_variables(STATE))


@pytest.fixture(scope="module")
def deep_module(tmp_path_factory):
    """The directory of a BigGAN-deep module with statistics for truncations 0, 0.25, 0.5, 0.75 and 1."""
    tables = [
        [np.stack([array * factor for factor in (4.0, 3.0, 1.0, 2.0, 5.0)]) for array in pair]
        for pair in (
            (DEEP_STATE[f"{layer}.stored_mean"], DEEP_STATE[f"{layer}.stored_var"])
            for layer in normalized_layers(DEEP_STATE)
        )
    ]
    directory = tmp_path_factory.mktemp("deep") / "biggan-deep-32_1"
    return write_module(directory, module_variables(DEEP_STATE, moments=False), tables)


def test_images_of_the_reference(npz):
    conversion = read_conversion(KIND, npz, **SETTINGS)
    assert type(conversion.model) is PretrainedGenerator
    assert type(conversion.model.latent_distribution) is ScaledTruncatedNormal
    assert_golden(conversion.model, GOLDEN)
    assert_state(conversion.official, STATE)
    assert conversion.manifest["assumed_settings"].keys() == {"image_channels"}


def test_deep_images_of_the_reference_at_one_truncation(deep_module):
    conversion = read_conversion(KIND, deep_module, truncation=0.5, **SETTINGS)
    assert_golden(conversion.model, DEEP)
    assert_state(conversion.official, DEEP_STATE)


@pytest.mark.slow
def test_command(deep_module, tmp_path, capsys):
    settings = [f"{name}={value}" for name, value in SETTINGS.items()]
    flags = [argument for setting in settings for argument in ("--set", setting)]
    out = tmp_path / "out"
    assert cli.main(["convert", KIND, str(deep_module), str(out), "--truncation", "0.5", *flags]) == 0
    assert_golden(tg.load_model(out), DEEP)
    manifest = find_manifest(out)
    assert manifest["license"] == LICENSE and manifest["given_settings"]["truncation"] == 0.5
    assert manifest["source"]["format"] == "TF-Hub, BigGAN-deep" and len(manifest["source"]["sha256"]) == 64
    assert "biggan-deep-32_1/saved_model.pb" in [file["file"] for file in manifest["source"]["files"]]
    assert cli.main(["sample", str(out), "--output", str(tmp_path / "x.png"), "--truncation", "0.5"]) == 0
    assert (tmp_path / "x.png").stat().st_size > 0


@pytest.mark.slow
def test_exported_with_its_license(deep_module, tmp_path):
    write_conversion(read_conversion(KIND, deep_module, **SETTINGS), tmp_path / "out")
    assert cli.main(["export", str(tmp_path / "out"), str(tmp_path / "models" / "deep")]) == 0
    card = json.loads((tmp_path / "models/deep/1/assets.extra/model_card.json").read_text())
    assert card["license"] == LICENSE and "biggan-deep-32_1" in card["description"]


def test_statistics_between_two_truncations(deep_module):
    read = read_tensorflow_variables(deep_module)
    module, name = official_state(read.variables), "blocks.1.0.bn3.stored_var"
    received, assumed = read_moments(module, read.stacks, {"truncation": 0.6})
    np.testing.assert_allclose(received[name], (0.6 * 1.0 + 0.4 * 2.0) * DEEP_STATE[name], rtol=1e-5)
    assert not assumed
    received, assumed = read_moments(module, read.stacks, {})
    np.testing.assert_allclose(received[name], 5.0 * DEEP_STATE[name], rtol=1e-6)
    assert assumed["truncation"].startswith("1.0") and "5 truncations" in assumed["truncation"]
    del read.stacks[5 * 6 + 3]
    with pytest.raises(UserError, match="must contain the constants stack_33, the statistics of blocks.1.0.bn3"):
        read_moments(module, read.stacks, {})


def test_the_last_convolution_may_have_more_channels_than_the_image(tmp_path):
    config = {"latent_size": 8, "num_classes": 3, "base_channels": 2, "shared_size": 4}
    generator = BigGANGenerator((32, 32, 3), attention_resolutions=(), output_channels=8, **config)
    generator.build()
    source = save_npz(tmp_path / "x.npz", module_variables(biggan_state(generator)))
    again = read_conversion(KIND, source).model.ema_generator
    assert again.output_channels == 8 and again.image_shape == (32, 32, 3)
    assert again.batch_norm_epsilon == again.spectral_norm_epsilon == 1e-4
    np.testing.assert_array_equal(again.output_convolution.kernel, generator.output_convolution.kernel)


# === Where the variables come from ===


def test_every_container_holds_the_same(tmp_path, npz):
    variables = module_variables(STATE)
    few = {name: variables[name] for name in list(variables)[:12]}
    write_checkpoint(tmp_path / "saver" / "model.ckpt", few)
    write_module(tmp_path / "module", few)
    checkpoint = tf.train.Checkpoint(variables={name: tf.Variable(array) for name, array in few.items()})
    checkpoint.write(str(tmp_path / "objects"))
    save_npz(tmp_path / "x.npz", few)
    paths = ["saver", "saver/model.ckpt", "saver/model.ckpt.index", "module", "module/variables", "objects", "x.npz"]
    for path in paths:
        read = read_tensorflow_variables(tmp_path / path)
        read.variables.pop("save_counter", None)
        assert read.variables.keys() == few.keys() and not read.stacks, path
        for name, array in few.items():
            np.testing.assert_array_equal(read.variables[name], array, err_msg=f"{path}: {name}")


def test_accumulators_as_sums_or_means():
    """The first layer's variance tells which; it is told what was found, and can be said."""
    sigma = STATE["linear.sv0"][0]
    normal = np.random.default_rng(0).normal(size=[4000, STATE["linear.weight"].shape[1]])
    inputs = (normal @ (STATE["linear.weight"] / sigma).T + STATE["linear.bias"]).reshape([-1, 16, 16])
    # As after training: moments of what really comes in. [images, channels, pixels]
    state = {**STATE, "blocks.0.0.bn1.stored_var": inputs.var(axis=(0, 2)).astype(np.float32)}
    name = "blocks.2.0.bn2.stored_mean"
    for kind, sums in (("sums", True), ("means", False)):
        module = official_state(module_variables(state, count=16, sums=sums))
        received, assumed = read_moments(module, {}, {})
        assert assumed["accumulators"].startswith(f"{kind} over 16 passes")
        np.testing.assert_allclose(received[name], state[name], rtol=1e-6)
    received, assumed = read_moments(module, {}, {"accumulators": "sums"})
    np.testing.assert_allclose(16 * received[name], state[name], rtol=1e-6)
    assert not assumed


# === Refusals ===


def test_settings_that_are_refused(npz, deep_module):
    for message, source, settings in (
        ("16 channels fit after the stages of 8, 16, 32 pixels", npz, EPSILONS),
        ("`attention_resolution` must be one of 8, 16, 32", npz, {**SETTINGS, "attention_resolution": 64}),
        ("one set of standing statistics", npz, {**SETTINGS, "truncation": 0.5}),
        ("number from 0 to 1. Received: truncation='half'", deep_module, {**SETTINGS, "truncation": "half"}),
        ("`accumulators` must be 'sums' or 'means'", npz, {**SETTINGS, "accumulators": "both"}),
        ("`image_channels` must be a number > 0", npz, {**SETTINGS, "image_channels": 0}),
        ("Did you mean 'truncation'", npz, {"trunkation": 0.5}),
    ):
        with pytest.raises(UserError, match=message):
            read_conversion(KIND, source, **settings)


def test_variables_that_do_not_fit(tmp_path):
    variables = module_variables(STATE)

    def refused(message, lost=(), **more):
        kept = {name: array for name, array in variables.items() if not name.startswith(lost)} if lost else variables
        with pytest.raises(UserError, match=message):
            read_conversion(KIND, save_npz(tmp_path / "x.npz", {**kept, **more}), **SETTINGS)

    refused("no counterpart of shared.weight", lost="linear/w")
    refused("Missing: blocks.2.0.conv2.bias", lost="Generator/GBlock_2/conv1/b")
    refused("no counterpart of blocks.2.0.conv2.weight", lost="Generator/GBlock_2/conv1/w")
    refused("standing statistics of blocks.1.0.bn2", lost="Generator/GBlock_1/CrossReplicaBN_1/acc")
    refused("'Generator/surprise' belongs to no known BigGAN module", **{"Generator/surprise": np.zeros(3, np.float32)})
    refused("It has two of 'linear/w'", **{"linear/w/ema_0.9": variables["linear/w"]})
    refused("'linear/w' must contain finite", **{"linear/w": np.full([5, 8], np.inf)})
    refused("unexpected shape", **{"Generator/attention/gamma/ema_b999900": np.zeros(2, np.float32)})
    with pytest.raises(UserError, match="BigGAN-deep's modules in the graph: pass the module's directory"):
        read_conversion(KIND, save_npz(tmp_path / "x.npz", module_variables(DEEP_STATE, moments=False)), **SETTINGS)


def test_what_is_no_module(tmp_path):
    def refused(path, message):
        with pytest.raises(UserError, match=message):
            read_tensorflow_variables(path)

    refused(tmp_path / "nothing", "is missing")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "has neither")
    for name, content, message in (
        ("page.npz", b"<!doctype html>", "is a web page"),
        ("x.tar.gz", b"\x1f\x8b\x08rest", "gzip archive. Unpack it first"),
        ("objects.npz", b"PK\x03\x04", "truncated"),
    ):
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, message)
    np.savez(tmp_path / "pickled.npz", a=np.array([{}], dtype=object))
    refused(tmp_path / "pickled.npz", "without pickles.*Object arrays")
    write_checkpoint(tmp_path / "cut" / "model", {"linear/w": np.zeros([100, 100])})
    data = tmp_path / "cut" / "model.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:1000])
    refused(tmp_path / "cut", "damaged or incomplete")
    write_checkpoint(tmp_path / "module" / "variables" / "variables", {"linear/w": np.zeros([2, 2])})
    (tmp_path / "module" / "saved_model.pb").write_bytes(b"<html>")
    refused(tmp_path / "module", "is a web page")
