import dataclasses
import json
import signal
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.prepared_set import write_prepared_set
from tests.workers import start_workers
from tfgan_suite.engine.distribution import AnyWorker, is_chief, make_strategy, num_workers
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.runs.train import train
from tfgan_suite.runs.train_config import TrainConfig


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Of a run of three ticks of four steps."""
    directory = tmp_path_factory.mktemp("distribution")
    numbers = np.random.default_rng(0)
    images = numbers.integers(0, 256, [96, 16, 16, 1]).astype("uint8")
    write_prepared_set(directory / "data", images, numbers.integers(0, 3, 96))
    return TrainConfig(
        data_dir=str(directory / "data"),
        run_dir=str(directory / "single"),
        model={"base_channels": 4, "kernel_size": 4, "latent_size": 8},
        batch_size=8,
        total_images=96,
        images_per_tick=32,
        score_every_ticks=-1,
        on_collapse="off",
    )


@pytest.fixture(scope="module")
def single(config):
    """That run by one process on one device."""
    return train(config, progress=False)


def assert_nearly_same_weights(model, other, atol=2e-4):
    """Adam turns rounding errors of gradients near zero into steps; over twelve of them they stay small."""
    for one, two in zip(model.variables, other.variables):
        np.testing.assert_allclose(np.asarray(one), np.asarray(two), atol=atol, err_msg=one.path)


# === Which strategy ===


def test_one_device_by_default(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    for name in ("auto", "none"):
        strategy = make_strategy(name)
        assert strategy is tf.distribute.get_strategy()
        assert num_workers(strategy) == 1 and is_chief(strategy) and AnyWorker(strategy)(True)


def test_a_strategy_of_ones_own(two_replicas):
    assert make_strategy(two_replicas) is two_replicas
    assert num_workers(two_replicas) == 1 and is_chief(two_replicas)


@pytest.mark.parametrize(
    "name, tf_config, message",
    [
        ("miror", "", "Did you mean 'mirrored'"),
        ("multi_worker", "", "must name the workers"),
        ("auto", "{worker}", "must be JSON with a cluster"),
        ("auto", "[1]", "must be JSON with a cluster"),
    ],
)
def test_what_cannot_be(name, tf_config, message, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config)
    with pytest.raises(UserError, match=message):
        make_strategy(name)


def test_no_tpu(monkeypatch):
    monkeypatch.delenv("TPU_NAME", raising=False)
    with pytest.raises(UserError, match='`strategy="tpu"` needs a TPU'):
        make_strategy("tpu")


# === Two replicas of one process ===


def test_replicas_train_what_one_device_does(config, single, two_replicas, tmp_path):
    mirrored = dataclasses.replace(config, run_dir=str(tmp_path / "run"))
    first = train(dataclasses.replace(mirrored, total_images=32), progress=False, strategy=two_replicas)
    assert int(first.model.examples_seen.numpy()) == 32
    result = train(mirrored, progress=False, strategy=two_replicas)  # Goes on.
    assert result.model.distribute_strategy is two_replicas
    assert_nearly_same_weights(result.model, single.model)


def test_a_batch_that_cannot_be_shared(config, two_replicas, tmp_path):
    odd = dataclasses.replace(config, run_dir=str(tmp_path / "run"), batch_size=7)
    with pytest.raises(UserError, match="2 replicas and the 1 updates"):
        train(odd, progress=False, strategy=two_replicas)
    assert not (tmp_path / "run").exists()


# === Two workers ===


def start_training(config, *arguments):
    """`tfgan-suite train` in two processes that know of each other."""
    return start_workers(
        [
            *(
                sys.executable,
                "-m",
                "tfgan_suite.commands.cli",
                "train",
                "--data",
                config.data_dir,
                "--run",
                config.run_dir,
            ),
            *(f"--set={name}={json.dumps(value)}" for name, value in config.model.items()),
            *("--preset", config.preset, "--batch-size", str(config.batch_size), "--images", str(config.total_images)),
            *("--images-per-tick", str(config.images_per_tick), "--score-every-ticks", "-1", "--on-collapse", "off"),
            *arguments,
        ]
    )


def wait_for(processes, timeout=400):
    outputs = [process.communicate(timeout=timeout)[0] for process in processes]
    return [process.returncode for process in processes], outputs


def wait_for_tick(process):
    for line in process.stdout:
        if "images/s" in line:
            return
    raise AssertionError(f"ended with {process.wait()} before a tick was done")


def test_workers_train_what_one_device_does(config, single, tmp_path):
    config = dataclasses.replace(config, run_dir=str(tmp_path / "run"))
    codes, outputs = wait_for(start_training(config))
    assert codes == [0, 0], outputs
    assert "96/96 images" in outputs[0] and "images/s" not in outputs[1]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == sorted(
        path.name for path in single.run_dir.iterdir()
    )
    assert_nearly_same_weights(keras.models.load_model(tmp_path / "run" / "model.keras"), single.model)


SMALL_MODELS = {
    "biggan": {"base_channels": 4, "shared_size": 4, "latent_size": 8, "attention_resolutions": []},
    "progan": {
        **{"latent_size": 8, "channel_base": 32, "max_channels": 8},
        "schedule": {"stable_images": 8, "fade_images": 8, "total_images": 24, "batch_size": 8, "first_size": 16},
    },
    "stylegan2": {"latent_size": 8, "w_size": 8, "num_mapping_layers": 2, "channel_base": 64},
}


@pytest.mark.slow
@pytest.mark.parametrize("preset", sorted(SMALL_MODELS))
def test_workers_train_every_model(config, preset, tmp_path):
    """Three steps: with BigGAN's two updates of the discriminator, ProGAN's fade, StyleGAN2's lazy penalties at the first."""
    numbers = np.random.default_rng(1)
    write_prepared_set(
        tmp_path / "data", numbers.integers(0, 256, [48, 32, 32, 3]).astype("uint8"), numbers.integers(0, 3, 48)
    )
    config = dataclasses.replace(
        config,
        data_dir=str(tmp_path / "data"),
        run_dir=str(tmp_path / "workers"),
        preset=preset,
        model=SMALL_MODELS[preset],
        total_images=24,
        images_per_tick=24,
    )
    codes, outputs = wait_for(start_training(config))
    assert codes == [0, 0], outputs
    single = train(dataclasses.replace(config, run_dir=str(tmp_path / "single")), progress=False)
    assert int(single.model.examples_seen.numpy()) == 24
    # A step of ProGAN and StyleGAN2 is 0.001 and 0.002, for weights that are around one.
    assert_nearly_same_weights(keras.models.load_model(tmp_path / "workers" / "model.keras"), single.model, atol=5e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "number, whom", [(signal.SIGTERM, 0), (signal.SIGTERM, 1), (signal.SIGKILL, 1), (signal.SIGKILL, 0)]
)
def test_a_worker_is_stopped_and_all_go_on(config, number, whom, tmp_path):
    """The others stop too, with the state saved or with an error that tells what to do; together they go on exactly."""
    config = dataclasses.replace(config, run_dir=str(tmp_path / "stopped"), total_images=6400)
    processes = start_training(config)
    wait_for_tick(processes[0])
    processes[whom].send_signal(number)
    codes, outputs = wait_for(processes)
    if number == signal.SIGTERM:
        assert codes == [128 + number] * 2, outputs
        assert "The state is saved" in outputs[0]
    else:
        assert codes[whom] == -number and codes[1 - whom] == 2, outputs
        assert "Restart all workers" in outputs[1 - whom], outputs[1 - whom][-3000:]
    codes, outputs = wait_for(start_training(config))
    assert codes == [0, 0], outputs
    assert "Going on from" in outputs[0]

    whole = dataclasses.replace(config, run_dir=str(tmp_path / "whole"))
    codes, outputs = wait_for(start_training(whole))
    assert codes == [0, 0], outputs
    models = [keras.models.load_model(tmp_path / name / "model.keras") for name in ("stopped", "whole")]
    for one, two in zip(*(model.variables for model in models)):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(two), err_msg=one.path)
