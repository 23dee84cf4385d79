"""A file of either format becomes a model that makes the reference's images, and comes back bit for bit."""

import dataclasses
import json
import re
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.checkpoints.nvidia_files import pytorch_content, write_pytorch_pickle, write_tensorflow_pickle
from tfgan_suite.checkpoints.conversion import count_parameters, find_manifest, read_conversion, write_conversion
from tfgan_suite.checkpoints.nvidia_stylegan2 import read_nvidia_stylegan2
from tfgan_suite.checkpoints.stylegan2_conversion import LICENSE
from tfgan_suite.checkpoints.stylegan2_state import stylegan2_to_state
from tfgan_suite.commands import cli
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import file_sha256
from tfgan_suite.models.stylegan2.stylegan2 import StyleGAN2
from tfgan_suite.runs import run_files

KIND = "nvidia-stylegan2"
GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "stylegan2_16_cond4.npz")
GENERATOR = {name[2:]: GOLDEN[name] for name in GOLDEN.files if name.startswith("G/")}
DISCRIMINATOR = {name[2:]: GOLDEN[name] for name in GOLDEN.files if name.startswith("D/")}
# Another generator, so that the average and the trained one can be told apart.
TRAINED = {name: array if name.endswith("filter") else array * np.float32(0.5) for name, array in GENERATOR.items()}


def write_file(directory, kind):
    path, marker = directory / f"{kind}.pkl", directory / "marker"
    if kind == "tensorflow":
        return write_tensorflow_pickle(
            path, TRAINED, DISCRIMINATOR, marker, {"fmap_base": 64}, {"mbstd_group_size": 2}, averaged=GENERATOR
        )
    content = pytorch_content(TRAINED, DISCRIMINATOR, marker, averaged=GENERATOR, group_size=2)
    return write_pytorch_pickle(path, content)


@pytest.fixture(scope="module", params=["tensorflow", "pytorch"])
def converted(request, tmp_path_factory):
    """The source and the directory made of it. Tests only read them."""
    directory = tmp_path_factory.mktemp(request.param)
    source = write_file(directory, request.param)
    write_conversion(read_conversion(KIND, source), directory / "out")
    assert not (directory / "marker").exists()
    return source, directory / "out"


@pytest.fixture(scope="module")
def loaded(converted):
    """The model out of the directory."""
    return keras.models.load_model(converted[1] / "model.keras")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_file(tmp_path_factory.mktemp("source"), "pytorch")


@pytest.fixture(scope="module")
def conversion(source):
    return read_conversion(KIND, source)


def assert_close(received, expected):
    assert np.abs(np.asarray(received) - expected).max() <= 2e-4 * np.abs(expected).max()


def test_images_and_logits_of_the_reference(loaded):
    model = loaded
    assert type(model) is StyleGAN2 and model.image_shape == (16, 16, 3) and model.num_classes == 4
    generator = model.ema_generator
    latents, labels = GOLDEN["in/z"], GOLDEN["in/c"]
    assert_close(generator.map(latents, labels), GOLDEN["out/ws"])
    assert_close(generator.map(latents, labels, truncation=0.5, truncation_cutoff=4), GOLDEN["out/ws_psi0.5_cutoff4"])
    for noise in ("const", "none"):
        images = np.transpose(generator.synthesize(generator.map(latents, labels), noise=noise), [0, 3, 1, 2])
        assert_close(images, GOLDEN[f"out/img_{noise}"])
    # The labels as the model takes them, and its own truncation.
    images = np.transpose(model(latents, tf.argmax(labels, axis=1, output_type=tf.int32), truncation=0.7), [0, 3, 1, 2])
    assert_close(images, GOLDEN["out/img_const_psi0.7"])
    for name, images in (("D_real", GOLDEN["in/real"]), ("D_fake", GOLDEN["out/img_const"])):
        logits = model.discriminator(np.transpose(images, [0, 2, 3, 1]), labels)
        assert_close(logits, GOLDEN[f"out/{name}"][:, 0])


def test_official_weights_come_back(converted, loaded):
    official = read_nvidia_stylegan2(converted[0])
    pairs = [
        (loaded.ema_generator, official.generator_state, GENERATOR),
        (loaded.generator, official.trained_generator_state, TRAINED),
        (loaded.discriminator, official.discriminator_state, DISCRIMINATOR),
    ]
    for network, read, written in pairs:
        back = stylegan2_to_state(network)
        for name, array in read.items():
            if name.endswith("resample_filter"):
                continue
            assert back[name].tobytes() == array.tobytes()
            np.testing.assert_allclose(array, written[name], atol=1e-6)
    assert not np.array_equal(loaded.generator.get_weights()[0], loaded.ema_generator.get_weights()[0])


