"""Sources of video: files, folders of frames, archives, and what is set aside."""

import zipfile

import numpy as np
import pytest

from tests.video.clips import gif, moving_square, mp4, png
from tfgan_suite.data.loader import read_split
from tfgan_suite.data.sources.open_source import open_source
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset

FRAMES = moving_square(num_frames=9)
FORMAT = {"num_frames": 4, "image_size": 16, "channels": 1}


def write_frames(folder, frames, first=8):
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames):
        (folder / f"frame{number + first}.png").write_bytes(png(frame))


@pytest.fixture
def clips(tmp_path):
    """Two classes: a GIF, an MP4, a folder of frames, and much that cannot be used."""
    pytest.importorskip("imageio_ffmpeg")
    root = tmp_path / "clips"
    write_frames(root / "right" / "frames", FRAMES)
    (root / "right" / "a.gif").write_bytes(gif(FRAMES[1:]))
    mp4(FRAMES[2:], root / "right" / "b.mp4")
    left = root / "left"
    left.mkdir()
    (left / "a.gif").write_bytes(gif(FRAMES[::-1]))
    (left / "fast.gif").write_bytes(gif(FRAMES[::-1], 50))
    (left / "uneven.gif").write_bytes(gif(FRAMES, [100, 200, 100] * 3))
    (left / "short.gif").write_bytes(gif(FRAMES[:3]))
    (left / "half.gif").write_bytes(gif(FRAMES)[:-40])
    (left / "other.avi").write_bytes(b"RIFF")
    (left / "a.jpg").write_bytes(png(FRAMES[0]))
    write_frames(left / "short", FRAMES[:3])
    write_frames(left / "sizes", [FRAMES[0], FRAMES[1], FRAMES[2, :, :8], FRAMES[3]])
    write_frames(left / "gap", FRAMES)
    (left / "gap" / "frame10.png").unlink()
    (left / "nothing").mkdir()
    return root


REASONS = {
    "empty_folder": 1, "frames_missing": 1, "not_a_clip": 1, "other_frame_rate": 1, "side_file": 1, "too_few_frames": 2,
    "truncated": 1, "uneven_frames": 1, "variable_frame_rate": 1,
}  # fmt: skip


def check(info, directory):
    assert info.condition.names == ("left", "right") and info.spec.shape == (4, 16, 16, 1)
    assert info.refused.reasons == REASONS
    found = {}
    for examples, labels, names in read_split(directory):
        found |= {name: (example, label) for example, label, name in zip(examples, labels, names)}
    assert sorted(found) == ["left/a.gif", "right/a.gif", "right/b.mp4", "right/frames"]
    for name, first in (("frames", 0), ("a.gif", 1), ("b.mp4", 2)):
        example, label = found[f"right/{name}"]
        np.testing.assert_array_equal(example, FRAMES[first : first + 4])
        assert label == 1


def test_folder(clips, tmp_path):
    check(
        prepare_dataset(f"video:{clips}", tmp_path / "set", format=FORMAT, max_refused_fraction=1, progress=False),
        tmp_path / "set",
    )


def test_zip(clips, tmp_path):
    with zipfile.ZipFile(tmp_path / "clips.zip", "w") as archive:
        for path in sorted(clips.rglob("*")):
            archive.write(path, path.relative_to(clips))
    source = f"video:{tmp_path / 'clips.zip'}"
    check(
        prepare_dataset(source, tmp_path / "set", format=FORMAT, max_refused_fraction=1, progress=False),
        tmp_path / "set",
    )


def test_every_second_frame_of_another_size(clips, tmp_path):
    formats = {"num_frames": 4, "image_size": (8, 8), "channels": 1, "frame_step": 2, "frames_per_second": 5}
    info = prepare_dataset(
        f"video:{clips / 'right'}", tmp_path / "set", format={**formats, "resize_filter": "box"}, progress=False
    )
    assert info.spec.frames_per_second == 5 and info.num_examples == 3
    examples, _, names = next(read_split(tmp_path / "set"))
    expected = FRAMES[:8:2].reshape(4, 8, 2, 8, 2).mean((2, 4))[..., None]
    np.testing.assert_allclose(examples[list(names).index("frames")], expected, atol=0.5)


def test_neither_a_folder_nor_an_archive(tmp_path):
    with pytest.raises(UserError, match="must be a directory or a .zip file of clips"):
        open_source(f"video:{tmp_path / 'no'}")
