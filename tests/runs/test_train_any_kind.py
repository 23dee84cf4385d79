"""A run of a made-up kind of example: trained, estimated, reported; and the data set is opened once."""

import dataclasses
import io

import numpy as np
import pytest

from tests.prepared_set import write_prepared_examples
from tests.runs.gaussian_points import GaussianPoints, PointSpec, points
from tests.specs.waves import WaveSpec
from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.models import catalogue
from tfgan_suite.runs.dry_run import estimate_training
from tfgan_suite.runs.report import write_report
from tfgan_suite.runs.run_files import load_model
from tfgan_suite.runs.sampling import write_samples
from tfgan_suite.runs.train import train
from tfgan_suite.runs.train_config import TrainConfig


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "_REGISTERED", {"gaussian_points": GaussianPoints})
    data_dir = write_prepared_examples(tmp_path / "points", PointSpec([2]), points(200))
    return TrainConfig(
        str(data_dir), str(tmp_path / "run"), preset="points_quick", images_per_tick=16, score_every_ticks=-1
    )


def test_from_the_data_to_the_report(config, tmp_path, capsys):
    estimate = estimate_training(config)
    assert "200 points of 2" in str(estimate) and estimate.parameters == {"density": 2}
    assert estimate.memory_bytes["averaged weights"] == 8 and estimate.memory_bytes["points"] == 200 * 8
    result = train(config)
    output = capsys.readouterr().out
    assert "64/64 points" in output and "Left out" not in output  # Nothing was asked for that it cannot do.
    assert [row["examples_seen"] for row in result.history] == [16, 32, 48, 64]
    loaded = load_model(config.run_dir)
    np.testing.assert_array_equal(loaded.generate(3, seed=1), result.model.generate(3, seed=1))
    text = write_report(config.run_dir, temperature=0.5).read_text("utf-8")
    assert "tiny: GaussianPoints, 2" in text and "points trained on" in text and "real-and-generated" in text
    paths = write_samples(loaded, tmp_path / "grid.png", count=4, separate_dir=tmp_path / "each", temperature=0.5)
    np.testing.assert_array_equal(np.load(io.BytesIO(paths[2].read_bytes())), loaded.generate(4, temperature=0.5)[1])


def test_a_model_of_images_refuses_the_data(config, tmp_path):
    other = TrainConfig(config.data_dir, str(tmp_path / "other"), preset="dcgan")
    with pytest.raises(UserError, match="DCGAN makes images. The data set 'tiny' holds points"):
        train(other, progress=False)


def test_what_does_not_fit_the_data_is_refused_before_anything_is_read(config, tmp_path):
    flipped = dataclasses.replace(config, horizontal_flip=True)
    with pytest.raises(UserError, match="`horizontal_flip` is for images, and the data set 'tiny' holds points"):
        estimate_training(flipped)
    guarded = dataclasses.replace(config, on_collapse="stop")
    with pytest.raises(UserError, match="`on_collapse` must be 'note' or 'off' for GaussianPoints"):
        train(guarded, progress=False)
    other = dataclasses.replace(config, model={"spec": PointSpec([3])})
    with pytest.raises(UserError, match=r"GaussianPoints was built for PointSpec\(shape=\[3\]\). The data set 'tiny'"):
        estimate_training(other)


def test_a_kind_without_draw_is_named(tmp_path):
    class Bare(GaussianPoints):
        def __init__(self):
            super().__init__(WaveSpec([2]))

    with pytest.raises(UserError, match="WaveSpec has no `draw`, so pictures of waves cannot be made"):
        write_samples(Bare(), tmp_path / "grid.png", count=2)


def test_the_report_leaves_out_a_processing_that_there_was_not(config):
    train(config, progress=False)
    assert "processed with" not in write_report(config.run_dir).read_text("utf-8")


def test_a_run_opens_its_data_once(tiny_config, tmp_path, monkeypatch):
    opened, load = [], DatasetInfo.load.__func__

    def counting(cls, directory):
        opened.append(str(directory))
        return load(cls, directory)

    monkeypatch.setattr(DatasetInfo, "load", classmethod(counting))
    train(dataclasses.replace(tiny_config, run_dir=str(tmp_path / "run")), progress=False)
    assert opened == [tiny_config.data_dir]
