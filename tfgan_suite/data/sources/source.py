"""What a source of images is: it lists small work items; a reader, sent to the workers, loads them."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from tfgan_suite.data.dataset_info import RefusedImage
from tfgan_suite.data.images import ImageFormat, ImageRefused


class SourceItem(NamedTuple):
    """One image to prepare: its name within the source, its label (None: no labels) and where the reader finds it.

    The address is a JSON value: a path, a number, a list of them.
    """

    name: str
    label: int | None
    address: object


class SourceListing(NamedTuple):
    """Everything that a source holds: items, files that are set aside unread, and the names of the labels."""

    items: list[SourceItem]
    refused: list[RefusedImage]
    class_names: tuple[str, ...]


class SourceReader:
    """Loads items in a worker. Picklable and small; opens what it needs on first use."""

    def read(self, item: SourceItem) -> bytes | np.ndarray | Image.Image:
        """The bytes of an image file, decoded uint8 pixels, or a Pillow image. Raises `ImageRefused`."""
        raise NotImplementedError

    def read_many(self, items: Iterable[SourceItem]) -> Iterator[bytes | np.ndarray | Image.Image | ImageRefused]:
        """Loads items in order; a refusal is yielded in the place of its image."""
        for item in items:
            try:
                yield self.read(item)
            except ImageRefused as refusal:
                yield refusal


class Source:
    """A set of images that can be prepared.

    Subclasses set `kind` (such as "folder"), `name` and `licence`, and override `list_images`, `fingerprint` and
    `make_reader`.
    """

    kind: str
    name: str
    licence: str = "not stated by the source"
    # Rendering in Python holds the interpreter's lock: such a source gains from worker processes, not threads.
    is_cpu_bound: bool = False

    def default_settings(self, image_size: tuple[int, int] | None) -> dict:
        """Settings of `prepare_dataset` that suit this source: some of image_size, channels, crop."""
        return {"channels": 3, "crop": "center"}

    def list_images(self, use_labels: bool, limit: int | None) -> SourceListing:
        """Lists what there is, in an order that does not depend on the machine."""
        raise NotImplementedError

    def fingerprint(self) -> str:
        """Hex digits that change when the inputs change."""
        raise NotImplementedError

    def make_reader(self, work_dir: Path, image_format: ImageFormat) -> SourceReader:
        """The reader for the workers. May write what they need into `work_dir`, which they share."""
        raise NotImplementedError


def first_by_hash(count: int, limit: int) -> list[int]:
    """`limit` of the rows `range(count)`, in order: a sample that does not depend on how classes lie in the rows."""
    return sorted(sorted(range(count), key=lambda row: hashlib.sha256(f"row {row}".encode()).digest())[:limit])
