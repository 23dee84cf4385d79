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
