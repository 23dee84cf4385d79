"""What a source of examples is: it lists small work items; a reader, sent to the workers, loads them."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tfgan_suite.data.dataset_info import RefusedExample
from tfgan_suite.data.example_format import ExampleFormat
from tfgan_suite.foundation.example_refused import ExampleRefused
from tfgan_suite.specs.example_spec import ExampleSpec


class SourceItem(NamedTuple):
    """One example to prepare: its name within the source, its label (`None`: no labels) and where the reader finds it.

    The address is a JSON value: a path, a number, a list of them.

    `place` decides the split of an example that belongs with others, such as a window of a text: a float in [0, 1), where it
    lies among all examples. The first split takes those from 0 to its share, the next one goes on from there. `None`: a hash of
    the example decides.
    """

    name: str
    label: int | None
    address: object
    place: float | None = None


class SourceListing(NamedTuple):
    """Everything that a source holds, and how it was understood.

    Args:
        items: List of `SourceItem`.
        refused: List of `RefusedExample`: inputs that are set aside unread.
        class_names: Tuple of strings, the names of the labels; empty without labels.
        origin: String. Where the labels came from, or why there are none; `""`: the source states them.
        notes: Tuple of sentences about what else the user should know, such as what was not used.
    """

    items: list[SourceItem]
    refused: list[RefusedExample]
    class_names: tuple[str, ...]
    origin: str = ""
    notes: tuple[str, ...] = ()


class SourceReader:
    """Loads items in a worker. Picklable and small; opens what it needs on first use."""

    def read(self, item: SourceItem):
        """The raw input, which the format makes an example of.

        Args:
            item: `SourceItem`. What to load.

        Returns:
            For images: the bytes of an image file, decoded uint8 pixels, or a Pillow image. Of another kind, what its
            `ExampleFormat` takes.

        Raises:
            ExampleRefused: It cannot be read.
        """
        raise NotImplementedError

    def read_many(self, items: Iterable[SourceItem]) -> Iterator:
        """Loads items in order; a refusal (`ExampleRefused`) is yielded in the place of its raw input."""
        for item in items:
            try:
                yield self.read(item)
            except ExampleRefused as refusal:
                yield refusal


class Source:
    """A set of examples that can be prepared.

    Subclasses set `kind`, `name` and `license`, and override `list_items`, `fingerprint` and `make_reader`. A source of
    another kind of examples than images sets `spec` too, and overrides `make_format` if its raw inputs are no examples yet.

    Attributes:
        kind: String. What sort of source it is, such as `"folder"`.
        name: String. Its short name.
        license: String. The license of the examples.
        spec: `ExampleSpec`, what one example is; `None` for a source of images, whose size is for the user to choose.
        format_class: Class of `ExampleFormat` whose arguments the user may choose, for a source with a `spec`; `None` where
            there is nothing to choose.
        format: `ExampleFormat` that was chosen; it is set before anything is listed.
        is_cpu_bound: Boolean. Whether reading keeps the processor busy in Python. Rendering holds the interpreter's lock:
            such a source gains from worker processes, not from threads.
    """

    kind: str
    name: str
    license: str = "not stated by the source"
    spec: ExampleSpec | None = None
    format_class: type[ExampleFormat] | None = None
    format: ExampleFormat | None = None
    is_cpu_bound: bool = False

    def default_settings(self, image_size: tuple[int, int] | None) -> dict:
        """Settings that suit a source of images: some of `image_size` and the arguments of `ImageFormat`."""
        return {"channels": 3, "crop": "center"}

    def make_format(self, **chosen) -> ExampleFormat:
        """How raw inputs become examples, for a source with a `spec`; `chosen` are arguments of its `format_class`."""
        return ExampleFormat(self.spec) if self.format_class is None else self.format_class(**chosen)

    def list_items(self, use_labels: bool, limit: int | None) -> SourceListing:
        """Lists what there is, in an order that does not depend on the machine.

        Args:
            use_labels: Boolean. Whether items have labels, if the source does.
            limit: Integer, or `None`. List this many items only, a sample of all.
        """
        raise NotImplementedError

    def fingerprint(self) -> str:
        """Hex digits that change when the inputs change."""
        raise NotImplementedError

    def make_reader(self, work_dir: Path, example_format: ExampleFormat) -> SourceReader:
        """The reader for the workers.

        Args:
            work_dir: Path. A directory that the workers share; what they need may be written there.
            example_format: `ExampleFormat`. What the examples are to be.
        """
        raise NotImplementedError


def first_by_hash(count: int, limit: int) -> list[int]:
    """`limit` of the rows `range(count)`, in order: a sample that does not depend on how classes lie in the rows."""
    return sorted(sorted(range(count), key=lambda row: hashlib.sha256(f"row {row}".encode()).digest())[:limit])
