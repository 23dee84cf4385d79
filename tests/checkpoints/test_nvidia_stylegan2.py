"""Names, layouts and settings of StyleGAN2 in NVIDIA's pickles. The golden weights have the PyTorch version's names."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.checkpoints.nvidia_files import (
    Module,
    pytorch_content,
    to_tensorflow,
    write_pytorch_pickle,
    write_tensorflow_pickle,
)
from tfgan_suite.checkpoints.nvidia_stylegan2 import official_names, read_nvidia_stylegan2
from tfgan_suite.checkpoints.stylegan2_state import stylegan2_to_state
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.models.stylegan2.stylegan2_discriminator import StyleGAN2Discriminator
from tfgan_suite.models.stylegan2.stylegan2_generator import StyleGAN2Generator

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "stylegan2_16_cond4.npz")
GENERATOR = {name[2:]: GOLDEN[name] for name in GOLDEN.files if name.startswith("G/")}
DISCRIMINATOR = {name[2:]: GOLDEN[name] for name in GOLDEN.files if name.startswith("D/")}


def without_filters(state):
    return {name: array for name, array in state.items() if not name.endswith("resample_filter")}


def flat(state):
    """TensorFlow variables by full name."""
    return {
        f"{part}/{name}" if part else name: np.asarray(array)
        for part, listed in to_tensorflow(state).items()
        for name, array in listed
    }


def assert_same(state, expected):
    expected = without_filters(expected)
    assert set(state) == set(expected)
    for name, array in expected.items():
        assert state[name].shape == array.shape and state[name].dtype == np.float32 and state[name].flags.c_contiguous
        if name.endswith("affine.bias"):  # 1 was taken off and added again.
            np.testing.assert_allclose(state[name], array, atol=1e-6)
        else:
            np.testing.assert_array_equal(state[name], array)


# === Names and layouts ===


@pytest.mark.parametrize("state", [GENERATOR, DISCRIMINATOR], ids=["generator", "discriminator"])
def test_names_and_layouts(state):
    assert_same(official_names(flat(state)), state)


def test_the_traps():
    """Against literal arrays, so that the fixture's own translation is not what is tested."""
    kernel = np.arange(9, dtype="f4").reshape(3, 3, 1, 1)
    variables = {
        "synthesis/4x4/Const/const": np.zeros([1, 1, 4, 4], "f4"),
        "synthesis/8x8/Conv0_up/weight": kernel,
        "synthesis/8x8/Conv1/weight": kernel,
        "synthesis/8x8/Conv1/mod_bias": np.array([-0.25], "f4"),
        "synthesis/8x8/Conv1/mod_weight": np.array([[1.0], [2.0]], "f4"),
        "synthesis/8x8/ToRGB/mod_bias": np.array([0.0], "f4"),
        "synthesis/8x8/Conv1/noise_strength": np.array(0.5, "f4"),
        "synthesis/8x8/Skip/weight": np.array([[[[1.0]], [[2.0]]], [[[3.0]], [[4.0]]]], "f4"),
        "synthesis/noise0": np.full([1, 1, 4, 4], 0, "f4"),
        "synthesis/noise1": np.full([1, 1, 8, 8], 1, "f4"),
        "synthesis/noise2": np.full([1, 1, 8, 8], 2, "f4"),
        "synthesis/noise3": np.full([1, 1, 16, 16], 3, "f4"),
        "synthesis/noise16": np.full([1, 1, 2, 2], 16, "f4"),
        "dlatent_avg": np.array([7.0], "f4"),
        "lod": np.array(0.0, "f4"),
        "synthesis/lod": np.array(0.0, "f4"),
    }
    state = official_names(variables)
    assert state["synthesis.b8.conv0.weight"].ravel().tolist() == [8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert state["synthesis.b8.conv1.weight"].ravel().tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert state["synthesis.b8.skip.weight"].ravel().tolist() == [4, 3, 2, 1]
    assert state["synthesis.b8.conv1.affine.bias"].tolist() == [0.75]
    assert state["synthesis.b8.torgb.affine.bias"].tolist() == [1.0]
    assert state["synthesis.b8.conv1.affine.weight"].tolist() == [[1.0, 2.0]]
    assert state["synthesis.b8.conv1.noise_strength"].shape == ()
    places = {name: array.flat[0] for name, array in state.items() if name.endswith("noise_const")}
    assert places == {
        "synthesis.b4.conv1.noise_const": 0,
        "synthesis.b8.conv0.noise_const": 1,
        "synthesis.b8.conv1.noise_const": 2,
        "synthesis.b16.conv0.noise_const": 3,
        "synthesis.b1024.conv1.noise_const": 16,
    }
    assert state["mapping.w_avg"].tolist() == [7.0]
    assert len(state) == len(variables) - 2


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_every_architecture(architecture):
    shared = {
        "image_shape": (32, 32, 3),
        "channel_base": 128,
        "max_channels": 8,
        "architecture": architecture,
        "seed": 3,
    }
    generator = StyleGAN2Generator(latent_size=6, w_size=5, num_mapping_layers=2, **shared)
    discriminator = StyleGAN2Discriminator(**shared)
    for network in (generator, discriminator):
        network.build()
        state = stylegan2_to_state(network)
        variables = flat(state)
        if architecture == "orig":  # These names stem from progressive growing, and so do the other levels' colours.
            variables = {
                name.replace("32x32/ToRGB", "ToRGB_lod0").replace("32x32/FromRGB", "FromRGB_lod0"): array
                for name, array in variables.items()
            }
            prefix = "synthesis/To" if network is generator else "From"
            variables[f"{prefix}RGB_lod1/weight"] = np.zeros([1, 1, 8, 3], "f4")
            variables[f"{prefix}RGB_lod2/bias"] = np.zeros([8], "f4")
            variables["synthesis/lod" if network is generator else "lod"] = np.array(0.0, "f4")
        assert_same(official_names(variables), state)


@pytest.mark.parametrize("dense", ["Mapping{}", "mapping/Dense{}"])
def test_conditional_discriminators_of_both_spellings(dense):
    variables = flat(DISCRIMINATOR)
    assert "Mapping0/weight" in variables
    renamed = {
        name.replace("Mapping0", dense.format(0)).replace("Mapping1", dense.format(1)): array
        for name, array in variables.items()
    }
    assert_same(official_names(renamed), DISCRIMINATOR)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("synthesis/4x4/Conv/StyleMod/weight", "original StyleGAN"),
        ("mapping/LabelConcat/weight", "concatenate labels"),
        ("synthesis/4x8/Conv1/weight", "no known StyleGAN2 network"),
        ("synthesis/4x4/Conv/weights", "no known StyleGAN2 network"),
        ("16x16/PixelNorm", "no known StyleGAN2 network"),
        ("x" * 10_000, "no known StyleGAN2 network"),
    ],
)
def test_unknown_variables(name, expected):
    for variables in ({name: np.zeros(1, "f4")}, {name: np.zeros(1, "f4"), "dlatent_avg": np.zeros(1, "f4")}):
        with pytest.raises(UserError, match=expected) as error:
            official_names(variables)
        assert len(str(error.value)) < 400


