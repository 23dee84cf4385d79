"""Examples of a kind that the package does not know are prepared, described, loaded and trained on like images."""

import io
import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from tests.specs.waves import COUNT, SPEC, WaveModel, WaveSource, WaveSpec, wave
from tfgan_suite.commands import cli
from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.data.loader import load_dataset, read_split
from tfgan_suite.data.prepared_set import PreparedSet
from tfgan_suite.data.sources.array_source import ArraySource
from tfgan_suite.data.sources.open_source import register_source
from tfgan_suite.exports.saved_model import export_saved_model
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.preprocessing.generate_dataset import generate_dataset
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset
from tfgan_suite.release.data_schema import DataSchema, count_suspicious

CACHES = pytest.mark.parametrize("cache", [True, False], ids=["memory", "disk"])


def prepare(output_dir, source=None, **settings):
    settings = {"num_shards": 3, "max_refused_fraction": 0.1, "progress": False, **settings}
    return prepare_dataset(source or WaveSource(), output_dir, **settings)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp("waves") / "set"
    prepare(directory)
    return directory


def read(directory, num_batches=None, **options):
    """Edge values and labels of a stream."""
    _, dataset = load_dataset(directory, **options)
    batches = list(dataset.take(num_batches) if num_batches else dataset)
    waves, labels = (np.concatenate([part.numpy() for part in parts]) for parts in zip(*batches, strict=True))
    assert waves.dtype == np.float32 and np.abs(waves).max() < 0.1
    return np.round(waves * 32767).astype(np.int16), labels


def test_it_is_described(directory):
    info = DatasetInfo.load(directory)
    assert info.spec == SPEC and info.spec.rate == 8000 and info.spec.describe() == "16"
    assert info.num_examples == COUNT and info.class_names == ("even", "odd") and info.license == "CC0"
    assert [example.reason for example in info.refused.examples] == ["empty_text"]
    assert info.compression == "GZIP" and info.processing == {} and info.pyramid_shapes == []
    content = json.loads((directory / "dataset_info.json").read_text())
    assert content["example"] == {"kind": "wave", "shape": [16], "rate": 8000} and content["format_version"] == 2
    assert content["settings"]["example"] == content["example"] and "crop" not in content["settings"]
    with pytest.raises(AttributeError, match="'waves' holds waves: it has `spec.shape`"):
        _ = info.image_shape


def test_records_hold_what_it_encodes(directory):
    info = DatasetInfo.load(directory)
    paths = [str(directory / shard.name) for shard in info.splits["train"].shards]
    features = tf.train.Example.FromString(next(iter(tf.data.TFRecordDataset(paths, "GZIP"))).numpy()).features.feature
    assert sorted(features) == ["label", "wave/differences", "wave/rate", "wave/source"]
    assert features["wave/rate"].int64_list.value == [8000]


@CACHES
def test_values_and_labels_come_back(directory, cache):
    waves, labels = read(directory, batch_size=COUNT, shuffle=False, repeat=False, cache=cache)
    for samples, label in zip(waves, labels, strict=True):
        np.testing.assert_array_equal(samples, wave(samples[0]))
        assert label == samples[0] % 2
    assert sorted(waves[:, 0]) == list(range(COUNT))


def test_edge_values_and_sources_are_read_in_the_order_on_disk(directory):
    (waves, labels, sources), *others = read_split(directory)
    assert not others and waves.dtype == np.int16 and sources == [f"wave {number}" for number in waves[:, 0]]
    expected, _ = read(directory, batch_size=COUNT, shuffle=False, repeat=False)
    np.testing.assert_array_equal(waves, expected)


@CACHES
def test_shuffled_and_resumed(directory, cache):
    waves, labels = read(directory, 16, batch_size=10, cache=cache, seed=3)
    for epoch in waves[:, 0].reshape(4, COUNT):
        assert sorted(epoch) == list(range(COUNT))
    assert len({tuple(epoch) for epoch in waves[:, 0].reshape(4, COUNT)}) == 4
    for start in (7, 40, 95):
        rest, rest_labels = read(directory, 5, batch_size=10, cache=cache, seed=3, start_image=start)
        np.testing.assert_array_equal(rest, waves[start : start + 50])
        np.testing.assert_array_equal(rest_labels, labels[start : start + 50])


def test_suspicious_ones_are_reported(directory):
    assert count_suspicious(directory) == {"silent": 1}
    schema = DataSchema.infer(DatasetInfo.load(directory))
    assert DataSchema.from_json(schema.to_json()) == schema
    unusable, suspicious = schema.find_anomalies(PreparedSet.open(directory))
    assert unusable == "Unusable inputs: 1 of 41 were set aside (1 empty_text); expected at most 1.00%."
    assert suspicious == "Suspicious waves: 1 of 40 (1 silent); expected at most 0.10%."


def test_bytes_do_not_depend_on_the_runner_and_the_same_call_does_nothing(directory, tmp_path, capfd):
    prepare(tmp_path / "other", runner="BundleBasedDirectRunner")
    for path in directory.iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()
    prepare(directory, progress=True)
    assert "already prepared (40 waves): nothing to do" in capfd.readouterr().err
    with pytest.raises(UserError, match="limit was None, now 5"):
        prepare(directory, limit=5)


