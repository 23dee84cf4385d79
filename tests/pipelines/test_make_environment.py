"""Which TFX on which Python; needs no TFX."""

import pytest

from pipelines import make_environment


@pytest.mark.parametrize(
    "versions, glibc, expected",
    [
        ([(3, 11), (3, 10)], (2, 36), ("1.16", "python3.10")),
        ([(3, 13), (3, 10)], (2, 41), ("1.16", "python3.10")),
        ([(3, 11), (3, 13)], (2, 39), ("1.21", "python3.13")),
        ([(3, 11), (3, 13)], (2, 38), None),
        ([(3, 9), (3, 14)], (2, 41), None),
        ([(3, 10)], None, ("1.16", "python3.10")),
        ([(3, 11)], None, None),
    ],
)
def test_choice(versions, glibc, expected):
    interpreters = [(version, f"python{version[0]}.{version[1]}") for version in versions]
    assert make_environment.choose(interpreters, glibc) == expected


def test_a_broken_interpreter_is_left_out(monkeypatch, tmp_path):
    shim = tmp_path / "python3.10"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setattr(make_environment.shutil, "which", lambda name: str(shim) if name == shim.name else None)
    monkeypatch.setattr(make_environment.glob, "glob", lambda pattern: [])
    assert make_environment.find_interpreters() == []


def test_a_machine_without_any(monkeypatch, tmp_path):
    monkeypatch.setattr(make_environment, "find_interpreters", lambda: [((3, 12), "python3.12")])
    monkeypatch.setattr(make_environment, "glibc_version", lambda: (2, 36))
    with pytest.raises(SystemExit, match="needs Python 3.10.*Found: Python 3.12; glibc 2.36"):
        make_environment.make(str(tmp_path / "venv"))
    assert not (tmp_path / "venv").exists()