def test_unexpected_shapes():
    with pytest.raises(UserError, match=r"'4x4/Conv/weight' has the unexpected shape \(3, 3\)"):
        official_names({"4x4/Conv/weight": np.zeros([3, 3], "f4")})
    with pytest.raises(UserError, match="two variables for 'mapping.fc0.bias'"):
        official_names({"Mapping0/bias": np.zeros(1, "f4"), "mapping/Dense0/bias": np.zeros(1, "f4")})


# === Settings ===


def read_tensorflow(tmp_path, generator_kwargs=(), discriminator_kwargs=(), **options):
    path = tmp_path / "x.pkl"
    marker = tmp_path / "marker"
    write_tensorflow_pickle(path, GENERATOR, DISCRIMINATOR, marker, generator_kwargs, discriminator_kwargs, **options)
    return read_nvidia_stylegan2(path)


def test_tensorflow_settings(tmp_path):
    official = read_tensorflow(tmp_path)
    assert official.settings == {
        "resample_filter": (1, 3, 3, 1),
        "conv_clamp": None,
        "num_mixed_precision_resolutions": 0,
        "mapping_learning_rate_multiplier": 0.01,
        "minibatch_stddev_group_size": 4,
    }
    assert official.assumed == {"minibatch_stddev_group_size": "4, the default of 'D_stylegan2'"}
    assert_same(official.generator_state, GENERATOR)
    assert_same(official.trained_generator_state, GENERATOR)
    assert_same(official.discriminator_state, DISCRIMINATOR)

    ada = read_tensorflow(tmp_path, functions=("G_main", "D_main"))
    assert ada.settings["minibatch_stddev_group_size"] is None
    assert "the whole batch" in ada.assumed["minibatch_stddev_group_size"]

    precise = {"num_fp16_res": 4, "conv_clamp": 256, "resample_kernel": [1, 2, 1]}
    official = read_tensorflow(
        tmp_path, {**precise, "mapping_lrmul": np.float64(0.02)}, {**precise, "mbstd_group_size": 8}
    )
    assert official.settings == {
        "resample_filter": (1, 2, 1),
        "conv_clamp": 256,
        "num_mixed_precision_resolutions": 4,
        "generator_mapping_learning_rate_multiplier": 0.02,
        "discriminator_mapping_learning_rate_multiplier": 0.01,
        "minibatch_stddev_group_size": 8,
    }
    assert not official.assumed


