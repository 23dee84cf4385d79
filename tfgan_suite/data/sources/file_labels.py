"""How files are labelled: by a file that states labels, or by their folders."""

import unicodedata
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import NamedTuple

from tfgan_suite.data.dataset_info import RefusedExample
from tfgan_suite.data.file_kinds import SUFFIXES
from tfgan_suite.data.sources.class_folders import folders_of, read_class_folders
from tfgan_suite.data.sources.label_files import LABEL_FILES, METADATA_FILES, parse_label_file
from tfgan_suite.foundation.errors import UserError

# Other files that may state labels: they are not read, but told.
_TABLES = (".csv", ".tsv", ".jsonl", ".parquet")
_WORDS = ("label", "annotation", "metadata", "class", "attr", "identity")
_SHOWN = 5


class FileLabels(NamedTuple):
    """The labels of a set of files.

    Args:
        labels: Dict of name to label, an index into `class_names`.
        class_names: Tuple of strings.
        refused: List of `RefusedExample`: files without a label, rows without a file, pictures that annotate others.
        origin: String. Where the labels came from, or why there are none.
        notes: Tuple of sentences: what else was understood, and which label files were not used.
    """

    labels: dict[str, int]
    class_names: tuple[str, ...]
    refused: list[RefusedExample]
    origin: str
    notes: tuple[str, ...]


def label_files_of(
    names: list[str], others: list[str], read_bytes: Callable[[str], bytes], use_labels: bool
) -> FileLabels:
    """Finds the labels of files.

    A label file speaks for the files below its folder. It is looked for in every folder that holds all files, from the
    outermost to the innermost; else in folders that hold a part of them, if together they speak for all.

    Args:
        names: List of strings. Paths of the pictures, with slashes.
        others: List of strings. Paths of the other files.
        read_bytes: Function of one of `others` to its content.
        use_labels: Boolean. Whether labels are asked for at all.

    Raises:
        UserError: A label file has mistakes, or two of them state labels.
    """
    folders = read_class_folders(names)
    aside = [
        RefusedExample(name, "annotation", "A picture that annotates another one.")
        for name in sorted(folders.annotations)
    ]
    if not use_labels:
        return FileLabels({}, (), aside, "they were not asked for", folders.notes)
    found, unused = _find_label_files(names, others, read_bytes)
    notes = tuple(f"{name} was not used: {reason}." for name, reason in list(unused.items())[:_SHOWN])
    if len(unused) > _SHOWN:
        notes += (f"{len(unused) - _SHOWN:,} more files that may state labels were not used.",)
    if found and not any(found.values()):
        return FileLabels({}, (), aside, f"{_list(found)} states none", folders.notes + notes)
    if found:
        labels, class_names, refused = _by_files(names, found, folders.annotations)
        return FileLabels(labels, class_names, refused, _list(found), folders.notes + notes)
    class_names = tuple(sorted(set(folders.classes.values())))
    indices = {class_name: label for label, class_name in enumerate(class_names)}
    labels = {name: indices[class_name] for name, class_name in folders.classes.items()}
    strays = [
        RefusedExample(name, "no_label", "Lies next to the class folders, in none of them.")
        for name in names
        if class_names and name not in labels and name not in folders.annotations
    ]
    return FileLabels(labels, class_names, aside + strays, folders.origin, folders.notes + notes)


def _find_label_files(
    names: list[str], others: list[str], read_bytes: Callable[[str], bytes]
) -> tuple[dict[str, dict[str, int | str]], dict[str, str]]:
    """What the label files that speak for all pictures state, and why each other file was not used."""
    root = _common_folders(names)
    stems = {name.rpartition(".")[0] for name in names} if others else set()
    above, below, unused = [], [], {}
    for name in sorted(others):
        path = PurePosixPath(name)
        if path.name.lower() in (*LABEL_FILES, *METADATA_FILES):
            folders = folders_of(name)
            (above if folders == root[: len(folders)] else below).append(name)
        elif _may_state_labels(path) and str(path.with_suffix("")) not in stems:
            unused[name] = f"labels are read from {', '.join((*LABEL_FILES, *METADATA_FILES))}"
    stated = _parse(above, read_bytes, unused)
    if stated:
        unused |= {name: f"{_list(stated)} is" for name in below}
        if len(stated) > 1:
            raise UserError(f"Both {' and '.join(sorted(stated))} state labels. Keep one of them.")
        return stated, unused
    try:
        stated = _parse(below, read_bytes, unused)
    except UserError as error:
        unused |= {name: str(error).rstrip(".") for name in below}
        stated = {}
    covered = bool(stated) and _is_covered(names, [folders_of(name) for name in stated])
    if stated and not covered:
        unused |= {name: "not every picture has one such file in a folder above it" for name in stated}
    return (stated if covered else {}), unused


def _is_covered(names: list[str], folders: list[tuple[str, ...]]) -> bool:
    """Whether exactly one of the folders holds each file."""
    distinct = set(folders)
    held = {sum(parts[:depth] in distinct for depth in range(len(parts) + 1)) for parts in set(map(folders_of, names))}
    return len(distinct) == len(folders) and held == {1}


