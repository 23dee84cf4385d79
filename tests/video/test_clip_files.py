"""Clips from files: what is read, and what is set aside with its reason."""

import numpy as np
import pytest
from PIL import Image

from tests.video.clips import gif, moving_square, mp4
from tfgan_suite.foundation.example_refused import ExampleRefused
from tfgan_suite.video.clip_files import decode_clip
from tfgan_suite.video.gif_files import encode_gifs

FRAMES = moving_square()


def refused(reason, data, **arguments):
    with pytest.raises(ExampleRefused) as caught:
        decode_clip(data, **arguments)
    assert caught.value.reason == reason, caught.value


def test_gif():
    clip = decode_clip(gif(FRAMES))
    assert clip.frames_per_second == 10
    np.testing.assert_array_equal(clip.frames, FRAMES)
    clip = decode_clip(encode_gifs(FRAMES[None], 25)[0].numpy(), max_frames=3)
    assert clip.frames_per_second == 25
    np.testing.assert_array_equal(clip.frames, FRAMES[:3])


def test_gif_without_the_frames_that_do_not_move():
    held = FRAMES[[0, 1, 1, 1, 2, 3]]
    data = gif(held)
    refused("variable_frame_rate", data)
    clip = decode_clip(data, held_frames="repeat")
    assert clip.frames_per_second == 10
    np.testing.assert_array_equal(clip.frames, held)
    refused("variable_frame_rate", gif(FRAMES, [100, 150] * 4), held_frames="repeat")
    np.testing.assert_array_equal(decode_clip(gif(FRAMES, [100] * 7 + [3000])).frames, FRAMES)
    refused("no_frame_rate", gif(FRAMES, 0))


def test_transparent_sprites_leave_no_trails():
    pictures = []
    for frame in FRAMES:
        picture = Image.new("RGBA", (16, 16))
        picture.paste((255, 0, 0, 255), mask=Image.fromarray(frame[..., 0] // 200 * 255))
        pictures.append(np.asarray(picture))
    clip = decode_clip(gif(np.stack(pictures), disposal=2))
    np.testing.assert_array_equal(clip.frames[..., 3] == 255, FRAMES[..., 0] == 200)


def test_gif_that_is_damaged():
    data = gif(FRAMES)
    refused("truncated", data[: len(data) // 2])
    refused("corrupt", data[:20] + b";")
    refused("empty_file", b"")
    refused("not_a_clip", b"no clip at all")


def test_mp4(tmp_path):
    pytest.importorskip("imageio_ffmpeg")
    data = mp4(FRAMES, tmp_path / "a.mp4", rate=30000 / 1001)
    clip = decode_clip(data)
    assert clip.frames_per_second == pytest.approx(29.97, abs=0.01)
    np.testing.assert_array_equal(clip.frames, np.repeat(FRAMES, 3, -1))
    assert len(decode_clip(data, max_frames=3).frames) == 3
    refused("truncated", data[:-200])
    last = data.index(b"moov") - 104  # The last frames.
    refused("corrupt", data[:last] + bytes(100) + data[last + 100 :])


def test_mp4_of_an_uneven_rate(tmp_path):
    pytest.importorskip("imageio_ffmpeg")
    data = mp4(FRAMES, tmp_path / "a.mp4", filters="setpts='(N+3*gte(N,5)+0.5)/10/TB'", more=["-bf", "0"])
    refused("variable_frame_rate", data)
    assert decode_clip(data, max_frames=4).frames_per_second == 10
