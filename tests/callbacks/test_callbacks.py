import io
import types

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tfgan_suite as tg
from tests.runs.gaussian_points import GaussianPoints, points_dataset
from tfgan_suite.callbacks import Checkpointing, ImageGrid, LowerRate, Progress, Scores, StopOnNonFinite, make_grid
from tfgan_suite.drawing.image_grid import class_columns
from tfgan_suite.foundation.durations import format_duration
from tfgan_suite.foundation.history import read_history


@pytest.fixture
def gan():
    gan = tg.DCGAN(image_shape=(8, 8, 1), num_classes=3, base_channels=2, kernel_size=4)
    gan.compile()
    return gan


def batches(count):
    images = np.random.default_rng(0).uniform(-1, 1, [4, 8, 8, 1]).astype("float32")
    return tf.data.Dataset.from_tensors((images, np.array([0, 1, 2, 0], "int32"))).repeat(count)


def test_make_grid_puts_every_image_in_its_place():
    images = np.arange(6, dtype="uint8")[:, None, None, None] * np.ones([1, 4, 5, 1], "uint8")
    grid = make_grid(images, columns=4, margin=1, background=99)
    assert grid.shape == (9, 23, 1)
    assert [int(grid[0, column * 6, 0]) for column in range(4)] == [0, 1, 2, 3]
    assert [int(grid[5, column * 6, 0]) for column in range(4)] == [4, 5, 99, 99]
    assert (grid[4] == 99).all() and (grid[:, 5] == 99).all()


def test_image_grid_draws_classes_in_columns(gan, tmp_path):
    gan.fit(batches(1), callbacks=[ImageGrid(tmp_path, rows=2)], verbose=0)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["000000000000.png", "000000000004.png"]
    picture = np.asarray(Image.open(tmp_path / names[1]))
    expected = make_grid(gan.generate(6, labels=[0, 1, 2, 0, 1, 2], seed=0), 3)[..., 0]
    np.testing.assert_array_equal(picture, expected)


@pytest.mark.parametrize("num_classes, columns", [(None, 8), (1, 8), (2, 2), (10, 10), (1000, 16)])
def test_columns_of_a_grid(num_classes, columns):
    assert class_columns(types.SimpleNamespace(num_classes=num_classes)) == columns


def test_scores_reach_the_history(gan):
    callback = Scores(lambda model: {"frechet_distance_1k": float(model.examples_seen.numpy())}, every_ticks=1)
    history = gan.fit(batches(None), steps_per_epoch=1, epochs=2, callbacks=[callback], verbose=0).history
    assert history["frechet_distance_1k"] == [4.0, 8.0]


def test_progress_says_how_far_and_how_fast(gan):
    stream = io.StringIO()
    gan.fit(batches(None), steps_per_epoch=3, epochs=2, callbacks=[Progress(24, stream)], verbose=0)
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("Building the graph")
    assert "[==========..........]" in lines[1] and "12/24 images" in lines[1] and "images/s" in lines[1]
    assert "24/24 images" in lines[2] and "0:00 left" in lines[2]


def test_progress_says_once_that_it_resumes(gan):
    stream = io.StringIO()
    progress = Progress(24, stream)
    for _ in range(2):  # Two phases of one training, and then one that goes on from elsewhere.
        gan.fit(batches(None), steps_per_epoch=1, callbacks=[progress], verbose=0)
    gan.examples_seen.assign(16)
    gan.fit(batches(None), steps_per_epoch=1, callbacks=[progress], verbose=0)
    lines = [line for line in stream.getvalue().splitlines() if not line.startswith("[")]
    assert lines == ["Building the graph of the training step ...", "Resuming at 16 of 24 images."]


@pytest.mark.parametrize("seconds, text", [(0.4, "0:00"), (59.6, "1:00"), (3599, "59:59"), (7384, "2:03:04")])
def test_format_duration(seconds, text):
    assert format_duration(seconds) == text


def test_old_checkpoints_go(gan, tmp_path):
    gan.fit(batches(None), steps_per_epoch=1, epochs=5, callbacks=[Checkpointing(tmp_path, keep=2)], verbose=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "000000000016.json",
        "000000000016.weights.h5",
        "000000000020.json",
        "000000000020.weights.h5",
    ]


def test_a_state_that_is_not_finite_is_never_saved(gan, tmp_path):
    gan.generator.project.kernel.assign(gan.generator.project.kernel * np.nan)
    checkpointing = Checkpointing(tmp_path)
    checkpointing.set_model(gan)
    with pytest.raises(tg.UserError, match="not finite"):
        checkpointing.save()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_last_checkpoint(gan, tmp_path, monkeypatch):
    checkpointing = Checkpointing(tmp_path)
    checkpointing.set_model(gan)
    first = checkpointing.save()
    gan.examples_seen.assign(4)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(tg.UserError, match="Cannot write .*: No space left on device"):
        patch.setattr("os.fsync", full)
        checkpointing.save()
    assert checkpointing.newest() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000000000.json", first.name]


def test_stop_names_what_is_not_finite(gan):
    callback = StopOnNonFinite()
    gan.examples_seen.assign(7)
    callback.set_model(gan)
    callback.on_train_batch_end(0, {"loss/generator": 1.0})
    with pytest.raises(tg.UserError, match="loss/generator is not finite after 7 images"):
        callback.on_train_batch_end(1, {"loss/generator": float("inf")})


def test_history_passes_over_a_cut_line(tmp_path):
    (tmp_path / "history.jsonl").write_text('{"images_seen": 1, "images_per_second": 2}\n{"examples_seen": 3}\n{"exam')
    rows = read_history(tmp_path / "history.jsonl")  # The first line is one of version 0.1.
    assert rows == [{"examples_seen": 1, "examples_per_second": 2}, {"examples_seen": 3}]
    assert read_history(tmp_path / "missing.jsonl") == []


def test_a_model_of_a_made_up_kind_has_every_callback(tmp_path, capsys):
    """One optimizer, one average, no latents, no discriminator."""
    model = GaussianPoints()
    model.compile(optimizer=tg.GradientGuard(tg.Adam(1e-2)))
    callbacks = tg.default_callbacks(tmp_path, model=model, total_images=32, on_instability="lower_rate")
    model.fit(points_dataset(), steps_per_epoch=2, epochs=2, callbacks=callbacks, verbose=0)
    line = capsys.readouterr().out.splitlines()[-1]
    assert "32/32 points" in line and "points/s" in line and "  loss " in line
    rows = read_history(tmp_path / "history.jsonl")
    assert [row["examples_seen"] for row in rows] == [16, 32] and rows[0]["skipped_updates/density"] == 0.0
    picture = np.asarray(Image.open(tmp_path / "images" / "000000000032.png"))
    drawn = np.stack([model.spec.draw(one) for one in model.generate(64, seed=0)])
    np.testing.assert_array_equal(picture, make_grid(drawn, 8))
    LowerRate().lower(model)
    assert float(model.optimizer.learning_rate) == pytest.approx(5e-3)
    fresh = GaussianPoints()
    fresh.compile(optimizer=tg.GradientGuard(tg.Adam(1e-2)))
    assert tg.resume(fresh, tmp_path) == 32


def test_a_state_of_lower_rate_of_version_0_1_is_read(gan):
    action = LowerRate(0.5)
    lowered = {"generator_optimizer": 1e-4, "discriminator_optimizer": 1e-4}
    action.set_state({"total_factor": 0.5, "lowered_to": lowered})
    action.begin(gan)
    assert float(gan.generator_optimizer.learning_rate) == pytest.approx(1e-4)
