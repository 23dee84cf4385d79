import dataclasses
import functools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.prepared_set import write_prepared_set
from tests.test_case import assert_same_weights
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.runs.recipe import all_presets, compile_choices, resolve
from tfgan_suite.runs.train import train
from tfgan_suite.runs.train_config import TrainConfig

MODEL = {"base_channels": 4, "kernel_size": 4}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data") / "set"
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, [120, 16, 16, 1]).astype("uint8")
    write_prepared_set(directory, images, generator.integers(0, 3, 120))
    return directory


def make_config(data_dir, run_dir, **changes):
    values = {"model": MODEL, "batch_size": 8, "total_images": 240, "images_per_tick": 80, "score_every_ticks": -1}
    return TrainConfig(data_dir=str(data_dir), run_dir=str(run_dir), **{**values, **changes})


@pytest.fixture(scope="module")
def finished(data_dir, tmp_path_factory):
    """An uninterrupted run, to compare with."""
    return train(make_config(data_dir, tmp_path_factory.mktemp("runs") / "whole"), progress=False)


def test_a_run_leaves_what_it_says(finished):
    assert int(finished.model.examples_seen.numpy()) == 240
    names = {path.name for path in finished.run_dir.iterdir()}
    assert {"config.json", "checkpoints", "images", "tensorboard", "history.jsonl", "model.keras"} <= names
    assert [row["examples_seen"] for row in finished.history] == [80, 160, 240]
    assert all(np.isfinite(list(row.values())).all() for row in finished.history)
    pictures = sorted(path.name for path in (finished.run_dir / "images").iterdir())
    assert pictures == [f"{count:012d}.png" for count in (0, 80, 160, 240)]
    loaded = keras.models.load_model(finished.run_dir / "model.keras")
    np.testing.assert_array_equal(loaded.generate(3, seed=1), finished.model.generate(3, seed=1))


def test_a_monitor_that_is_asked_for_has_what_it_compares_with(tiny_config, tmp_path):
    """48 examples are fewer than it takes; by default it is left out, asked for it is not."""
    config = dataclasses.replace(tiny_config, run_dir=str(tmp_path / "run"), on_collapse="stop")
    with pytest.raises(UserError, match="fewer than 64 images.*Received: on_collapse='stop', 48 images"):
        train(config, progress=False)


def test_scores_at_the_end_are_in_the_file_and_in_tensorboard(finished, data_dir, tmp_path, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    inputs = keras.Input([16, 16, 1])
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(3, 3)(inputs))
    extractor = tg.metrics.FeatureExtractor(keras.Model(inputs, features), name="small")
    monkeypatch.setattr("tfgan_suite.metrics.protocol.scoring_jobs.EfficientNetLite0", lambda: extractor)
    shutil.copytree(finished.run_dir, tmp_path / "run")
    config = make_config(data_dir, tmp_path / "run", score_every_ticks=0, score_images=32)
    result = train(config, progress=False)
    row = result.evaluation["frechet_distance_32"]
    assert tg.Evaluation.load(tmp_path / "run")["frechet_distance_32"] == row
    (event,) = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload().Tensors(row.name)
    assert event.step == 240 and tf.make_ndarray(event.tensor_proto) == pytest.approx(row.value)


def test_tensorboard_has_the_same_numbers(finished):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(finished.run_dir / "tensorboard"), size_guidance={"tensors": 0}).Reload()
    tags = accumulator.Tags()
    assert tags["graph"] and {"loss/generator", "logits/real", "gradient_norm/generator", "samples"} <= set(
        tags["tensors"]
    )
    events = accumulator.Tensors("loss/generator")
    assert [event.step for event in events] == [80, 160, 240]
    values = [np.frombuffer(event.tensor_proto.tensor_content, "float32")[0] for event in events]
    np.testing.assert_allclose(values, [row["loss/generator"] for row in finished.history], rtol=1e-6)


def test_the_same_command_again_changes_nothing(finished, data_dir):
    again = train(make_config(data_dir, finished.run_dir), progress=False)
    assert_same_weights(again.model, finished.model)
    assert len(again.history) == 3


