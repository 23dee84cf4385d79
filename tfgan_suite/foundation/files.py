"""Atomic writes, and hashes that identify a file's contents."""

import hashlib
import os
from pathlib import Path


def write_atomically(path: str | os.PathLike, content: bytes | str) -> None:
    """Writes a file by writing a temporary one, flushing it to disk, and renaming it.

    If the process is killed, either the old or the new file remains, never a partial one.

    Args:
        path: String or path. The file to write; its directory must exist.
        content: Bytes, or a string that is written as UTF-8. File names that are not valid UTF-8 are written unchanged.
    """
    path = Path(path)
    if isinstance(content, str):
        content = content.encode("utf-8", "surrogateescape")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def file_sha256(path: str | os.PathLike) -> str:
    """Returns the SHA-256 of a file in hex. The file is read in chunks."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
