"""`train` grows a ProGAN: each phase on images of its own size, stopped in a fade and gone on to the same bits."""

import os
import signal

import keras
import numpy as np
import pytest

from tests.test_case import assert_same_weights
from tfgan_suite.callbacks import Progress, TrainingInterrupted
from tfgan_suite.runs.dry_run import estimate_training
from tfgan_suite.runs.train import train
from tfgan_suite.runs.train_config import TrainConfig

MODEL = {
    "latent_size": 4,
    "channel_base": 16,
    "max_channels": 4,
    "schedule": {"stable_images": 20, "fade_images": 40, "batch_size": 8, "batch_sizes": {"4": 16}},
}


def make_config(data_dir, run_dir):
    return TrainConfig(
        data_dir=str(data_dir),
        run_dir=str(run_dir),
        preset="progan",
        model=MODEL,
        images_per_tick=16,
        score_every_ticks=-1,
    )


@pytest.fixture(scope="module")
def finished(tiny_data, tmp_path_factory):
    return train(make_config(tiny_data, tmp_path_factory.mktemp("runs") / "whole"), progress=False)


def test_a_run_grows(finished):
    # 4x4 to image 32, past the phase's end at 20; the fade to 64, past its end at 60; then to 80.
    seen_and_level = [(row["examples_seen"], round(row["level_of_detail"], 4)) for row in finished.history]
    assert seen_and_level == [(16, 1.0), (32, 1.0), (48, 0.4), (64, 0.05), (80, 0.0)]
    pictures = sorted(path.name for path in (finished.run_dir / "images").iterdir())
    assert pictures == [f"{count:012d}.png" for count in (0, 16, 32, 48, 64, 80)]
    loaded = keras.models.load_model(finished.run_dir / "model.keras")
    np.testing.assert_array_equal(loaded.generate(3, seed=1), finished.model.generate(3, seed=1))


def test_stopped_in_a_fade_and_gone_on(finished, tiny_data, tmp_path, monkeypatch):
    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.examples_seen.numpy()) == 40:
            os.kill(os.getpid(), signal.SIGTERM)

    config = make_config(tiny_data, tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "on_train_batch_end", on_train_batch_end)
        patch.setattr(Progress, "on_epoch_end", lambda self, epoch, logs=None: None)
        with pytest.raises(TrainingInterrupted):
            train(config, progress=True)
    result = train(config, progress=False)
    assert_same_weights(result.model, finished.model)
    assert [row["examples_seen"] for row in result.history] == [16, 32, 48, 64, 80]


def test_estimate(tiny_data, tmp_path):
    estimate = estimate_training(make_config(tiny_data, tmp_path / "run"))
    assert estimate.total_images == 80 and estimate.settings["image sizes"].startswith("4, 8")
    assert estimate.images_per_second > 0
