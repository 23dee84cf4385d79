"""YAML as people write it: numbers of YAML 1.2, and no entry that silently takes another's place."""

import math

import pytest

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.release.yaml_file import read_yaml

pytest.importorskip("yaml", reason="Needs the extra [pipeline].")


@pytest.fixture
def read(tmp_path):
    def read(text):
        (tmp_path / "file.yaml").write_text(text, encoding="utf-8")
        return read_yaml(tmp_path / "file.yaml")

    return read


@pytest.mark.parametrize(
    "text, value",
    [
        ("25e3", 25000.0),
        ("5e-2", 0.05),
        ("+2.5E+4", 25000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("250_000", 250000),
        ("-3", -3),
        ("0x1F", 31),
        ("-.inf", -math.inf),
        ("off", False),
        ("~", None),
        ("'25'", "25"),
        ("010", "010"),  # Neither eight nor ten.
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("e3", "e3"),
        ("1.2.3", "1.2.3"),
        ("[1, 2e1]", [1, 20.0]),
    ],
)
def test_values(read, text, value):
    found = read(f"a: {text}")["a"]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("text", ["a: 1\na: 2", "b:\n  a: 1\n  c: 2\n  a: 1", "{a: 1, a: 2}", "- {a: 1, 'a': 2}"])
def test_an_entry_that_stands_twice_is_refused(read, text):
    with pytest.raises(UserError, match="'a' stands twice.*line"):
        read(" \n" + text)


def test_an_entry_may_replace_one_that_is_merged(read):
    assert read("x: &x {a: 1, b: 1}\ny: {<<: *x, a: 2}")["y"] == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    "text", ["a: [", "a: b: c", "!!int x", "!!timestamp x", "!!python/object:os.x {}", "[" * 2000, "\0"]
)
def test_what_is_not_yaml(read, text):
    with pytest.raises(UserError, match="file.yaml' must be a YAML file"):
        read(text)