@pytest.mark.parametrize(
    "generator, discriminator",
    [({"nonlinearity": "relu"}, {}), ({}, {"nonlinearity": "elu"}), ({"use_noise": False}, {}), ({"normalize_latents": False}, {})],
)  # fmt: skip
def test_settings_that_are_not_supported(tmp_path, generator, discriminator):
    with pytest.raises(UserError, match="Only networks with .* are supported"):
        read_tensorflow(tmp_path, generator, discriminator)


@pytest.mark.parametrize(
    "settings",
    [
        {"resample_kernel": 5},
        {"resample_kernel": [1, "3"]},
        {"resample_kernel": []},
        {"conv_clamp": "256"},
        {"conv_clamp": -1},
        {"num_fp16_res": [4]},
        {"mbstd_group_size": 0},
        {"mbstd_group_size": 2.5},
        {"mapping_lrmul": float("nan")},
    ],
)
def test_settings_that_make_no_sense(tmp_path, settings):
    with pytest.raises(UserError, match="The file's `.*` must be"):
        read_tensorflow(tmp_path, settings, settings)


def read_pytorch(tmp_path, change=lambda content: None, **options):
    content = pytorch_content(GENERATOR, DISCRIMINATOR, tmp_path / "marker", **options)
    change(content)
    return read_nvidia_stylegan2(write_pytorch_pickle(tmp_path / "x.pkl", content))


def child(module, path):
    for name in path.split("."):
        module = module.attributes["_modules"][name]
    return module


def test_pytorch_settings(tmp_path):
    official = read_pytorch(tmp_path, num_fp16_blocks=1, conv_clamp=256, group_size=None)
    assert official.settings == {
        "conv_clamp": 256,
        "num_mixed_precision_resolutions": 1,
        "mapping_learning_rate_multiplier": 0.01,
        "minibatch_stddev_group_size": None,
    }
    assert not official.assumed and official.training_set["use_labels"] is True
    for state, expected in ((official.generator_state, GENERATOR), (official.discriminator_state, DISCRIMINATOR)):
        assert set(state) == set(expected)
        assert all(
            np.array_equal(state[name], array) and state[name].flags.writeable for name, array in expected.items()
        )


