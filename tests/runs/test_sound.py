"""Sound through the normal commands: trained, heard, resumed, sampled, reported, judged."""

import base64
import dataclasses
import io
import re

import numpy as np
import pytest
import soundfile
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import tfgan_suite as tg
from tests.audio.sounds import tone
from tests.test_case import assert_same_weights
from tfgan_suite.audio.recording import Recording
from tfgan_suite.data.audio_format import AudioFormat
from tfgan_suite.data.recorded_sounds import read_flacs
from tfgan_suite.data.sources.source import Source, SourceItem, SourceListing, SourceReader
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.judging.study import make_study
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset
from tfgan_suite.runs.report.write_report import write_report
from tfgan_suite.runs.sampling import write_samples
from tfgan_suite.runs.train import train

FORMAT = {
    "sample_rate_hz": 8000, "fft_length": 128, "hop_length": 32, "num_bands": 16, "num_frames": 16, "trim_db": None,
}  # fmt: skip


class Tones(Source):
    """Low and high tones."""

    kind = name = "tones"
    format_class = AudioFormat
    spec = AudioFormat(**FORMAT).spec

    def make_format(self, **chosen):
        return AudioFormat(**FORMAT, **chosen)

    def list_items(self, use_labels, limit):
        items = [SourceItem(f"tone {number}", number % 2, number) for number in range(72)]
        return SourceListing(items, [], ("low", "high"))

    def fingerprint(self):
        return "tones"

    def make_reader(self, work_dir, example_format):
        return ToneReader()


class ToneReader(SourceReader):
    def read(self, item):
        hertz = (400 if item.label == 0 else 2000) + 5 * item.address
        return Recording(tone(hertz, 0.064)[:, None], 8000)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sound")
    prepare_dataset(Tones(), directory / "data", progress=False)
    return tg.TrainConfig(
        data_dir=str(directory / "data"),
        run_dir=str(directory / "run"),
        model={"base_channels": 2, "latent_size": 4},
        batch_size=8,
        total_images=32,
        images_per_tick=16,
        score_every_ticks=-1,
    )


@pytest.fixture(scope="module")
def result(config):
    return train(config, progress=False)


def test_clips_can_be_heard_from_the_first_tick(config, result):
    model = result.model
    assert model.spec.kind == "log_mel" and model.class_names == ("low", "high")
    files = sorted((result.run_dir / "sounds").iterdir())
    assert [path.name for path in files] == ["000000000000.wav", "000000000016.wav", "000000000032.wav"]
    samples, rate = soundfile.read(files[-1])
    columns = len(samples) // model.spec.num_samples
    assert rate == 8000 and columns >= 2
    labels = np.arange(columns) % 2
    expected = model.spec.to_samples(model.generate(columns, labels, seed=config.seed))
    np.testing.assert_allclose(samples, np.reshape(expected, [-1]), atol=1 / 32768)
    events = EventAccumulator(str(result.run_dir / "tensorboard"), size_guidance={"tensors": 0}).Reload()
    assert events.SummaryMetadata("sounds").plugin_data.plugin_name == "audio"
    assert [event.step for event in events.Tensors("sounds")] == [0, 16, 32]
    players = events.Tensors("sounds")[-1].tensor_proto.string_val  # Each with its label behind.
    np.testing.assert_array_equal(soundfile.read(io.BytesIO(players[0]))[0], samples[: model.spec.num_samples])


@pytest.mark.slow  # The engine is the same for all kinds: `test_train.py`.
def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(config, result, tmp_path):
    config = dataclasses.replace(config, run_dir=str(tmp_path / "stopped"))

    def stop(self, epoch, logs=None):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tfgan_suite.callbacks.progress.Progress.on_epoch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            train(config, progress=True)
    resumed = train(config, progress=False)
    assert_same_weights(result.model, resumed.model)


def test_samples_as_a_picture_and_as_sound(config, result, tmp_path):
    model = tg.load_model(config.run_dir)
    write_samples(model, tmp_path / "samples.png", count=4)
    (path,) = write_samples(model, tmp_path / "samples.wav", count=2, labels=("high",), seed=3)
    samples, rate = soundfile.read(path)
    assert rate == 8000 and len(samples) == 2 * model.spec.num_samples
    separate = write_samples(model, tmp_path / "samples.wav", count=2, separate_dir=tmp_path / "clips", seed=3)
    example = model.generate(1, ["low"], seed=3)[0]
    assert separate[1].name == "0.wav" and separate[1].read_bytes() == model.spec.to_file(example)
    with pytest.raises(UserError, match="NAME.png or NAME.wav"):
        write_samples(model, tmp_path / "samples.mp3")


def test_the_report_plays_real_and_generated_clips(config, result):
    text = write_report(config.run_dir).read_text()
    assert "media-src data:" in text
    generated = re.findall('src="data:audio/wav;base64,([^"]+)"', text)
    real = re.findall('src="data:audio/flac;base64,([^"]+)"', text)
    assert len(real) == 2 and len(generated) >= 4
    flacs = {label: flac for flac, label in read_flacs(config.data_dir)}
    assert set(flacs) == {0, 1}
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(real[1])))
    peak = np.abs(np.fft.rfft(samples)).argmax() * rate / len(samples)
    assert peak > 1500  # The second class is the high one.


def test_a_study_plays_both_sides(config, result, tmp_path):
    study = make_study(
        tmp_path / "study", real=config.data_dir, fakes=[config.run_dir], num_items=4, num_repeats=0, num_checks=1
    )
    assert study.has_sounds
    for item in study.items:
        for name in item.pictures:
            samples, rate = soundfile.read(study.picture_path(name, ".wav"))
            assert rate == 8000 and len(samples) == result.model.spec.num_samples
    with pytest.raises(UserError, match="take their own time"):
        make_study(
            tmp_path / "other", real=config.data_dir, fakes=[config.run_dir], num_items=4, display_milliseconds=500
        )
