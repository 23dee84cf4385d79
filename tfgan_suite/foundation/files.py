"""The one place where files are written: whole or not at all, one process a directory; and hashes of their contents."""

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.terminal import printable

# A full disk, a full quota, a limit on the size of files. TensorFlow's own writers have these words alone.
_FULL = {number: os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)}
# Of file systems that know no locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)
# What a directory is called while another takes its place.
_ASIDE = ".replaced-"


class WriteError(UserError, OSError):
    """A file could not be written, for lack of space or of permission. What was there before is still there.

    Attributes:
        errno: Integer, as in `OSError`.
        strerror: String, likewise.
        filename: String. The file or directory.
    """

    def __init__(self, number, reason, path):
        OSError.__init__(self, number, reason, str(path))

    def __str__(self):
        advice = "Free space" if self.errno in _FULL else "Make it writable, or choose another place"
        return printable(
            f"Cannot write {self.filename}: {self.strerror}. What was there before is unchanged. {advice}, then run the same "
            "command again."
        )


@contextlib.contextmanager
def writing(path: str | os.PathLike) -> Iterator[None]:
    """Turns failures to write within the block into a `WriteError`, one sentence with the path.

    Args:
        path: String or path. What is written, where the failure itself does not say it.
    """
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        raise WriteError(error.errno, error.strerror or str(error), path) from error
    except Exception as error:
        full = [number for number, reason in _FULL.items() if reason in str(error)]
        if not full:
            raise
        raise WriteError(full[0], _FULL[full[0]], path) from error


def write_atomically(path: str | os.PathLike, content: bytes | str) -> None:
    """Writes a file by writing a temporary one, flushing it to disk, and renaming it.

    If the process is killed or the disk is full, either the old or the new file remains, never a partial one.

    Args:
        path: String or path. The file to write; its directory must exist.
        content: Bytes, or a string that is written as UTF-8. File names that are not valid UTF-8 are written unchanged.

    Raises:
        WriteError: The file cannot be written.
    """
    with replaced_whole(path) as temporary:
        temporary.write_bytes(_encoded(content))