@pytest.mark.parametrize("stop_after", [1, 13])
def test_stopped_by_a_signal_and_resumed(finished, data_dir, tmp_path, stop_after, monkeypatch):
    """Mid-tick, in the same process: SIGTERM saves, the next call goes on to the same bits."""
    from tfgan_suite.callbacks import Progress, TrainingInterrupted

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.steps.numpy()) == stop_after:
            os.kill(os.getpid(), signal.SIGTERM)

    config = make_config(data_dir, tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "on_train_batch_end", on_train_batch_end)
        patch.setattr(Progress, "on_epoch_end", lambda self, epoch, logs=None: None)
        with pytest.raises(TrainingInterrupted, match="Run the same command again") as caught:
            train(config, progress=True)
    assert caught.value.exit_code == 128 + signal.SIGTERM
    result = train(config, progress=False)
    assert_same_weights(result.model, finished.model)
    assert [row["examples_seen"] for row in result.history][-1] == 240


PROGRAM = """
import sys
from tfgan_suite.runs.train_config import TrainConfig
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.runs.train import train
if __name__ == "__main__":
    train(TrainConfig.load(sys.argv[1]))
"""


def run_killed(tmp_path, config, kills, seed):
    """Runs `train` in processes that are killed after random times past the first checkpoint, until one ends."""
    (tmp_path / "program.py").write_text(PROGRAM)
    config.save(tmp_path / "config.json")
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": os.getcwd()}
    generator = random.Random(seed)
    killed = 0
    for attempt in range(kills + 1):
        process = subprocess.Popen(
            [sys.executable, tmp_path / "program.py", tmp_path / "config.json"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        if attempt < kills:
            for line in process.stdout:
                if "images/s" in line:  # A tick is done.
                    break
            time.sleep(generator.uniform(0, 0.4))
            process.send_signal(signal.SIGKILL)
        _, errors = process.communicate(timeout=300)
        killed += process.returncode == -signal.SIGKILL
        if process.returncode == 0:
            return killed
        assert process.returncode == -signal.SIGKILL, errors
    raise AssertionError(f"still not done after {kills} kills")


def test_killed_and_resumed(data_dir, tmp_path):
    config = make_config(data_dir, tmp_path / "killed", total_images=2400, images_per_tick=80)
    assert run_killed(tmp_path, config, kills=1, seed=0) == 1
    whole = train(dataclasses.replace(config, run_dir=str(tmp_path / "whole")), progress=False)
    assert_same_weights(keras.models.load_model(tmp_path / "killed" / "model.keras"), whole.model)
    rows = [
        json.loads(line)["examples_seen"] for line in (tmp_path / "killed" / "history.jsonl").read_text().splitlines()
    ]
    assert rows == list(range(80, 2401, 80))


@pytest.mark.slow
def test_of_two_processes_that_train_one_run_the_second_is_refused(data_dir, tmp_path):
    config = make_config(data_dir, tmp_path / "run", total_images=800)
    (tmp_path / "program.py").write_text(PROGRAM)
    config.save(tmp_path / "config.json")
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": os.getcwd()}
    start = functools.partial(
        subprocess.Popen,
        [sys.executable, tmp_path / "program.py", tmp_path / "config.json"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    first = start()
    assert any("images/s" in line for line in first.stdout)
    first.send_signal(signal.SIGSTOP)  # In the midst of its work, however slow the others are.
    try:
        before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")}
        second = start()
        _, errors = second.communicate(timeout=300)
        assert second.returncode == 1 and f"Another process trains the run in {tmp_path / 'run'}" in errors, errors
        assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")} == before
    finally:
        first.send_signal(signal.SIGCONT)
    _, errors = first.communicate(timeout=300)
    assert first.returncode == 0, errors
    lines = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["examples_seen"] for line in lines] == list(range(80, 801, 80))
    print(f"1 of 2 trainings of one run refused, {len(lines)} of 10 rows of history each there once")


@pytest.mark.slow
def test_killed_three_times_and_resumed(data_dir, tmp_path):
    config = make_config(data_dir, tmp_path / "killed", total_images=4800, images_per_tick=80)
    run_killed(tmp_path, config, kills=3, seed=int(time.time()))
    whole = train(dataclasses.replace(config, run_dir=str(tmp_path / "whole")), progress=False)
    assert_same_weights(keras.models.load_model(tmp_path / "killed" / "model.keras"), whole.model)


def test_a_cut_checkpoint_is_passed_over(finished, data_dir, tmp_path):
    import shutil

    shutil.copytree(finished.run_dir, tmp_path / "run")
    (tmp_path / "run" / "model.keras").unlink()
    newest = sorted((tmp_path / "run" / "checkpoints").glob("*.weights.h5"))[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    result = train(make_config(data_dir, tmp_path / "run"), progress=False)
    assert_same_weights(result.model, finished.model)


def test_another_config_is_refused(finished, data_dir):
    with pytest.raises(tg.UserError, match="seed was 0, is 1"):
        train(make_config(data_dir, finished.run_dir, seed=1), progress=False)


@pytest.mark.parametrize("model", [{"base_chanels": 4}, {"image_shape": (20, 20, 1)}])
def test_wrong_model_arguments_are_refused_before_anything_is_written(data_dir, tmp_path, model):
    with pytest.raises(tg.UserError, match="Did you mean 'base_channels'|cannot be built"):
        train(make_config(data_dir, tmp_path / "run", model=model), progress=False)
    assert not (tmp_path / "run").exists()


def test_more_images_go_on(finished, data_dir, tmp_path):
    import shutil

    shutil.copytree(finished.run_dir, tmp_path / "run")
    longer = train(make_config(data_dir, tmp_path / "run", total_images=320), progress=False)
    whole = train(make_config(data_dir, tmp_path / "whole", total_images=320), progress=False)
    assert_same_weights(longer.model, whole.model)


def test_not_a_number_stops_and_keeps_the_last_good_state(data_dir, tmp_path):
    from tfgan_suite.callbacks import NonFiniteError

    _, dataset = tg.load_dataset(data_dir, batch_size=8)
    gan = tg.DCGAN(image_shape=(16, 16, 1), num_classes=3, **MODEL)
    gan.compile()
    callbacks = tg.default_callbacks(tmp_path)
    gan.fit(dataset, steps_per_epoch=3, epochs=1, callbacks=callbacks, verbose=0)
    good = gan.get_weights()
    gan.discriminator_optimizer.learning_rate = float("nan")
    with pytest.raises(NonFiniteError, match="(?s)last good state is kept in .*000000000024.*half the learning rates"):
        gan.fit(dataset, steps_per_epoch=3, epochs=2, initial_epoch=1, callbacks=callbacks, verbose=0)
    fresh = tg.DCGAN(image_shape=(16, 16, 1), num_classes=3, **MODEL)
    fresh.compile()
    assert tg.resume(fresh, tmp_path) == 24
    for restored, expected in zip(fresh.get_weights(), good):
        np.testing.assert_array_equal(restored, expected)


def test_resume_refuses_another_architecture(finished):
    gan = tg.DCGAN(image_shape=(16, 16, 1), num_classes=3, base_channels=8, kernel_size=4)
    gan.compile()
    with pytest.raises(tg.UserError, match="does not fit this model"):
        tg.resume(gan, finished.run_dir)


def test_plain_fit_goes_on_exactly(finished, data_dir, tmp_path):
    """What docs/training.md tells a Keras user to write, stopped after one of three ticks."""
    labels = tg.DatasetInfo.load(data_dir).splits["train"].class_counts
    for end_tick in (1, 3):
        gan = tg.DCGAN(image_shape=(16, 16, 1), num_classes=3, label_weights=labels, **MODEL)
        gan.compile()
        images_seen = tg.resume(gan, tmp_path)
        _, dataset = tg.load_dataset(data_dir, batch_size=8, start_image=images_seen)
        gan.fit(
            dataset,
            epochs=end_tick,
            steps_per_epoch=10,
            initial_epoch=images_seen // 80,
            callbacks=tg.default_callbacks(tmp_path),
            verbose=0,
        )
    assert_same_weights(gan, finished.model)


def test_resolve_fills_in(data_dir):
    info = tg.DatasetInfo.load(data_dir)
    recipe = resolve(make_config(data_dir, "unused", batch_size=None, total_images=1000), info)
    assert recipe.batch_size == 64 and recipe.model_config["num_classes"] == 3
    assert recipe.total_images >= 1000
    unconditional = resolve(make_config(data_dir, "unused", conditional=False), info)
    assert unconditional.model_config["num_classes"] is None
    with pytest.raises(tg.UserError, match="Did you mean 'dcgan_digits_32'"):
        resolve(make_config(data_dir, "unused", preset="dcgan_digit"), info)
    assert "dcgan_digits_32" in all_presets()


@pytest.mark.parametrize(
    "change",
    [
        {"batch_size": 0},
        {"total_images": -1},
        {"keep_checkpoints": 0},
        {"score_every_ticks": -2},
        {"diversity": "lpip"},
    ],
)
def test_config_refuses_nonsense(change):
    with pytest.raises(tg.UserError, match="must be an integer >= |Did you mean 'lpips'"):
        TrainConfig(data_dir="d", run_dir="r", **change)


def test_diversity_by_lpips_is_measured_by_it_or_refused_before_anything_is_written(data_dir, tmp_path, monkeypatch):
    """In place of the network one that says how bright the first image is, and then one that is not installed."""
    one_look = {"batch_size": 64, "total_images": 10_240, "images_per_tick": 10_240}
    config = make_config(data_dir, tmp_path / "run", diversity="lpips", **one_look)
    asked = []

    def brightness(images, others):
        asked.append(images.shape)
        return tf.reduce_mean(tf.cast(images, tf.float32), axis=[1, 2, 3])

    monkeypatch.setattr("tfgan_suite.runs.train.LPIPS", lambda: brightness)
    row = train(config, progress=False).history[-1]
    assert asked and row["collapse/diversity"] > 0

    def missing():
        raise tg.MissingExtraError("lpips")

    monkeypatch.setattr("tfgan_suite.runs.train.LPIPS", missing)
    with pytest.raises(tg.MissingExtraError):
        train(dataclasses.replace(config, run_dir=str(tmp_path / "other")), progress=False)
    assert not (tmp_path / "other").exists()


def test_config_round_trip(tmp_path):
    config = make_config("data", "run", conditional=True)
    config.save(tmp_path / "config.json")
    assert TrainConfig.load(tmp_path / "config.json") == config
    (tmp_path / "config.json").write_text('{"data_dri": "x"}')
    with pytest.raises(tg.UserError, match="Did you mean 'data_dir'"):
        TrainConfig.load(tmp_path / "config.json")
    with pytest.raises(tg.UserError, match="no file"):
        TrainConfig.load(tmp_path / "missing.json")


@pytest.mark.parametrize("asked, num_classes", [(None, None), (True, 3), (False, None)])
def test_a_preset_may_leave_the_classes_out(data_dir, asked, num_classes):
    config = make_config(data_dir, "unused", preset="stylegan2_avatars_64", model={}, conditional=asked)
    recipe = resolve(config, tg.DatasetInfo.load(data_dir))
    assert recipe.model_config["num_classes"] == num_classes
    assert ("label_weights" in recipe.model_config) == bool(num_classes)


def test_guards_are_put_around_the_presets_own_optimizers(data_dir):
    config = make_config(data_dir, "unused", guard_gradients=True)
    model = resolve(config, tg.DatasetInfo.load(data_dir)).build()
    choices = compile_choices(config, model)
    for name in ("generator_optimizer", "discriminator_optimizer"):
        assert isinstance(choices[name], tg.GradientGuard)
        inner, usual = choices[name].inner_optimizer, model.default_training()[name]
        assert {**inner.get_config(), "name": ""} == {**usual.get_config(), "name": ""}


def test_an_alert_that_stays_rolls_the_run_back_a_few_times(tiny_config, tmp_path, monkeypatch, capsys):
    """`train` goes on by itself, with lower rates each time, until the action has had enough."""
    from tfgan_suite.callbacks import Rule, StoppedByAlert

    words = {"symptom": "", "advice": "", "reason": ""}
    always = Rule(name="always", measurement="logits/distance", above=-1.0, grace_images=17, **words)
    monkeypatch.setattr(tg.GAN, "stability_rules", lambda self: [always])
    config = dataclasses.replace(tiny_config, run_dir=str(tmp_path / "run"), on_instability="roll_back")
    with pytest.raises(StoppedByAlert, match="still unstable after 3 rollbacks; stopping. always after 32 images"):
        train(config)
    printed = capsys.readouterr().out
    for rate in ("0.0001 ", "5e-05 ", "2.5e-05 "):
        assert printed.count(f"Went back to 16 images. The learning rates are now {rate}(generator)") == 2  # Both tell.
    fresh = tg.DCGAN(image_shape=(8, 8, 1), num_classes=3, **tiny_config.model)
    fresh.compile()
    assert tg.resume(fresh, tmp_path / "run") == 32
    assert float(fresh.generator_optimizer.learning_rate) == pytest.approx(2.5e-5)