def test_manifest(converted):
    source, directory = converted
    manifest = json.loads((directory / "conversion.json").read_text())
    assert manifest == find_manifest(directory) == find_manifest(directory / "model.keras")
    assert manifest["source"]["sha256"] == file_sha256(source)
    assert manifest["source"]["size_bytes"] == source.stat().st_size
    assert manifest["source"]["format"] == f"NVIDIA StyleGAN2, {source.stem}"
    assert manifest["model"]["sha256"] == file_sha256(directory / "model.keras")
    assert manifest["license"] == LICENSE and "default" in manifest["license_from"]
    assert manifest["architecture"]["generator"]["image_shape"] == [16, 16, 3]
    assert manifest["architecture"]["discriminator"]["minibatch_stddev_group_size"] == 2
    assert "minibatch_stddev_group_size" not in manifest["assumed_settings"]
    buffers = ("filter", "noise_const", "w_avg")
    for name, state in (("generator", GENERATOR), ("discriminator", DISCRIMINATOR)):
        assert manifest["parameters"][name] == sum(
            array.size for key, array in state.items() if not key.endswith(buffers)
        )


def test_no_pickle_and_no_source_in_the_output(converted):
    source, directory = converted
    assert sorted(file.name for file in directory.iterdir()) == ["conversion.json", "model.keras"]
    assert not [file.name for file in directory.parent.iterdir() if file.name.startswith(".")]
    with zipfile.ZipFile(directory / "model.keras") as archive:
        assert sorted(archive.namelist()) == ["config.json", "metadata.json", "model.weights.h5"]
        assert b"open(" not in archive.read("config.json")
    assert b"open(" in source.read_bytes()


def test_paths_without_a_manifest(tmp_path):
    assert find_manifest(tmp_path) is None and find_manifest(tmp_path / "model.keras") is None


def test_a_manifest_of_version_0_1_is_read(converted, tmp_path):
    manifest = json.loads((converted[1] / "conversion.json").read_text())
    assert manifest["format_version"] == 2
    old = {**manifest, "format_version": 1, "licence": "MIT", "licence_from": "the user"}
    del old["license"], old["license_from"]
    (tmp_path / "conversion.json").write_text(json.dumps(old))
    read = find_manifest(tmp_path)
    assert (read["license"], read["license_from"]) == ("MIT", "the user") and "licence" not in read


def test_counting_leaves_a_frozen_network_frozen(conversion):
    model = conversion.model
    assert count_parameters(model.ema_generator) == count_parameters(model.generator) > 0
    assert model.ema_generator.trainable is False and model.generator.trainable is True


def test_license_and_source_go_to_the_export(converted, monkeypatch):
    received = []
    monkeypatch.setattr(run_files, "load_model", lambda path: None)
    monkeypatch.setattr(
        "tfgan_suite.exports.saved_model.export_saved_model", lambda model, path, **options: received.append(options)
    )
    for path in (converted[1], converted[1] / "model.keras"):
        run_files.export_run(path, "saved_models/x", license="", description="Faces.")
        assert received[-1]["license"] == LICENSE
        assert received[-1]["description"].startswith("Faces. Converted from ")
        assert file_sha256(converted[0]) in received[-1]["description"]
    run_files.export_run(converted[1], "saved_models/x", license="CC0")
    assert received[-1]["license"] == "CC0" and received[-1]["description"].startswith("Converted from")


# === Settings and refusals ===


def test_given_settings_replace_those_of_the_file(source):
    conversion = read_conversion(KIND, source, license="CC BY 4.0", conv_clamp=64, minibatch_stddev_group_size=None)
    assert conversion.model.generator.conv_clamp == conversion.model.discriminator.conv_clamp == 64
    assert conversion.model.discriminator.minibatch_stddev_group_size is None
    assert conversion.manifest["given_settings"] == {"conv_clamp": 64, "minibatch_stddev_group_size": None}
    assert conversion.manifest["license"] == "CC BY 4.0" and conversion.manifest["license_from"] == "the user"


