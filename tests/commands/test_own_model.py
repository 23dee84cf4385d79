"""A model of your own, with neither latents nor a discriminator, in the commands: `--import MODULE`, recorded by the run."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.runs.gaussian_points import GaussianPoints
from tfgan_suite.callbacks import read_alerts
from tfgan_suite.commands import cli
from tfgan_suite.drawing.image_grid import make_grid
from tfgan_suite.foundation.history import read_history
from tfgan_suite.models import catalogue
from tfgan_suite.runs.run_files import load_model
from tfgan_suite.runs.run_recipe import read_recipe

MODULE = """
import keras
from tests.runs.gaussian_points import GaussianPoints
from tfgan_suite.models.catalogue import register_model
from tfgan_suite.specs.image_spec import ImageSpec

@keras.saving.register_keras_serializable("own")
class GaussianImages(GaussianPoints):
    presets = {}

    def __init__(self, spec=None, **kwargs):
        super().__init__(spec or ImageSpec([8, 8, 1]), **kwargs)

register_model("gaussian_images", GaussianImages)
"""


def run(capsys, *argv):
    """Exit code, standard output, lines of standard error."""
    code = cli.main([str(argument) for argument in argv])
    output, error = capsys.readouterr()
    return code, output, error.splitlines()


@pytest.fixture
def directory(tmp_path, monkeypatch):
    (tmp_path / "own_gaussian.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(catalogue, "_IMPORTED", [])
    monkeypatch.setattr(catalogue, "_REGISTERED", {})
    yield tmp_path
    sys.modules.pop("own_gaussian", None)


def test_every_command_on_a_run_of_it(directory, tiny_data, capsys):
    arguments = [
        "--import",
        "own_gaussian",
        "train",
        "--preset",
        "gaussian_images",
        "--data",
        tiny_data,
        "--run",
        "own",
    ]
    arguments += [
        "--batch-size",
        8,
        "--images",
        32,
        "--images-per-tick",
        16,
        "--score-every-ticks",
        -1,
        "--no-conditional",
    ]
    code, output, errors = run(capsys, *arguments, "--dry-run")
    assert code == 0 and not errors and "density" in output and "augmentation" not in output
    code, output, errors = run(capsys, *arguments, "--on-instability", "lower_rate", "--compile", "optimizer=sgd")
    assert code == 0 and not errors, errors
    assert "  loss " in output and "32/32 images" in output
    assert [row["examples_seen"] for row in read_history("own/history.jsonl")] == [16, 32]
    recipe = read_recipe("own")
    assert recipe["imports"] == ["own_gaussian"] and recipe["model"]["arguments"]["spec"]["kind"] == "image"
    assert recipe["compile"]["optimizer"]["class_name"] == "SGD" and read_alerts("own/alerts.jsonl") == []

    # The run remembers the module: later commands, in a process of their own, need no flag.
    sys.path[:] = [path for path in sys.path if path != str(directory)]
    for memory in (catalogue._IMPORTED, catalogue._REGISTERED, sys.modules):
        for name in [name for name in memory if "gaussian" in name and "tests" not in name]:
            memory.remove(name) if isinstance(memory, list) else memory.pop(name)
    code, _, errors = run(
        capsys, "sample", "own", "--output", "grid.png", "--sampling", "temperature=0.5", "--count", 8
    )
    assert code == 0 and not errors, errors
    samples = load_model("own").generate(8, temperature=0.5)
    np.testing.assert_array_equal(np.asarray(Image.open("grid.png")), make_grid(samples, 8)[..., 0])
    code, output, errors = run(capsys, "report", "own")
    text = Path("own/report.html").read_text("utf-8")
    assert code == 0 and not errors, errors
    assert "Left out: interpolations, since GaussianImages has no latents." in text
    assert "opponent" not in text and "--import own_gaussian train" in text and "weights in the density" in text

    for command in ("mix", "directions", "animate"):
        code, _, errors = run(capsys, command, "own")
        assert code == 2 and "needs a model that can" in errors[0] and "GaussianImages can: nothing" in errors[0]
    code, _, errors = run(capsys, "sample", "own", "--interpolate", 3)
    assert code == 2 and "An interpolation needs a model that can generate from latents" in errors[0]
    code, _, errors = run(capsys, "sample", "own", "--truncation", 0.5)
    assert code == 2 and "has no sampling option `truncation`. Its options: `temperature`" in errors[0]
    code, _, errors = run(capsys, *arguments, "--augmentation", "adaptive")
    assert code == 2 and "Unknown argument of GaussianImages.compile: 'augmentation'" in errors[0]


def test_another_module_may_stand_in_for_one_that_is_gone(directory, monkeypatch):
    with pytest.raises(ValueError, match="no module 'gone' to import"):
        catalogue.import_recorded(["gone"])
    monkeypatch.syspath_prepend(directory)
    catalogue.import_own(["own_gaussian"])
    catalogue.import_recorded(["gone"])
    assert catalogue.imported_modules() == ["own_gaussian"]


def test_a_module_is_named_when_it_is_gone(directory, tiny_data, capsys):
    arguments = ["train", "--preset", "gaussian_images", "--data", tiny_data, "--run", "own", "--batch-size", 8]
    code, _, errors = run(capsys, *arguments)
    assert code == 2 and "Unknown preset 'gaussian_images'" in errors[0]
    with pytest.raises(ValueError, match="must not be that of a model of the suite"):
        catalogue.register_model("dcgan", object)


def test_a_model_is_not_named_like_its_preset():
    with pytest.raises(ValueError, match="`name` must differ from the names of the presets of GaussianPoints"):
        catalogue.register_model("points_quick", GaussianPoints)
