"""Which runner and which options Beam is given: by name, as flags, as a mapping, or refused before anything is read."""

import numpy as np
import pytest

from tfgan_suite.commands import cli
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset

beam = pytest.importorskip("apache_beam", reason="Needs the extra [beam].")
beam_runner = __import__("tfgan_suite.preprocessing.beam_runner", fromlist=["choose_runner"])
IMAGES = np.zeros([2, 8, 8, 1], "uint8")


@pytest.mark.parametrize(
    "runner, options, name",
    [
        (None, None, "FnApiRunner"),
        ("flink", None, "FlinkRunner"),
        (None, ["--runner=FlinkRunner"], "FlinkRunner"),
        (None, ["--runner", "FlinkRunner"], "FlinkRunner"),
        (None, {"runner": "FlinkRunner"}, "FlinkRunner"),
        (None, {"--runner": "FlinkRunner"}, "FlinkRunner"),
        ("apache_beam.runners.portability.fn_api_runner.FnApiRunner", None, "FnApiRunner"),
    ],
)
def test_runners_that_there_are(runner, options, name):
    assert type(beam_runner.choose_runner(runner, options)[1]).__name__ == name


def test_a_mapping_is_the_same_as_flags():
    mapping, _, _ = beam_runner.choose_runner(
        None, {"direct_num_workers": 3, "experiments": ["a", "b"], "streaming": True}
    )
    flags, _, _ = beam_runner.choose_runner(
        None, ["--direct_num_workers=3", "--experiments=a", "--experiments=b", "--streaming"]
    )
    assert mapping.get_all_options(drop_default=True) == flags.get_all_options(drop_default=True)
    assert mapping.get_all_options()["direct_num_workers"] == 3


@pytest.mark.parametrize(
    "runner, options, message",
    [
        ("DirectRuner", None, "'DirectRuner'. Did you mean 'DirectRunner'"),
        (None, {"runner": "NoSuchRunner"}, "Unknown Beam runner 'NoSuchRunner'"),
        (None, ["--runner=NoSuchRunner"], "Unknown Beam runner 'NoSuchRunner'"),
        ("no.such_module", None, "cannot be made"),
        ("os.getcwd", None, "must be the name of a Beam runner"),
        (5, None, "must be the name of a Beam runner.*runner=5"),
        (None, "--parallelism=8", "must be a list"),
        (None, 8, "must be a list"),
        (None, ["parallelism=8"], "must be a list"),
        (None, [{"parallelism": 8}], "must be a list"),
        (None, {"parallelism": None}, "'parallelism' a value"),
        (None, ["--direct_num_workers=two"], "invalid int value: 'two'"),
        (None, {"direct_num_workers": "two"}, "invalid int value: 'two'"),
        (None, ["--direct_num_worker=2"], "'direct_num_worker'. Did you mean 'direct_num_workers'"),
    ],
)
def test_what_is_refused(runner, options, message, tmp_path, capfd):
    with pytest.raises(UserError, match=message):
        prepare_dataset(IMAGES, tmp_path / "data", runner=runner, pipeline_options=options)
    assert not (tmp_path / "data").exists() and "usage" not in capfd.readouterr().err


def test_a_flag_may_follow_as_an_argument_of_its_own(tmp_path, capsys):
    np.savez(tmp_path / "images.npz", images=IMAGES)
    command = ["prepare", str(tmp_path / "images.npz"), str(tmp_path / "data"), "--beam-option"]
    assert cli.main([*command, "--runner=NoSuchRunner"]) == 2
    assert "Unknown Beam runner 'NoSuchRunner'" in capsys.readouterr().err
    assert cli.main([*command, "--force"]) == 2  # Not taken for Beam's, which would leave it out.
    assert "Unknown option of Beam 'force'" in capsys.readouterr().err
    assert cli.main(command) == 2 and "--beam-option" in capsys.readouterr().err
