"""Files of one kind, such as images, in a directory or a zip archive. `file_labels.py` finds their labels."""

import functools
import hashlib
import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from tfgan_suite.data.dataset_info import RefusedExample
from tfgan_suite.data.file_kinds import IMAGES, SIGNATURE_BYTES, FileKind
from tfgan_suite.data.image_files import MAX_SOURCE_BYTES
from tfgan_suite.data.sources.file_labels import label_files_of
from tfgan_suite.data.sources.source import Source, SourceItem, SourceListing, SourceReader
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.example_refused import ExampleRefused
from tfgan_suite.foundation.paths import local_path

# Files that usually lie next to others. Of anything else without a suffix of its kind, the content decides.
SIDE_SUFFIXES = (
    ".txt",
    ".md",
    ".csv",
    ".tsv",
    ".json",
    ".jsonl",
    ".xml",
    ".html",
    ".htm",
    ".yaml",
    ".yml",
    ".ini",
    ".log",
)
SIDE_NAMES = ("thumbs.db", "license", "licence", "readme", "checksums", "sha256sums")
# Where systems keep thumbnails, deleted files and the like: macOS, Synology, Windows, Linux.
SYSTEM_FOLDERS = (
    "__macosx",
    "@eadir",
    "@tmp",
    "#recycle",
    "#snapshot",
    "$recycle.bin",
    "system volume information",
    "lost+found",
)


