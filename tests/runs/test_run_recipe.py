"""recipe.json: what a run was started with, and what is refused, or noted, when it is resumed."""

import copy
import dataclasses
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

import tfgan_suite as tg
from tests.test_case import assert_same_weights
from tfgan_suite.callbacks import read_alerts
from tfgan_suite.foundation.history import read_history
from tfgan_suite.models.dcgan.dcgan import DCGAN
from tfgan_suite.runs.compile_arguments import compile_argument
from tfgan_suite.runs.run_files import RunFiles, load_model
from tfgan_suite.runs.run_recipe import read_recipe, recipe_differences
from tfgan_suite.runs.train import train
from tfgan_suite.runs.train_config import TrainConfig

GOLDEN = Path(__file__).parents[1] / "golden" / "version_0_1"
PRESET = {
    "description": "", "reference": "", "expected": "",
    "config": {"base_channels": 4, "latent_size": 8},
    "training": {"batch_size": 8, "total_images": 32},
    "compile": lambda model: {"loss": tg.losses.Hinge(), "discriminator_penalties": [tg.penalties.R1(1.0)]},
}  # fmt: skip
SCHEDULED = {
    "class_name": "Adam",
    "config": {
        "learning_rate": {"class_name": "CosineSchedule", "config": {"start": 1e-3, "end": 0.0, "examples": 100}}
    },
}


@pytest.fixture
def config(tiny_config, tmp_path):
    return dataclasses.replace(tiny_config, run_dir=str(tmp_path / "run"), total_images=16, on_collapse="off")


def test_everything_is_resolved(tiny_run, tiny_config):
    recipe = read_recipe(tiny_run)
    assert recipe["model"]["class"] == "DCGAN"
    arguments = recipe["model"]["arguments"]
    assert arguments["base_channels"] == 4 and arguments["image_shape"] == [8, 8, 1]
    assert arguments["kernel_size"] == 5  # The constructor's own default.
    assert recipe["compile"]["loss"]["class_name"] == "NonSaturating"
    assert recipe["compile"]["generator_optimizer"]["config"]["beta_1"] == 0.5
    assert recipe["training"]["phases"] == [{"first_image": 0, "end_image": 64, "batch_size": 8, "size": None}]
    assert recipe["data"]["fingerprint"] == tg.DatasetInfo.load(tiny_config.data_dir).fingerprint
    assert recipe["versions"]["keras"] == keras.__version__ and recipe["training"]["seed"] == 0
    assert RunFiles.load(tiny_run).recipe == recipe


def test_a_preset_that_changed_is_refused_and_the_change_named(config, monkeypatch):
    """Which once resumed silently with another loss."""
    presets = {**DCGAN.presets, "changing": PRESET}
    monkeypatch.setattr(DCGAN, "presets", presets)
    config = dataclasses.replace(config, preset="changing", model={}, batch_size=None)
    train(config, progress=False)
    presets["changing"] = PRESET | {
        "compile": lambda model: {"loss": tg.losses.Wasserstein(), "discriminator_penalties": [tg.penalties.R1(10.0)]}
    }
    longer = dataclasses.replace(config, total_images=32)
    with pytest.raises(tg.UserError) as caught:
        train(longer, progress=False)
    message = str(caught.value)
    assert "compile.loss was Hinge, is Wasserstein" in message
    assert "compile.discriminator_penalties[0].weight was 1.0, is 10.0" in message
    presets["changing"] = PRESET | {"config": {"base_channels": 4, "latent_size": 4}}
    with pytest.raises(tg.UserError, match="model.arguments.latent_size was 8, is 4"):
        train(longer, progress=False)
    presets["changing"] = PRESET | {"training": {"batch_size": 4, "total_images": 32}}
    with pytest.raises(tg.UserError, match=r"training.phases\[0\].batch_size was 8, is 4"):
        train(longer, progress=False)
    presets["changing"] = PRESET | {"description": "Better words."}
    assert int(train(longer, progress=False).model.examples_seen) == 32


def test_other_versions_are_noted_and_do_not_stop(config, capsys):
    train(config, progress=False)
    path = Path(config.run_dir) / "recipe.json"
    recipe = json.loads(path.read_text())
    recipe["versions"]["keras"] = "3.0.1"
    path.write_text(json.dumps(recipe))
    train(dataclasses.replace(config, total_images=32))
    assert f"was started with other versions: keras 3.0.1 -> {keras.__version__}" in capsys.readouterr().out
    recipe = read_recipe(config.run_dir)
    assert recipe["versions"]["keras"] == "3.0.1" and recipe["resumed_with"][0]["keras"] == keras.__version__


