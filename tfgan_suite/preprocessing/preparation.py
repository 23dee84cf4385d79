"""One preparation: its plan, its work directory, the Beam run, and the way to the published set."""

import contextlib
import dataclasses
import hashlib
import json
import logging
import math
import os
import platform
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import PIL

from tfgan_suite.data.dataset_info import (
    FILE_NAME,
    DatasetInfo,
    RefusedExample,
    RefusedInfo,
    ShardInfo,
    SplitInfo,
)
from tfgan_suite.data.example_format import ExampleFormat
from tfgan_suite.data.sources.source import Source, SourceItem, SourceListing
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.preprocessing import transforms
from tfgan_suite.preprocessing.beam_import import beam
from tfgan_suite.preprocessing.beam_runner import choose_runner
from tfgan_suite.preprocessing.preparation_progress import PreparationProgress
from tfgan_suite.specs.condition import Condition
from tfgan_suite.specs.example_spec import ExampleSpec

WORK_DIR_NAME = ".prepare"
REFUSED_FILE_NAME = "refused.json"
# A block is what a kill can lose, and what one worker takes at a time.
BLOCK_EXAMPLES = 256
SLOW_BLOCK_EXAMPLES = 64
SHARD_RAW_BYTES = 64 * 2**20
# Compressed examples do not shrink, but the 200 bytes of names and sizes around each do. Above this many raw bytes an
# example they weigh nothing, and reading is spared the work.
GZIP_RAW_BYTES = 256 * 1024
# The description lists this many of the inputs that were set aside for one reason.
MAX_LISTED_OF_A_REASON = 100
# What is no example, and lies or is listed beside them, or is a copy: set aside, but not counted towards `max_refused_fraction`.
HARMLESS_REASONS = ("hidden_file", "side_file", "annotation", "missing_file", "silent_window", "duplicate_document")
_NAMES_SHOWN = 10


