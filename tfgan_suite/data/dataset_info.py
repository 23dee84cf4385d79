"""What a prepared data set is: `dataset_info.json`, which lies beside the shards and is written last."""

import dataclasses
import hashlib
import json
import os
from pathlib import Path

from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.files import file_sha256, write_atomically

FILE_NAME = "dataset_info.json"
FORMAT_VERSION = 1
PYRAMID_DIR_NAME = "pyramid"
SMALLEST_SIZE = 4


def halved_shapes(height: int, width: int) -> list[tuple[int, int]]:
    """Heights and widths by halving, as long as both sides are even and the shorter one stays at 4 or more."""
    shapes = []
    while height % 2 == width % 2 == 0 and min(height, width) >= 2 * SMALLEST_SIZE:
        height, width = height // 2, width // 2
        shapes.append((height, width))
    return shapes


@dataclasses.dataclass(frozen=True)
class ShardInfo:
    """One TFRecord file: its name within the directory, records, size and SHA-256."""

    name: str
    num_images: int
    size_bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class SplitInfo:
    """One split. `class_counts` has one entry per class name, and none when the set has no labels."""

    num_images: int
    class_counts: tuple[int, ...]
    shards: tuple[ShardInfo, ...]


@dataclasses.dataclass(frozen=True)
class RefusedImage:
    """An input that was set aside: its name, a machine-readable reason and the words for people."""

    source: str
    reason: str
    message: str


