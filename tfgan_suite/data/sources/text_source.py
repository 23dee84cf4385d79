"""Text files as windows of bytes.

A document is a file. Its windows lie one after the other, each with the document's name and its first byte as its own name:
`book.txt:512`. Windows go to splits by their place, never by chance, so that held-out text is text from elsewhere.
"""

import codecs
import hashlib
import itertools
from typing import NamedTuple

from tfgan_suite.data.dataset_info import RefusedExample
from tfgan_suite.data.sources.file_sources import FileReader, printable
from tfgan_suite.data.sources.source import Source, SourceItem, SourceListing, SourceReader
from tfgan_suite.data.text_format import TextFormat
from tfgan_suite.foundation.example_refused import ExampleRefused
from tfgan_suite.foundation.paths import local_path

SUFFIXES = (".txt", ".md", ".markdown", ".text")


class WindowName(NamedTuple):
    """Where a window lies: the name of its document, and its first byte there.

    Example:

    >>> WindowName.parse("books/emma.txt:512"), str(WindowName("emma.txt", 512))
    (WindowName(document='books/emma.txt', first_byte=512), 'emma.txt:512')
    """

    document: str
    first_byte: int

    def __str__(self):
        return f"{self.document}:{self.first_byte}"

    @classmethod
    def parse(cls, name: str) -> "WindowName":
        """The place that a name stands for.

        Raises:
            ValueError: It is no name of a window.
        """
        document, _, first_byte = name.rpartition(":")
        return cls(document, int(first_byte))


class TextSource(Source):
    """Windows of the text files of a folder, an archive, or any other source of files.

    Files named otherwise than text (`.txt`, `.md`) are left aside, empty ones, copies and what is no UTF-8 too, each with its
    reason.

    Args:
        files: `FolderSource`, `ZipSource`, `SingleFile` or another object with their `every_file`, `fingerprint` and
            `make_reader`.
        name: String. Short name of the set; by default that of the files.
        license: String. The license of the text.
        split_by: String. As in `TextFormat`, by default.

    Example:

    >>> TextSource(SingleFile("README.md")).make_format(window_bytes=64).spec.shape
    (64,)
    """

    format_class = TextFormat

    def __init__(self, files, name=None, license=Source.license, split_by="auto"):
        self.files = files
        self.path = files.path
        self.kind = f"text {files.kind}"
        self.name = name or files.name
        self.license = license
        self._split_by = split_by
        self.format = self.make_format()

    @property
    def spec(self):
        return self.format.spec

    def make_format(self, **chosen):
        return TextFormat(**{"split_by": self._split_by, **chosen})

    def make_reader(self, work_dir, example_format):
        return WindowReader(self.files.make_reader(work_dir, example_format))

    def fingerprint(self):
        return self.files.fingerprint()

    def list_items(self, use_labels, limit):
        """Lists windows in the order of the text. With a limit, takes the first ones."""
        documents, refused = self._read_documents()
        split_by = self.format.split_by
        if split_by == "auto":
            split_by = "document" if len(documents) > 1 else "position"
        places = {"document": _places_of_documents, "position": _places_of_positions}[split_by](documents)
        items, place_of = [], {}
        for document in documents:
            for window, first_byte in enumerate(_first_bytes(document.num_bytes, self.format.window_bytes)):
                # The last window may overlap the one before, and then is of its split.
                overlaps = first_byte < window * self.format.window_bytes
                place = places(document, (window - overlaps) * self.format.window_bytes)
                # Equal windows are of one split as well, where all but one are left out.
                place = place_of.setdefault(document.digests[window], place)
                address = [document.address, first_byte, self.format.window_bytes]
                items.append(SourceItem(str(WindowName(document.name, first_byte)), None, address, place))
        note = f"{len(documents):,} document{'s' * (len(documents) != 1)}, split by {split_by}."
        return SourceListing(items[:limit], refused, (), "text has no classes", (note,))

    def _read_documents(self):
        """The documents that can be used, and those that are set aside."""
        reader, documents, refused, seen = self.files.make_reader(None, None), [], [], {}
        for name, address in self.files.every_file():
            try:
                if isinstance(address, ExampleRefused):
                    raise address
                if not name.lower().endswith(SUFFIXES):
                    raise ExampleRefused("side_file", f"Not named as text ({', '.join(SUFFIXES)}).")
                content = reader.read(SourceItem(name, None, address))
                check_text(content)
                digest = hashlib.sha256(content).digest()
                if digest in seen:
                    raise ExampleRefused("duplicate_document", f"Equal to {seen[digest]!r}.")
                if len(content) < self.format.window_bytes:
                    raise ExampleRefused(
                        "short_document",
                        f"Of {len(content)} bytes, shorter than a window of {self.format.window_bytes}.",
                    )
            except ExampleRefused as refusal:
                refused.append(RefusedExample(name, refusal.reason, refusal.message))
                continue
            seen[digest] = name
            digests = [
                hashlib.blake2b(content[first : first + self.format.window_bytes], digest_size=16).digest()
                for first in _first_bytes(len(content), self.format.window_bytes)
            ]
            documents.append(_Document(name, address, len(content), digest, digests))
        return documents, refused


