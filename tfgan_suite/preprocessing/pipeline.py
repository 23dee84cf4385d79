"""`prepare_dataset`: any source of images becomes shards and a description, on any Beam runner."""

import contextlib
import dataclasses
import fcntl
import json
import logging
import math
import os
import platform
import re
import shutil
import types
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import PIL

from tfgan_suite.data.dataset_info import (
    FILE_NAME,
    DatasetInfo,
    RefusedImage,
    RefusedInfo,
    ShardInfo,
    SplitInfo,
    write_atomically,
)
from tfgan_suite.data.images import MAX_SOURCE_PIXELS, ImageFormat
from tfgan_suite.data.sources import Source, SourceItem, SourceListing, open_source
from tfgan_suite.errors import UserError, import_extra
from tfgan_suite.preprocessing.progress import Progress


def _import_beam() -> types.ModuleType:
    """Imports Beam without its remark, at warning level, that the clients of BigQuery are not installed."""
    root = logging.getLogger()

    def is_wanted(record: logging.LogRecord) -> bool:
        return "apitools not found" not in record.getMessage()

    root.addFilter(is_wanted)
    try:
        return import_extra("apache_beam", "beam", "Preparing a data set")
    finally:
        root.removeFilter(is_wanted)


beam = _import_beam()

from tfgan_suite.preprocessing import transforms  # noqa: E402  (It needs Beam, whose absence is told above.)

WORK_DIR_NAME = ".prepare"
REFUSED_FILE_NAME = "refused.json"
# A block is what a kill can lose, and what one worker takes at a time.
BLOCK_IMAGES = 256
SLOW_BLOCK_IMAGES = 64
SHARD_RAW_BYTES = 64 * 2**20
# Encoded images do not compress, but the 200 bytes of names and sizes around each do. Above this many raw bytes an
# image they weigh nothing, and reading is spared the work.
GZIP_RAW_BYTES = 256 * 1024
# Files that belong beside images. They are listed as set aside, but do not count towards `max_refused_fraction`.
HARMLESS_REASONS = ("hidden_file", "side_file")


def prepare_dataset(
    source,
    output_dir: str | os.PathLike,
    *,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    crop: str | None = None,
    resize_filter: str = "lanczos",
    background: str | None = None,
    encoding: str = "png",
    jpeg_quality: int = 95,
    splits: Mapping[str, float] | None = None,
    num_shards: int | None = None,
    max_refused_fraction: float = 0.05,
    max_source_pixels: int = MAX_SOURCE_PIXELS,
    deduplicate: bool = True,
    labels: bool = True,
    seed: int = 0,
    limit: int | None = None,
    name: str | None = None,
    runner=None,
    pipeline_options=None,
    force: bool = False,
    progress: bool = True,
) -> DatasetInfo:
    """Prepares a data set: decodes, crops, resizes, removes copies, splits, and writes shards with a description.

    The content of the output depends on the source and the settings alone, not on the runner or the number of workers.
    The same call again does nothing; after a kill it finishes what was begun. Either way nothing half-written ever
    carries a final name, and `dataset_info.json` is written last.

    Args:
        source: A directory of images (class sub-folders, or `labels.csv` / `dataset.json`), a `.zip` of the same, a
            `.npz` file, a uint8 array, a tuple `(images, labels)`, `"tfds:NAME"`, `"digits"`, `"avatars"`, or a `Source`.
        output_dir: Directory to write; all workers must see it.
        image_size: Pixels of the (square) images, or `(height, width)`. Demo sets and arrays have a default.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA); by default 3, for arrays their own.
        crop: `"center"`, `"pad"`, `"border"` or `"none"`, see `ImageFormat`.
        resize_filter: `"lanczos"`, `"bicubic"`, `"bilinear"`, `"hamming"` or `"box"`, all antialiased.
        background: Colour behind transparency and padding; white by default, black for digits.
        encoding: `"png"`, `"jpeg"`, `"webp"` (lossless) or `"raw"`.
        jpeg_quality: 1 to 100, for `"jpeg"`.
        splits: Fractions by name that sum to 1, by default `{"train": 1.0}`. An image's split is a function of its
            pixels and the seed, so that copies can never lie on both sides.
        num_shards: Of all splits together; by default one per 64 MiB of raw pixels.
        max_refused_fraction: More unusable files than this share stop the run before anything is published.
        max_source_pixels: A larger picture is refused from its header.
        deduplicate: Leave out exact copies (equal pixels after preparation), and refuse equal images of several labels.
        labels: False ignores the labels of the source.
        seed: Of the assignment to splits and the order.
        limit: Take this many images (a sample by hash of the name; for `"avatars"` the number to draw).
        name: Short name of the set; by default the source's.
        runner: Beam runner, by name or object; by default a fast one within this process.
        pipeline_options: `PipelineOptions` or a list of `"--flag=value"`, passed to Beam.
        force: Replace a set that was prepared with other settings or from changed inputs.
        progress: Show progress on the terminal, and say what was done.

    Returns:
        The `DatasetInfo`, as `DatasetInfo.load(output_dir)` gives it.

    Raises:
        UserError: A setting or the source cannot be used, too many files were refused, the directory holds another data
            set, or it cannot be written.

    Example:

    >>> info = prepare_dataset("digits", "data/digits")
    >>> prepare_dataset("photos", "data/photos64", image_size=64, splits={"train": 0.9, "test": 0.1})
    """
    source = open_source(source)
    image_format = _image_format(
        source,
        image_size,
        channels=channels,
        crop=crop,
        background=background,
        resize_filter=resize_filter,
        encoding=encoding,
        jpeg_quality=jpeg_quality,
        max_source_pixels=max_source_pixels,
    )
    if not 0 <= max_refused_fraction <= 1:
        raise UserError(f"max_refused_fraction should be from 0 to 1. Received: {max_refused_fraction!r}.")
    settings = {
        **dataclasses.asdict(image_format),
        "splits": _check_splits(splits),
        "num_shards": _check_count("num_shards", num_shards),
        "deduplicate": bool(deduplicate),
        "labels": bool(labels),
        "seed": _check_seed(seed),
        "limit": _check_count("limit", limit),
        "name": name or source.name,
    }
    output_dir = Path(output_dir)
    _check_apart(source, output_dir)
    reporter = Progress(enabled=progress)
    source_entry = {"kind": source.kind, "name": source.name, "fingerprint": source.fingerprint()}
    finished = _finished_info(output_dir, settings, source_entry, force)
    if finished is not None:
        reporter.say(f"{output_dir} is already prepared ({finished.num_images:,} images): nothing to do.")
        return finished
    with _writable(output_dir), _locked(output_dir):
        job = _Job(source, source_entry, settings, image_format, output_dir, reporter)
        job.run(runner, pipeline_options)
        return job.publish(max_refused_fraction)


