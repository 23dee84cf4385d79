"""Commands about latents, of models that encode: flows, VAEs and tokenizers."""

import numpy as np
import pytest
from PIL import Image

import tfgan_suite as tg
from tests.commands.test_latent_commands import read_png, run
from tests.latent_tools.test_style_mixing import cell
from tests.models.glow.test_glow import TINY, digit_like_images, randomized
from tfgan_suite.data.sources.array_source import ArraySource
from tfgan_suite.latent_tools import find_label_directions

MODELS = {
    "glow": lambda: randomized(tg.Glow(**TINY)),
    "vae": lambda: tg.VAE(image_shape=(8, 8, 1), latent_size=3, base_channels=4, dense_units=8),
    "vqvae": lambda: tg.VQVAE(image_shape=(8, 8, 1), code_levels=(4, 4), channels=4),
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    directory = tmp_path_factory.mktemp("models")
    for name, make in MODELS.items():
        model = make()
        model.compile()
        model.save(directory / f"{name}.keras")
    Image.fromarray(digit_like_images(1)[0, ..., 0]).save(directory / "picture.png")
    return directory


@pytest.mark.parametrize("name", ["glow", pytest.param("vae", marks=pytest.mark.slow), "vqvae"])
def test_rows_and_loops(name, paths, tmp_path, capsys):
    model = paths / f"{name}.keras"
    code, _, errors = run(capsys, "sample", model, "--interpolate", 4, "--count", 2, "--output", tmp_path / "way.png")
    assert code == 0 and not errors and read_png(tmp_path / "way.png").shape == (2 * 10 - 2, 4 * 10 - 2)
    options = ["--seconds", 1, "--points", 2, "--frames-per-second", 4, "--rows", 1, "--columns", 1]
    code, _, errors = run(capsys, "animate", model, *options, "--output", tmp_path / "loop.gif")
    assert code == 0 and not errors and (tmp_path / "loop.gif").exists()


@pytest.mark.parametrize("name", ["glow", *(pytest.param(name, marks=pytest.mark.slow) for name in ("vae", "vqvae"))])
def test_project(name, paths, tmp_path, capsys):
    model, found = paths / f"{name}.keras", tmp_path / "found.png"
    code, output, errors = run(capsys, "project", model, paths / "picture.png", "--output", found)
    assert code == 0 and not errors
    image, loaded = digit_like_images(1), tg.load_model(model)
    np.testing.assert_array_equal(cell(read_png(found)[..., None], 0, 0, 8), image[0])
    with np.load(found.with_suffix(".npz")) as arrays:
        np.testing.assert_allclose(arrays["latents"], loaded.encode(tg.to_float(image))[0], atol=1e-4)
        assert f"mean squared error {float(arrays['squared_error']):.4f}" in output
    if name == "glow":
        np.testing.assert_array_equal(cell(read_png(found)[..., None], 0, 1, 8), image[0])


@pytest.mark.slow
def test_directions_from_labels(paths, tmp_path, capsys):
    images, labels = digit_like_images(12), np.arange(12) % 3
    tg.prepare_dataset(ArraySource(images, labels), tmp_path / "data", progress=False)
    options = ["--images", 2, "--steps", 3, "--save", tmp_path / "found.npz", "--output", tmp_path / "d.png"]
    code, output, errors = run(capsys, "directions", paths / "glow.keras", "--from-labels", tmp_path / "data", *options)
    assert code == 0 and "found.npz" in output, errors
    grid = read_png(tmp_path / "d.png")
    assert grid.shape == (2 * 3 * 10 - 2, 3 * 10 - 2)
    assert any((cell(grid[..., None], 0, 1, 8) == image).all() for image in images)  # In the middle, as it was.
    expected = find_label_directions(tg.load_model(paths / "glow.keras"), images, labels)
    with np.load(tmp_path / "found.npz") as arrays:  # Sums in another order.
        np.testing.assert_allclose(arrays["vectors"], expected.vectors, atol=1e-4)


@pytest.mark.parametrize(
    "argv, expected",
    [
        (["directions", "{glow}"], "`find_label_directions`, `--from-labels DATA`"),
        (["directions", "{vae}", "--from-labels", "x", "--labels", "3"], "Leave out: --labels"),
        (
            ["project", "{glow}", "{picture}", "--space", "w", "--steps", "3"],
            "Glow encodes the image, without a search.",
        ),
        (["mix", "{glow}"], "Mixing styles needs a model that can work with styles. Glow can: "),
        (["sample", "{glow}", "--interpolate", "3", "--in-w"], "An interpolation in W needs a model"),
        (["sample", "{glow}", "--through-classes", "3"], "must be conditional"),
        (["sample", "{glow}", "--truncation-sweep", "3"], "truncation"),
        (["animate", "{vqvae}", "--through-classes"], "must be conditional"),
    ],
)
def test_refusals(argv, expected, paths, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {name: paths / f"{name}.keras" for name in MODELS} | {"picture": paths / "picture.png"}
    code, _, errors = run(capsys, *[one.format(**names) for one in argv])
    assert code == 2 and expected in " ".join(errors) and "Traceback" not in " ".join(errors)
