"""Image files in a directory or a zip archive, and how they are labelled.

Labels come from, in this order:
1. `labels.csv` (columns `file` and `label`) or `dataset.json` (`{"labels": [["path", label], ...]}`) next to the images;
2. the first level of sub-folders, when there are two or more of them with files;
3. nothing: the set has no labels. (Folders that all images share are no labels.)
"""

import csv
import functools
import hashlib
import io
import json
import os
import stat
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tfgan_suite.data.dataset_info import RefusedExample
from tfgan_suite.data.example_refused import ExampleRefused
from tfgan_suite.data.images import MAX_SOURCE_BYTES, SUFFIXES
from tfgan_suite.data.sources.source import Source, SourceItem, SourceListing, SourceReader
from tfgan_suite.foundation.errors import UserError

LABEL_FILES = ("labels.csv", "dataset.json")
FILE_COLUMNS = ("file", "filename", "file_name", "path", "image")
LABEL_COLUMNS = ("label", "class", "class_name", "category")
# Files that usually lie next to images. Anything else without an image's suffix is tried, and refused by its content.
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


class _FileSource(Source):
    """What folders and zip archives share: sorting out files, labels, samples."""

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self.name = self.path.resolve().stem or "images"

    def list_items(self, use_labels, limit):
        """Lists by relative path. With a limit, takes a sample by the hash of the path."""
        addresses, refused, label_files = {}, [], {}
        for name, address in self._walk():
            reason = address if isinstance(address, ExampleRefused) else _side_file(name)
            if reason is None:
                addresses[name] = address
            else:
                refused.append(RefusedExample(name, reason.reason, reason.message))
            if PurePosixPath(name).name in LABEL_FILES and not isinstance(address, ExampleRefused):
                label_files[name] = address
        labels, class_names, unlabelled = {}, (), []
        if use_labels:
            labels, class_names, unlabelled = self._label(list(addresses), label_files)
        refused += unlabelled
        for image in unlabelled:
            addresses.pop(image.source, None)
        names = sorted(addresses)
        if limit is not None:
            names = sorted(sorted(names, key=_name_hash)[:limit])
        items = [SourceItem(name, labels.get(name), addresses[name]) for name in names]
        return SourceListing(items, sorted(refused, key=lambda image: image.source), class_names)

    def _label(
        self, names: list[str], label_files: dict
    ) -> tuple[dict[str, int], tuple[str, ...], list[RefusedExample]]:
        root = _common_folder(names)
        found = {}
        for name, address in label_files.items():
            folder = str(PurePosixPath(name).parent)
            if folder in (".", root):
                found[name] = address
        if len(found) > 1:
            raise UserError(f"Both {' and '.join(sorted(found))} state labels. Keep one of them.")
        if found:
            ((label_file, address),) = found.items()
            return _label_by_file(names, root, label_file, self._read_label_file(label_file, address))
        return _label_by_folder(names, root)

    def _read_label_file(self, name: str, address) -> dict[str, str | int]:
        text = self._read_bytes(address)
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise UserError(f"{name} must be UTF-8 text. Received: {error}") from error
        parse = _parse_labels_csv if name.endswith(".csv") else _parse_dataset_json
        return parse(name, text)

    def _walk(self) -> Iterator[tuple[str, object]]:
        """Yields (relative path with slashes, address or the reason why it cannot be read)."""
        raise NotImplementedError

    def _read_bytes(self, address) -> bytes:
        raise NotImplementedError


