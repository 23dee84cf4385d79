"""Where images come from. A source lists small work items; a reader, sent to the workers, loads them.

`open_source` turns what a user passes to `prepare_dataset` into one of the sources:

| passed                                   | source                                             |
|------------------------------------------|----------------------------------------------------|
| `"digits"`, `"avatars"`                  | the two demo sets                                  |
| `"stacked-digits"`                       | three digits each in red, green and blue           |
| `"textures"`, `"textures:NAME,NAME"`     | patches of photographs that packages ship          |
| `"tfds:NAME"`, `"tfds:NAME:SPLIT"`       | TensorFlow Datasets                                |
| a directory, a `.zip` file               | image files                                        |
| a `.npz` file, an array, `(images, labels)` | arrays                                          |
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from tfgan_suite.data.dataset_info import RefusedImage
from tfgan_suite.data.images import ImageFormat, ImageRefused
from tfgan_suite.errors import UserError, unknown_name


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


def open_source(source) -> Source:
    """Makes a source of what the user passed: a name, a path, arrays, or a `Source` itself.

    Raises:
        UserError: It is none of them.
    """
    # Each family is imported when it is asked for: none should need the packages of the others.
    if isinstance(source, Source):
        return source
    if isinstance(source, np.ndarray) or isinstance(source, tuple) and len(source) == 2:
        from tfgan_suite.data.array_source import ArraySource

        return ArraySource(*source) if isinstance(source, tuple) else ArraySource(source)
    if not isinstance(source, str | os.PathLike):
        raise UserError(
            "source should be a directory, a .zip or .npz file, an array, a tuple (images, labels), 'digits', "
            f"'stacked-digits', 'avatars', 'textures' or 'tfds:NAME'. Received: {type(source).__name__}."
        )
    if source == "digits":
        from tfgan_suite.data.array_source import open_digits

        return open_digits()
    if source == "stacked-digits":
        from tfgan_suite.data.stacked_digits_source import StackedDigitsSource

        return StackedDigitsSource()
    if source == "avatars":
        from tfgan_suite.data.avatar_source import AvatarSource

        return AvatarSource()
    if isinstance(source, str) and source.partition(":")[0] == "textures":
        from tfgan_suite.data.texture_source import TextureSource

        return TextureSource(source.partition(":")[2].split(",") if ":" in source else None)
    if isinstance(source, str) and source.startswith("tfds:"):
        from tfgan_suite.data.tfds_source import TfdsSource

        return TfdsSource(*source.removeprefix("tfds:").split(":", 1))
    path = Path(source)
    if path.is_dir():
        from tfgan_suite.data.file_sources import FolderSource

        return FolderSource(path)
    if not path.exists():
        if isinstance(source, str) and os.sep not in source and not path.suffix:
            raise unknown_name(
                "source (no such directory either)",
                source,
                ["digits", "stacked-digits", "avatars", "textures", "tfds:NAME"],
            )
        raise UserError(f"There is no {str(path)!r}. Expected a directory, a .zip or a .npz file of images.")
    if path.suffix.lower() == ".zip":
        from tfgan_suite.data.file_sources import ZipSource

        return ZipSource(path)
    if path.suffix.lower() == ".npz":
        from tfgan_suite.data.array_source import open_npz

        return open_npz(path)
    raise UserError(f"{str(path)!r} is neither a directory nor a .zip or .npz file.")


def first_by_hash(count: int, limit: int) -> list[int]:
    """`limit` of the rows `range(count)`, in order: a sample that does not depend on how classes lie in the rows."""
    return sorted(sorted(range(count), key=lambda row: hashlib.sha256(f"row {row}".encode()).digest())[:limit])
