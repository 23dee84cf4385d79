"""State dicts of BigGAN-PyTorch become models that make the reference's images, train on, are sampled and exported."""

import json

import numpy as np
import pytest

import tfgan_suite as tg
from tests.checkpoints.pytorch_files import write_legacy, write_state_dict, write_zip
from tests.golden_vectors import assert_near, channels_last, load_golden, part_of
from tests.untrusted.hostile import dumps, payloads
from tfgan_suite.adversarial.pretrained_generator import PretrainedGenerator
from tfgan_suite.checkpoints.biggan_pytorch import LICENSE, read_state
from tfgan_suite.checkpoints.conversion import find_manifest, read_conversion, write_conversion
from tfgan_suite.commands import cli
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import file_sha256
from tfgan_suite.generative.latents import TruncatedNormal
from tfgan_suite.models.biggan.biggan import BigGAN
from tfgan_suite.untrusted.restricted_unpickler import UnsafePickleError

KIND = "biggan-pytorch"
GOLDEN = load_golden("biggan_32_cls5")
GENERATOR, DISCRIMINATOR = part_of(GOLDEN, "G/"), part_of(GOLDEN, "D/")
# As it was trained: another one than the averaged, which images are made with.
TRAINED = {name: array * np.float32(0.5) if name.endswith("bias") else array for name, array in GENERATOR.items()}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """G_ema.pth in the newer format, D.pth and G.pth in the older one."""
    directory = tmp_path_factory.mktemp("biggan")
    write_state_dict(directory / "G_ema.pth", GENERATOR)
    write_state_dict(directory / "D.pth", DISCRIMINATOR, write_legacy)
    write_state_dict(directory / "G.pth", TRAINED, write_legacy)
    return directory


@pytest.fixture(scope="module")
def converted(files, tmp_path_factory):
    """The directory that the command writes."""
    out = tmp_path_factory.mktemp("converted") / "out"
    further = ["--discriminator", str(files / "D.pth"), "--trained-generator", str(files / "G.pth")]
    assert cli.main(["convert", KIND, str(files / "G_ema.pth"), str(out), *further]) == 0
    return out


def assert_golden(model, golden):
    images = model(golden["in/z"], golden["in/y"])
    assert_near(images, golden["out/img_eval"].transpose(0, 2, 3, 1))
    for name, images in (("real", golden["in/x"]), ("fake", golden["out/img_eval"])):
        logits = model.discriminator(channels_last(images), golden["in/y"])
        assert_near(logits, golden[f"out/D_{name}_eval"])


def test_images_and_logits_of_the_reference(converted):
    model = tg.load_model(converted)
    assert type(model) is BigGAN and model.image_shape == (32, 32, 3) and model.num_classes == 5
    assert_golden(model, GOLDEN)
    assert not np.array_equal(model.generator.linear.bias, model.ema_generator.linear.bias)
    np.testing.assert_array_equal(2 * np.asarray(model.generator.linear.bias), model.ema_generator.linear.bias)


def test_manifest(converted, files):
    manifest = find_manifest(converted)
    assert manifest["class"] == "BigGAN" and manifest["license"] == LICENSE
    assert [file["file"] for file in manifest["source"]["files"]] == ["G_ema.pth", "D.pth", "G.pth"]
    assert manifest["source"]["sha256"] == file_sha256(files / "G_ema.pth")
    assert manifest["assumed_settings"].keys() == {
        "spectral_norm_epsilon",
        "batch_norm_epsilon",
        "batch_norm_momentum",
    }
    trained = [
        array for name, array in GENERATOR.items() if not name.endswith(("u0", "sv0", "stored_mean", "stored_var"))
    ]
    assert manifest["parameters"]["generator"] == sum(array.size for array in trained)


@pytest.mark.slow
def test_deep_networks(tmp_path):
    golden = load_golden("biggandeep_32_cls5")
    source = write_state_dict(tmp_path / "G_ema.pth", part_of(golden, "G/"))
    discriminator = write_state_dict(tmp_path / "D.pth", part_of(golden, "D/"))
    model = read_conversion(KIND, source, discriminator=discriminator).model
    assert model.generator.variant == "deep"
    assert_golden(model, golden)


def test_files_by_pytorch_itself(tmp_path):
    torch = pytest.importorskip("torch")
    state = {name: torch.tensor(array) for name, array in GENERATOR.items()}
    for name, newer in (("zip.pth", True), ("legacy.pth", False)):
        torch.save(state, tmp_path / name, _use_new_zipfile_serialization=newer)
        received = read_state(tmp_path / name)
        for key, array in GENERATOR.items():
            np.testing.assert_array_equal(received[key], array, err_msg=key)


def wrapped(name):
    """Names of a run on several GPUs, with a batch normalisation that keeps sums of moments."""
    layer, _, part = name.rpartition(".")
    return f"module.{layer}.bn.{part}" if part in ("stored_mean", "stored_var") else f"module.{name}"


def test_names_of_wrapped_networks_and_of_other_batch_normalisations(tmp_path):
    sums = {}
    for name, array in GENERATOR.items():
        statistics = name.endswith(("stored_mean", "stored_var"))
        sums[wrapped(name)] = 4 * array if statistics else array
        if name.endswith("stored_var"):
            sums[wrapped(name).replace("stored_var", "accumulation_counter")] = np.full([1], 4)
    running = {name.replace("stored_", "bn.running_"): array for name, array in GENERATOR.items()}
    running["output_layer.0.bn.num_batches_tracked"] = np.array(7)
    for state in (sums, running):
        received = read_state(write_state_dict(tmp_path / "x.pth", state))
        assert received.keys() == GENERATOR.keys()
        for name, array in GENERATOR.items():
            np.testing.assert_array_equal(received[name], array, err_msg=name)


