"""Clips as samples: FLAC in records, int16 at the edge, drawn as a waveform."""

import io

import numpy as np
import pytest
import soundfile

import tfgan_suite as tg
from tests.audio.sounds import tone
from tfgan_suite.data.loader import load_dataset, read_split
from tfgan_suite.data.sources.array_source import ArraySource
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset
from tfgan_suite.specs.example_spec import spec_from_config, spec_to_config

SPEC = tg.WaveformSpec((800, 1), sample_rate_hz=8000)


def test_clips_are_stored_exactly(tmp_path):
    clips = np.random.default_rng(0).integers(-32768, 32768, [12, 800, 1]).astype("int16")
    info = prepare_dataset(ArraySource(clips, name="noise", spec=SPEC), tmp_path / "set", progress=False)
    assert info.spec == SPEC == spec_from_config(spec_to_config(SPEC))
    ((stored, _, names),) = read_split(tmp_path / "set")
    rows = [int(name.rpartition(" ")[2]) for name in names]
    np.testing.assert_array_equal(stored, clips[rows])
    _, dataset = load_dataset(tmp_path / "set", batch_size=12, shuffle=False, repeat=False, cache=False)
    ((batch, _),) = dataset
    np.testing.assert_array_equal(SPEC.to_edge(batch), stored)


def test_files_and_drawings():
    example = SPEC.from_samples(tone(440, 0.1))
    samples, rate = soundfile.read(io.BytesIO(SPEC.to_file(example)), dtype="int16")
    assert rate == 8000
    np.testing.assert_array_equal(samples, example[:, 0])
    drawing = SPEC.draw(example)
    assert drawing.shape == (64, 128, 1) and drawing.dtype == np.uint8
    middle = drawing[:, 64, 0] == 255
    assert 20 < middle.sum() < 45  # A sine of half the scale fills half of the column.
    assert SPEC.suspicion(example) is None and SPEC.suspicion(np.zeros_like(example)) == "silent"


def test_what_is_refused():
    with pytest.raises(UserError, match=r"must be \(num_samples, 1\)"):
        tg.WaveformSpec((800, 2))
    with pytest.raises(UserError, match="`sample_rate_hz` must be an integer"):
        tg.WaveformSpec((800, 1), sample_rate_hz=10)
