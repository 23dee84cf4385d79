import hashlib
import os
import resource
import signal
import subprocess
import sys

import pytest

from tfgan_suite.foundation import files
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import (
    Lock,
    WriteError,
    append_line,
    directory_in_the_making,
    file_sha256,
    replace_directory,
    restore_replaced,
    write_atomically,
)


def test_writes_bytes_and_text(tmp_path):
    write_atomically(tmp_path / "a", b"\x00\xff")
    assert (tmp_path / "a").read_bytes() == b"\x00\xff"
    write_atomically(tmp_path / "a", "é\udcff")  # A name that is no UTF-8 comes back as the bytes that it was.
    assert (tmp_path / "a").read_bytes() == "é".encode() + b"\xff"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    write_atomically(tmp_path / "a", "old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_sha256(tmp_path):
    content = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(content)
    assert file_sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()


@pytest.fixture
def small_disk(monkeypatch):
    """A limit of 100 bytes on files stands for a full disk."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_is_one_sentence_and_loses_nothing(tmp_path, small_disk):
    write_atomically(tmp_path / "a", "old")
    with pytest.raises(
        WriteError, match="Cannot write .*a: File too large. What was there before is unchanged. Free space"
    ):
        write_atomically(tmp_path / "a", "x" * 200)
    append_line(tmp_path / "a", "line")
    with pytest.raises(UserError, match="File too large"):
        append_line(tmp_path / "a", "y" * 200)
    assert (tmp_path / "a").read_text() == "old\nline\n" and os.listdir(tmp_path) == ["a"]


def test_a_lock_keeps_other_processes_out_and_ends_with_its_own(tmp_path):
    program = f"""
import os, sys
from tfgan_suite.foundation.files import Lock
lock = Lock({str(tmp_path / "lock")!r}, "Taken.")
print("held", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match="Taken"):
            Lock(tmp_path / "lock", "Taken.")
        holder.kill()
    with Lock(tmp_path / "lock", "Taken."), pytest.raises(UserError, match="Taken"):
        Lock(tmp_path / "lock", "Taken.")
    assert os.listdir(tmp_path) == []


def test_what_killed_processes_left_is_removed_and_what_others_make_is_not(tmp_path):
    (tmp_path / ".making-left").mkdir()
    with directory_in_the_making(tmp_path, ".making-") as first:
        with directory_in_the_making(tmp_path, ".making-") as second:
            assert {first, second} == set(tmp_path.iterdir())
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_directory_is_replaced(tmp_path, monkeypatch, exchanges):
    if not exchanges:
        monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    replace_directory(tmp_path / "new", tmp_path / "old")
    assert os.listdir(tmp_path / "old") == ["new"] and os.listdir(tmp_path / "new") == ["old"]


def test_a_kill_while_a_directory_is_replaced_is_mended(tmp_path):
    (tmp_path / ".replaced-1").mkdir()
    restore_replaced(tmp_path)
    assert os.listdir(tmp_path) == ["1"]