@dataclasses.dataclass(frozen=True)
class RefusedInfo:
    """How many inputs were set aside, by reason, and each of them by name."""

    count: int
    reasons: dict[str, int]
    images: tuple[RefusedImage, ...]


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """Describes a prepared data set; read with `DatasetInfo.load(directory)`.

    What says only where the images came from may be left out of one that is made by hand, but not of a file.

    Args:
        name: Short name of the source.
        image_shape: `(height, width, channels)`.
        class_names: One name per label, in label order; empty when the set has no labels.
        splits: `SplitInfo` by name.
        encoding: How each image is stored: `"png"`, `"jpeg"`, `"webp"` or `"raw"`.
        compression: Of the shards: `"GZIP"` or `""`.
        resize: Name of the filter ("none" where nothing was scaled), and the library that applied it with its version.
        settings: Every setting of `prepare_dataset` that shapes the content.
        versions: Of the libraries that made the set.
        licence: Of the images, as far as the source states it.
        source: Where the images came from: kind, name and the fingerprint of the inputs.
        refused: Inputs that were set aside, with reasons.
        duplicates: Exact copies (equal pixels after preparation) that were left out.

    Example:

    >>> info = tg.DatasetInfo.load("data/digits")
    >>> info.image_shape, info.num_classes, info.splits["train"].num_images
    ((32, 32, 1), 10, 5000)
    """

    name: str
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    splits: dict[str, SplitInfo]
    encoding: str
    compression: str = ""
    resize: dict[str, str] = dataclasses.field(default_factory=dict)
    settings: dict = dataclasses.field(default_factory=dict)
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    licence: str = ""
    source: dict[str, str] = dataclasses.field(default_factory=dict)
    refused: RefusedInfo = dataclasses.field(default_factory=lambda: RefusedInfo(0, {}, ()))
    duplicates: int = 0

    @property
    def num_classes(self) -> int | None:
        """None when the set has no labels."""
        return len(self.class_names) or None

    @property
    def num_images(self) -> int:
        """Over all splits."""
        return sum(split.num_images for split in self.splits.values())

    @property
    def fingerprint(self) -> str:
        """16 hex digits that stand for the content: of every split's name and its shards' SHA-256."""
        content = [(name, [shard.sha256 for shard in split.shards]) for name, split in sorted(self.splits.items())]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    @property
    def pyramid_shapes(self) -> list[tuple[int, int]]:
        """Heights and widths of the images halved once, twice and so on, as far as that goes."""
        return halved_shapes(*self.image_shape[:2])

    @staticmethod
    def pyramid_dir(directory: str | os.PathLike, height: int) -> Path:
        """Where the set in `directory` keeps its images at that height, as a prepared set of their own."""
        return Path(directory) / PYRAMID_DIR_NAME / str(height)

    def split(self, name: str) -> SplitInfo:
        """The split of that name. Raises `UserError` naming the nearest right one."""
        if name not in self.splits:
            raise unknown_name("split", name, self.splits)
        return self.splits[name]

    def to_json(self) -> str:
        """The text of `dataset_info.json`: sorted keys, so that equal sets give equal files."""
        content = dataclasses.asdict(self)
        content |= {
            "format_version": FORMAT_VERSION,
            "num_classes": self.num_classes,
            "fingerprint": self.fingerprint,
        }
        return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def save(self, directory: str | os.PathLike) -> Path:
        """Writes `dataset_info.json` at once: a reader sees the old file or the new one, never a part."""
        path = Path(directory) / FILE_NAME
        write_atomically(path, self.to_json())
        return path

    @classmethod
    def load(cls, directory: str | os.PathLike) -> "DatasetInfo":
        """Reads the description of a prepared directory.

        Raises:
            UserError: There is no such directory, it holds no (finished) data set, or one of another format version.
        """
        directory = Path(directory)
        path = directory / FILE_NAME
        if not directory.is_dir():
            raise UserError(
                f"There is no directory {str(directory)!r}. Prepare a data set first: "
                f'tfgan_suite.prepare_dataset(source, "{directory}"), or `tfgan-suite prepare SOURCE {directory}`.'
            )
        if not path.is_file():
            unfinished = (directory / ".prepare").is_dir()
            raise UserError(
                f"{str(directory)!r} holds no {FILE_NAME}, so it is not a prepared data set. "
                + (
                    "An unfinished preparation lies there: run the same prepare command again to finish it."
                    if unfinished
                    else "Expected the output directory of tfgan_suite.prepare_dataset."
                )
            )
        try:
            content = json.loads(path.read_text("utf-8", "surrogateescape"))
            version = content.pop("format_version")
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise UserError(f"{path} is not a description of a data set ({error!r}). Prepare the set again.") from error
        if version != FORMAT_VERSION:
            raise UserError(
                f"{path} has format version {version}; this version of tfgan-suite reads {FORMAT_VERSION}. "
                "Prepare the set again with force=True."
            )
        try:
            return cls._from_content(content)
        except (KeyError, TypeError) as error:
            raise UserError(f"{path} lacks an entry or has a wrong one ({error}). Prepare the set again.") from error

    @classmethod
    def _from_content(cls, content: dict) -> "DatasetInfo":
        content = {key: value for key, value in content.items() if key not in ("num_classes", "fingerprint")}
        for field in dataclasses.fields(cls):
            if field.name not in content:
                raise KeyError(field.name)
        splits = {
            name: SplitInfo(
                num_images=split["num_images"],
                class_counts=tuple(split["class_counts"]),
                shards=tuple(ShardInfo(**shard) for shard in split["shards"]),
            )
            for name, split in content.pop("splits").items()
        }
        refused = content.pop("refused")
        return cls(
            image_shape=tuple(content.pop("image_shape")),
            class_names=tuple(content.pop("class_names")),
            splits=splits,
            refused=RefusedInfo(
                count=refused["count"],
                reasons=refused["reasons"],
                images=tuple(RefusedImage(**image) for image in refused["images"]),
            ),
            **content,
        )

    def check_sizes(self, directory: str | os.PathLike, split: str | None = None) -> None:
        """Checks that every shard is there with its full size, without reading it.

        Raises:
            UserError: Names the first shard that is missing or truncated.
        """
        for shard in self._shards(split):
            path = Path(directory) / shard.name
            if not path.is_file():
                raise UserError(f"The shard {path} is missing. Prepare the set again with force=True, or copy it anew.")
            size_bytes = path.stat().st_size
            if size_bytes != shard.size_bytes:
                state = "truncated" if size_bytes < shard.size_bytes else "longer than it should be"
                raise UserError(
                    f"The shard {path} is {state}: expected {shard.size_bytes:,} bytes, found {size_bytes:,}. "
                    "Prepare the set again with force=True, or copy the file anew."
                )

    def verify(self, directory: str | os.PathLike, split: str | None = None) -> None:
        """Reads every shard and checks its size and SHA-256.

        Raises:
            UserError: Names the first shard that is missing, truncated or changed.
        """
        self.check_sizes(directory, split)
        for shard in self._shards(split):
            path = Path(directory) / shard.name
            if (found := file_sha256(path)) != shard.sha256:
                raise UserError(
                    f"The content of the shard {path} has changed: expected SHA-256 {shard.sha256}, found {found}. "
                    "Prepare the set again with force=True, or copy the file anew."
                )

    def _shards(self, split: str | None) -> list[ShardInfo]:
        splits = self.splits.values() if split is None else [self.split(split)]
        return [shard for split_info in splits for shard in split_info.shards]
