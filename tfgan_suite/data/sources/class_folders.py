"""What the folders of a set mean: classes, splits, numbered parts, or pictures beside their annotations."""

import re
from collections.abc import Mapping
from typing import NamedTuple

_SPLIT = re.compile(r"(train|training|trn|val|valid|validation|dev|test|testing|eval)([-_]?(set|split|\d+))?")
_PICTURES = {"image", "images", "img", "imgs", "jpegimages", "jpegs", "jpg", "leftimg8bit", "photo", "photos", "picture",
             "pictures", "rgb"}  # fmt: skip
_ANNOTATIONS = {"annotation", "annotations", "depth", "depths", "edges", "groundtruth", "ground_truth", "gt", "gtcoarse",
                "gtfine", "label", "labels", "landmarks", "mask", "masks", "matte", "mattes", "normals", "preview", "previews",
                "seg", "segmentation", "segmentations", "segmentationclass", "segmentationobject", "semantic", "thumb",
                "thumbnail", "thumbnails", "thumbs", "trimap", "trimaps"}  # fmt: skip
_NUMBERED = re.compile(r"\d{3,}", re.ASCII)
_DIGITS = re.compile(r"\d{1,18}", re.ASCII)


class ClassFolders(NamedTuple):
    """How folders are understood.

    Args:
        classes: Dict of file name to class name; empty without classes. A file outside of the class folders is not in it.
        annotations: Set of names of pictures that annotate others.
        origin: String. Where the classes came from, or why there are none.
        notes: Tuple of sentences about what else was understood.
    """

    classes: dict[str, str]
    annotations: set[str]
    origin: str
    notes: tuple[str, ...]


def read_class_folders(names: list[str]) -> ClassFolders:
    """Finds the classes in the folders of files.

    The first level of folders is that of the classes, if there are two or more of them. Passed over are folders that all
    files share, splits (`train/` and `val/`), and numbered parts of one set (`00000/00000.png` ... `01000/01000.png` ...).
    Of `images/` and `masks/`, the masks are no examples.

    Args:
        names: List of strings. Paths with slashes.
    """
    folders = {name: folders_of(name) for name in names}
    annotations: set[str] = set()
    notes: list[str] = []
    below = ""
    while True:
        first = {parts[0] for parts in folders.values() if parts}
        everywhere = all(folders.values())
        if not first or len(first) == 1 and not everywhere:
            return ClassFolders({}, annotations, "there are no class folders", tuple(notes))
        if len(first) > 1:
            aside = {folder for folder in first if folder.lower() in _ANNOTATIONS}
            if aside and all(folder.lower() in _PICTURES for folder in first - aside) and first != aside:
                found = {name for name, parts in folders.items() if parts and parts[0] in aside}
                annotations |= found
                folders = {name: parts for name, parts in folders.items() if name not in found}
                notes.append(f"Pictures below {_list(aside)} annotate others: {len(found):,} were set aside.")
                continue
            if not all(_SPLIT.fullmatch(folder.lower()) for folder in first):
                break
            notes.append(
                f"The folders {_list(first)} are splits: their images were taken together. To prepare one of them, name its "
                "folder."
            )
            below = f" below {_list(first)}"
        folders = {name: parts[1:] for name, parts in folders.items()}
    if _are_numbered_parts(folders):
        return ClassFolders(
            {}, annotations, f"the folders {_list(first)} are numbered parts of one set, not classes", tuple(notes)
        )
    classes = {name: parts[0] for name, parts in folders.items() if parts}
    return ClassFolders(classes, annotations, f"the folders{below}", tuple(notes))


def folders_of(name: str) -> tuple[str, ...]:
    """The folders of a path with slashes. A set may have millions of names: `PurePosixPath` takes ten times as long."""
    return tuple(part for part in name.split("/")[:-1] if part not in ("", "."))


def _are_numbered_parts(folders: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether each folder is named after the numbers of the files in it, so that only the numbers tell them apart.

    Folder 01000 holds files 1000 to 1999 (FFHQ), or folder 00001 does (StyleGAN's and img2dataset's). Numbered classes
    (GTSRB's) have files that are counted anew in each.
    """
    numbers: dict[str, list[int]] = {}
    for name, parts in folders.items():
        if not parts or not _NUMBERED.fullmatch(parts[0]):
            return False
        digits = _DIGITS.findall(name[name.rfind("/") + 1 :].rpartition(".")[0])
        if not digits:
            return False
        numbers.setdefault(parts[0], []).append(int(digits[-1]))
    if len({len(folder) for folder in numbers}) != 1 or len(next(iter(numbers))) > 18:
        return False
    parts = sorted((int(folder), min(found), max(found)) for folder, found in numbers.items())
    for start in (0, 1):  # Some count files from 1.
        ranges = [(folder, low - start, high - start) for folder, low, high in parts]
        ends = [after[0] for after in ranges[1:]] + [None]
        steps = [end - folder for (folder, _, _), end in zip(ranges, ends) if end is not None]
        if min(steps) >= 10 and all(
            folder <= low and (end is None or high < end) for (folder, low, high), end in zip(ranges, ends)
        ):
            return True
        least = max(high // (folder + 1) + 1 for folder, _, high in ranges)
        most = min((low // folder for folder, low, _ in ranges if folder), default=least)
        if 1 < least <= most:
            return True
    return False


def _list(folders: set[str]) -> str:
    shown = ", ".join(sorted(folders)[:4])
    return f"{shown}, ..." if len(folders) > 4 else shown