def test_refusals(tmp_path, source):
    with pytest.raises(UserError, match="Did you mean 'conv_clamp'"):
        read_conversion(KIND, source, conv_clam=1)
    content = pytorch_content(GENERATOR, DISCRIMINATOR, tmp_path / "marker")
    content["D"] = None
    with pytest.raises(UserError, match="no discriminator"):
        read_conversion(KIND, write_pytorch_pickle(tmp_path / "x.pkl", content))
    for lost in ("synthesis.b8.conv1.weight", "mapping.fc1.bias"):
        state = {name: array for name, array in GENERATOR.items() if name != lost}
        write_tensorflow_pickle(tmp_path / "x.pkl", state, DISCRIMINATOR, tmp_path / "marker")
        with pytest.raises(UserError, match=f"no nvidia-stylegan2 that can be built.*{re.escape(lost)}"):
            read_conversion(KIND, tmp_path / "x.pkl")


def test_existing_directories(tmp_path, conversion):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(UserError, match="not written by a conversion"):
            write_conversion(conversion, tmp_path / "mine", overwrite)
    out = write_conversion(conversion, tmp_path / "deep" / "out")
    with pytest.raises(UserError, match="already exists"):
        write_conversion(conversion, out)
    (out / "old").touch()
    write_conversion(conversion, out, overwrite=True)
    assert not (out / "old").exists() and (out / "model.keras").is_file()


def test_nothing_appears_when_the_weights_do_not_come_back(tmp_path, conversion):
    states = dict(conversion.official.states)
    state = states["ema_generator"]
    states["ema_generator"] = {**state, "mapping.w_avg": state["mapping.w_avg"] + 1}
    conversion = dataclasses.replace(conversion, official=dataclasses.replace(conversion.official, states=states))
    with pytest.raises(RuntimeError, match="'mapping.w_avg' does not convert back"):
        write_conversion(conversion, tmp_path / "out")
    assert not list(tmp_path.iterdir())


# === The command ===


def run(capsys, *argv):
    code = cli.main([str(argument) for argument in argv])
    output, error = capsys.readouterr()
    return code, output, error.splitlines()


def test_command(tmp_path, source, conversion, capsys):
    arguments = ["convert", "nvidia-stylegan2", source, tmp_path / "out"]
    code, output, errors = run(capsys, *arguments, "--dry-run")
    assert code == 0 and not errors and not (tmp_path / "out").exists()
    parameters = conversion.manifest["parameters"]
    for text in ("pytorch", file_sha256(source), "Nothing was written", LICENSE, "architecture=resnet"):
        assert text in output
    assert all(f"{count:,} parameters" in output for count in parameters.values())
    code, output, errors = run(capsys, *arguments, "--license", "CC0", "--set", "conv_clamp=256")
    assert code == 0 and not errors and f"tfgan-suite sample {tmp_path / 'out'}" in output
    manifest = find_manifest(tmp_path / "out")
    assert manifest["license"] == "CC0" and manifest["architecture"]["generator"]["conv_clamp"] == 256


@pytest.mark.parametrize("converted", ["pytorch"], indirect=True)
def test_exported_model_has_a_card_with_the_license(tmp_path, converted, capsys):
    code, _, errors = run(capsys, "export", converted[1], tmp_path / "faces")
    assert code == 0 and not errors
    card = json.loads((tmp_path / "faces/1/assets.extra/model_card.json").read_text())
    assert card["license"] == LICENSE and file_sha256(converted[0]) in card["description"]
    assert LICENSE in (tmp_path / "faces/1/assets.extra/model_card.md").read_text()


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["nvidia-stylegan"], "Did you mean 'nvidia-stylegan2'?"),
        (["nvidia-stylegan2", "nothing.pkl", "out"], "'nothing.pkl', which is not a file"),
        (["nvidia-stylegan2", "{source}", "out", "--set", "conv_clam=1"], "Did you mean 'conv_clamp'?"),
        (["nvidia-stylegan2", "{source}", "out", "--licens", "CC0"], "Did you mean '--license'?"),
        (["nvidia-stylegan2", "{hostile}", "out"], "'posix.system', which is not on the list"),
        (["nvidia-stylegan2", "{hostile}", "out", "--dry-run"], "'posix.system', which is not on the list"),
    ],
)
def test_mistakes(arguments, expected, tmp_path, source, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hostile = source.with_name("hostile.pkl")
    hostile.write_bytes(b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x0ctouch marker\x85R.")
    arguments = [argument.format(source=source, hostile=hostile) for argument in arguments]
    code, output, errors = run(capsys, "convert", *arguments)
    assert code == 2 and output == "" and len(errors) == 1 and expected in errors[0]
    assert not list(tmp_path.iterdir()), "a mistake leaves nothing behind"
