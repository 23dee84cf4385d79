"""Files of a run are whole, or not there: full disks, torn models, two trainings of one directory."""

import dataclasses
import resource
import shutil
import signal

import numpy as np
import pytest

from tests.test_case import assert_same_weights
from tfgan_suite.callbacks.training_log import TrainingLog
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import Lock
from tfgan_suite.foundation.history import read_history
from tfgan_suite.models.saving import load_model as load_file
from tfgan_suite.runs.run_files import load_model
from tfgan_suite.runs.train import train


@pytest.fixture
def limit_files():
    """Sets a limit of bytes on the size of files, which stands for a full disk."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size_bytes: resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes or before[0], before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_second_training_of_the_directory_is_refused(tiny_config, tmp_path):
    config = dataclasses.replace(tiny_config, run_dir=str(tmp_path / "run"))
    (tmp_path / "run").mkdir()
    with (
        Lock(tmp_path / "run" / ".lock", "Taken."),
        pytest.raises(UserError, match="Another process trains the run in"),
    ):
        train(config, progress=False)
    assert list((tmp_path / "run").iterdir()) == []


def test_a_torn_model_falls_back_to_the_checkpoint(tiny_run, tmp_path, caplog):
    run_dir = shutil.copytree(tiny_run, tmp_path / "run")
    whole = (run_dir / "model.keras").read_bytes()
    expected = load_model(run_dir).generate(2, seed=1)
    for content in (whole[: len(whole) // 2], b"", whole.replace(whole[-2000:-1990], b"0123456789")):
        (run_dir / "model.keras").write_bytes(content)
        with pytest.raises(UserError, match="is not a whole .keras file"):
            load_file(run_dir)
    np.testing.assert_array_equal(load_model(run_dir).generate(2, seed=1), expected)
    assert "The newest checkpoint of the run is taken" in caplog.text


def test_a_model_that_does_not_fit_on_the_disk_leaves_the_old_file(tiny_run, tmp_path, limit_files):
    run_dir = shutil.copytree(tiny_run, tmp_path / "run")
    whole = (run_dir / "model.keras").read_bytes()
    model = load_model(run_dir)
    limit_files(len(whole) // 2)
    with pytest.raises(UserError, match="Cannot write .*model.keras: File too large"):
        model.save(run_dir / "model.keras")
    limit_files(None)
    assert (run_dir / "model.keras").read_bytes() == whole


def test_the_history_survives_a_full_disk(tmp_path, limit_files):
    path = tmp_path / "history.jsonl"
    path.write_text("".join(f'{{"examples_seen": {8 * row}, "loss": 0.5}}\n' for row in range(200)))
    log = TrainingLog(path, tmp_path / "tensorboard")
    log.set_model(type("Model", (), {"examples_seen": 800}))
    limit_files(1000)
    with pytest.raises(UserError, match="File too large"):
        log.on_train_begin()
    assert len(read_history(path)) == 200


@pytest.mark.slow
def test_a_run_goes_on_when_there_is_room_again(tiny_config, tiny_run, tmp_path, limit_files):
    """The disk is full at many sizes of files: each time one sentence, and the run continues to the same weights."""
    expected = load_model(tiny_run)
    stopped = 0
    for size_bytes in (200, 700, 2_000, 20_000, 60_000, 74_000, 76_000):
        run_dir = tmp_path / str(size_bytes)
        config = dataclasses.replace(tiny_config, run_dir=str(run_dir))
        limit_files(size_bytes)
        try:
            train(config, progress=False)
        except UserError as error:
            assert "File too large" in str(error) and str(run_dir) in str(error)
            stopped += 1
        finally:
            limit_files(None)
        result = train(config, progress=False)
        assert_same_weights(result.model, expected)
        assert [row["examples_seen"] for row in result.history] == [16, 32, 48, 64]
    print(f"{stopped} of 7 full disks stopped the run; all 7 went on to the same weights")
    assert stopped >= 5
