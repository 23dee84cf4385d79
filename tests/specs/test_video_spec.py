"""Clips of video: raw in records, uint8 at the edge, a GIF as a file."""

import io

import numpy as np
import pytest
from PIL import Image

import tfgan_suite as tg
from tests.video.clips import moving_square
from tfgan_suite.data.loader import load_dataset, read_split
from tfgan_suite.data.sources.array_source import ArraySource
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset
from tfgan_suite.specs.example_spec import spec_from_config, spec_to_config

SPEC = tg.VideoSpec((4, 6, 5, 3), frames_per_second=12.5)


def test_clips_are_stored_exactly(tmp_path):
    clips = np.random.default_rng(0).integers(0, 256, [12, *SPEC.shape]).astype("uint8")
    info = prepare_dataset(ArraySource(clips, name="noise", spec=SPEC), tmp_path / "set", progress=False)
    assert info.spec == SPEC == spec_from_config(spec_to_config(SPEC))
    assert tg.DatasetInfo.load(tmp_path / "set").spec.frames_per_second == 12.5
    ((stored, _, names),) = read_split(tmp_path / "set")
    rows = [int(name.rpartition(" ")[2]) for name in names]
    np.testing.assert_array_equal(stored, clips[rows])
    _, dataset = load_dataset(tmp_path / "set", batch_size=12, shuffle=False, repeat=False, cache=False)
    ((batch, _),) = dataset
    np.testing.assert_array_equal(SPEC.to_edge(batch), stored)


def test_files_and_drawings():
    clip = moving_square(num_frames=10)
    spec = tg.VideoSpec(clip.shape)
    with Image.open(io.BytesIO(spec.to_file(clip))) as file:
        assert file.n_frames == 10 and file.info["duration"] == 100
    drawing = spec.draw(clip)
    assert drawing.shape == (16, 8 * 16, 1)
    np.testing.assert_array_equal(drawing[:, :16], clip[0])
    np.testing.assert_array_equal(drawing[:, -16:], clip[-1])
    assert spec.suspicion(clip) is None
    assert spec.suspicion(clip[[0] * 10]) == "still" and spec.suspicion(clip * 0) == "blank"


def test_models_can_tell_rates():
    assert not SPEC.matches(tg.VideoSpec(SPEC.shape, 25))


def test_what_is_refused():
    with pytest.raises(UserError, match=r"must be \(num_frames, height, width, channels\)"):
        tg.VideoSpec((16, 32, 32))
    with pytest.raises(UserError, match="2 frames or more"):
        tg.VideoSpec((1, 32, 32, 1))
    with pytest.raises(UserError, match="`frames_per_second` must be a number"):
        tg.VideoSpec((16, 32, 32, 1), frames_per_second=60)