def test_what_only_the_process_or_a_later_version_changes_is_no_difference(tiny_run):
    earlier = read_recipe(tiny_run)
    now = copy.deepcopy(earlier)
    now["compile"]["generator_optimizer"]["config"]["name"] = "adam_17"
    now["compile"]["loss"]["module"] = "tfgan_suite.elsewhere"
    now["training"]["phases"][0]["end_image"] = 640
    now["compile"]["steps_per_execution"] = 4
    assert recipe_differences(earlier, now) == []
    now["compile"]["new_setting"] = 3
    assert recipe_differences(earlier, now) == ["compile.new_setting was absent, is 3"]
    now["versions"]["tfgan_suite"] = "9"
    assert recipe_differences(earlier, now) == []
    now["compile"]["loss"]["class_name"] = "Hinge"
    assert recipe_differences(earlier, now) == ["compile.loss was NonSaturating, is Hinge"]


@pytest.mark.parametrize(
    "change",
    [
        lambda content: None,
        lambda content: [content],
        lambda content: {"format_version": 1},
        lambda content: {**content, "imports": 3},
        lambda content: {**content, "versions": []},
        lambda content: {**content, "compile": None},
        lambda content: {**content, "training": {"phases": []}},
        lambda content: {**content, "training": {"phases": "abc"}},
        lambda content: {**content, "training": {"phases": [{}]}},
    ],
)
def test_a_damaged_recipe_is_refused(tiny_run, tmp_path, change):
    content = json.loads((tiny_run / "recipe.json").read_text())
    (tmp_path / "recipe.json").write_text(json.dumps(change(content)))
    with pytest.raises(tg.UserError, match="recipe.json is not the recipe of a run .*emove it"):
        read_recipe(tmp_path)


def test_a_torn_recipe_is_refused(config):
    Path(config.run_dir).mkdir()
    (Path(config.run_dir) / "recipe.json").write_text("{")
    with pytest.raises(tg.UserError, match="recipe.json is not the recipe of a run"):
        train(config, progress=False)


def test_a_recipe_is_compared_where_the_config_is_missing(tiny_run, config):
    shutil.copytree(tiny_run, config.run_dir, dirs_exist_ok=True)
    (Path(config.run_dir) / "config.json").unlink()
    with pytest.raises(tg.UserError, match="compile.loss was NonSaturating, is Hinge"):
        train(dataclasses.replace(config, compile={"loss": "Hinge"}), progress=False)


@pytest.fixture
def golden(tmp_path, monkeypatch):
    shutil.copytree(GOLDEN, tmp_path / "old")
    monkeypatch.chdir(tmp_path / "old")
    return TrainConfig.load("run/config.json")


def test_a_run_of_version_0_1_is_resumed_to_more_images(golden, capsys):
    before = load_model("run")
    longer = train(dataclasses.replace(golden, total_images=64))
    assert "has no recipe.json, as version 0.1 wrote none" in capsys.readouterr().out
    assert read_recipe("run")["model"]["class"] == "DCGAN"
    assert [row["examples_seen"] for row in longer.history] == [16, 32, 48, 64]
    rows = [json.loads(line) for line in Path("run/history.jsonl").read_text().splitlines()]
    assert all("images_seen" not in row for row in rows)
    assert int(before.examples_seen) == 32 and int(longer.model.examples_seen) == 64
    whole = train(dataclasses.replace(golden, run_dir="whole", total_images=64), progress=False)
    assert_same_weights(longer.model, whole.model, tolerance=1e-5)  # The run was begun on another processor.
    again = train(dataclasses.replace(golden, total_images=64), progress=False)  # With the recipe that is there now.
    assert_same_weights(again.model, longer.model)


def test_alerts_of_version_0_1_are_read(tmp_path):
    row = {"monitor": "collapse", "rule": "duplicates", "measurement": "x", "value": 0.5, "limit": 0.4}
    row |= {"symptom": "Many alike.", "advice": "Wait.", "actions": []}
    (tmp_path / "alerts.jsonl").write_text(json.dumps({**row, "images_seen": 5}) + "\n")
    assert read_alerts(tmp_path / "alerts.jsonl") == [{**row, "examples_seen": 5}]