class _Job:
    """One preparation: its plan, its work directory and the way to the published set."""

    def __init__(
        self,
        source: Source,
        source_entry: dict,
        settings: dict,
        image_format: ImageFormat,
        output_dir: Path,
        reporter: Progress,
    ):
        self.source_entry = source_entry
        self.settings = settings
        self.output_dir = output_dir
        self.reporter = reporter
        self.licence = source.licence
        self.source = source
        reporter.say(f"Listing {source.kind} {source.name!r} ...")
        self.listing: SourceListing = source.list_images(settings["labels"], settings["limit"])
        if not self.listing.items:
            raise UserError(
                f"{source.kind} {source.name!r} holds no images." + _first_reasons(self.listing.refused, "Set aside: ")
            )
        items = self.listing.items
        size = SLOW_BLOCK_IMAGES if source.is_cpu_bound else BLOCK_IMAGES
        self.blocks: list[tuple[int, list[SourceItem]]] = [
            (number, items[start : start + size]) for number, start in enumerate(range(0, len(items), size))
        ]
        raw_bytes = math.prod(image_format.shape)
        self.work_dir = output_dir / WORK_DIR_NAME
        self.plan = transforms.PreparePlan(
            work_dir=str(self.work_dir.resolve()),
            image_format=image_format,
            splits=_shards_per_split(settings["splits"], settings["num_shards"], len(items) * raw_bytes),
            seed=settings["seed"],
            deduplicate=settings["deduplicate"],
            compression="GZIP" if image_format.encoding == "raw" or raw_bytes <= GZIP_RAW_BYTES else "",
        )
        self._open_work_dir()

    def _open_work_dir(self) -> None:
        """Goes on with an unfinished preparation of the same plan; discards one of another plan."""
        plan = {
            "settings": self.settings,
            "source": self.source_entry,
            "versions": _versions(),
            "blocks": len(self.blocks),
        }
        text = json.dumps(plan, indent=2, sort_keys=True)
        plan_path = self.work_dir / "plan.json"
        if plan_path.is_file() and plan_path.read_text("utf-8") == text:
            done = sum(1 for number, _ in self.blocks if transforms.read_block_index(self.plan, number))
            self.reporter.say(f"Going on with an unfinished preparation: {done} of {len(self.blocks)} blocks are done.")
        else:
            if self.work_dir.exists():
                if plan_path.is_file():
                    self.reporter.say("Discarding an unfinished preparation with other settings or inputs.")
                for path in self.work_dir.iterdir():
                    if path.name != "lock":
                        shutil.rmtree(path) if path.is_dir() else path.unlink()
            for name in ("blocks", "shards", "journal"):
                (self.work_dir / name).mkdir(parents=True, exist_ok=True)
            write_atomically(plan_path, text.encode())
        for temporary in self.work_dir.glob("*/.*.tmp"):
            temporary.unlink(missing_ok=True)
        for number, items in self.blocks:
            transforms.write_block_items(self.plan, number, items)

    def run(self, runner, pipeline_options) -> None:
        """Runs the Beam pipeline, unless a killed run got past it."""
        options, runner, num_threads = _choose_runner(runner, pipeline_options, self.source, len(self.listing.items))
        plan = dataclasses.replace(self.plan, num_threads=num_threads)
        reader = self.source.make_reader(self.work_dir.resolve(), self.plan.image_format)
        sizes = {number: len(items) for number, items in self.blocks}
        with self.reporter.watch_blocks(self.work_dir / "blocks", sizes):
            with _plain_write_errors():
                with beam.Pipeline(runner=runner, options=options) as pipeline:
                    rows = (
                        pipeline
                        | "List blocks" >> beam.Create([number for number, _ in self.blocks], reshuffle=False)
                        | "Prepare images" >> transforms.PrepareBlocks(plan, reader)
                    )
                    _ = rows | "Write shards" >> transforms.WriteShards(plan)

    def publish(self, max_refused_fraction: float) -> DatasetInfo:
        """Checks the counts, then moves the shards to their names and writes the description last."""
        refused = list(self.listing.refused)
        num_rows = 0
        shard_names = set()
        for number, items in self.blocks:
            index = transforms.read_block_index(self.plan, number)
            if index is None or len(index["rows"]) + len(index["refused"]) != len(items):
                raise RuntimeError(
                    f"Block {number} of {len(items)} images was not prepared: the Beam runner lost work."
                )
            num_rows += len(index["rows"])
            shard_names |= {self.plan.shard_of(row[0]) for row in index["rows"]}
            refused += [RefusedImage(*entry) for entry in index["refused"]]
        journal = {shard: transforms.read_journal(self.plan, shard) for shard in sorted(shard_names)}
        missing = [shard for shard, entry in journal.items() if entry is None]
        if missing:
            raise RuntimeError(f"The shards {missing} were not written: the Beam runner lost work.")
        refused += [RefusedImage(*image) for entry in journal.values() for image in entry["refused"]]
        duplicates = sum(entry["duplicates"] for entry in journal.values())
        written = sum(entry["num_images"] for entry in journal.values())
        num_read = len(self.listing.items) + len(self.listing.refused)
        if num_read != written + duplicates + len(refused):
            raise RuntimeError(
                f"Counts do not agree: read {num_read:,}, but {written:,} written + {duplicates:,} duplicates + "
                f"{len(refused):,} refused. Nothing was published; the Beam runner lost or doubled records."
            )
        refused.sort(key=lambda image: (image.source, image.reason))
        self._check_refused(refused, num_read, written, max_refused_fraction)
        info = self._describe(journal, refused, duplicates)
        self._move_shards(info)
        info.save(self.output_dir)
        (self.output_dir / REFUSED_FILE_NAME).unlink(missing_ok=True)
        shutil.rmtree(self.work_dir)
        self.reporter.say(
            f"{self.output_dir}: {info.num_images:,} images written, {duplicates:,} duplicates left out, "
            f"{len(refused):,} files set aside."
        )
        return info

    def _check_refused(
        self, refused: list[RefusedImage], num_read: int, written: int, max_refused_fraction: float
    ) -> None:
        harmful = [image for image in refused if image.reason not in HARMLESS_REASONS]
        num_images = num_read - (len(refused) - len(harmful))
        if written and len(harmful) <= max_refused_fraction * num_images:
            return
        path = self.output_dir / REFUSED_FILE_NAME
        content = [dataclasses.asdict(image) for image in refused]
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        write_atomically(path, text.encode("utf-8", "surrogateescape"))
        if written:
            verdict = (
                f"{len(harmful):,} of {num_images:,} images cannot be used ({len(harmful) / num_images:.1%}; at most "
                f"{max_refused_fraction:.1%} is allowed)."
            )
            advice = " Mend the files, or allow more with max_refused_fraction (what is done so far is kept)."
        else:
            verdict, advice = f"None of the {num_images:,} images can be used.", ""
        raise UserError(
            f"{verdict} Nothing was published. The whole list: {path}."
            + _first_reasons(harmful, " The first: ")
            + advice
        )

    def _describe(self, journal: dict[str, dict], refused: list[RefusedImage], duplicates: int) -> DatasetInfo:
        splits = {}
        for split, _, _ in self.plan.splits:
            entries = {shard: entry for shard, entry in journal.items() if shard.rsplit("-", 3)[0] == split}
            counts = Counter()
            for entry in entries.values():
                counts.update(entry["class_counts"])
            splits[split] = SplitInfo(
                num_images=sum(entry["num_images"] for entry in entries.values()),
                class_counts=tuple(counts[str(label)] for label in range(len(self.listing.class_names))),
                shards=tuple(
                    ShardInfo(shard, entry["num_images"], entry["size_bytes"], entry["sha256"])
                    for shard, entry in entries.items()
                    if entry["num_images"]
                ),
            )
        image_format = self.plan.image_format
        return DatasetInfo(
            name=self.settings["name"],
            image_shape=image_format.shape,
            class_names=self.listing.class_names,
            splits=splits,
            encoding=image_format.encoding,
            compression=self.plan.compression,
            resize={
                "filter": "none" if image_format.crop == "border" else image_format.resize_filter,
                "library": image_format.resize_library,
            },
            settings=self.settings,
            versions=_versions(),
            licence=self.licence,
            source=self.source_entry,
            refused=RefusedInfo(len(refused), dict(Counter(image.reason for image in refused)), tuple(refused)),
            duplicates=duplicates,
        )

    def _move_shards(self, info: DatasetInfo) -> None:
        """Takes an old set away, its description first, and renames the new shards into place."""
        (self.output_dir / FILE_NAME).unlink(missing_ok=True)
        names = {shard.name for split in info.splits.values() for shard in split.shards}
        for path in self.output_dir.iterdir():
            is_shard = re.fullmatch(r".+-\d{5}-of-\d{5}\.tfrecord(\.gz)?", path.name)
            is_stale = path.match(f".{FILE_NAME}.*.tmp") or path.match(f".{REFUSED_FILE_NAME}.*.tmp")
            if path.name not in names and (is_shard or is_stale):
                path.unlink()
        for shard in sorted(names):
            # Copied by hard link: should this be killed, the same command finds every shard in the work directory.
            linked = self.work_dir / f"publish-{shard}"
            linked.unlink(missing_ok=True)
            _link_or_copy(self.plan.shard_path(shard), linked)
            os.replace(linked, self.output_dir / shard)