def test_arrays_with_a_spec(tmp_path):
    waves = np.stack([wave(number) for number in [*range(10), 3]])
    source = ArraySource(waves, np.arange(11) % 2, name="ten", spec=SPEC)
    info = prepare(tmp_path / "set", source, splits={"train": 0.5, "test": 0.5}, max_refused_fraction=0.5)
    assert info.refused.reasons == {"conflicting_labels": 2} and info.num_examples == 9
    found = np.concatenate([read_split_all(tmp_path / "set", split) for split in ("train", "test")])
    np.testing.assert_array_equal(found[np.argsort(found[:, 0])], np.delete(waves, [3, 10], axis=0))
    with pytest.raises(UserError, match=r"must be int16 of shape \['count', 16\].*Received: dtype=int32"):
        ArraySource(waves.astype(np.int32), spec=SPEC)


def read_split_all(directory, split):
    return np.concatenate([examples for examples, _, _ in read_split(directory, split)])


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"pyramid": True}, "`pyramid` is for images, and 'waves' holds waves"),
        ({"image_size": 16}, "`image_size` is for images, and 'waves' holds waves"),
        ({"encoding": "png"}, "`encoding` is for images, and 'waves' holds waves"),
        ({"format": {"crop": "pad"}}, "`crop` is for images, and 'waves' holds waves"),
    ],
)
def test_what_belongs_to_images_is_refused_when_preparing(tmp_path, settings, message):
    with pytest.raises(UserError, match=message):
        prepare(tmp_path / "set", **settings)


@pytest.mark.parametrize("option", [{"horizontal_flip": True}, {"image_size": 8}])
def test_what_belongs_to_images_is_refused_when_loading(directory, option):
    with pytest.raises(UserError, match=f"`{next(iter(option))}` is for images, and .* holds waves: leave it out"):
        load_dataset(directory, **option)


def test_a_set_of_an_unknown_kind_says_what_to_import(directory):
    script = "import sys; from tfgan_suite.data.dataset_info import DatasetInfo; DatasetInfo.load(sys.argv[1])"
    result = subprocess.run([sys.executable, "-c", script, str(directory)], capture_output=True, text=True)
    assert "Unknown kind of example 'wave'" in result.stderr and "Import the module" in result.stderr


def test_prepared_by_its_name_on_the_command_line(tmp_path, capfd):
    register_source("waves", lambda count="20": WaveSource(int(count)))
    command = ["prepare", "waves:12", str(tmp_path / "set"), "--max-refused-fraction", "0.1"]
    assert cli.main(command) == 0 and DatasetInfo.load(tmp_path / "set").num_examples == 12
    assert cli.main([*command, "--encoding", "webp"]) != 0
    assert "`encoding` is for images" in capfd.readouterr().err


def test_a_model_of_it_trains(directory):
    info, dataset = load_dataset(directory, batch_size=10)
    model = WaveModel(info.spec.shape)
    assert model.spec.matches(info.spec) and not model.spec.matches(WaveSpec([8]))
    model.compile()
    before = model.mean.get_weights()
    history = model.fit(dataset, steps_per_epoch=2, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all() and int(model.examples_seen.numpy()) == 20
    assert not np.array_equal(model.mean.get_weights()[0], before[0])
    waves = model.sample(3, seed=0)
    assert waves.shape == (3, 16) and waves.dtype == tf.int16


def test_sets_and_zips_are_generated_from_an_exported_model(directory, tmp_path):
    model = WaveModel()
    model.mean.set_weights([np.linspace(-1, 1, 16)[np.newaxis], np.zeros(16)])
    known = DatasetInfo.load(directory)
    exported = export_saved_model(model, tmp_path / "saved_models" / "waves", max_count=8, dataset_info=known)
    with pytest.raises(
        UserError, match=r"training data: waves \(8,\), None classes. Received: waves \(16,\), 2 classes"
    ):
        export_saved_model(WaveModel([8]), tmp_path / "saved_models" / "short", dataset_info=known)
    info = generate_dataset(exported, tmp_path / "set", 5, progress=False)
    assert info.spec == SPEC and info.num_examples == 5 and info.source["kind"] == "generated"
    ((waves, _, _),) = read_split(tmp_path / "set")
    np.testing.assert_array_equal(waves, model.sample(5, seed=0))
    generate_dataset(exported, tmp_path / "waves.zip", 2, progress=False)
    with zipfile.ZipFile(tmp_path / "waves.zip") as file:
        assert sorted(file.namelist()) == ["00000000.npy", "00000001.npy"]
        np.testing.assert_array_equal(np.load(io.BytesIO(file.read("00000001.npy"))), waves[0])
    with pytest.raises(UserError, match="has no sampling option `truncation`"):
        generate_dataset(exported, tmp_path / "other", 2, truncation=0.5)
    with pytest.raises(UserError, match="`encoding` is for images, and 'waves' holds waves"):
        generate_dataset(exported, tmp_path / "other", 2, encoding="png")
