"""A run of text from files to the report: prompts, TensorBoard, bits per byte, resume, the gate of a pipeline."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.test_case import assert_same_weights
from tfgan_suite.commands import cli
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset
from tfgan_suite.release.pipeline_config import PipelineConfig
from tfgan_suite.runs.dry_run import estimate_training
from tfgan_suite.runs.report import write_report
from tfgan_suite.runs.train import train
from tfgan_suite.runs.train_config import TrainConfig

TEXT = b"".join(b"Line %d: the cat sat on the mat, and <b>%d</b> mice ran.\n" % (n * n, n) for n in range(60))


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    directory = tmp_path_factory.mktemp("text")
    (directory / "cats.txt").write_bytes(TEXT)
    splits = {"train": 0.8, "test": 0.2}
    prepare_dataset(directory / "cats.txt", directory / "data", window_bytes=16, splits=splits, progress=False)
    return TrainConfig(
        str(directory / "data"),
        str(directory / "run"),
        preset="token_transformer_text_128",
        model={"width": 16, "num_blocks": 1, "num_heads": 2, "ngram_buckets": 101},
        batch_size=8,
        total_images=96,
        images_per_tick=32,
    )


@pytest.fixture(scope="module")
def result(config):
    return train(config, progress=False)


def test_a_dry_run_names_what_is_trained(config):
    estimate = str(estimate_training(config))
    assert "texts of 16 bytes" in estimate and "the run would stop" not in estimate


def test_the_run_is_scored_on_held_out_text_and_shown_as_text(config, result, tmp_path):
    (row,) = result.evaluation
    assert row.name.startswith("bits_per_byte_test_") and 3 < row.value < 8
    (again,) = tg.evaluate(config.run_dir, config.data_dir, progress=False)
    assert again.value == row.value
    written = sorted(path.name for path in (result.run_dir / "texts").iterdir())
    assert written == [f"{seen:012d}.txt" for seen in (0, 32, 64, 96)]
    shown = {}
    for path in (result.run_dir / "tensorboard").glob("events*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                if value.tag == "samples":
                    shown[event.step] = [text.decode() for text in tf.make_ndarray(value.tensor)]
    assert sorted(shown) == [0, 32, 64, 96] and all(text.startswith("<pre>") for text in shown[0])
    html = write_report(config.run_dir, tmp_path / "report.html").read_text("utf-8")
    for section in ("samples", "how-it-learned", "continuations"):
        assert f'id="{section}"' in html
    assert "the split test, which it was not trained on" in html and "Left out: all pictures" not in html
    assert "<b>3</b> mice" not in html  # Text is no markup.


def test_prompts_on_the_command_line(config, result, tmp_path, capsys):
    path = tmp_path / "out.txt"
    options = ["--prompt", "Line 4", "--bytes", "40", "--sampling", "top_k=3", "--seed", "2", "--output", str(path)]
    assert cli.main(["sample", config.run_dir, *options]) == 0
    assert path.read_bytes() == result.model.generate(prompt=b"Line 4", num_bytes=40, top_k=3, seed=2)
    assert (
        cli.main(
            ["sample", config.run_dir, "--count", "2", "--output", str(path), "--separate", str(tmp_path / "each")]
        )
        == 0
    )
    each = [file.read_bytes() for file in sorted((tmp_path / "each").iterdir())]
    assert each == [example.tobytes() for example in result.model.generate(2)]
    assert path.read_bytes() == b"--- text 0 ---\n" + each[0] + b"\n--- text 1 ---\n" + each[1] + b"\n"
    capsys.readouterr()
    assert cli.main(["sample", config.run_dir, "--output", "grid.png"]) != 0
    assert "`path` must be an output file NAME.txt for texts" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_bit_for_bit(config, result, tmp_path):
    stopped = dataclasses.replace(config, run_dir=str(tmp_path / "run"), total_images=64)
    train(stopped, progress=False)
    resumed = train(dataclasses.replace(stopped, total_images=96), progress=False)
    assert_same_weights(resumed.model, result.model)
    np.testing.assert_array_equal(resumed.model.generate(2), result.model.generate(2))


def test_a_pipeline_is_gated_on_bits_per_byte():
    content = {
        "name": "cats",
        "root": "runs/pipeline",
        "data": {
            "source": "text:cats.txt",
            "directory": "data/cats",
            "format": {"window_bytes": 16},
            "splits": {"train": 0.8, "test": 0.2},
        },
        "train": {"preset": "token_transformer_text_128"},
        "gate": {"thresholds": {"bits_per_byte_test_36": 2.0}},
    }
    assert PipelineConfig.from_dict(content).compared_score == "bits_per_byte_test_36"
    content["gate"] = {"thresholds": {"bits_per_byte_train_36": 2.0}}
    with pytest.raises(UserError, match="bits_per_byte_train_36.*'bits_per_byte_test_COUNT'"):
        PipelineConfig.from_dict(content)
