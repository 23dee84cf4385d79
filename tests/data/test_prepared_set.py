"""A set that is opened once and passed along."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.data.loader import load_dataset, read_split
from tfgan_suite.data.prepared_set import PreparedSet
from tfgan_suite.data.sources.array_source import ArraySource
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset
from tfgan_suite.specs.image_spec import ImageSpec

GOLDEN = Path(__file__).parents[1] / "golden" / "version_0_1" / "dataset"


def test_it_is_opened_and_checked_once(make_dataset, monkeypatch):
    calls = []
    load, check_sizes = DatasetInfo.load, DatasetInfo.check_sizes
    monkeypatch.setattr(DatasetInfo, "load", classmethod(lambda cls, path: calls.append("load") or load(path)))
    monkeypatch.setattr(
        DatasetInfo, "check_sizes", lambda self, *arguments: calls.append("check") or check_sizes(self, *arguments)
    )
    directory = make_dataset(50)
    opened = PreparedSet.open(directory)
    assert PreparedSet.open(opened) is opened and os.fspath(opened) == str(directory) == str(opened)
    streams = [load_dataset(opened, batch_size=10, cache=cache) for cache in (True, False)]
    assert len(list(read_split(opened))) == 1 and calls == ["load", "check"]
    (expected, _), (found, _) = (next(iter(load_dataset(one, batch_size=10)[1])) for one in (directory, opened))
    np.testing.assert_array_equal(found, expected)
    assert all(info.num_examples == 50 for info, _ in streams)


def test_levels_of_a_pyramid_are_opened_once(tmp_path, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, [20, 16, 16, 1], np.uint8)
    prepare_dataset(images, tmp_path / "set", pyramid=True, progress=False)
    opened = PreparedSet.open(tmp_path / "set")
    level, factor = opened.at(8)
    assert factor == 1 and level.directory == tmp_path / "set" / "pyramid" / "8" and opened.at(8)[0] is level
    assert opened.at(None) == opened.at(16) == (opened, 1)
    shutil.rmtree(tmp_path / "set" / "pyramid")
    assert opened.at(4) == (opened, 4)
    with pytest.raises(UserError, match="`image_size` must be one of 16, 8, 4, since .* are 16 x 16 pixels"):
        opened.at(5)


def test_an_empty_split_has_nothing_to_read(make_dataset):
    assert list(read_split(make_dataset(50), "empty")) == []
    with pytest.raises(UserError, match="Did you mean 'train'"):
        next(read_split(make_dataset(50), "trian"))


def test_a_set_of_version_0_1_is_read_and_known_again(tmp_path):
    """As prepared by version 0.1: images `i` of 48, label `i % 3`."""
    info = DatasetInfo.load(GOLDEN)
    assert info.spec == ImageSpec((8, 8, 1), "png", 95) and info.image_shape == (8, 8, 1)
    assert info.class_names == ("0", "1", "2") and info.num_classes == 3 and info.num_examples == 48
    assert info.processing == {"filter": "lanczos", "library": "Pillow 12.3.0"}
    assert info.license == "not stated by the source" and info.refused.examples == ()
    assert info.fingerprint == "165f167ec32d9f37"
    info.verify(GOLDEN)
    _, dataset = load_dataset(GOLDEN, batch_size=48, shuffle=False, repeat=False)
    ((images, labels),) = dataset
    assert images.shape == (48, 8, 8, 1) and np.bincount(labels).tolist() == [16] * 3
    ((edges, _, sources),) = read_split(GOLDEN)
    # Saved again it is of version 2, and prepared again from the same images it is known.
    shutil.copytree(GOLDEN, tmp_path / "set")
    info.save(tmp_path / "set")
    assert DatasetInfo.load(tmp_path / "set") == info
    rows = np.argsort([int(source.removeprefix("row ")) for source in sources])
    source = ArraySource(edges[rows], labels.numpy()[rows], name="source")
    for directory in (GOLDEN, tmp_path / "set"):
        before = {path.name: path.read_bytes() for path in directory.iterdir()}
        assert prepare_dataset(source, directory, name="source", progress=False) == info or pytest.fail(
            "prepared again"
        )
        assert {path.name: path.read_bytes() for path in directory.iterdir()} == before
