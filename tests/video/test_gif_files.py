"""GIF files of a graph, read by Pillow and by ffmpeg's rules of rates."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.video.clips import moving_square
from tfgan_suite.video.gif_files import encode_gifs


def read(data):
    frames, delays = [], []
    with Image.open(io.BytesIO(data)) as file:
        for number in range(file.n_frames):
            file.seek(number)
            frames.append(np.asarray(file.convert("RGB")))
            delays.append(file.info["duration"])
        assert file.info["loop"] == 0
    return np.stack(frames), delays


@pytest.mark.parametrize("size", [(1, 1), (13, 19), (32, 33), (64, 48)])  # 13 * 19 pixels fill a group of codes.
def test_gray_is_exact(size):
    clips = np.random.default_rng(0).integers(0, 256, [2, 3, *size, 1]).astype("uint8")
    for clip, data in zip(clips, encode_gifs(clips, 12.5).numpy()):
        frames, delays = read(data)
        np.testing.assert_array_equal(frames, np.repeat(clip, 3, -1))
        assert delays == [80] * 3
        np.testing.assert_array_equal(tf.io.decode_gif(data), frames)


def test_frames_that_equal_the_one_before_are_stored():
    clip = np.repeat(moving_square(2), 4, axis=0)
    frames, _ = read(encode_gifs(clip[None], 10)[0].numpy())
    assert len(frames) == 8


def test_256_colors_are_exact_and_more_are_near():
    random = np.random.default_rng(0)
    palette = random.integers(0, 256, [256, 3]).astype("uint8")
    few = palette[random.integers(0, 256, [1, 4, 16, 16])]
    np.testing.assert_array_equal(read(encode_gifs(few, 10)[0].numpy())[0], few[0])
    ramp = np.linspace(0, 255, 64).astype("uint8")
    many = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None], 128), -1).astype("uint8")  # [64, 64, 3]
    (frame,) = read(encode_gifs(many[None, None], 10)[0].numpy())[0]
    error = frame.astype(float) - many
    assert np.abs(error).max() <= 52  # The distance of two levels of a color, 255 / 5.
    smooth = error.reshape(16, 4, 16, 4, 3).mean((1, 3))
    assert np.abs(smooth).max() < 20  # Dithering keeps the color of an area.


def test_inside_of_a_graph_of_any_batch():
    function = tf.function(
        lambda clips: encode_gifs(clips, 10), input_signature=[tf.TensorSpec([None, 8, 16, 16, 1], tf.uint8)]
    )
    assert function(np.zeros([0, 8, 16, 16, 1], "uint8")).shape == (0,)
    frames, _ = read(function(moving_square()[None])[0].numpy())
    np.testing.assert_array_equal(frames[..., :1], moving_square())