def _link_or_copy(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except OSError:  # A file system without hard links.
        shutil.copyfile(path, target)


def _image_format(source: Source, image_size, **settings) -> ImageFormat:
    if isinstance(image_size, int) and not isinstance(image_size, bool):
        image_size = (image_size, image_size)
    if image_size is not None and (not isinstance(image_size, Sequence) or len(image_size) != 2):
        raise UserError(f"image_size should be a number of pixels or (height, width). Received: {image_size!r}.")
    defaults = {"background": "white", **source.default_settings(image_size)}
    size = image_size or defaults.pop("image_size", None)
    if size is None:
        raise UserError(
            f"image_size is needed for a {source.kind}: the side of the prepared images in pixels, such as image_size=64."
        )
    chosen = {key: value for key, value in settings.items() if value is not None}
    defaults.pop("image_size", None)
    return ImageFormat(*size, **{**defaults, **chosen})


def _check_apart(source: Source, output_dir: Path) -> None:
    """The output must not become a part of its own input."""
    folder = getattr(source, "path", None)
    if folder is not None and folder.is_dir():
        folder, output = folder.resolve(), output_dir.resolve()
        if output == folder or folder in output.parents:
            raise UserError(
                f"{str(output_dir)!r} lies within the source {str(folder)!r}. Choose a directory outside of it."
            )


def _check_splits(splits: Mapping[str, float] | None) -> dict[str, float]:
    splits = {"train": 1.0} if splits is None else dict(splits)
    for name, fraction in splits.items():
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", str(name)):
            raise UserError(f"A split's name should be letters, digits and underscores. Received: {name!r}.")
        if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 < fraction <= 1:
            raise UserError(
                f"The fraction of the split {name!r} should lie above 0 and up to 1. Received: {fraction!r}."
            )
    if not splits or abs(math.fsum(splits.values()) - 1) > 1e-6:
        raise UserError(
            f"The fractions of the splits should sum to 1. Received: {splits}, summing to {sum(splits.values()):g}."
        )
    return {name: float(fraction) for name, fraction in splits.items()}


def _check_count(name: str, value: int | None) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise UserError(f"{name} should be a whole number from 1 up, or None. Received: {value!r}.")
    return value


def _check_seed(seed: int) -> int:
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**63:
        raise UserError(f"seed should be a whole number from 0 to 2**63 - 1. Received: {seed!r}.")
    return seed


def _shards_per_split(
    splits: dict[str, float], num_shards: int | None, raw_bytes: int
) -> tuple[tuple[str, float, int], ...]:
    total = num_shards or math.ceil(raw_bytes / SHARD_RAW_BYTES)
    return tuple((name, fraction, max(1, round(total * fraction))) for name, fraction in splits.items())


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    try:
        own = version("tfgan-suite")
    except PackageNotFoundError:  # Run from the source tree.
        own = "source"
    return {
        "tfgan-suite": own,
        "python": platform.python_version(),
        "apache-beam": beam.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
    }


def _finished_info(output_dir: Path, settings: dict, source_entry: dict, force: bool) -> DatasetInfo | None:
    """The description of an equal, finished set. Raises when there is another one, unless it may be replaced."""
    if not (output_dir / FILE_NAME).exists():
        return None
    try:
        info = DatasetInfo.load(output_dir)
    except UserError:
        if force:
            return None
        raise
    old = {**info.settings, "source kind": info.source["kind"], "source name": info.source["name"]}
    new = {**settings, "source kind": source_entry["kind"], "source name": source_entry["name"]}
    # Through JSON, so that tuples and lists compare equal.
    old, new = json.loads(json.dumps([old, new]))
    differences = [
        f"{key} was {old.get(key)!r}, now {new.get(key)!r}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
    if not differences and info.source["fingerprint"] != source_entry["fingerprint"]:
        differences = [f"the content of {source_entry['kind']} {source_entry['name']!r} has changed since"]
    if not differences:
        try:
            info.check_sizes(output_dir)
            return info
        except UserError:
            if not force:
                raise
    if force:
        return None
    raise UserError(
        f"{output_dir} holds a data set that was prepared otherwise: {'; '.join(differences)}. "
        "Choose another directory, or replace that set with force=True."
    )


def _choose_runner(runner, pipeline_options, source: Source, num_images: int):
    """Beam options, runner and threads per worker. Without a wish: the fastest within this process."""
    if isinstance(pipeline_options, str):
        raise UserError(
            f"pipeline_options should be a list of '--flag=value'. Received one string: {pipeline_options!r}."
        )
    flags = list(pipeline_options) if isinstance(pipeline_options, Sequence) else []
    options = pipeline_options if isinstance(pipeline_options, beam.options.pipeline_options.PipelineOptions) else None
    options = options or beam.options.pipeline_options.PipelineOptions(flags)
    if runner is None and not options.view_as(beam.options.pipeline_options.StandardOptions).runner:
        from apache_beam.runners.portability.fn_api_runner import FnApiRunner

        num_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return options, FnApiRunner(), min(num_cores, 16)
    return options, runner, 1


@contextlib.contextmanager
def _writable(output_dir: Path) -> Iterator[None]:
    """Makes the directory, and turns failures to write within the block into errors for the user."""
    try:
        if output_dir.exists() and not output_dir.is_dir():
            raise UserError(f"{str(output_dir)!r} is a file. Expected a directory to write to.")
        output_dir.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if isinstance(error, UserError):
            raise
        raise UserError(
            f"Cannot write to {str(output_dir)!r}: {error.strerror or error}. Nothing was published. Free space or "
            "choose another directory, then run the same command again: it goes on where it stopped."
        ) from error


@contextlib.contextmanager
def _plain_write_errors() -> Iterator[None]:
    """Finds a failure to write among what a runner made of it."""
    try:
        yield
    except Exception as error:
        found = re.search(re.escape(transforms.WRITE_FAILED) + r" [^\n]*", str(error))
        if not found:
            raise
        raise OSError(found.group(0)) from error


@contextlib.contextmanager
def _locked(output_dir: Path) -> Iterator[None]:
    """Keeps a second preparation out of the directory. The lock ends with the process, however it ends."""
    work_dir = output_dir / WORK_DIR_NAME
    existed = work_dir.exists()
    work_dir.mkdir(exist_ok=True)
    with open(work_dir / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"Another process is preparing {str(output_dir)!r} just now. Wait until it is done."
            ) from error
        try:
            yield
        finally:
            if not existed and {path.name for path in work_dir.glob("*")} == {"lock"}:
                shutil.rmtree(work_dir)


def _first_reasons(refused: Sequence[RefusedImage], lead: str) -> str:
    if not refused:
        return ""
    return lead + "; ".join(f"{image.source}: {image.reason} ({image.message})" for image in refused[:5]) + "."
