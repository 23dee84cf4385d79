import json
import pickle
from pathlib import Path

import numpy as np
import pytest

import tfgan_suite as tg
from tests.checkpoints.nvidia_files import EasyDict, Network, malicious_source, modules
from tests.untrusted.hostile import dumps, payloads
from tfgan_suite.checkpoints.conversion import find_manifest, read_conversion, write_conversion
from tfgan_suite.checkpoints.nvidia_progan import LICENSE
from tfgan_suite.commands import cli
from tfgan_suite.foundation.files import file_sha256
from tfgan_suite.untrusted.restricted_unpickler import UnsafePickleError

KIND = "nvidia-progan"
GOLDEN = Path(__file__).parents[1] / "golden" / "progan_16.npz"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as content:
        return dict(content)


@pytest.fixture
def write(tmp_path, golden):
    """Writes the golden networks as the authors' program does; the averaged generator is twice the trained one."""

    def write_file(module="tfutil", generator_settings=(), discriminator_settings=(), level_of_detail=0.0):
        states = {
            part: {name[2:]: value for name, value in golden.items() if name.startswith(f"{part}/")} for part in "GD"
        }
        doubled = {name: np.float32(2) * value for name, value in states["G"].items()}
        with modules(**{module: {"Network": Network}, "dnnlib__util": {"EasyDict": EasyDict}}):
            networks = [
                Network(
                    version=2,
                    name=name,
                    static_kwargs={"num_channels": 3, "resolution": 16, **dict(settings)},
                    build_module_src=malicious_source(tmp_path / "marker"),
                    build_func_name=name,
                    variables=[("lod", np.float32(level_of_detail)), *state.items()],
                )
                for name, state, settings in (
                    ("G_paper", doubled, generator_settings),
                    ("D_paper", states["D"], discriminator_settings),
                    ("G_paper", states["G"], generator_settings),
                )
            ]
            (tmp_path / "progan.pkl").write_bytes(pickle.dumps(tuple(networks), 4))
        return tmp_path / "progan.pkl"

    yield write_file
    assert not (tmp_path / "marker").exists()  # The source text in the file was not run.


@pytest.mark.parametrize("module", ["tfutil", "network"])
def test_images_and_scores_of_the_reference(write, golden, module):
    path = write(module, {"label_size": 3, "latent_size": None, "fused_scale": True}, {"label_size": 3})
    model = read_conversion(KIND, path).model
    expected = golden["lod0/img"].transpose(0, 2, 3, 1)
    images = model(golden["in/z"], np.argmax(golden["in/labels"], axis=1))
    assert np.abs(images - expected).max() < 2e-4 * np.abs(expected).max()
    np.testing.assert_allclose(model.discriminate(expected), golden["lod0/D_fake"][:, 0], atol=2e-4)
    np.testing.assert_array_equal(model.generator.dense.kernel, 2 * model.ema_generator.dense.kernel)


def test_settings_are_the_files_unless_they_are_given(write):
    path = write(generator_settings={"normalize_latents": False}, discriminator_settings={"mbstd_group_size": 2})
    conversion = read_conversion(KIND, path)
    model = conversion.model
    assert not model.ema_generator.normalize_latents and model.discriminator.minibatch_stddev_group_size == 2
    assert conversion.manifest["assumed_settings"] == {}
    # The file does not state its labels; the discriminator's head shows them.
    assert model.num_classes == model.discriminator.num_classes == 3 and model.latent_size == 16
    conversion = read_conversion(KIND, path, normalize_latents=True, minibatch_stddev_group_size=4)
    model = conversion.model
    assert model.generator.normalize_latents and model.discriminator.minibatch_stddev_group_size == 4
    assert conversion.manifest["given_settings"] == {"normalize_latents": True, "minibatch_stddev_group_size": 4}


def test_networks_that_were_still_growing(write, golden):
    model = read_conversion(KIND, write(level_of_detail=1.0)).model
    assert float(model.level_of_detail) == 1.0
    images = model(golden["in/z"], np.argmax(golden["in/labels"], axis=1))
    expected = golden["lod1/img"].transpose(0, 2, 3, 1)
    assert np.abs(images - expected).max() < 2e-4 * np.abs(expected).max()


def test_refuses_other_networks(write):
    refused = {"use_pixelnorm": False}, {"tanh_at_end": True}
    for settings in refused:
        (name,) = settings
        with pytest.raises(tg.UserError, match=f"'G_paper' in the file has settings .* '{name}': {settings[name]}"):
            read_conversion(KIND, write(generator_settings=settings))
    harmless = {"use_wscale": True, "pixelnorm_epsilon": 1e-8, "fmap_base": 64}
    for message, settings in (
        ("Did you mean 'normalize_latents'", {"normalise_latents": True}),
        ("group", {"minibatch_stddev_group_size": -1}),
    ):
        with pytest.raises(tg.UserError, match=message):
            read_conversion(KIND, write(generator_settings=harmless), **settings)


def test_command(write, tmp_path, capsys):
    source = write()
    assert cli.main(["convert", KIND, str(source), str(tmp_path / "out")]) == 0
    assert "minibatch_stddev_group_size: 4, the default of the discriminator" in capsys.readouterr().out
    manifest = find_manifest(tmp_path / "out")
    assert manifest["license"] == LICENSE and manifest["class"] == "ProGAN"
    assert manifest["source"]["sha256"] == file_sha256(source)
    assert cli.main(["sample", str(tmp_path / "out"), "--output", str(tmp_path / "x.png")]) == 0
    assert (tmp_path / "x.png").stat().st_size > 0


@pytest.mark.slow
def test_exported_with_its_license(write, tmp_path):
    write_conversion(read_conversion(KIND, write()), tmp_path / "out")
    assert cli.main(["export", str(tmp_path / "out"), str(tmp_path / "models" / "faces")]) == 0
    card = json.loads((tmp_path / "models/faces/1/assets.extra/model_card.json").read_text())
    assert card["license"] == LICENSE and card["model"]["condition"]["size"] == 3


def test_hostile_files(tmp_path):
    with modules(dnnlib__tflib__network={"Network": Network}, dnnlib__util={"EasyDict": EasyDict}):
        contents = {name: dumps((payload,) * 3) for name, payload in payloads(tmp_path / "marker").items()}
    for name, content in contents.items():
        (tmp_path / "x.pkl").write_bytes(content)
        with pytest.raises(UnsafePickleError):
            read_conversion(KIND, tmp_path / "x.pkl")
        assert not (tmp_path / "marker").exists(), name
    (tmp_path / "x.pkl").write_bytes(b"<html>")
    with pytest.raises(tg.UserError, match="is a web page"):
        read_conversion(KIND, tmp_path / "x.pkl")
