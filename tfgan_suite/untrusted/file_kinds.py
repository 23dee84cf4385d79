"""Identifies a file by its first bytes, for errors about a file of an unexpected kind."""

import zipfile
from pathlib import Path

from tfgan_suite.foundation.small_files import DAMAGES

_WEB_PAGE = (
    "a web page, not a checkpoint: the download returned a page about the file, or one that asks for a click or a "
    "password. Download the file itself"
)
_BEGINNINGS = (
    (b"\x1f\x8b", "a gzip archive. Unpack it first (tar -xzf, or gunzip)"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a single NumPy array (.npy)"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself. Download the file with `git lfs pull`"),
)


def describe_file(path: str | Path) -> str:
    """Describes what a file looks like, as the end of a sentence "X is ...".

    Example:

    >>> describe_file("G_ema.pth")
    'a web page, not a checkpoint: the download returned a page about the file, ...'
    """
    path = Path(path)
    if path.is_dir():
        return "a directory"
    if not path.is_file():
        return "missing"
    with open(path, "rb") as file:
        beginning = file.read(1024)
    if not beginning:
        return "empty: the download failed"
    text = beginning.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<!--")):
        return _WEB_PAGE
    for start, description in _BEGINNINGS:
        if beginning.startswith(start):
            return description
    if beginning.startswith(b"PK"):
        return _describe_zip(path)
    if beginning[:1] == b"\x80" and beginning[1:2] in b"\x02\x03\x04\x05":
        return "a pickle"
    return "of an unknown kind: its first bytes are " + repr(beginning[:16])[1:]


def is_cut_zip(path: str | Path) -> bool:
    """Returns whether a file starts like a zip archive but has no end of one, because the rest of it is missing."""
    with open(path, "rb") as file:
        beginning = file.read(4)
    return beginning == b"PK\x03\x04" and not zipfile.is_zipfile(path)


def _describe_zip(path: Path) -> str:
    if is_cut_zip(path):
        return "a truncated zip archive: the download did not finish. Download it again"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except DAMAGES as error:
        return f"a damaged zip archive ({error}). Download it again"
    if any(name.endswith("/data.pkl") for name in names):
        return "a PyTorch checkpoint"
    if names and all(name.endswith(".npy") for name in names):
        return "NumPy arrays (.npz)"
    return f"a zip archive that contains {', '.join(map(repr, names[:3])) or 'nothing'}. Unpack it first"
