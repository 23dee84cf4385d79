import logging

import numpy as np
import pytest

from tfgan_suite.metrics.protocol.cache import ArrayCache, cache_directory

ARRAYS = {"mean": np.arange(3.0), "count": np.array(7)}


def test_arrays_come_back_under_their_key_only(tmp_path):
    cache = ArrayCache("kind", tmp_path / "new" / "place")
    assert cache.read({"a": 1}) is None
    cache.write({"a": 1, "b": [2]}, ARRAYS)
    read = cache.read({"b": [2], "a": 1})
    assert set(read) == set(ARRAYS) and read["count"] == 7
    np.testing.assert_array_equal(read["mean"], ARRAYS["mean"])
    assert (
        cache.read({"a": 1}) is None
        and ArrayCache("other", tmp_path / "new" / "place").read({"a": 1, "b": [2]}) is None
    )


@pytest.mark.parametrize("damage", [b"", b"not a zip", None])
def test_damaged_files_are_reported_and_treated_as_absent(tmp_path, caplog, damage):
    cache = ArrayCache("kind", tmp_path)
    cache.write({"a": 1}, ARRAYS)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-30] if damage is None else damage)
    with caplog.at_level(logging.WARNING):
        assert cache.read({"a": 1}) is None
    assert "is not a file of the cache" in caplog.text
    cache.write({"a": 1}, ARRAYS)
    assert cache.read({"a": 1})["count"] == 7


def test_a_file_of_another_key_is_not_used(tmp_path, caplog):
    cache = ArrayCache("kind", tmp_path)
    cache.write({"a": 1}, ARRAYS)
    (first,) = tmp_path.iterdir()
    cache.write({"a": 2}, ARRAYS)
    (second,) = set(tmp_path.iterdir()) - {first}
    second.write_bytes(first.read_bytes())
    assert cache.read({"a": 2}) is None
    assert "belongs to something else" in caplog.text


def test_a_place_that_cannot_be_written_costs_no_result(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    ArrayCache("kind", tmp_path / "file" / "cache").write({"a": 1}, ARRAYS)
    assert "Could not write" in caplog.text


def test_where_the_cache_lies(monkeypatch, tmp_path):
    monkeypatch.setenv("TFGAN_SUITE_CACHE", str(tmp_path / "chosen"))
    assert cache_directory() == tmp_path / "chosen"
    monkeypatch.delenv("TFGAN_SUITE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_directory() == tmp_path / "xdg" / "tfgan-suite"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_directory() == tmp_path / ".cache" / "tfgan-suite"
