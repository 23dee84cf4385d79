"""Fine-tuning from the command line: `train --init`, `--freeze`, and what a run remembers of it."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

import tfgan_suite as tg
from tests.prepared_set import write_prepared_set
from tests.test_case import assert_same_weights
from tfgan_suite.commands.cli import main
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.runs.dry_run import estimate_training
from tfgan_suite.runs.train import train
from tfgan_suite.runs.train_config import TrainConfig

FROZEN = "discriminator/down_from_8"


@pytest.fixture(scope="module")
def config(tiny_run, tmp_path_factory):
    """A run that goes on from `tiny_run`, with five classes instead of three."""
    directory = tmp_path_factory.mktemp("fine_tuning")
    generator = np.random.default_rng(1)
    images = generator.integers(0, 256, [40, 8, 8, 1]).astype("uint8")
    write_prepared_set(directory / "data", images, np.arange(40) % 5)
    return TrainConfig(
        data_dir=str(directory / "data"),
        run_dir=str(directory / "run"),
        model={"base_channels": 4, "latent_size": 8},
        batch_size=8,
        total_images=32,
        images_per_tick=16,
        score_every_ticks=-1,
        init=str(tiny_run),
        freeze=FROZEN,
    )


@pytest.fixture(scope="module")
def finished(config):
    return train(config, progress=False)


def test_what_was_taken_is_kept_in_the_recipe(finished, config, tiny_run):
    kept = json.loads((finished.run_dir / "recipe.json").read_text())["initialization"]
    assert kept["init"] == str(tiny_run) and kept["frozen"] == [FROZEN]
    assert FROZEN in kept["taken"]
    assert kept["not_taken"]["discriminator/class_vectors"].startswith("embeddings is (3, ")
    (layer,) = [one for one in finished.model.discriminator.layers if one.name == "down_from_8"]
    (source,) = [one for one in tg.load_model(tiny_run).discriminator.layers if one.name == "down_from_8"]
    np.testing.assert_array_equal(np.asarray(layer.kernel), np.asarray(source.kernel))


def test_resumed_it_is_the_run_without_a_stop(finished, config, tmp_path):
    stopped = dataclasses.replace(config, run_dir=str(tmp_path / "run"), total_images=16)
    train(stopped, progress=False)
    # The other run is not needed any more.
    resumed = train(dataclasses.replace(stopped, total_images=32), progress=False)
    assert_same_weights(resumed.model, finished.model)
    recipes = [json.loads((one.run_dir / "recipe.json").read_text()) for one in (resumed, finished)]
    assert recipes[0]["initialization"] == recipes[1]["initialization"]


def test_a_run_does_not_begin_with_other_weights_again(config, finished, tmp_path):
    run_dir = tmp_path / "run"
    shutil.copytree(finished.run_dir, run_dir)
    shutil.rmtree(run_dir / "checkpoints")  # It was stopped before the first one.
    recipe = json.loads((run_dir / "recipe.json").read_text())
    recipe["initialization"]["sha256"] = "0" * 64
    (run_dir / "recipe.json").write_text(json.dumps(recipe))
    with pytest.raises(UserError, match="are others than those that the run"):
        train(dataclasses.replace(config, run_dir=str(run_dir)), progress=False)
    with pytest.raises(UserError, match="init was"):
        train(dataclasses.replace(config, run_dir=str(run_dir), init=None), progress=False)


def test_it_is_told_before(config, capsys):
    text = str(estimate_training(config))
    assert "layers were taken" in text and "discriminator/class_vectors: embeddings is (3, " in text and FROZEN in text


def test_mistakes(config, tmp_path, capsys):
    argv = ["train", "--data", config.data_dir, "--run", str(tmp_path / "run"), "--images", "8", "--batch-size", "4"]
    argv += ["--set", "base_channels=4", "--set", "latent_size=8"]
    for options, message in (
        (["--init", str(tmp_path / "nothing")], "There is no"),
        (["--init", str(tmp_path / "run")], "another run than the one"),
        (["--freeze", "discriminator/down_from_9"], "Unknown layer to freeze"),
    ):
        assert main([*argv, *options]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
