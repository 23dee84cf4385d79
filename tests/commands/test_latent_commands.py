"""`mix`, `animate`, `directions`, `project`, and what `sample` does in W."""

import importlib.util

import numpy as np
import pytest
from PIL import Image

from tests.latent_tools.conftest import make_stylegan2
from tests.latent_tools.test_style_mixing import cell
from tfgan_suite.commands import cli
from tfgan_suite.data.images import ImageFormat
from tfgan_suite.foundation.randomness import fold
from tfgan_suite.latent_tools import (
    StyleSpace,
    class_centers,
    find_directions,
    interpolate_styles,
    loop_frames,
    mix_styles,
    truncate,
)
from tfgan_suite.latent_tools.pictures import read_image
from tfgan_suite.models.dcgan.dcgan import DCGAN


@pytest.fixture(scope="module")
def gan():
    return make_stylegan2(num_classes=3)


@pytest.fixture(scope="module")
def model_path(gan, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "stylegan2.keras"
    gan.save(path)
    return path


@pytest.fixture(scope="module")
def dcgan_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "dcgan.keras"
    model = DCGAN((8, 8, 3), base_channels=4, latent_size=6)
    model.compile()
    model.save(path)
    return path


def run(capsys, *argv):
    """Exit code, standard output, lines of standard error."""
    code = cli.main([str(argument) for argument in argv])
    output, error = capsys.readouterr()
    return code, output, error.splitlines()


def read_png(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_mix(gan, model_path, tmp_path, capsys):
    options = ["--rows", 2, "--columns", 3, "--layers", "0-1,4", "--labels", "2,0", "--truncation", 0.8, "--seed", 5]
    code, output, errors = run(capsys, "mix", model_path, "--output", tmp_path / "mix.png", *options)
    assert code == 0 and not errors and "mix.png" in output
    space = StyleSpace(gan)
    ws = space.sample(5, seed=5, labels=[2, 0, 2, 0, 2], truncation=0.8)
    np.testing.assert_array_equal(read_png(tmp_path / "mix.png"), mix_styles(space, ws[:2], ws[2:], (0, 1, 4)))
    first = gan.generate(1, labels=[2], truncation=0.8, seed=5)[0]
    np.testing.assert_array_equal(cell(read_png(tmp_path / "mix.png"), 1, 0), first)


@pytest.mark.parametrize("kind", ["model_path", "dcgan_path"])
def test_animate(kind, request, tmp_path, capsys):
    model, path = request.getfixturevalue(kind), tmp_path / "loop.gif"
    options = ["--seconds", 1, "--points", 2, "--frames-per-second", 10, "--rows", 1, "--columns", 2, "--scale", 2]
    code, output, errors = run(capsys, "animate", model, "--output", path, *options)
    assert code == 0 and not errors and "loop.gif" in output
    size = 16 if kind == "model_path" else 8
    with Image.open(path) as image:
        assert image.n_frames == 10 and image.size == (2 * (2 * size + 2), 2 * size)


def test_animation_of_the_command_is_that_of_python(gan, model_path, tmp_path, capsys, monkeypatch):
    pytest.importorskip("imageio_ffmpeg", reason="Needs the extra [video].")
    options = ["--seconds", 1, "--points", 2, "--frames-per-second", 4, "--rows", 1, "--columns", 1, "--labels", 1]
    assert run(capsys, "animate", model_path, "--output", tmp_path / "loop.mp4", *options)[0] == 0
    import imageio_ffmpeg

    monkeypatch.setenv("IMAGEIO_FFMPEG_NO_PREVENT_SIGINT", "1")  # See tests/latent_tools/test_animation.py.
    reader = imageio_ffmpeg.read_frames(str(tmp_path / "loop.mp4"))
    assert next(reader)["size"] == (16, 16)
    received = [np.frombuffer(frame, np.uint8).mean() for frame in reader]
    expected = loop_frames(gan, num_points=2, steps_per_point=2, labels=(1,)).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(received, expected, atol=12)


def test_directions(gan, model_path, tmp_path, capsys):
    options = ["--count", 3, "--layers", "coarse", "--steps", 5, "--images", 2, "--save", tmp_path / "found.npz"]
    code, output, errors = run(capsys, "directions", model_path, "--output", tmp_path / "d.png", *options)
    assert code == 0 and not errors and "d.png and " in output and "found.npz" in output
    expected = find_directions(gan, "coarse", 3)
    with np.load(tmp_path / "found.npz") as arrays:
        np.testing.assert_array_equal(arrays["vectors"], expected.vectors)
        assert arrays["layers"].tolist() == [0, 1, 2, 3]
    grid = read_png(tmp_path / "d.png")
    assert grid.shape == (6 * 18 - 2, 5 * 18 - 2, 3)
    images = gan.generate(2, labels=[0, 1])
    for row in range(6):
        assert np.abs(cell(grid, row, 2).astype(int) - images[row // 3]).max() <= 1


def test_directions_among_latents(dcgan_path, tmp_path, capsys):
    code, _, errors = run(capsys, "directions", dcgan_path, "--output", tmp_path / "d.png", "--reach", 1)
    assert code == 0 and not errors
    assert read_png(tmp_path / "d.png").shape == (6 * 10 - 2, 7 * 10 - 2, 3)


def test_project(gan, model_path, tmp_path, capsys):
    pytest.importorskip("stlpips_pytorch", reason="Needs the extra [lpips].")
    target = gan.generate(1, labels=[1], seed=7)[0]
    Image.fromarray(target).save(tmp_path / "target.png")
    options = ["--steps", 3, "--label", 1, "--space", "w+", "--output", tmp_path / "found.png"]
    code, output, _ = run(capsys, "project", model_path, tmp_path / "target.png", *options)
    assert code == 0 and "perceptual distance" in output
    pair = read_png(tmp_path / "found.png")
    np.testing.assert_array_equal(cell(pair, 0, 0), target)
    with np.load(tmp_path / "found.npz") as arrays:
        assert arrays["ws"].shape == (6, 8) and arrays["losses"].shape == (3,)
        found = StyleSpace(gan).synthesize(arrays["ws"][np.newaxis])[0]
        assert f"{float(arrays['distance']):.4f}" in output
    np.testing.assert_array_equal(cell(pair, 0, 1), found)


def test_sample_straight_in_w(gan, model_path, tmp_path, capsys):
    options = ["--interpolate", 4, "--in-w", "--count", 2, "--labels", 2, "--seed", 3]
    assert run(capsys, "sample", model_path, "--output", tmp_path / "way.png", *options)[0] == 0
    grid, space = read_png(tmp_path / "way.png"), StyleSpace(gan)
    latents = np.asarray(gan.sample_latents(4, fold(3, "interpolate")))
    ws = space.map(latents, np.full([4], 2, np.int32))
    images = space.synthesize(interpolate_styles(ws[1], ws[3], 4))
    for column in range(4):
        assert np.abs(cell(grid, 1, column).astype(int) - images[column]).max() <= 1


@pytest.mark.parametrize("kind", ["model_path", "dcgan_path"])
def test_sample_truncation_sweep(kind, request, tmp_path, capsys):
    model = request.getfixturevalue(kind)
    options = ["--truncation-sweep", 3, "--count", 2, "--output", tmp_path / "sweep.png"]
    assert run(capsys, "sample", model, *options)[0] == 0
    from tfgan_suite.runs.run_files import load_model

    model = load_model(model)
    size, grid = model.image_shape[0], read_png(tmp_path / "sweep.png")
    labels = None if model.num_classes is None else [0, 1]
    for column, truncation in enumerate((0.0, 0.5, 1.0)):
        for row, image in enumerate(model.generate(2, labels=labels, truncation=truncation)):
            np.testing.assert_array_equal(cell(grid, row, column, size), image)
    np.testing.assert_array_equal(cell(grid, 0, 0, size), cell(grid, 1, 0, size))  # The average picture.


def test_sample_truncates_towards_classes(gan, model_path, tmp_path, capsys):
    options = ["--class-truncation", "--truncation", 0.4, "--count", 3, "--output", tmp_path / "typical.png"]
    assert run(capsys, "sample", model_path, *options)[0] == 0
    space, labels = StyleSpace(gan), np.arange(3)
    ws = truncate(space.sample(3, labels=labels), class_centers(space)[labels], 0.4)
    for column, image in enumerate(space.synthesize(ws)):
        assert np.abs(cell(read_png(tmp_path / "typical.png"), 0, column).astype(int) - image).max() <= 1


def test_reading_a_picture(tmp_path):
    array = np.zeros([10, 30, 3], np.uint8)
    array[:, 10:20] = [255, 128, 0]
    Image.fromarray(array).save(tmp_path / "wide.png")
    np.testing.assert_array_equal(read_image(tmp_path / "wide.png", (10, 10, 3)), array[:, 10:20])
    assert read_image(tmp_path / "wide.png", (4, 8, 1)).shape == (4, 8, 1)
    assert read_image(tmp_path / "wide.png", (4, 4, 4))[0, 0].tolist() == [255, 128, 0, 255]


@pytest.mark.parametrize("mode", ["16-bit gray", "transparent", "palette with transparency"])
def test_a_picture_is_read_as_it_is_prepared(mode, tmp_path):
    ramp = np.linspace(0, 65535, 256).reshape(16, 16).astype("uint16")
    color = np.random.default_rng(0).integers(0, 256, [16, 16, 4]).astype("uint8")
    picture = Image.fromarray(ramp if mode == "16-bit gray" else color)
    picture = picture.quantize(8) if mode.startswith("palette") else picture
    picture.save(tmp_path / "picture.png")
    for shape in ((8, 8, 1), (8, 8, 3), (8, 8, 4)):
        expected = ImageFormat(*shape).prepare((tmp_path / "picture.png").read_bytes())
        np.testing.assert_array_equal(read_image(tmp_path / "picture.png", shape), expected)
    if mode == "16-bit gray":
        assert abs(read_image(tmp_path / "picture.png", (16, 16, 1)).mean() - 127.5) < 1


# === Mistakes: one line, exit code 2, and nothing is written ===

MISTAKES = [
    (["mix", "{dcgan}"], ["Mixing styles needs a model that can work with styles", "DCGAN can: generate from latents"]),
    (["project", "{dcgan}", "{picture}"], ["A projection needs a model that can work with styles"]),
    (["directions", "{dcgan}", "--layers", "coarse"], ["DCGAN has no W space", "`layers` must be `None`"]),
    (
        ["sample", "{dcgan}", "--interpolate", "3", "--in-w"],
        ["An interpolation in W needs a model that can work with styles"],
    ),
    (
        ["sample", "{dcgan}", "--class-truncation"],
        ["Truncation towards classes needs a model that can work with styles"],
    ),
    (["sample", "{dcgan}", "--truncation-sweep", "1"], ["at least 2 steps"]),
    (["mix", "{model}", "--layers", "corse"], ["'corse'", "Did you mean 'coarse'?"]),
    (["mix", "{model}", "--layers", "0-9"], ["from 0 to 5"]),
    (["mix", "{model}", "--layers", "3-1"], ["coarse, 0-3", "'3-1'"]),
    (["mix", "{model}", "--layers", "2-x"], ["'x'"]),
    (["mix", "{model}", "--labels", "3"], ["from 0 to 2"]),
    (["mix", "{model}", "--output", "mix.jpg"], ["NAME.png", "'mix.jpg'"]),
    (["mix", "runs/nothing"], ["There is no 'runs/nothing'"]),
    (["animate", "{model}", "--output", "loop.webm"], ["NAME.gif or NAME.mp4"]),
    (["animate", "{model}", "--frames-per-second", "60"], ["must be in [1, 50]"]),
    (["animate", "{dcgan}", "--points", "1"], ["at least 2 points"]),
    (["directions", "{model}", "--count", "9"], ["from 1 to 8"]),
    (["directions", "{model}", "--reach", "0"], ["a number > 0"]),
    (["project", "{model}", "nothing.png"], ["no such file", "'nothing.png'"]),
    (["project", "{model}", "{model}"], ["cannot be read as an image"]),
    (["project", "{model}", "{picture}", "--space", "z"], ["'z'", "w, w+"]),
    (["project", "{model}", "{picture}", "--label", "3"], ["from 0 to 2"]),
    (["projekt", "x"], ["Did you mean 'project'?"]),
]


@pytest.mark.parametrize("argv, expected", MISTAKES, ids=lambda value: "-".join(value).replace("/", "_"))
def test_mistake_gets_one_line(argv, expected, model_path, dcgan_path, tmp_path, capsys, monkeypatch):
    if argv[0] == "project" and importlib.util.find_spec("stlpips_pytorch") is None:
        pytest.skip("Needs the extra [lpips].")
    picture = model_path.with_name("picture.png")
    Image.new("RGB", (16, 16)).save(picture)
    monkeypatch.chdir(tmp_path)
    code, output, errors = run(
        capsys, *(argument.format(model=model_path, dcgan=dcgan_path, picture=picture) for argument in argv)
    )
    assert code == 2 and output == "" and len(errors) == 1
    assert errors[0].startswith("tfgan-suite: ")
    for text in expected:
        assert text in errors[0]
    assert not list(tmp_path.iterdir())