def _parse(
    files: list[str], read_bytes: Callable[[str], bytes], unused: dict[str, str]
) -> dict[str, dict[str, int | str]]:
    """Reads label files. Metadata only count where no other file states labels."""
    stated = {name: parse_label_file(name, read_bytes(name)) for name in files if not _is_metadata(name)}
    metadata = list(filter(_is_metadata, files))
    if stated:
        unused |= {name: f"{_list(stated)} is" for name in metadata}
        return stated
    for name in metadata:
        labels = parse_label_file(name, read_bytes(name))
        if labels is None:
            unused[name] = "it has no columns of files and labels"
        else:
            stated[name] = labels
    return stated


def _is_metadata(name: str) -> bool:
    return PurePosixPath(name).name.lower() in METADATA_FILES


def _may_state_labels(path: PurePosixPath) -> bool:
    name = path.name.lower()
    return name.endswith(_TABLES) or not name.endswith(SUFFIXES) and any(word in path.stem.lower() for word in _WORDS)


def _by_files(
    names: list[str], found: dict[str, dict[str, int | str]], annotations: set[str]
) -> tuple[dict[str, int], tuple[str, ...], list[RefusedExample]]:
    values: dict[str, int | str] = {}
    refused = []
    for label_file, stated in found.items():
        folder = label_file[: label_file.rfind("/") + 1]
        below = {name: _path(name[len(folder) :]) for name in names if name.startswith(folder)}
        stated = {_path(path): label for path, label in stated.items()}
        matches, missing = _match(label_file, stated, below)
        for name in below:
            if name in matches:
                values[name] = matches[name]
            elif name in annotations:
                refused.append(RefusedExample(name, "annotation", "A picture that annotates another one."))
            else:
                refused.append(RefusedExample(name, "no_label", f"{label_file} does not list it."))
        for path in missing:
            refused.append(
                RefusedExample(folder + path, "missing_file", f"{label_file} lists it, but it is not there.")
            )
    if not all(isinstance(label, int) for stated in found.values() for label in stated.values()):
        values = {name: str(label) for name, label in values.items()}
        classes = sorted({str(label) for stated in found.values() for label in stated.values()})
    else:
        classes = sorted({label for stated in found.values() for label in stated.values()})
    indices = {value: label for label, value in enumerate(classes)}
    labels = {name: indices[value] for name, value in values.items()}
    return labels, tuple(str(value) for value in classes), refused


def _match(
    label_file: str, stated: dict[str, int | str], below: dict[str, str]
) -> tuple[dict[str, int | str], list[str]]:
    """The labels of files, and the paths that no file has.

    Paths begin at the label file's folder. If none of them is there so, they may also lack folders at their beginning, have
    more of them, or lack the suffix, wherever that leaves one file for each.
    """
    if not below or not stated:
        return {}, sorted(stated)
    for has_suffixes in (True, False):
        shortened = below if has_suffixes else {name: _without_suffix(path) for name, path in below.items()}
        matches = {name: stated[path] for name, path in shortened.items() if path in stated}
        if matches:
            present = set(shortened.values())
            return matches, sorted(path for path in stated if path not in present)
        ends: dict[str, list[str]] = {}
        for name, path in shortened.items():
            for end in _ends(path):
                ends.setdefault(end, []).append(name)
        whole = {path: name for name, path in shortened.items()}
        found = {
            path: ends.get(path) or next(([whole[end]] for end in _ends(path) if end in whole), []) for path in stated
        }
        if any(found.values()):
            return _check_matches(label_file, stated, found)
    raise UserError(
        f"{label_file} lists {len(stated):,} files, and none of them is there: it should name them as "
        f"{min(below.values())!r}. Received: {next(iter(stated))!r}"
    )


def _check_matches(
    label_file: str, stated: dict[str, int | str], found: dict[str, list[str]]
) -> tuple[dict[str, int | str], list[str]]:
    matches: dict[str, int | str] = {}
    for path, names in found.items():
        if len(names) > 1:
            raise UserError(
                f"{label_file} lists {path!r}, which may be {names[0]} or {names[1]}: it should name files with their "
                "folders and suffixes."
            )
        if names and matches.setdefault(names[0], stated[path]) != stated[path]:
            raise UserError(f"{label_file} gives {names[0]!r} two labels: {matches[names[0]]!r} and {stated[path]!r}.")
    return matches, sorted(path for path, names in found.items() if not names)


def _ends(path: str) -> list[str]:
    """The path itself, without its first folder, without two, and so on."""
    parts = path.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _without_suffix(path: str) -> str:
    lowered = path.lower()
    return next((path[: -len(suffix)] for suffix in SUFFIXES if lowered.endswith(suffix)), path)


def _path(name: str) -> str:
    """A path as it is compared. Some systems store accents apart from their letters."""
    return unicodedata.normalize("NFC", name.removeprefix("./"))


def _common_folders(names: list[str]) -> tuple[str, ...]:
    """The deepest folder that holds all files."""
    parents = set(map(folders_of, names))
    low, high = (min(parents), max(parents)) if parents else ((), ())
    common = next((at for at, (one, other) in enumerate(zip(low, high)) if one != other), min(len(low), len(high)))
    return low[:common]


def _list(files) -> str:
    shown = " and ".join(sorted(files)[:3])
    return f"{shown} and others" if len(files) > 3 else shown
