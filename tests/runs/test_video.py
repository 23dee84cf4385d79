"""Video through the normal commands: trained, shown in motion, sampled, reported, exported and served."""

import base64
import io
import json
import re
import urllib.request

import keras
import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import tfgan_suite as tg
from tests.serving.conftest import RestClient
from tests.video.clips import moving_square
from tfgan_suite.callbacks.video_clips import VideoClips
from tfgan_suite.data.sources.array_source import ArraySource
from tfgan_suite.drawing.image_grid import make_clip_grid
from tfgan_suite.exports.saved_model import export_saved_model, load_generator
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset
from tfgan_suite.runs.report.write_report import write_report
from tfgan_suite.runs.sampling import write_samples
from tfgan_suite.runs.train import train
from tfgan_suite.serving import Server

SPEC = tg.VideoSpec((4, 8, 8, 1), frames_per_second=12.5)


@pytest.fixture(scope="module")
def gan():
    generator = keras.Sequential(
        [
            keras.Input([3]),
            keras.layers.Dense(256, "tanh", kernel_initializer="random_normal"),
            keras.layers.Reshape(SPEC.shape),
        ]
    )
    discriminator = keras.Sequential([keras.Input(SPEC.shape), keras.layers.Flatten(), keras.layers.Dense(1)])
    gan = tg.GAN(generator, discriminator, spec=SPEC)
    gan.compile()
    return gan


def read_gif(content):
    """Frames as they are seen at the rate of `SPEC`, `[num_frames, height, width]`: equal ones last longer."""
    frames = []
    with Image.open(io.BytesIO(content)) as file:
        for number in range(file.n_frames):
            file.seek(number)
            frames += [np.asarray(file.convert("L"))] * (file.info["duration"] // 80)
    return np.stack(frames)


def test_clips_move_in_tensorboard(gan, tmp_path):
    callback = VideoClips(tmp_path / "videos", log_dir=tmp_path / "log", columns=3, rows=2)
    callback.set_model(gan)
    callback.on_train_begin()
    content = (tmp_path / "videos" / "000000000000.gif").read_bytes()
    expected = make_clip_grid(gan.generate(6, seed=0), 3)[..., 0]
    np.testing.assert_array_equal(read_gif(content), expected)
    events = EventAccumulator(str(tmp_path / "log"), size_guidance={"tensors": 0}).Reload()
    assert events.SummaryMetadata("clips").plugin_data.plugin_name == "images"
    (event,) = events.Tensors("clips")
    assert list(event.tensor_proto.string_val) == [b"28", b"18", content]


def test_samples_move(gan, tmp_path):
    (path,) = write_samples(gan, tmp_path / "clips.gif", count=4, columns=2, scale=2, seed=3)
    expected = make_clip_grid(gan.generate(4, seed=3), 2)[..., 0].repeat(2, 1).repeat(2, 2)
    np.testing.assert_array_equal(read_gif(path.read_bytes()), expected)
    separate = write_samples(gan, tmp_path / "strip.png", count=2, separate_dir=tmp_path / "each", seed=3)
    assert np.asarray(Image.open(separate[0])).shape == (8, 2 * 32 + 2)  # Strips of four frames.
    assert separate[1].name == "0.gif"
    assert separate[1].read_bytes() == SPEC.to_file(gan.generate(1, seed=3)[0])
    with pytest.raises(UserError, match="NAME.png, NAME.gif or NAME.mp4"):
        write_samples(gan, tmp_path / "clips.webm")


def test_mp4(gan, tmp_path):
    pytest.importorskip("imageio_ffmpeg")
    from tfgan_suite.video.clip_files import decode_clip

    (path,) = write_samples(gan, tmp_path / "clips.mp4", count=4, columns=2, seed=3)
    content = path.read_bytes()
    clip = decode_clip(content)
    assert clip.frames.shape == (4, 18, 18, 3) and clip.frames_per_second == pytest.approx(12.5)
    assert content.index(b"moov") < content.index(b"mdat")  # Players begin before all of it has come.


@pytest.mark.slow
def test_gif_over_rest_is_pythons(gan, tmp_path):
    directory = export_saved_model(gan, tmp_path / "saved_models" / "mover", max_count=4).parent
    assert load_generator(directory).spec == SPEC  # With its rate.
    with Server(directory, rest_port=0) as server:
        assert '"signature_name": "generate_gif"' in server.describe()
        inputs = {"seed": 1, "count": 2, "truncation": 1.0}
        body = {"signature_name": "generate_gif", "inputs": inputs}
        status, answer = RestClient(server.rest_url).predict("mover", body)
        assert status == 200
        expected = [SPEC.to_file(example) for example in gan.generate(2, seed=1)]
        assert [base64.b64decode(one["b64"]) for one in answer["outputs"]] == expected
        url = f"{server.rest_url}/v1/models/mover:predict"
        body = json.dumps({**body, "inputs": {**inputs, "count": 1}}).encode()
        with urllib.request.urlopen(urllib.request.Request(url, body, {"Accept": "image/gif"})) as response:
            assert response.headers["Content-Type"] == "image/gif"
            assert response.read() == SPEC.to_file(gan.generate(1, seed=1)[0])


@pytest.mark.slow
def test_a_run_shows_clips_from_the_first_tick_and_reports_them(tmp_path):
    clips = np.stack([np.roll(moving_square(4, 8), shift, axis=2) for shift in range(8)] * 4)
    clips[:, 0, 0, 0, 0] = np.arange(32)  # No two are the same.
    prepare_dataset(ArraySource(clips, np.arange(32) % 2, spec=SPEC), tmp_path / "data", progress=False)
    config = tg.TrainConfig(
        data_dir=str(tmp_path / "data"),
        run_dir=str(tmp_path / "run"),
        preset="mocogan",
        model={"content_size": 3, "motion_size": 2, "base_channels": 2},
        batch_size=8,
        total_images=16,
        images_per_tick=8,
        score_every_ticks=-1,
    )
    result = train(config, progress=False)
    assert result.model.spec == SPEC and result.model.num_classes == 2
    names = [path.name for path in sorted((tmp_path / "run" / "videos").iterdir())]
    assert names == ["000000000000.gif", "000000000008.gif", "000000000016.gif"]
    text = write_report(config.run_dir).read_text()
    assert len(re.findall('src="data:image/gif;base64,', text)) == 5  # Real, generated, and at three moments.