class FolderSource(_FileSource):
    """Image files below a directory.

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
        if entry.name.startswith("."):
            return ExampleRefused("hidden_file", "A hidden directory.")
        if entry.name.lower().endswith(SUFFIXES):
            return ExampleRefused("not_a_file", "A directory with an image's name. Rename it to have its files read.")
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

    def _read_bytes(self, address):
        return Path(address).read_bytes()

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
    """Image files in a zip archive. They are read from it in place; nothing is ever unpacked to the disk."""

    kind = "zip"

    @functools.cached_property
    def _members(self) -> list[zipfile.ZipInfo]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                return archive.infolist()
        except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
            raise UserError(f"{str(self.path)!r} cannot be read as a zip archive: {error}.") from error

    def _walk(self):
        seen = set()
        for number, member in enumerate(self._members):
            if member.is_dir():
                continue
            name = member.filename
            parts = PurePosixPath(name).parts
            if name.startswith("/") or ".." in parts or "\\" in name or ":" in (parts or ("",))[0]:
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

    def _read_bytes(self, address):
        return ZipReader(self.path).read(SourceItem("", None, address))

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
        if self._archive is None:
            self._archive = zipfile.ZipFile(self._path)
        try:
            with self._archive.open(self._archive.infolist()[item.address]) as file:
                data = file.read(MAX_SOURCE_BYTES + 1)
        # Damaged members raise zlib.error, EOFError, BadZipFile, NotImplementedError (a method of compression), ...
        except Exception as error:
            raise ExampleRefused("unreadable", f"The member cannot be read from the archive: {error}") from error
        return _check_length(data)


def _check_length(data: bytes) -> bytes:
    if len(data) > MAX_SOURCE_BYTES:
        raise ExampleRefused("too_many_bytes", f"The file is larger than {MAX_SOURCE_BYTES // 2**20} MiB.")
    return data


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _side_file(name: str) -> ExampleRefused | None:
    """Sorts out files that are not meant to be images."""
    path = PurePosixPath(name)
    if any(part.startswith(".") or part == "__MACOSX" for part in path.parts):
        return ExampleRefused("hidden_file", "A hidden file.")
    if path.suffix.lower() in SIDE_SUFFIXES or path.name.lower() in SIDE_NAMES:
        return ExampleRefused("side_file", "A file of another kind next to the images.")
    return None


def _name_hash(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()


def _common_folder(names: list[str]) -> str:
    """The deepest folder that holds all files; "." for the root."""
    parents = [PurePosixPath(name).parent.parts for name in names]
    common = list(parents[0]) if parents else []
    for parts in parents:
        while tuple(common) != parts[: len(common)]:
            common.pop()
    return str(PurePosixPath(*common))


def _label_by_folder(names: list[str], root: str) -> tuple[dict[str, int], tuple[str, ...], list[RefusedExample]]:
    folders = {name: PurePosixPath(name).relative_to(root).parts[:-1] for name in names}
    class_names = tuple(sorted({parts[0] for parts in folders.values() if parts}))
    if len(class_names) < 2:
        return {}, (), []
    indices = {class_name: label for label, class_name in enumerate(class_names)}
    labels = {name: indices[parts[0]] for name, parts in folders.items() if parts}
    refused = [
        RefusedExample(name, "no_label", "Lies next to the class folders, in none of them.")
        for name, parts in folders.items()
        if not parts
    ]
    return labels, class_names, refused


def _label_by_file(
    names: list[str], root: str, label_file: str, stated: dict[str, str | int]
) -> tuple[dict[str, int], tuple[str, ...], list[RefusedExample]]:
    if not stated:
        return {}, (), []
    folder = PurePosixPath(label_file).parent
    # Names are compared in composed form: some systems store accents apart from their letters.
    stated = {_composed(str(folder / name)): label for name, label in stated.items()}
    if all(isinstance(label, int) for label in stated.values()):
        values = sorted(set(stated.values()))
    else:
        stated = {name: str(label) for name, label in stated.items()}
        values = sorted(set(stated.values()))
    indices = {value: label for label, value in enumerate(values)}
    labels, refused = {}, []
    for name in names:
        label = stated.get(_composed(name))
        if label is None:
            refused.append(RefusedExample(name, "no_label", f"{label_file} does not list it."))
        else:
            labels[name] = indices[label]
    present = {_composed(name) for name in names}
    for name in sorted(stated.keys() - present):
        refused.append(RefusedExample(name, "missing_file", f"{label_file} lists it, but it is not there."))
    return labels, tuple(str(value) for value in values), refused


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _parse_labels_csv(name: str, text: str) -> dict[str, str | int]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    columns = [column.strip().lower() for column in rows.fieldnames or []]
    rows.fieldnames = columns
    file_column = next((column for column in FILE_COLUMNS if column in columns), None)
    label_column = next((column for column in LABEL_COLUMNS if column in columns), None)
    if file_column is None or label_column is None:
        raise UserError(f"The first line of {name} must name the columns 'file' and 'label'. Received: {columns}")
    pairs = []
    for row in rows:
        path, label = row.get(file_column), row.get(label_column)
        if not path or not label:
            raise UserError(f"Line {rows.line_num} of {name} lacks a file or a label.")
        pairs.append((path.strip(), label.strip()))
    if all(label.isascii() and label.isdigit() for _, label in pairs):
        pairs = [(path, int(label)) for path, label in pairs]
    return _unique(name, pairs)


def _parse_dataset_json(name: str, text: str) -> dict[str, str | int]:
    try:
        labels = json.loads(text)["labels"]
        pairs = list(labels.items()) if isinstance(labels, dict) else [(path, label) for path, label in labels or []]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f'{name} must be {{"labels": [["path", label], ...]}} or have null for labels. Received: {error!r}'
        ) from error
    for path, label in pairs:
        if not isinstance(path, str) or isinstance(label, bool) or not isinstance(label, str | int):
            raise UserError(f"{name} must pair a path with a number or a name. Received: {path!r}, {label!r}")
    return _unique(name, pairs)


def _unique(name: str, pairs: list[tuple[str, str | int]]) -> dict[str, str | int]:
    labels: dict[str, str | int] = {}
    for path, label in pairs:
        path = str(PurePosixPath(path.replace("\\", "/")))
        if labels.setdefault(path, label) != label:
            raise UserError(f"{name} gives {path!r} two labels: {labels[path]!r} and {label!r}.")
    return labels