class _Document(NamedTuple):
    name: str
    address: object
    num_bytes: int
    digest: bytes
    digests: list  # Of its windows.


def check_text(content: bytes) -> None:
    """Refuses what is no text.

    Args:
        content: Bytes of a document.

    Raises:
        ExampleRefused: It is empty, or no UTF-8.

    Example:

    >>> check_text("café".encode())
    >>> check_text("cafés".encode("latin-1"))
    Traceback (most recent call last):
    ...
    tfgan_suite.foundation.example_refused.ExampleRefused: No UTF-8 from byte 3 on (0xe9).
    """
    if not content.strip(b" \t\r\n\f\v"):
        raise ExampleRefused("empty_document", f"{len(content)} bytes, none of which is more than a blank.")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in content:
        raise ExampleRefused("not_utf8", "It has bytes of zero or a mark of UTF-16: no UTF-8 text. Convert it first.")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        ends = error.end == len(content) and error.reason == "unexpected end of data"
        where = "It ends within a character" if ends else f"No UTF-8 from byte {error.start} on"
        raise ExampleRefused("not_utf8", f"{where} (0x{content[error.start]:02x}).") from None


def _first_bytes(num_bytes: int, window_bytes: int) -> list[int]:
    """Where windows begin. The last one ends with the document, so that no byte is lost."""
    starts = list(range(0, num_bytes - window_bytes + 1, window_bytes))
    return starts + [num_bytes - window_bytes] * (num_bytes % window_bytes > 0)


def _places_of_positions(documents):
    """By its place in the whole text, from beginning to end: the last split is the end of the text."""
    ends = list(itertools.accumulate(document.num_bytes for document in documents))
    begin = {document.name: end - document.num_bytes for document, end in zip(documents, ends)}
    return lambda document, first_byte: (begin[document.name] + first_byte) / ends[-1]


def _places_of_documents(documents):
    """By the place of its whole document, among documents in an order that follows from their content alone."""
    shuffled = sorted(documents, key=lambda document: document.digest)
    total, before, places = sum(document.num_bytes for document in documents), 0, {}
    for document in shuffled:
        places[document.name] = (before + document.num_bytes / 2) / total
        before += document.num_bytes
    return lambda document, first_byte: places[document.name]


class WindowReader(SourceReader):
    """Reads windows; the document that the last one came from is kept."""

    def __init__(self, documents: SourceReader):
        self._documents = documents
        self._address = self._content = None

    def __getstate__(self):
        return {"_documents": self._documents, "_address": None, "_content": None}

    def read(self, item):
        address, first_byte, count = item.address
        if self._content is None or address != self._address:
            self._address, self._content = address, self._documents.read(item._replace(address=address))
        return self._content[first_byte : first_byte + count]


class SingleFile:
    """One file of text, whatever its name.

    Args:
        path: String or path.
    """

    kind = "file"

    def __init__(self, path):
        self.path = local_path(path)
        self.name = self.path.stem

    def every_file(self):
        name = printable(self.path.name)
        yield name if name.lower().endswith(SUFFIXES) else f"{name}.txt", str(self.path)

    def make_reader(self, work_dir, example_format):
        return FileReader()

    def fingerprint(self):
        return hashlib.sha256(self.path.read_bytes()).hexdigest()[:16]
