"""What a prepared data set is: `dataset_info.json`, which lies next to the shards and is written last."""

import dataclasses
import hashlib
import json
import os
from pathlib import Path

from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.files import file_sha256, write_atomically
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.foundation.small_files import from_fields, read_json, reading, shown
from tfgan_suite.specs.condition import Condition
from tfgan_suite.specs.example_spec import ExampleSpec, spec_from_config, spec_to_config

FILE_NAME = "dataset_info.json"
FORMAT_VERSION = 2
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
    """One TFRecord file: its name within the directory, number of records, size and SHA-256."""

    name: str
    num_examples: int
    size_bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class SplitInfo:
    """One split. `class_counts` has one entry per class name, and none when the set has no labels."""

    num_examples: int
    class_counts: tuple[int, ...]
    shards: tuple[ShardInfo, ...]


@dataclasses.dataclass(frozen=True)
class RefusedExample:
    """An input that was set aside: its name, a machine-readable reason and the words for people."""

    source: str
    reason: str
    message: str


@dataclasses.dataclass(frozen=True)
class RefusedInfo:
    """How many inputs were set aside, by reason, and the first 100 for each reason by name.

    Where there are more, `refused.json` next to the description lists all.
    """

    count: int
    reasons: dict[str, int]
    examples: tuple[RefusedExample, ...]


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """Describes a prepared data set; read with `DatasetInfo.load(directory)`.

    What only says where the examples came from may be left out of a description that is made by hand, but not of a file.

    Args:
        name: String. Short name of the source.
        spec: `ExampleSpec`. What one example is, and how it is stored.
        splits: Dict of name to `SplitInfo`.
        condition: `Condition`. The classes of the labels, in label order, or none.
        compression: String. Compression of the shards, `"GZIP"` or `""`.
        processing: Dict of strings. How raw inputs became examples. For images: `filter` ("none" where nothing was
            scaled), and `library`, which applied it, with its version.
        settings: Dict. Every setting of `prepare_dataset` that shapes the content.
        versions: Dict of strings. Versions of the libraries that made the set.
        license: String. The license of the examples, as far as the source states it.
        source: Dict of strings. Where the examples came from: kind, name and the fingerprint of the inputs.
        refused: `RefusedInfo`. Inputs that were set aside, with reasons.
        duplicates: Integer. Exact copies (equal examples after preparation) that were left out.

    Example:

    >>> info = tg.DatasetInfo.load("data/digits")
    >>> info.spec.shape, info.num_classes, info.splits["train"].num_examples
    ((32, 32, 1), 10, 5000)
    """

    name: str
    spec: ExampleSpec
    splits: dict[str, SplitInfo]
    condition: Condition = Condition()
    compression: str = ""
    processing: dict[str, str] = dataclasses.field(default_factory=dict)
    settings: dict = dataclasses.field(default_factory=dict)
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    license: str = ""
    source: dict[str, str] = dataclasses.field(default_factory=dict)
    refused: RefusedInfo = dataclasses.field(default_factory=lambda: RefusedInfo(0, {}, ()))
    duplicates: int = 0

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """`(height, width, channels)` of a set of images, or of other pictures.

        Raises:
            AttributeError: The set holds something else; `spec.shape` is its shape.
        """
        if not self.spec.is_picture:
            raise AttributeError(
                f"The data set {self.name!r} holds {self.spec.unit[1]}: it has `spec.shape`, no `image_shape`."
            )
        return self.spec.shape

    @property
    def class_names(self) -> tuple[str, ...]:
        """One name per label, in label order; empty when the set has no labels."""
        return self.condition.names

    @property
    def num_classes(self) -> int | None:
        """`None` when the set has no labels."""
        return self.condition.num_classes

    @property
    def num_examples(self) -> int:
        """The number of examples in all splits together."""
        return sum(split.num_examples for split in self.splits.values())

    @property
    def fingerprint(self) -> str:
        """16 hex digits that stand for the content: every split's name and the SHA-256 of its shards."""
        content = [(name, [shard.sha256 for shard in split.shards]) for name, split in sorted(self.splits.items())]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    @property
    def pyramid_shapes(self) -> list[tuple[int, int]]:
        """Heights and widths of the images halved once, twice and so on, as far as that goes; none of other kinds."""
        return halved_shapes(*self.spec.shape[:2]) if self.spec.kind == "image" else []

    @staticmethod
    def pyramid_dir(directory: str | os.PathLike, height: int) -> Path:
        """Where the set in `directory` keeps its images of that height, as a prepared set of their own."""
        return Path(directory) / PYRAMID_DIR_NAME / str(height)

    def split(self, name: str) -> SplitInfo:
        """The split of that name. Raises `UserError` naming the nearest right one."""
        if name not in self.splits:
            raise unknown_name("split", name, self.splits)
        return self.splits[name]

    def describe_empty_classes(self, split: str = "train") -> str | None:
        """A sentence about the classes that have no example in a split; `None` if there are none."""
        counts = self.split(split).class_counts
        empty = [name for name, count in zip(self.class_names, counts, strict=False) if not count]
        if not empty:
            return None
        names = ", ".join(map(repr, empty[:5])) + (", ..." if len(empty) > 5 else "")
        return (
            f"{len(empty):,} of {len(counts):,} classes have no {self.spec.unit[0]} in the split {split!r}, so no model can "
            f"learn them from it: {names}."
        )

    def to_json(self) -> str:
        """The text of `dataset_info.json`: sorted keys, so that equal sets give equal files."""
        content = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        content |= {
            "example": spec_to_config(content.pop("spec")),
            "condition": dataclasses.asdict(self.condition),
            "splits": {name: dataclasses.asdict(split) for name, split in self.splits.items()},
            "refused": dataclasses.asdict(self.refused),
            "format_version": FORMAT_VERSION,
            "num_examples": self.num_examples,
            "fingerprint": self.fingerprint,
        }
        return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def save(self, directory: str | os.PathLike) -> Path:
        """Writes `dataset_info.json` at once: a reader sees the old file or the new one, never a part."""
        path = local_path(directory) / FILE_NAME
        write_atomically(path, self.to_json())
        return path

    @classmethod
    def load(cls, directory: str | os.PathLike) -> "DatasetInfo":
        """Reads the description of a prepared directory, of this format version or version 1.

        Args:
            directory: String or path. What `prepare_dataset` wrote.

        Returns:
            The `DatasetInfo`.

        Raises:
            UserError: There is no such directory, it holds no (finished) data set, one of another format version, or
                examples of a kind that is not registered.
        """
        directory = local_path(directory)
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
        what, advice = "a description of a data set", "Prepare the set again with force=True."
        content = read_json(path, what, advice)
        with reading(path, what, advice):
            version = content.pop("format_version")
            if version not in (1, FORMAT_VERSION):
                raise UserError(
                    f"{path} has format version {version}; this version of tfgan-suite reads 1 and {FORMAT_VERSION}. {advice}"
                )
            return cls._from_content(_from_version_1(content) if version == 1 else content)

    @classmethod
    def _from_content(cls, content: dict) -> "DatasetInfo":
        content = {key: value for key, value in content.items() if key not in ("num_examples", "fingerprint")}
        content["spec"] = spec_from_config(content.pop("example"))
        for field in dataclasses.fields(cls):
            if field.name not in content:
                raise KeyError(field.name)
        if content["compression"] not in ("", "GZIP"):
            raise ValueError(f"the compression is {shown(content['compression'])}")
        return from_fields(cls, content)

    def check_sizes(self, directory: str | os.PathLike, split: str | None = None) -> None:
        """Checks that every shard is there with its full size, without reading it.

        Args:
            directory: String or path. Where the set lies.
            split: String. Name of the only split to look at; by default all are.

        Raises:
            UserError: Names the first shard that is missing or truncated.
        """
        for shard in self._shards(split):
            path = local_path(directory) / shard.name
            if not path.is_file():
                raise UserError(
                    f"The shard {path} is missing. Prepare the set again with force=True, or copy it again."
                )
            size_bytes = path.stat().st_size
            if size_bytes != shard.size_bytes:
                state = "truncated" if size_bytes < shard.size_bytes else "longer than it should be"
                raise UserError(
                    f"The shard {path} is {state}: expected {shard.size_bytes:,} bytes, found {size_bytes:,}. "
                    "Prepare the set again with force=True, or copy the file again."
                )

    def verify(self, directory: str | os.PathLike, split: str | None = None) -> None:
        """Reads every shard and checks its size and SHA-256.

        Args:
            directory: String or path. Where the set lies.
            split: String. Name of the only split to read; by default all are.

        Raises:
            UserError: Names the first shard that is missing, truncated or changed.
        """
        self.check_sizes(directory, split)
        for shard in self._shards(split):
            path = local_path(directory) / shard.name
            if (found := file_sha256(path)) != shard.sha256:
                raise UserError(
                    f"The content of the shard {path} has changed: expected SHA-256 {shard.sha256}, found {found}. "
                    "Prepare the set again with force=True, or copy the file again."
                )

    def _shards(self, split: str | None) -> list[ShardInfo]:
        splits = self.splits.values() if split is None else [self.split(split)]
        return [shard for split_info in splits for shard in split_info.shards]


def _from_version_1(content: dict) -> dict:
    """The content of a description that version 0.1 wrote, of images always, as that of today."""
    content = {key: value for key, value in content.items() if key not in ("num_classes", "fingerprint")}
    class_names, refused = content.pop("class_names"), content.pop("refused")
    example = {"kind": "image", "shape": content.pop("image_shape"), "encoding": content.pop("encoding")}
    if "jpeg_quality" in content["settings"]:
        example["jpeg_quality"] = content["settings"]["jpeg_quality"]
    renamed = {
        "example": example,
        "condition": dataclasses.asdict(Condition.of_classes(len(class_names), class_names)),
        "splits": {name: _renamed_counts(split) for name, split in content.pop("splits").items()},
        "processing": content.pop("resize"),
        "license": content.pop("licence"),
        "refused": {"count": refused["count"], "reasons": refused["reasons"], "examples": refused["images"]},
    }
    return content | renamed


def _renamed_counts(split: dict) -> dict:
    shards = [{**shard, "num_examples": shard["num_images"]} for shard in split["shards"]]
    for shard in shards:
        del shard["num_images"]
    return {"num_examples": split["num_images"], "class_counts": split["class_counts"], "shards": shards}