class Preparation:
    """One preparation: its plan, its work directory and the way to the published set."""

    def __init__(
        self,
        source: Source,
        source_entry: dict,
        settings: dict,
        example_format: ExampleFormat,
        output_dir: Path,
        reporter: PreparationProgress,
    ):
        self.source_entry = source_entry
        self.settings = settings
        self.output_dir = output_dir
        self.reporter = reporter
        self.license = source.license
        self.source = source
        self.units = example_format.spec.unit[1]
        reporter.say(f"Listing {source.kind} {source.name!r} ...")
        self.listing: SourceListing = source.list_items(settings["labels"], settings["limit"])
        if not self.listing.items:
            raise UserError(
                f"{source.kind} {source.name!r} holds no {self.units}."
                + _first_reasons(self.listing.refused, " Set aside: ")
            )
        _check_class_names(self.listing.class_names)
        items = self.listing.items
        size = SLOW_BLOCK_EXAMPLES if source.is_cpu_bound else BLOCK_EXAMPLES
        self.blocks: list[tuple[int, list[SourceItem]]] = [
            (number, items[start : start + size]) for number, start in enumerate(range(0, len(items), size))
        ]
        spec = example_format.spec
        self.work_dir = output_dir / WORK_DIR_NAME
        self.plan = transforms.PreparePlan(
            work_dir=str(self.work_dir.resolve()),
            example_format=example_format,
            splits=_shards_per_split(settings["splits"], settings["num_shards"], len(items) * spec.num_bytes),
            seed=settings["seed"],
            deduplicate=settings["deduplicate"],
            compression=choose_compression(spec),
        )
        self._open_work_dir()

    def _open_work_dir(self) -> None:
        """Resumes an unfinished preparation of the same plan; discards one of another plan."""
        plan = {
            "settings": self.settings,
            "source": self.source_entry,
            "versions": _versions(),
            "blocks": len(self.blocks),
            # How a source is understood may change between versions of the code.
            "classes": self.listing.class_names,
            "items": hashlib.sha256(json.dumps(self.listing.items).encode()).hexdigest(),
        }
        text = json.dumps(plan, indent=2, sort_keys=True)
        plan_path = self.work_dir / "plan.json"
        if plan_path.is_file() and plan_path.read_bytes() == text.encode():
            done = sum(1 for number, _ in self.blocks if transforms.read_block_index(self.plan, number))
            self.reporter.say(f"Resuming an unfinished preparation: {done} of {len(self.blocks)} blocks are done.")
        else:
            if self.work_dir.exists():
                if plan_path.is_file():
                    self.reporter.say("Discarding an unfinished preparation with other settings or inputs.")
                for path in self.work_dir.iterdir():
                    if path.name != "lock":
                        shutil.rmtree(path) if path.is_dir() else path.unlink()
            for name in ("blocks", "shards", "journal"):
                (self.work_dir / name).mkdir(parents=True, exist_ok=True)
            write_atomically(plan_path, text)
        for temporary in self.work_dir.glob("*/.*.tmp"):
            temporary.unlink(missing_ok=True)
        for number, items in self.blocks:
            transforms.write_block_items(self.plan, number, items)

    def run(self, runner, pipeline_options) -> None:
        """Runs the Beam pipeline, unless a killed run got past it."""
        options, runner, num_threads = choose_runner(runner, pipeline_options)
        plan = dataclasses.replace(self.plan, num_threads=num_threads)
        if isinstance(self.source, transforms.BeamSource):
            prepare_blocks = self.source.make_transform(plan)
        else:
            reader = self.source.make_reader(self.work_dir.resolve(), self.plan.example_format)
            prepare_blocks = transforms.PrepareBlocks(plan, reader)
        sizes = {number: len(items) for number, items in self.blocks}
        with self.reporter.watch_blocks(self.work_dir / "blocks", sizes):
            with open_pipeline(runner, options) as pipeline:
                rows = (
                    pipeline
                    | "List blocks" >> beam.Create([number for number, _ in self.blocks], reshuffle=False)
                    | "Prepare examples" >> prepare_blocks
                )
                _ = rows | "Write shards" >> transforms.WriteShards(plan)

    def publish(self, max_refused_fraction: float) -> DatasetInfo:
        """Checks the counts, then moves the shards to their names and writes the description last."""
        refused = []
        shard_names = set()
        for number, items in self.blocks:
            index = transforms.read_block_index(self.plan, number)
            if index is None or len(index["rows"]) + len(index["refused"]) != len(items):
                raise RuntimeError(
                    f"Block {number} of {len(items)} {self.units} was not prepared: the Beam runner lost work."
                )
            shard_names |= {self.plan.shard_of(row[0]) for row in index["rows"]}
            refused += [RefusedExample(*entry) for entry in index["refused"]]
        journal = {shard: transforms.read_journal(self.plan, shard) for shard in sorted(shard_names)}
        missing = [shard for shard, entry in journal.items() if entry is None]
        if missing:
            raise RuntimeError(f"The shards {missing} were not written: the Beam runner lost work.")
        refused += [RefusedExample(*example) for entry in journal.values() for example in entry["refused"]]
        refused += self.listing.refused
        duplicates = sum(entry["duplicates"] for entry in journal.values())
        written = sum(entry["num_examples"] for entry in journal.values())
        num_read = len(self.listing.items) + len(self.listing.refused)
        if num_read != written + duplicates + len(refused):
            raise RuntimeError(
                f"Counts do not agree: read {num_read:,}, but {written:,} written + {duplicates:,} duplicates + "
                f"{len(refused):,} refused. Nothing was published; the Beam runner lost or doubled records."
            )
        refused.sort(key=lambda example: (example.source, example.reason))
        self._check_refused(refused, written, max_refused_fraction)
        info = self._describe(journal, refused, duplicates)
        self._move_shards(info)
        is_whole_list = len(info.refused.examples) == len(refused)
        if not is_whole_list:
            self._write_refused(refused)
        info.save(self.output_dir)
        if is_whole_list:
            (self.output_dir / REFUSED_FILE_NAME).unlink(missing_ok=True)
        shutil.rmtree(self.work_dir)
        self.reporter.say(
            f"{self.output_dir}: {info.num_examples:,} {self.units} written, {duplicates:,} duplicates left out, "
            f"{len(refused):,} inputs set aside{'' if is_whole_list else f', all listed in {REFUSED_FILE_NAME}'}."
        )
        for sentence in (describe_classes(info), *self.listing.notes):
            self.reporter.say(sentence)
        trained_on = "train" if "train" in info.splits else next(iter(info.splits))
        if sentence := info.describe_empty_classes(trained_on):
            self.reporter.say(sentence)
        return info

    def _check_refused(self, refused: list[RefusedExample], written: int, max_refused_fraction: float) -> None:
        """Raises if too many of the examples cannot be used. Files that are no examples do not count."""
        # A sample is judged by itself, not by what was set aside of all the rest.
        is_sample = len(self.listing.items) == self.settings["limit"]
        unjudged = set(self.listing.refused) if is_sample else set()
        harmful = [one for one in refused if one.reason not in HARMLESS_REASONS and one not in unjudged]
        listed = [one for one in self.listing.refused if one.reason not in HARMLESS_REASONS and one not in unjudged]
        num_examples = len(self.listing.items) + len(listed)
        if written and len(harmful) <= max_refused_fraction * num_examples:
            return
        path = self._write_refused(refused)
        if written:
            verdict = (
                f"{len(harmful):,} of {num_examples:,} {self.units} cannot be used ({len(harmful) / num_examples:.1%}; at most "
                f"{max_refused_fraction:.1%} is allowed)."
            )
            advice = " Fix the source, or allow more with max_refused_fraction (what is done so far is kept)."
        else:
            verdict, advice = f"None of the {num_examples:,} {self.units} can be used.", ""
        raise UserError(
            f"{verdict} Nothing was published. The whole list: {path}."
            + _first_reasons(harmful, " The first: ")
            + "".join(f" {note}" for note in self.listing.notes)
            + advice
        )

    def _write_refused(self, refused: list[RefusedExample]) -> Path:
        path = self.output_dir / REFUSED_FILE_NAME
        content = [dataclasses.asdict(example) for example in refused]
        write_atomically(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        return path

    def _describe(self, journal: dict[str, dict], refused: list[RefusedExample], duplicates: int) -> DatasetInfo:
        splits = {}
        for split, _, _ in self.plan.splits:
            entries = {shard: entry for shard, entry in journal.items() if shard.rsplit("-", 3)[0] == split}
            counts = Counter()
            for entry in entries.values():
                counts.update(entry["class_counts"])
            splits[split] = SplitInfo(
                num_examples=sum(entry["num_examples"] for entry in entries.values()),
                class_counts=tuple(counts[str(label)] for label in range(len(self.listing.class_names))),
                shards=tuple(
                    ShardInfo(shard, entry["num_examples"], entry["size_bytes"], entry["sha256"])
                    for shard, entry in entries.items()
                    if entry["num_examples"]
                ),
            )
        example_format = self.plan.example_format
        class_names = self.listing.class_names
        return DatasetInfo(
            name=self.settings["name"],
            spec=example_format.spec,
            splits=splits,
            condition=Condition.of_classes(len(class_names), class_names),
            compression=self.plan.compression,
            processing=example_format.processing(),
            settings=self.settings,
            versions=_versions(),
            license=self.license,
            source={**self.source_entry, "labels": self._origin_of_labels()},
            refused=RefusedInfo(
                len(refused), dict(Counter(example.reason for example in refused)), _first_of_each_reason(refused)
            ),
            duplicates=duplicates,
        )

    def _origin_of_labels(self) -> str:
        if self.listing.origin:
            return self.listing.origin
        if self.listing.class_names:
            return f"{self.source.kind} {self.source.name!r}"
        return "the source states none" if self.settings["labels"] else "they were not asked for"

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


def choose_compression(spec: ExampleSpec) -> str:
    """The compression of shards with such examples, `"GZIP"` or `""`."""
    return "" if spec.is_compressed and spec.num_bytes > GZIP_RAW_BYTES else "GZIP"


def _shards_per_split(
    splits: dict[str, float], num_shards: int | None, raw_bytes: int
) -> tuple[tuple[str, float, int], ...]:
    total = num_shards or math.ceil(raw_bytes / SHARD_RAW_BYTES)
    return tuple((name, fraction, max(1, round(total * fraction))) for name, fraction in splits.items())


def _versions() -> dict[str, str]:
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


@contextlib.contextmanager
def open_pipeline(runner, options) -> Iterator[beam.Pipeline]:
    """A pipeline that is run at the end of the block."""
    pipeline = beam.Pipeline(runner=runner, options=options)
    try:
        with _plain_errors(), pipeline:
            yield pipeline
    finally:
        client = getattr(getattr(pipeline, "result", None), "client", None)  # Of Dask; Beam leaves it open.
        if client is not None:
            client.close()


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """Finds a failure to write, or Ctrl-C, in what a runner made of it."""
    logger = logging.getLogger("apache_beam.runners.common")
    logger.addFilter(_is_no_interrupt)
    try:
        yield
    except Exception as error:
        if str(error).startswith(KeyboardInterrupt.__name__):
            raise KeyboardInterrupt from error
        found = re.search(re.escape(transforms.WRITE_FAILED) + r" [^\n]*", str(error))
        if not found:
            raise
        raise OSError(found.group(0)) from error
    finally:
        logger.removeFilter(_is_no_interrupt)


def _is_no_interrupt(record: logging.LogRecord) -> bool:
    """Beam logs every exception with a traceback; Ctrl-C is no failure."""
    return not record.getMessage().startswith(KeyboardInterrupt.__name__)


def describe_classes(info: DatasetInfo) -> str:
    """A sentence that says which classes a set has, and where they came from."""
    origin = info.source.get("labels")  # Sets of earlier versions do not say.
    if not info.num_classes:
        return f"No classes: {origin}." if origin else "No classes."
    shown = ", ".join(info.class_names[:_NAMES_SHOWN]) + (", ..." if info.num_classes > _NAMES_SHOWN else "")
    classes = "1 class" if info.num_classes == 1 else f"{info.num_classes:,} classes"
    sentence = f"{classes} from {origin}: {shown}." if origin else f"{classes}: {shown}."
    if info.source["kind"] in ("folder", "zip"):  # Elsewhere nothing is inferred.
        sentence += " Leave them out with labels=False (--no-labels)."
    return sentence


def _first_of_each_reason(refused: Sequence[RefusedExample]) -> tuple[RefusedExample, ...]:
    """What the description lists: every run copies it, and a table may name a million files that are not there."""
    first, counts = [], Counter()
    for example in refused:
        counts[example.reason] += 1
        if counts[example.reason] <= MAX_LISTED_OF_A_REASON:
            first.append(example)
    return tuple(first)


def _first_reasons(refused: Sequence[RefusedExample], lead: str) -> str:
    if not refused:
        return ""
    return lead + "; ".join(f"{one.source}: {one.reason} ({one.message})" for one in refused[:5]) + "."


def _check_class_names(names) -> None:
    """Refuses names that no file could hold: JSON and arrays can spell half a surrogate pair, which is no character."""
    for name in names:
        try:
            name.encode("utf-8", "surrogateescape")  # File names that are not UTF-8 can be written.
        except UnicodeEncodeError as error:
            raise UserError(f"Names of classes must be text. Received half a surrogate pair: {name!a}") from error