def test_a_generator_alone(tmp_path, files):
    assert cli.main(["convert", KIND, str(files / "G_ema.pth"), str(tmp_path / "out"), "--license", "CC0"]) == 0
    model = tg.load_model(tmp_path / "out")
    assert type(model) is PretrainedGenerator and find_manifest(tmp_path / "out")["license"] == "CC0"
    assert_near(model(GOLDEN["in/z"], GOLDEN["in/y"]), GOLDEN["out/img_eval"].transpose(0, 2, 3, 1))
    assert type(model.latent_distribution) is TruncatedNormal and not model.trainable_variables
    with pytest.raises(UserError, match="without a discriminator"):
        model.compile()


@pytest.mark.slow
def test_a_generator_alone_is_sampled_and_exported_with_its_license(tmp_path, files):
    write_conversion(read_conversion(KIND, files / "G_ema.pth"), tmp_path / "out")
    assert cli.main(["sample", str(tmp_path / "out"), "--output", str(tmp_path / "x.png"), "--truncation", "0.5"]) == 0
    assert (tmp_path / "x.png").stat().st_size > 0
    assert cli.main(["export", str(tmp_path / "out"), str(tmp_path / "models" / "biggan")]) == 0
    card = json.loads((tmp_path / "models/biggan/1/assets.extra/model_card.json").read_text())
    assert card["license"] == LICENSE and file_sha256(files / "G_ema.pth") in card["description"]
    assert "discriminate" not in tg.load_generator(tmp_path / "models" / "biggan")._loaded.signatures


@pytest.mark.slow
def test_training_goes_on(converted):
    model = tg.load_model(converted)
    model.compile(discriminator_steps=1)
    images = np.zeros([4, 32, 32, 3], np.float32)
    before = np.array(model.discriminator.linear.kernel)
    model.fit(images, np.arange(4), batch_size=4, verbose=0)
    assert np.abs(model.discriminator.linear.kernel - before).max() > 0


# === Settings and refusals ===


def test_given_settings(files):
    conversion = read_conversion(KIND, files / "G_ema.pth", batch_norm_epsilon=1e-4, spectral_norm_epsilon=1e-8)
    config = conversion.model.ema_generator.get_config()
    assert config["batch_norm_epsilon"] == 1e-4 and config["spectral_norm_epsilon"] == 1e-8
    assert conversion.manifest["assumed_settings"].keys() == {"batch_norm_momentum"}
    for value in (0, -1.0, "small", None):
        with pytest.raises(UserError, match="`batch_norm_epsilon` must be a number > 0"):
            read_conversion(KIND, files / "G_ema.pth", batch_norm_epsilon=value)
    with pytest.raises(UserError, match="Did you mean 'discriminator'"):
        read_conversion(KIND, files / "G_ema.pth", discriminato="D.pth")


def test_what_is_no_such_file(tmp_path, files):
    def refused(content, message, **further):
        (tmp_path / "x.pth").write_bytes(content)
        with pytest.raises(UserError, match=message):
            read_conversion(KIND, tmp_path / "x.pth", **further)

    whole = (files / "G_ema.pth").read_bytes()
    refused(b"\n<!DOCTYPE html><html>Sign in</html>", "is a web page")
    refused(whole[: len(whole) // 2], "truncated zip archive: the download did not finish")
    refused((files / "G.pth").read_bytes()[:-100], "truncated or damaged")
    refused(b"", "empty")
    refused(b"\x89HDF\r\n\x1a\n....", "HDF5")
    refused(b"version https://git-lfs.github.com/spec/v1\n", "Git LFS")
    refused((files / "D.pth").read_bytes(), "weights of a BigGAN generator.*It contains a discriminator")
    with pytest.raises(UserError, match="does not exist"):
        read_conversion(KIND, tmp_path / "none.pth")
    with pytest.raises(UserError, match="weights of a BigGAN discriminator.*It contains a generator"):
        read_conversion(KIND, files / "G_ema.pth", discriminator=files / "G.pth")
    with pytest.raises(UserError, match="`--trained-generator` requires `--discriminator`"):
        read_conversion(KIND, files / "G_ema.pth", trained_generator=files / "G.pth")


def test_states_that_do_not_fit(tmp_path, files):
    def read(state, **further):
        return read_conversion(KIND, write_state_dict(tmp_path / "x.pth", state), **further)

    for lost in ("blocks.2.0.bn2.stored_var", "blocks.1.1.theta.weight"):
        with pytest.raises(UserError, match=f"Missing: {lost}"):
            read({name: array for name, array in GENERATOR.items() if name != lost})
    with pytest.raises(UserError, match="'linear.bias' must contain finite"):
        read({**GENERATOR, "linear.bias": np.full([256], np.nan)})
    with pytest.raises(UserError, match="the state of a training or an optimizer"):
        read({"state.0.exp_avg": np.zeros(3)})
    other = part_of(load_golden("biggandeep_32_cls5"), "G/")
    with pytest.raises(UserError, match="the same architecture. Received: .*variant biggan and deep"):
        trained = write_state_dict(tmp_path / "deep.pth", other)
        read(GENERATOR, discriminator=files / "D.pth", trained_generator=trained)


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_hostile_files(tmp_path, write):
    for name, payload in payloads(tmp_path / "marker").items():
        write(tmp_path / "x.pth", None, value_pickle=dumps({"linear.weight": payload}))
        for files in ({"source": "x.pth"}, {"source": "x.pth", "discriminator": tmp_path / "x.pth"}):
            with pytest.raises(UnsafePickleError):
                read_conversion(KIND, tmp_path / files.pop("source"), **files)
        assert not (tmp_path / "marker").exists(), name
