import importlib.util
import sys

import numpy as np
import pytest
from PIL import Image

from tests.latent_tools.test_style_mixing import cell
from tfgan_suite.foundation.errors import MissingExtraError, UserError
from tfgan_suite.latent_tools import StyleSpace, closed_path, loop_frames, write_animation

needs_video = pytest.mark.skipif(
    importlib.util.find_spec("imageio_ffmpeg") is None, reason='Needs the extra: pip install "tfgan-suite[video]"'
)


def test_path_passes_its_points_and_has_no_seam():
    points = np.random.default_rng(0).normal(size=(5, 3, 4))
    path = closed_path(points, 20)
    assert path.shape == (100, 3, 4)
    np.testing.assert_allclose(path[::20], points, atol=1e-6)
    velocity = np.roll(path, -1, axis=0) - path
    acceleration = np.roll(velocity, -1, axis=0) - velocity
    # Speed changes as gently across the seam as elsewhere, and never by much of itself.
    assert np.abs(acceleration).max() < 0.3 * np.abs(velocity).max()
    assert np.abs(acceleration[-2:]).max() <= np.abs(acceleration[:-2]).max() * 1.5


def test_straight_line_stays_straight():
    """Between equally spaced points of a line a Catmull-Rom spline has constant speed."""
    points = np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]])
    np.testing.assert_allclose(closed_path(points, 4)[4:16, 0], np.arange(1.0, 4.0, 0.25), atol=1e-6)


def test_lengths_are_kept():
    points = np.random.default_rng(0).normal(size=(4, 2, 100))
    lengths = np.linalg.norm(closed_path(points, 10, keep_length=True), axis=-1).reshape([4, 10, 2])
    ends = np.linalg.norm(points, axis=-1)
    fractions = np.arange(10)[:, np.newaxis] / 10
    for index in range(4):
        expected = (1 - fractions) * ends[index] + fractions * ends[(index + 1) % 4]
        np.testing.assert_allclose(lengths[index], expected, rtol=1e-5)


def test_loop_in_w(conditional_gan):
    frames = loop_frames(conditional_gan, num_points=2, steps_per_point=3, rows=2, columns=2, labels=(2, 0), seed=5)
    assert frames.shape == (6, 34, 34, 3) and frames.dtype == np.uint8
    space = StyleSpace(conditional_gan)
    ws = space.sample(8, seed=5, labels=[2, 0, 2, 0] * 2)  # Two points of four pictures.
    for frame, images in ((0, space.synthesize(ws[:4])), (3, space.synthesize(ws[4:]))):
        for index in range(4):
            difference = cell(frames[frame], index // 2, index % 2).astype(int) - images[index]
            assert np.abs(difference).max() <= 1


def test_loop_among_latents(dcgan):
    frames = loop_frames(dcgan, num_points=3, steps_per_point=2, columns=3, seed=5)
    expected = dcgan.generate(3, labels=[0, 1, 2], seed=5)
    for index in range(3):
        assert np.abs(cell(frames[0], 0, index, size=8).astype(int) - expected[index]).max() <= 1
    assert not np.array_equal(frames[0], frames[3])


def test_gif(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, [5, 12, 14, 1], np.uint8)
    write_animation(frames, tmp_path / "new" / "grey.gif", frames_per_second=20)
    with Image.open(tmp_path / "new" / "grey.gif") as image:
        assert image.n_frames == 5 and image.info["loop"] == 0 and image.info["duration"] == 50
        for index in range(5):
            image.seek(index)
            np.testing.assert_array_equal(np.asarray(image.convert("L")), frames[index, ..., 0])


def test_colour_gif_is_near(tmp_path):
    gradient = np.linspace(0, 255, 32)
    red, green = np.meshgrid(gradient, gradient)
    frames = np.stack([np.stack([red, green, np.full_like(red, blue)], -1) for blue in (0, 60)]).astype(np.uint8)
    write_animation(frames, tmp_path / "colour.gif")
    with Image.open(tmp_path / "colour.gif") as image:
        for index in range(2):
            image.seek(index)
            difference = np.asarray(image.convert("RGB")).astype(int) - frames[index]
            assert np.abs(difference).mean() < 8
            blocks = difference.reshape([4, 8, 4, 8, 3]).mean(axis=(1, 3))  # Dithering keeps averages.
            assert np.abs(blocks).mean() < 1


def test_transparent_pixels_become_white(tmp_path):
    frames = np.zeros([2, 8, 8, 4], np.uint8)
    frames[1, ..., 3] = 255
    write_animation(frames, tmp_path / "alpha.gif")
    with Image.open(tmp_path / "alpha.gif") as image:
        assert np.asarray(image.convert("RGB")).min() == 255
        image.seek(1)
        assert np.asarray(image.convert("RGB")).max() == 0


@needs_video
@pytest.mark.parametrize("channels", [1, 3])
def test_mp4(tmp_path, channels, monkeypatch):
    import imageio_ffmpeg

    # By default the reader forks; a thread of gRPC in this process, from another test, can break the child.
    monkeypatch.setenv("IMAGEIO_FFMPEG_NO_PREVENT_SIGINT", "1")
    levels = np.array([20, 120, 220, 120], np.uint8)
    frames = np.broadcast_to(levels[:, None, None, None], [4, 33, 47, channels])
    write_animation(frames, tmp_path / "grey.mp4", frames_per_second=10)
    reader = imageio_ffmpeg.read_frames(str(tmp_path / "grey.mp4"))
    description = next(reader)
    assert description["size"] == (48, 34) and description["fps"] == 10
    received = [np.frombuffer(frame, np.uint8).mean() for frame in reader]
    np.testing.assert_allclose(received, levels, atol=6)


@needs_video
def test_ffmpeg_that_fails_is_told_and_harms_no_earlier_file(tmp_path, monkeypatch):
    frames = np.zeros([2, 8, 8, 1], np.uint8)
    write_animation(frames, tmp_path / "loop.mp4")
    earlier = (tmp_path / "loop.mp4").read_bytes()
    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", lambda: "false")
    with pytest.raises(UserError, match="ffmpeg could not write .*loop.mp4. It exited with code 1"):
        write_animation(frames, tmp_path / "loop.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["loop.mp4"]
    assert (tmp_path / "loop.mp4").read_bytes() == earlier


def test_refuses(dcgan, gan, tmp_path, monkeypatch):
    frames = np.zeros([2, 8, 8, 3], np.uint8)
    with pytest.raises(UserError, match="NAME.gif or NAME.mp4"):
        write_animation(frames, tmp_path / "loop.webm")
    with pytest.raises(UserError, match=r"`frames_per_second` must be in \[1, 50\]"):
        write_animation(frames, tmp_path / "loop.gif", frames_per_second=60)
    with pytest.raises(UserError, match="at least 2 points"):
        loop_frames(dcgan, num_points=1)
    with pytest.raises(UserError, match="no classes"):
        loop_frames(gan, labels=(1,))
    with pytest.raises(UserError, match="no W space"):
        loop_frames(dcgan, in_w=True)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(MissingExtraError, match=r"tfgan-suite\[video\]"):
        write_animation(frames, tmp_path / "loop.mp4")
    assert not list(tmp_path.iterdir())