def test_pytorch_networks_that_differ(tmp_path):
    def change(content):
        for name in ("b16.fromrgb", "b16.conv0", "b16.conv1", "b16.skip", "b8.conv0", "b8.conv1", "b8.skip", "b4.conv"):
            child(content["D"], name).attributes["conv_clamp"] = 100
        del child(content["D"], "b4").attributes["_modules"]["mbstd"]

    official = read_pytorch(tmp_path, change, conv_clamp=256)
    assert official.settings["generator_conv_clamp"] == 256 and official.settings["discriminator_conv_clamp"] == 100
    assert "conv_clamp" not in official.settings
    assert "4, the default of the PyTorch version" in official.assumed["minibatch_stddev_group_size"]


def test_pytorch_networks_that_are_not_supported(tmp_path):
    def set_attribute(name, value):
        def change(content):
            child(content["G_ema"], "synthesis.b8.conv0").attributes[name] = value

        return change

    with pytest.raises(UserError, match="`conv_clamp` must have the same value"):
        read_pytorch(tmp_path, set_attribute("conv_clamp", 3), conv_clamp=256)
    with pytest.raises(UserError, match="activation='lrelu'.*'relu'"):
        read_pytorch(tmp_path, set_attribute("activation", "relu"))
    with pytest.raises(UserError, match="use_noise"):
        read_pytorch(tmp_path, set_attribute("use_noise", False))

    def alias_free(content):
        layer = Module("SynthesisInput", tmp_path / "marker")
        layer.attributes["_parameters"]["weight"] = child(content["G"], "mapping.fc0").attributes["_parameters"][
            "weight"
        ]
        child(content["G_ema"], "synthesis").attributes["_modules"]["input"] = layer

    with pytest.raises(UserError, match="StyleGAN3"):
        read_pytorch(tmp_path, alias_free)


def test_weights_that_are_not_numbers(tmp_path):
    for wrong in (np.full([48], np.nan, "f4"), np.arange(48)):
        state = {**GENERATOR, "mapping.w_avg": wrong}
        write_tensorflow_pickle(tmp_path / "x.pkl", state, DISCRIMINATOR, tmp_path / "marker")
        with pytest.raises(UserError, match="'dlatent_avg' must contain finite floating-point numbers"):
            read_nvidia_stylegan2(tmp_path / "x.pkl")


@pytest.mark.parametrize("kind", ["tensorflow", "pytorch"])
def test_noise_never_ends_otherwise_than_in_a_refusal(tmp_path, kind):
    """Files with a few wrong bytes, outside of the weights too, are read or refused: nothing else."""
    path, marker = tmp_path / "x.pkl", tmp_path / "marker"
    small = {name: array for name, array in GENERATOR.items() if re.match(r"mapping|synthesis\.b4\.", name)}
    head = {name: array for name, array in DISCRIMINATOR.items() if name.startswith("b4.") and array.size < 1000}
    if kind == "tensorflow":
        write_tensorflow_pickle(path, small, head, marker, {"num_fp16_res": 4, "conv_clamp": 256})
    else:
        write_pytorch_pickle(path, pytorch_content(small, head, marker))
    content = path.read_bytes()
    read_nvidia_stylegan2(path)
    # Where the pickle's instructions are: between the arrays' contents.
    places = [
        position
        for match in re.finditer(rb"[\x20-\x7e]{4,}", content)
        for position in range(match.start() - 3, match.end() + 3)
    ]
    generator = np.random.default_rng(1)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(150):
        changed = bytearray(content)
        for position in generator.choice(places, generator.integers(1, 4)):
            changed[position] = generator.integers(256)
        path.write_bytes(changed)
        try:
            read_nvidia_stylegan2(path)
            outcomes["read"] += 1
        except UserError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 0 and not marker.exists()
