"""Folders and zips of sounds become prepared sets; bad files are counted."""

import json
import zipfile

import numpy as np
import pytest

from tests.audio.sounds import file_of, sweep, tone
from tfgan_suite.audio.sound_files import decode_flac
from tfgan_suite.data.loader import read_split
from tfgan_suite.data.sources.audio_source import AudioSource
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset

FORMAT = {"sample_rate_hz": 8000, "fft_length": 256, "hop_length": 64, "num_frames": 16}


def files():
    low, high = np.rint(tone(300, 0.1) * 32768) / 32768, tone(900, 0.1)  # WAV rounds down, FLAC to the nearest.
    stereo = np.stack([tone(500, 0.1, 44_100), tone(700, 0.1, 44_100)], axis=1)
    whole = file_of(tone(640, 0.1), 8000)
    return {
        "low/a.wav": file_of(low),
        "low/copy.flac": file_of(low, 8000, "FLAC"),
        "low/b.ogg": file_of(tone(340, 0.1), 8000, "OGG"),
        "high/a.aiff": file_of(high, 8000, "AIFF"),
        "high/stereo.mp3": file_of(stereo, 44_100, "MP3"),
        "high/named_otherwise": whole,
        "high/truncated.wav": whole[:-200],
        "high/empty.wav": b"",
        "high/silent.wav": file_of(np.zeros(800, "float32")),
        "high/text.wav": b"hello",
        "high/other.m4a": b"\0\0\0\x20ftypM4A ",
        "readme.txt": b"two classes",
    }


@pytest.fixture(params=["folder", "zip"])
def source(request, tmp_path):
    if request.param == "zip":
        with zipfile.ZipFile(tmp_path / "sounds.zip", "w") as archive:
            for name, content in files().items():
                archive.writestr(name, content)
        return f"audio:{tmp_path / 'sounds.zip'}"
    for name, content in files().items():
        path = tmp_path / "sounds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return f"audio:{tmp_path / 'sounds'}"


def test_sounds_are_prepared(source, tmp_path):
    info = prepare_dataset(source, tmp_path / "set", format=FORMAT, max_refused_fraction=0.6, progress=False)
    assert info.class_names == ("high", "low") and info.num_examples == 5 and info.duplicates == 1
    assert info.refused.reasons == {
        "truncated": 1, "empty_file": 1, "silent": 1, "not_a_sound": 2, "side_file": 1,
    }  # fmt: skip
    assert info.spec.kind == "log_mel" and info.spec.log_mel.sample_rate_hz == 8000
    described = json.loads((tmp_path / "set" / "dataset_info.json").read_text())
    assert described["example"]["log_mel"]["hop_length"] == 64 and described["processing"]["channels"] == "mean of all"
    ((pictures, labels, names),) = read_split(tmp_path / "set")
    assert pictures.shape == (5, 64, 16, 1)
    row = names.index("high/a.aiff")
    assert labels[row] == 0
    loudest = info.spec.log_mel.bands()[63 - pictures[row, :, 4, 0].argmax()].argmax() * 8000 / 256
    assert abs(loudest - 900) < 60


def test_records_keep_the_sound(tmp_path):
    import tensorflow as tf

    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds" / "a.wav").write_bytes(file_of(sweep(1000)))
    info = prepare_dataset(
        f"audio:{tmp_path / 'sounds'}", tmp_path / "set", **FORMAT, trim_db=None, loudness="none", progress=False
    )
    path = str(tmp_path / "set" / info.splits["train"].shards[0].name)
    (record,) = tf.data.TFRecordDataset(path, info.compression)
    features = tf.train.Example.FromString(record.numpy()).features.feature
    samples = decode_flac(features["log_mel/flac"].bytes_list.value[0])
    assert features["log_mel/sample_rate_hz"].int64_list.value == [8000]
    np.testing.assert_allclose(samples[:1000] / 32768, sweep(1000), atol=1 / 32768)
    assert not samples[1000:].any()


def test_windows(tmp_path):
    (tmp_path / "sounds").mkdir()
    samples = np.concatenate([sweep(3000), np.zeros(2048), sweep(1100)]).astype("float32")
    (tmp_path / "sounds" / "long.wav").write_bytes(file_of(samples, 8000, "WAV", "FLOAT"))
    info = prepare_dataset(
        f"audio:{tmp_path / 'sounds'}", tmp_path / "set", format={**FORMAT, "cut": "windows", "loudness": "none"},
        progress=False,
    )  # fmt: skip
    assert info.num_examples == 5 and info.refused.reasons == {"silent_window": 1}
    ((pictures, _, names),) = read_split(tmp_path / "set")
    for picture, name in zip(pictures, names):
        number = int(name.rpartition(" ")[2])
        np.testing.assert_array_equal(picture, info.spec.from_samples(samples[1024 * number : 1024 * (number + 1)]))


def test_what_is_refused(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        AudioSource(tmp_path / "nowhere")
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds" / "a.wav").write_bytes(file_of(tone()))
    source = f"audio:{tmp_path / 'sounds'}"
    with pytest.raises(UserError, match="`image_size` is for images"):
        prepare_dataset(source, tmp_path / "set", image_size=64, progress=False)
    with pytest.raises(UserError, match="Did you mean 'hop_length'"):
        prepare_dataset(source, tmp_path / "set", hop_lenght=64, progress=False)
    with pytest.raises(UserError, match="Did you mean 'num_bands'"):
        prepare_dataset(source, tmp_path / "set", format={"num_band": 64}, progress=False)
    with pytest.raises(UserError, match="None of the 1 clips can be used.*too_long"):
        prepare_dataset(source, tmp_path / "set", format=FORMAT, progress=False)
