import zipfile

import numpy as np
import pytest
import tensorflow as tf

from tests.preprocessing.test_prepare_dataset import content_of, read_records
from tests.serving.conftest import lively_gan
from tfgan_suite.commands import cli
from tfgan_suite.data.loader import load_dataset
from tfgan_suite.exports.saved_model import export_saved_model, load_generator
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.preprocessing import generated_source, preparation
from tfgan_suite.preprocessing.generate_dataset import generate_dataset
from tfgan_suite.preprocessing.generated_source import GeneratedSource, image_seed
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Three classes, at most 8 images a request."""
    gan = lively_gan(image_shape=(16, 16, 1), num_classes=3, seed=1)
    return export_saved_model(gan, tmp_path_factory.mktemp("saved_models") / "digits", max_count=8, license="CC0-1.0")


def generate(exported, output, count=150, **settings):
    return generate_dataset(exported, output, count, progress=False, **settings)


def test_a_generated_set_is_the_models_images(exported, tmp_path):
    info = generate(exported.parent, tmp_path / "set", seed=5, truncation=0.9)
    assert info.num_examples == 150 and info.splits["train"].class_counts == (50, 50, 50)
    assert info.source["kind"] == "generated" and info.license == "CC0-1.0" and info.image_shape == (16, 16, 1)
    records = read_records(tmp_path / "set")
    assert len(records) == 150
    model = load_generator(exported)
    for index in (0, 1, 70, 149):
        pixels, label = records[f"{index:08d} seed {image_seed(5, index)}"]
        assert label == index % 3
        alone = model.generate(1, labels=index % 3, truncation=0.9, seed=image_seed(5, index))[0]
        assert np.abs(pixels.astype(int) - alone).max() <= 1 and alone.std() > 5
    assert len({pixels.tobytes() for pixels, _ in records.values()}) == 150
    _, dataset = load_dataset(tmp_path / "set", batch_size=50, shuffle=False, repeat=False)
    assert sum(len(images) for images, _ in dataset) == 150


def test_bytes_do_not_depend_on_runner_or_bundles(exported, tmp_path):
    generate(exported, tmp_path / "plain", num_shards=3)
    generate(exported, tmp_path / "bundles", num_shards=3, runner="BundleBasedDirectRunner")
    threads = ["--direct_num_workers=2", "--direct_running_mode=multi_threading"]
    generate(exported, tmp_path / "threads", num_shards=3, runner="DirectRunner", pipeline_options=threads)
    assert content_of(tmp_path / "plain") == content_of(tmp_path / "bundles") == content_of(tmp_path / "threads")


def test_without_run_inference_the_bytes_are_the_same(exported, tmp_path, monkeypatch):
    generate(exported, tmp_path / "plain", seed=2)
    loads = []
    load_model = generated_source._ExportedModelHandler.load_model
    monkeypatch.setattr(
        generated_source._ExportedModelHandler, "load_model", lambda self: loads.append(1) or load_model(self)
    )
    source = GeneratedSource(exported, 150, seed=2, run_inference=False)
    info = prepare_dataset(source, tmp_path / "own", deduplicate=False, progress=False)
    assert info.num_examples == 150 and len(loads) == 1
    assert content_of(tmp_path / "plain") == content_of(tmp_path / "own")


@pytest.mark.slow
def test_bytes_do_not_depend_on_worker_processes(exported, tmp_path):
    generate(exported, tmp_path / "plain")
    flags = ["--runner=DirectRunner", "--direct_num_workers=2", "--direct_running_mode=multi_processing"]
    generate(exported, tmp_path / "processes", pipeline_options=flags)
    assert content_of(tmp_path / "plain") == content_of(tmp_path / "processes")


@pytest.mark.slow
def test_a_killed_generation_goes_on(exported, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def kill(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(preparation.Preparation, "publish", kill)
        with pytest.raises(Killed):
            generate(exported, tmp_path / "set")
    blocks = sorted((tmp_path / "set" / ".prepare" / "blocks").glob("*.records"))
    assert len(blocks) == 3 and not (tmp_path / "set" / "dataset_info.json").exists()
    made = [path.stat().st_mtime_ns for path in blocks[:2]]
    blocks[2].unlink()
    with monkeypatch.context() as patch:
        patch.setattr(preparation.Preparation, "publish", kill)
        with pytest.raises(Killed):
            generate(exported, tmp_path / "set")
    assert [path.stat().st_mtime_ns for path in blocks[:2]] == made
    generate(exported, tmp_path / "set")
    generate(exported, tmp_path / "whole")
    assert content_of(tmp_path / "set") == content_of(tmp_path / "whole")


def test_lost_images_are_noticed(exported, tmp_path, monkeypatch):
    def lose(self, runner, options):
        run(self, runner, options)
        (self.work_dir / "blocks" / "000001.json").unlink()

    run = preparation.Preparation.run
    monkeypatch.setattr(preparation.Preparation, "run", lose)
    with pytest.raises(RuntimeError, match="Block 1 of 64 images was not prepared"):
        generate(exported, tmp_path / "set")
    assert not (tmp_path / "set" / "dataset_info.json").exists()


def test_zip_of_png_files(exported, tmp_path):
    info = generate(exported, tmp_path / "sevens.zip", count=10, labels=(2, 0), seed=3)
    assert info.num_examples == 10 and [path.name for path in tmp_path.iterdir()] == ["sevens.zip"]
    with zipfile.ZipFile(tmp_path / "sevens.zip") as file:
        assert sorted(file.namelist())[:2] == ["0/00000001.png", "0/00000003.png"] and len(file.namelist()) == 10
        pixels = tf.io.decode_png(file.read("2/00000004.png")).numpy()
    expected = load_generator(exported).generate(1, labels=2, seed=image_seed(3, 4))[0]
    assert np.abs(pixels.astype(int) - expected).max() <= 1
    again = prepare_dataset(tmp_path / "sevens.zip", tmp_path / "set", image_size=16, channels=1, progress=False)
    assert again.class_names == ("0", "2") and again.num_examples == 10
    with pytest.raises(UserError, match="exists already"):
        generate(exported, tmp_path / "sevens.zip", count=10)


def test_mistakes_are_told(exported, tmp_path):
    with pytest.raises(UserError, match=r"`labels` must be labels from 0 to 2"):
        generate(exported, tmp_path / "set", labels=(3,))
    with pytest.raises(UserError, match="`truncation` must be in"):
        generate(exported, tmp_path / "set", truncation=2.0)
    with pytest.raises(UserError, match="holds no exported model"):
        generate(tmp_path, tmp_path / "set")
    with pytest.raises(UserError, match="`encoding` must be left out"):
        generate(exported, tmp_path / "set.zip", encoding="jpeg")


def test_command(exported, tmp_path):
    command = ["generate", str(exported), str(tmp_path / "set"), "--count", "20", "--labels", "1,2", "--seed", "4"]
    assert cli.main(command) == 0
    labels = [label for _, label in read_records(tmp_path / "set").values()]
    assert sorted(labels) == [1] * 10 + [2] * 10
