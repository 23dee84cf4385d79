import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tfgan_suite.callbacks.checkpointing import Checkpointing
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics import Evaluation, FeatureExtractor, FrechetDistance
from tfgan_suite.metrics.protocol.evaluation import evaluate
from tfgan_suite.runs.run_files import RunFiles, build_model
from tfgan_suite.runs.run_watcher import RunWatcher


@pytest.fixture(scope="module")
def extractor():
    inputs = keras.Input([8, 8, 1])
    features = layers.GlobalAveragePooling2D()(
        layers.Conv2D(3, 3, kernel_initializer=keras.initializers.Ones())(inputs)
    )
    return FeatureExtractor(keras.Model(inputs, features), name="tiny")


@pytest.fixture
def run_dir(tiny_run, tmp_path):
    """A run that has just begun: no checkpoint yet."""
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    for name in ("config.json", "dataset_info.json"):
        shutil.copy(tiny_run / name, tmp_path / "run" / name)
    return tmp_path / "run"


def watcher_of(run_dir, extractor):
    return RunWatcher(run_dir, metrics=[FrechetDistance()], extractor=extractor, num_images=24, progress=False)


def add(tiny_run, run_dir, images_seen, suffixes=(".weights.h5", ".json")):
    for suffix in suffixes:
        name = f"{images_seen:012d}{suffix}"
        shutil.copy(tiny_run / "checkpoints" / name, run_dir / "checkpoints" / name)


def scored(run_dir):
    return [row.run["images_seen"] for row in Evaluation.load(run_dir)]


def test_each_checkpoint_is_scored_once_it_is_whole(tiny_run, run_dir, extractor):
    watcher = watcher_of(run_dir, extractor)
    assert watcher.score_new() == [] and not watcher.has_ended()
    add(tiny_run, run_dir, 32, suffixes=(".weights.h5",))
    assert watcher.score_new() == []
    add(tiny_run, run_dir, 32)
    add(tiny_run, run_dir, 48)
    assert [evaluation[0].run["images_seen"] for evaluation in watcher.score_new()] == [32, 48]
    assert watcher.score_new() == [] and not watcher.has_ended()
    with open(run_dir / "checkpoints" / "000000000064.weights.h5", "wb") as file:
        file.write(b"cut short")
    add(tiny_run, run_dir, 64, suffixes=(".json",))
    assert watcher.score_new() == []
    add(tiny_run, run_dir, 64)
    assert len(watcher.score_new()) == 1 and watcher.has_ended()
    assert scored(run_dir) == [32, 48, 64]

    run = RunFiles.load(run_dir)
    model = build_model(run)
    assert Checkpointing(run_dir / "checkpoints").restore(model) == 64
    expected = evaluate(
        model, run.config.data_dir, [FrechetDistance()], extractor=extractor, num_images=24, progress=False
    )
    np.testing.assert_allclose(run.scores[2].value, expected[0].value, rtol=1e-6)
    events = EventAccumulator(str(run_dir / "tensorboard" / "scores")).Reload()
    values = {event.step: tf.make_ndarray(event.tensor_proto).item() for event in events.Tensors("frechet_distance_24")}
    np.testing.assert_allclose([values[step] for step in (32, 48, 64)], [row.value for row in run.scores], rtol=1e-6)


def test_a_checkpoint_removed_while_it_is_read_is_passed_over(tiny_run, run_dir, extractor, monkeypatch):
    for images_seen in (32, 48, 64):
        add(tiny_run, run_dir, images_seen)
    copyfile = shutil.copyfile

    def copy_after_training_removed_it(source, target):
        if source.name.startswith("000000000032"):
            source.unlink(missing_ok=True)
        return copyfile(source, target)

    monkeypatch.setattr(shutil, "copyfile", copy_after_training_removed_it)
    assert len(watcher_of(run_dir, extractor).score_new()) == 2
    assert scored(run_dir) == [48, 64]


def test_a_stopped_watcher_goes_on_and_a_run_rolled_back_is_scored_anew(tiny_run, run_dir, extractor):
    add(tiny_run, run_dir, 32)
    watcher_of(run_dir, extractor).score_new()
    watcher = watcher_of(run_dir, extractor)
    add(tiny_run, run_dir, 48)
    watcher.score_new()
    assert scored(run_dir) == [32, 48]
    (run_dir / "checkpoints" / "000000000048.weights.h5").touch()
    watcher.score_new()
    assert scored(run_dir) == [32, 48, 48]


def test_watching_ends_with_the_run(tiny_run, run_dir, extractor, monkeypatch):
    coming = iter([32, 48, 64])
    monkeypatch.setattr("tfgan_suite.runs.run_watcher.time.sleep", lambda seconds: add(tiny_run, run_dir, next(coming)))
    lines = []
    watcher_of(run_dir, extractor).watch(report=lines.append)
    assert scored(run_dir) == [32, 48, 64]
    assert "after 48 images:\nfrechet_distance_24" in lines[2] and "has ended" in lines[-1]


def test_no_run_to_watch(tmp_path, extractor):
    with pytest.raises(UserError, match="holds no run"):
        watcher_of(tmp_path, extractor)