@contextlib.contextmanager
def replaced_whole(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a temporary path to write a file to; at the end of the block it is flushed and takes the file's place.

    Args:
        path: String or path. The file to write; its directory must exist.

    Raises:
        WriteError: The file cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with writing(path):
        try:
            yield temporary
            flush(temporary)
            os.replace(temporary, path)
        finally:
            with contextlib.suppress(OSError):  # Where nothing could be written there is nothing to remove.
                temporary.unlink(missing_ok=True)


def append_line(path: str | os.PathLike, line: str) -> None:
    """Adds a line to a file: whole, or, on a full disk, not at all. A line that a kill cut short is ended first.

    Args:
        path: String or path. The file; it is created if it does not exist.
        line: String, without the end of a line.

    Raises:
        WriteError: The file cannot be written.
    """
    with writing(path), open(path, "ab+", buffering=0) as file:
        size_bytes = file.seek(0, os.SEEK_END)
        file.seek(max(0, size_bytes - 1))
        torn = file.read(1) not in (b"", b"\n")
        try:
            left = memoryview((b"\n" if torn else b"") + _encoded(line) + b"\n")
            while left:  # Unbuffered: closing the file must not write what is taken back.
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        except OSError:
            os.truncate(path, size_bytes)
            raise


def _encoded(content: bytes | str) -> bytes:
    return content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content


def flush(path: str | os.PathLike) -> None:
    """Waits until a file, or the names in a directory, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_all(directory: Path) -> None:
    """Waits until all that is in a directory is on the disk."""
    for path in directory.rglob("*"):
        flush(path)
    flush(directory)


# === One process a directory ===


class Lock:
    """A lock that one process holds, or one call in it. It ends with the process, however that ends.

    Args:
        path: String or path. The lock's file, in a directory that exists. It is there only as long as the lock is held.
        refusal: String. What the error says where another holds the lock.

    Raises:
        UserError: Another holds the lock.
        WriteError: The file cannot be written.

    Example:

    >>> with Lock("runs/digits/.lock", "Another process trains the run in runs/digits."):
    ...     train()
    """

    def __init__(self, path: str | os.PathLike, refusal: str):
        self._path = Path(path)
        while True:
            with writing(path):
                self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            if not _try_to_lock(self._descriptor):
                os.close(self._descriptor)
                raise UserError(refusal)
            with contextlib.suppress(FileNotFoundError):
                if os.stat(path).st_ino == os.fstat(self._descriptor).st_ino:
                    return
            os.close(self._descriptor)  # Released, and its file removed, between the opening and the locking.

    def release(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def __enter__(self) -> "Lock":
        return self

    def __exit__(self, *_) -> None:
        self.release()


def _try_to_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


@contextlib.contextmanager
def directory_in_the_making(parent: str | os.PathLike, prefix: str) -> Iterator[Path]:
    """Yields a new directory to be filled and renamed; it is removed at the end, and so is what killed processes left.

    The directory is locked as long as it is in the making: one that nobody holds is left from a process that was killed.

    Args:
        parent: String or path. The directory to make it in.
        prefix: String. The beginning of its name, which nothing else in `parent` has.

    Raises:
        WriteError: It cannot be written.
    """
    parent = Path(parent)
    with writing(parent):
        parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(parent, prefix)
        directory, descriptor = _make_locked(parent, prefix)
    try:
        with writing(directory):
            yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(descriptor)


def _make_locked(parent: Path, prefix: str) -> tuple[Path, int]:
    while True:
        directory = parent / f"{prefix}{uuid.uuid4().hex[:8]}"
        directory.mkdir()
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(directory, os.O_RDONLY)
            # Another process may have taken it for abandoned before it was locked.
            if _try_to_lock(descriptor) and directory.exists():
                return directory, descriptor
            os.close(descriptor)


def _remove_abandoned(parent: Path, prefix: str) -> None:
    for leftover in [path for path in parent.iterdir() if path.name.startswith(prefix)]:
        with contextlib.suppress(OSError):
            descriptor = os.open(leftover, os.O_RDONLY)
            try:
                if _try_to_lock(descriptor):
                    shutil.rmtree(leftover)
            finally:
                os.close(descriptor)


def replace_directory(new: Path, path: Path) -> None:
    """Puts a directory in the place of another, which takes the first one's name: nobody ever sees none.

    Where the system cannot exchange two names, the old one is called `.replaced-NAME` for a moment, and
    `restore_replaced` gives it back after a kill in that moment.

    Args:
        new: Path. The directory, whole, on the same file system.
        path: Path. The directory that it replaces.
    """
    if _exchange(new, path):
        return
    aside = path.with_name(f"{_ASIDE}{path.name}")
    shutil.rmtree(aside, ignore_errors=True)
    path.rename(aside)
    try:
        new.rename(path)
    except OSError:
        aside.rename(path)
        raise
    aside.rename(new)


def restore_replaced(parent: Path) -> None:
    """Gives directories their names back that a kill within `replace_directory` has left without."""
    asides = [path for path in parent.iterdir() if path.name.startswith(_ASIDE)] if parent.is_dir() else []
    for aside in asides:
        path = parent / aside.name.removeprefix(_ASIDE)
        shutil.rmtree(aside, ignore_errors=True) if path.exists() else aside.rename(path)


def _exchange(one: Path, other: Path) -> bool:
    """Exchanges the names of two directories in one step; `False` where the system has none for it."""
    library = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    if hasattr(library, "renameat2"):
        here = -100  # AT_FDCWD: relative to the working directory.
        return library.renameat2(here, names[0], here, names[1], 2) == 0  # RENAME_EXCHANGE
    if hasattr(library, "renamex_np"):
        return library.renamex_np(*names, 2) == 0  # RENAME_SWAP
    return False


# === Hashes ===


def file_sha256(path: str | os.PathLike) -> str:
    """Returns the SHA-256 of a file in hex. The file is read in chunks."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
