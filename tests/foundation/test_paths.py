import os
from pathlib import Path

import pytest

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.paths import expand_home, local_path

ADDRESSES = [
    "gs://bucket/data",
    "s3://bucket",
    "S3A://b/c",
    "hdfs://host/x",
    "file:///data",
    "https://host/x.zip",
    "gs:/b",
]


@pytest.mark.parametrize("path", ["data/digits", "/data", ".", "a:b", "C:/data", "x/gs://y", "", "a b", "été"])
def test_local_paths_are_left_as_they_are(path):
    assert local_path(path) == local_path(Path(path)) == Path(path)
    assert expand_home(path) == path


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_are_refused(address):
    for path in (address, Path(address)):
        with pytest.raises(UserError, match="one of this machine's file system"):
            local_path(path)


def test_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert local_path("~/data") == local_path(Path("~/data")) == tmp_path / "data"
    assert expand_home("~/data/") == str(tmp_path / "data") and local_path("~") == tmp_path
    assert local_path("a~/b") == Path("a~/b")
    with pytest.raises(UserError, match="home directory in '~nobody-here/x'"):
        local_path("~nobody-here/x")


def test_addresses_reach_no_part_of_the_suite(tmp_path, monkeypatch):
    """Whoever takes a path refuses an address before it works, and makes no directory of that name."""
    import numpy as np

    import tfgan_suite as tg
    from tfgan_suite.release.pipeline_config import PipelineConfig

    monkeypatch.chdir(tmp_path)
    images = np.zeros([4, 8, 8, 3], "uint8")
    section = {"source": "digits", "directory": "data"}
    content = {
        "name": "a",
        "root": "r",
        "data": section,
        "train": {"preset": "dcgan"},
        "gate": {"thresholds": {"fid": 1}},
    }
    address = "gs://bucket/x"
    calls = [
        lambda: tg.prepare_dataset(images, address),
        lambda: tg.prepare_dataset(address, "out", image_size=8),
        lambda: tg.prepare_dataset(f"tfds:{address}", "out"),
        lambda: tg.generate_dataset("saved_models/a", address, 1),
        lambda: tg.load_dataset(address, batch_size=1),
        lambda: tg.DatasetInfo.load(Path(address)),
        lambda: tg.PreparedSet.open(address),
        lambda: tg.TrainConfig(address, "runs/a"),
        lambda: tg.TrainConfig("data", address),
        lambda: tg.load_model(address),
        lambda: tg.export_saved_model(None, address),
        lambda: tg.evaluate(address, images),
        lambda: tg.evaluate(Path(address), images),
        lambda: tg.evaluate(images, address),
        lambda: tg.evaluate(images, Path(address)),
        lambda: PipelineConfig.from_dict({**content, "root": address}),
        lambda: PipelineConfig.from_dict({**content, "data": {**section, "directory": address}}),
        lambda: PipelineConfig.from_dict({**content, "push": {"directory": address}}),
        lambda: PipelineConfig.load(address),
    ]
    for call in calls:
        with pytest.raises(UserError):
            call()
    assert os.listdir(tmp_path) == []