# === Arguments of compile ===


def test_compile_arguments_reach_the_model(config):
    penalty = {"class_name": "R1", "config": {"weight": 2.0}}
    choices = {"loss": "Hinge", "discriminator_penalties": [penalty], "generator_optimizer": "adam"}
    model = train(dataclasses.replace(config, compile=choices), progress=False).model
    assert isinstance(model.adversarial_loss, tg.losses.Hinge) and model.discriminator_penalties[0].weight == 2.0
    assert "penalty/r1" in read_history(Path(config.run_dir) / "history.jsonl")[0]
    with pytest.raises(tg.UserError, match="compile was"):
        train(config, progress=False)


def test_arguments_of_arguments_may_be_objects():
    decay = {"class_name": "CosineSchedule", "config": {"start": 1.0, "end": 0.0, "examples": 100}}
    (penalty,) = compile_argument("discriminator_penalties", [{"class_name": "R1", "config": {"weight": decay}}])
    assert isinstance(penalty.weight, tg.CosineSchedule)
    with pytest.raises(tg.UserError, match="`end` must be a number. Received: end='x'"):
        compile_argument(
            "ema", {"class_name": "R1", "config": {"weight": decay | {"config": decay["config"] | {"end": "x"}}}}
        )
    with pytest.raises(tg.UserError, match="`loss`: `config` must be a dict of arguments"):
        compile_argument("loss", {"class_name": "Hinge", "config": [1]})


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"compile": {"los": "Hinge"}}, "Unknown argument of DCGAN.compile: 'los'. Did you mean 'loss'"),
        ({"compile": {"loss": {"class_name": "Hing"}}}, "`loss` must name a class that is registered"),
        ({"compile": {"loss": {"class_name": "Hinge", "config": {"x": 1}}}}, "Hinge cannot be made of {'x': 1}"),
        (
            {"compile": {"discriminator_steps": 0}},
            "DCGAN cannot be compiled: `discriminator_steps` must be an integer >= 1",
        ),
        ({"compile": {"augmentation": "DiffAugment"}, "augmentation": "none"}, "`augmentation` must be given once"),
        ({"batch_size": 8, "compile": {"discriminator_steps": 3}}, "share evenly"),
        (
            {"compile": {"generator_optimizer": SCHEDULED}, "on_instability": "lower_rate"},
            "must be a constant, which can",
        ),
        ({"compile": {"generator_optimizer": SCHEDULED}, "on_collapse": "roll_back"}, "must be a constant, which can"),
        ({"on_collapse": "raise_augmentation"}, "`augmentation` must be one whose probability can be raised"),
    ],
)
def test_wrong_compile_arguments_are_refused_before_anything_is_written(config, changes, message):
    with pytest.raises(tg.UserError, match=message):
        train(dataclasses.replace(config, **changes), progress=False)
    assert not Path(config.run_dir).exists()


# === The seed of layers that are given none ===


def test_the_seed_of_the_config_reaches_weights_of_layers_without_one(tiny_config, monkeypatch):
    from tfgan_suite.models import catalogue
    from tfgan_suite.runs.recipe import resolve

    class OwnGAN(tg.GAN):
        def __init__(self, image_shape, num_classes=None, seed=0):
            layers = keras.layers
            generator = keras.Sequential(
                [keras.Input([4]), layers.Dense(int(np.prod(image_shape))), layers.Reshape(image_shape)]
            )
            discriminator = keras.Sequential([keras.Input(image_shape), layers.Flatten(), layers.Dense(1)])
            super().__init__(generator, discriminator, seed=seed)

    monkeypatch.setitem(catalogue._REGISTERED, "own_gan", OwnGAN)
    config = dataclasses.replace(tiny_config, preset="own_gan", model={}, conditional=False)
    info = tg.DatasetInfo.load(config.data_dir)
    kernels = []
    for seed in (3, 3, 4):
        keras.utils.set_random_seed(len(kernels))  # What else the process has drawn.
        model = resolve(dataclasses.replace(config, seed=seed), info).build()
        kernels.append(np.asarray(model.generator.trainable_variables[0]))
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert np.abs(kernels[0] - kernels[2]).max() > 0.01