class _FileSource(Source):
    """What folders and zip archives share: sorting out files, labels, samples.

    Args:
        path: String or path.
        files: `FileKind`. What the files are.
        group: Function that makes examples of files, where one may be of several: of a dict of name to address to another
            such dict, and a list of `RefusedExample`. By default each file is an example.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        files: FileKind = IMAGES,
        group: Callable[[dict], tuple[dict, list[RefusedExample]]] | None = None,
    ):
        self.path = local_path(path)
        self.files = files
        self._group = group
        self.name = self.path.resolve().stem or files.several

    def list_items(self, use_labels, limit):
        """Lists by relative path. With a limit, takes a sample by the hash of the path."""
        addresses, others, refused = {}, {}, []
        for raw_name, address in self._walk():
            name = printable(raw_name)
            reason = address if isinstance(address, ExampleRefused) else self._side_file(name, address)
            if reason is None and name in addresses:
                reason = ExampleRefused("repeated_name", "Another file's name is shown in the same way.")
            if reason is None:
                addresses[name] = address
                continue
            refused.append(RefusedExample(name, reason.reason, reason.message))
            if reason.reason == "side_file":
                others[name] = address
        if self._group is not None:
            addresses, left_out = self._group(addresses)
            refused += left_out
        found = label_files_of(
            sorted(addresses), list(others), lambda name: self._read_label_file(name, others[name]), use_labels
        )
        for image in found.refused:
            addresses.pop(image.source, None)
        names = sorted(addresses)
        if limit is not None:
            names = sorted(sorted(names, key=_name_hash)[:limit])
        items = [SourceItem(name, found.labels.get(name), addresses[name]) for name in names]
        refused = sorted([*refused, *found.refused], key=lambda image: image.source)
        return SourceListing(items, refused, found.class_names, found.origin, found.notes)

    def _read_label_file(self, name: str, address) -> bytes:
        try:
            content = self._read_bytes(address, MAX_SOURCE_BYTES + 1)
        except (OSError, ExampleRefused) as error:
            raise UserError(f"{name} cannot be read: {error}") from error
        if len(content) > MAX_SOURCE_BYTES:
            raise UserError(f"{name} must be at most {MAX_SOURCE_BYTES // 2**20} MiB, as every file.")
        return content

    def _side_file(self, name: str, address) -> ExampleRefused | None:
        """Sorts out files that are not meant to be examples."""
        files = self.files
        parts = name.split("/")
        if any(_is_hidden(part) for part in parts if part != "."):
            return ExampleRefused("hidden_file", "A hidden file.")
        suffix = os.path.splitext(parts[-1])[1].lower()
        if suffix in SIDE_SUFFIXES or parts[-1].lower() in SIDE_NAMES:
            return ExampleRefused("side_file", f"A file of another kind next to the {files.several}.")
        if suffix in files.suffixes or suffix in files.other_suffixes:
            return None
        try:
            start = self._read_bytes(address, SIGNATURE_BYTES)
        except (OSError, ExampleRefused):
            return None  # The reader will say why.
        return (
            None
            if files.signatures.match(start)
            else ExampleRefused("side_file", f"Neither named as {files.one} nor one.")
        )

    def every_file(self) -> Iterator[tuple[str, object]]:
        """Yields (name as it is shown, address or `ExampleRefused`) of all files, whatever they are, in the order of names."""
        for raw_name, address in sorted(self._walk(), key=lambda pair: pair[0]):
            if any(_is_hidden(part) for part in raw_name.split("/") if part != "."):
                address = ExampleRefused("hidden_file", "A hidden file.")
            yield printable(raw_name), address

    def empty_folders(self) -> list[str]:
        """Names of the folders that hold nothing at all, in order."""
        raise NotImplementedError

    def _walk(self) -> Iterator[tuple[str, object]]:
        """Yields (relative path with slashes, address or the reason why it cannot be read)."""
        raise NotImplementedError

    def _read_bytes(self, address, count: int) -> bytes:
        """Up to `count` bytes from the beginning of a file."""
        raise NotImplementedError


class FolderSource(_FileSource):
    """Files of one kind below a directory, by default images.

    Symbolic links to files and to directories elsewhere are followed; links back into the directory, or to one that
    holds it, are set aside.
    """

    kind = "folder"

    def _walk(self):
        root = Path(os.path.realpath(self.path))
        seen = {_identity(os.stat(root))}
        folders = [(root, "")]
        while folders:
            folder, prefix = folders.pop()
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError as error:
                yield (
                    prefix.rstrip("/") or ".",
                    ExampleRefused("unreadable", f"The directory cannot be read: {error.strerror}."),
                )
                continue
            for entry in entries:
                name = prefix + entry.name
                found = self._judge(entry, name, root, seen)
                if found is _DESCEND:
                    folders.append((Path(entry.path), name + "/"))
                else:
                    yield name, found

    def empty_folders(self):
        found = (Path(folder) for folder, folders, files in os.walk(self.path) if not folders and not files)
        return sorted(printable(folder.relative_to(self.path).as_posix()) for folder in found)

    def _judge(self, entry: os.DirEntry, name: str, root: Path, seen: set):
        """The path of a regular file, `_DESCEND`, or the reason why the entry is set aside."""
        try:
            status = entry.stat()  # Of the target, for a link.
        except OSError as error:
            reason = "broken_link" if entry.is_symlink() else "unreadable"
            return ExampleRefused(reason, f"Cannot be read: {error.strerror}.")
        if stat.S_ISREG(status.st_mode):
            return entry.path
        if not stat.S_ISDIR(status.st_mode):
            return ExampleRefused("not_a_file", "A device, pipe or socket, not a file.")
        if _is_hidden(entry.name):
            return ExampleRefused("hidden_file", "A hidden directory.")
        if entry.name.lower().endswith(self.files.suffixes):
            return ExampleRefused(
                "not_a_file", f"A directory with the name of {self.files.one}. Rename it to have its files read."
            )
        if entry.is_symlink():
            target = Path(os.path.realpath(entry.path))
            if target == root or root in target.parents or target in root.parents:
                return ExampleRefused(
                    "symlink_loop", f"A link to {str(target)!r}, which is read already or holds this folder."
                )
        if _identity(status) in seen:
            return ExampleRefused("symlink_loop", "A directory that is read already under another name.")
        seen.add(_identity(status))
        return _DESCEND

    def _read_bytes(self, address, count):
        with open(address, "rb") as file:
            return file.read(count)

    def fingerprint(self):
        """Stands for names, sizes and times of change: the files need not be read."""
        digest = hashlib.sha256()
        for name, address in sorted(self._walk(), key=lambda pair: pair[0]):
            if isinstance(address, ExampleRefused):
                line = f"{name}\0{address.reason}\n"
            else:
                status = os.stat(address)
                line = f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()[:16]

    def make_reader(self, work_dir, example_format):
        return FileReader()


_DESCEND = object()
_IS_UTF8 = 0x800  # The bit of a zip member's flags that says so of its name.


class FileReader(SourceReader):
    """Reads files by path."""

    def read(self, item):
        try:
            with open(item.address, "rb") as file:
                data = file.read(MAX_SOURCE_BYTES + 1)
        except OSError as error:
            raise ExampleRefused("unreadable", f"The file cannot be read: {error.strerror}.") from error
        return _check_length(data)


class ZipSource(_FileSource):
    """Files of one kind in a zip archive, by default images. They are read from it in place; nothing is ever unpacked to the disk."""

    kind = "zip"

    @functools.cached_property
    def _members(self) -> list[zipfile.ZipInfo]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                return archive.infolist()
        except UnicodeDecodeError as error:
            raise UserError(
                f"{str(self.path)!r} holds a name that is marked as UTF-8 and is not: {error.object!r}. Make the archive again, "
                "or unpack it and pass the directory."
            ) from error
        except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
            raise UserError(f"{str(self.path)!r} cannot be read as a zip archive: {error}.") from error

    def _walk(self):
        seen = set()
        for number, member in enumerate(self._members):
            name = _member_name(member)
            if name.endswith("/"):
                continue
            parts = PurePosixPath(name).parts
            if not name or name.startswith("/") or ".." in parts or ":" in (parts or ("",))[0]:
                yield name, ExampleRefused("unsafe_name", "An absolute path, or one that leads out of the archive.")
            elif name in seen:
                yield (
                    f"{name} (member {number})",
                    ExampleRefused("repeated_name", "An earlier member has the same name."),
                )
            elif member.flag_bits & 1:
                yield name, ExampleRefused("encrypted", "The member is encrypted.")
            else:
                yield name, number
            seen.add(name)

    def empty_folders(self):
        names = [_member_name(member) for member in self._members]
        used = {str(parent) for name in names for parent in PurePosixPath(name).parents}
        return sorted(
            printable(name.rstrip("/")) for name in names if name.endswith("/") and name.rstrip("/") not in used
        )

    def _read_bytes(self, address, count):
        return self._reader.read_start(address, count)

    @functools.cached_property
    def _reader(self) -> "ZipReader":
        return ZipReader(self.path)

    def fingerprint(self):
        """Stands for the members' names, sizes and checksums."""
        digest = hashlib.sha256()
        for member in self._members:
            digest.update(f"{member.filename}\0{member.file_size}\0{member.CRC}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()[:16]

    def make_reader(self, work_dir, example_format):
        return ZipReader(self.path.resolve())


class ZipReader(SourceReader):
    """Reads members of an archive by their number, at most `MAX_SOURCE_BYTES` of each whatever its header says."""

    def __init__(self, path: Path):
        self._path = str(path)
        self._archive = None

    def __getstate__(self):
        return {"_path": self._path, "_archive": None}

    def read(self, item):
        return _check_length(self.read_start(item.address, MAX_SOURCE_BYTES + 1))

    def read_start(self, number: int, count: int) -> bytes:
        """Up to `count` bytes from the beginning of a member."""
        if self._archive is None:
            self._archive = zipfile.ZipFile(self._path)
        try:
            with self._archive.open(self._archive.infolist()[number]) as file:
                return file.read(count)
        # Damaged members raise zlib.error, EOFError, BadZipFile, NotImplementedError (a method of compression), ...
        except Exception as error:
            raise ExampleRefused("unreadable", f"The member cannot be read from the archive: {error}") from error


def _member_name(member: zipfile.ZipInfo) -> str:
    """The name with slashes, of archives that Windows' tools made too, and in UTF-8 even where they do not say so."""
    name = member.filename
    if not member.flag_bits & _IS_UTF8:
        try:
            name = name.encode("cp437").decode("utf-8")  # Python took it for the code page of DOS.
        except UnicodeError:
            pass
    return name.replace("\\", "/")


def _check_length(data: bytes) -> bytes:
    if len(data) > MAX_SOURCE_BYTES:
        raise ExampleRefused("too_many_bytes", f"The file is larger than {MAX_SOURCE_BYTES // 2**20} MiB.")
    return data


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _is_hidden(part: str) -> bool:
    return part.startswith(".") or part.lower() in SYSTEM_FOLDERS


def printable(name: str) -> str:
    r"""A name with `\xe9` for each byte that is no UTF-8: it can be written anywhere. The address keeps the bytes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _name_hash(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
