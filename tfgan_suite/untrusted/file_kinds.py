"""What a file is, told by its first bytes: for errors about one that is not what was expected."""

import zipfile
from pathlib import Path

_WEB_PAGE = (
    "a web page, not a checkpoint: the download led to a page about the file, or to one that asks for a click or a "
    "password. Fetch the file itself"
)
_BEGINNINGS = (
    (b"\x1f\x8b", "a gzip archive. Unpack it first (tar -xzf, or gunzip)"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a single NumPy array (.npy)"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself. Fetch it with `git lfs pull`"),
)


def describe_file(path: str | Path) -> str:
    """What a file looks like, as the end of a sentence "X is ...".

    Example:

    >>> describe_file("G_ema.pth")
    'a web page, not a checkpoint: the download led to a page about the file, ...'
    """
    path = Path(path)
    if path.is_dir():
        return "a directory"
    if not path.is_file():
        return "not there"
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
    return "neither of these: its first bytes are " + repr(beginning[:16])[1:]


def is_cut_zip(path: str | Path) -> bool:
    """Whether a file begins as a zip archive and ends as none: the rest of it is missing."""
    with open(path, "rb") as file:
        beginning = file.read(4)
    return beginning == b"PK\x03\x04" and not zipfile.is_zipfile(path)


def _describe_zip(path: Path) -> str:
    if is_cut_zip(path):
        return "a zip archive that was cut off: the download did not finish. Fetch it again"
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith("/data.pkl") for name in names):
        return "a PyTorch checkpoint"
    if names and all(name.endswith(".npy") for name in names):
        return "NumPy arrays (.npz)"
    return f"a zip archive with {', '.join(map(repr, names[:3])) or 'nothing'} in it. Unpack it first"
