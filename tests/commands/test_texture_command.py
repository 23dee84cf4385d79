import numpy as np
import pytest
from PIL import Image

from tfgan_suite.commands import cli
from tfgan_suite.models.dcgan.dcgan import DCGAN
from tfgan_suite.models.progan.texture_progan import TextureProGAN


@pytest.fixture(scope="module")
def gan():
    return TextureProGAN((8, 8, 3), num_classes=3, latent_channels=4, channel_base=32, max_channels=8, seed=1)


@pytest.fixture(scope="module")
def path(gan, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "textures.keras"
    gan.save(path)
    return str(path)


def written(path):
    return np.asarray(Image.open(path))


def test_writes_what_python_makes(gan, path, tmp_path, capsys):
    output = str(tmp_path / "new" / "texture.png")
    assert cli.main(["texture", path, "--size", "9x14", "--label", "2", "--seed", "5", "--output", output]) == 0
    np.testing.assert_array_equal(written(output), gan.generate_textures(9, 14, labels=2, seed=5)[0])
    assert output in capsys.readouterr().out


def test_copies_side_by_side(gan, path, tmp_path):
    output = str(tmp_path / "tiled.png")
    assert cli.main(["texture", path, "--size", "8", "--tile", "2x3", "--output", output]) == 0
    np.testing.assert_array_equal(written(output), np.tile(gan.generate_textures(8, 8, seamless=True)[0], [2, 3, 1]))
    assert cli.main(["texture", path, "--size", "8", "--seamless", "--output", output]) == 0
    assert written(output).shape == (8, 8, 3)


@pytest.mark.parametrize(
    "options, message",
    [
        (["--size", "9", "--seamless"], "multiples of 2 pixels. Received: 9x9"),
        (["--label", "3"], "`labels` must be labels from 0 to 2"),
        (["--output", "texture.jpg"], "`--output` must be a file NAME.png"),
    ],
)
def test_refuses(path, options, message, capsys):
    assert cli.main(["texture", path, *options]) == 2
    assert message in capsys.readouterr().err


def test_other_models_make_no_textures(tmp_path, capsys):
    DCGAN((8, 8, 1), latent_size=4, base_channels=4).save(tmp_path / "dcgan.keras")
    assert cli.main(["texture", str(tmp_path / "dcgan.keras")]) == 2
    assert (
        "needs a model that can make textures of any size. DCGAN can: generate from latents" in capsys.readouterr().err
    )
