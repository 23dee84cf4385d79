"""The Beam steps of a preparation: blocks of work items become block files, block files become shards.

    Create(block numbers) -> PrepareBlocks -> (shard name, rows) -> WriteShards (GroupByKey) -> shard files + journal

Only numbers and small rows (hash, label, name, place in a block file) travel through Beam; the records wait in block files
within the work directory, which all workers must see. That bounds the memory of the in-process runner, and a
preparation that was killed resumes from the blocks and shards that were finished. Every file appears under its name by
`os.replace`, whole. (Beam's own WriteToTFRecord loses records on Dask.)
"""

import collections
import dataclasses
import gzip
import hashlib
import io
import itertools
import json
import os
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tfgan_suite.data.example_format import ExampleFormat
from tfgan_suite.data.records import encode_record, write_tfrecords
from tfgan_suite.data.sources.source import Source, SourceItem, SourceReader
from tfgan_suite.foundation.example_refused import ExampleRefused
from tfgan_suite.foundation.files import file_sha256
from tfgan_suite.foundation.small_files import DAMAGES
from tfgan_suite.preprocessing.beam_import import beam

WRITE_FAILED = "tfgan-suite cannot write"
# Raw inputs that are in memory at once, for each thread.
READ_AHEAD = 2


class Row(NamedTuple):
    """A prepared example on its way from a block file to its shard."""

    order: str  # Hash of the example and the seed: decides split and shard, and the place within the shard.
    key: str  # SHA-256 of the example as it is at the edge: for images, of the pixels.
    source: str
    label: int | None
    block: int
    offset: int
    size_bytes: int


@dataclasses.dataclass(frozen=True)
class PreparePlan:
    """What the workers need to know. Picklable.

    Args:
        work_dir: String. A directory that all workers share.
        example_format: `ExampleFormat`. How raw inputs become examples.
        splits: Tuple of `(name, fraction, number of shards)`; the fractions sum to 1.
        seed: Integer. Changes which examples go into which split, and their order.
        deduplicate: Boolean. Whether to leave out exact copies, and refuse equal examples with different labels.
        compression: String. `"GZIP"` or `""`.
        num_threads: Integer >= 1. Threads that decode within one worker.
    """

    work_dir: str
    example_format: ExampleFormat
    splits: tuple[tuple[str, float, int], ...]
    seed: int
    deduplicate: bool
    compression: str
    num_threads: int = 1

    def block_path(self, block: int, suffix: str) -> Path:
        return Path(self.work_dir, "blocks", f"{block:06d}.{suffix}")

    def shard_path(self, shard: str) -> Path:
        return Path(self.work_dir, "shards", shard)

    def journal_path(self, shard: str) -> Path:
        return Path(self.work_dir, "journal", f"{shard}.json")

    def order(self, key: str, place: float | None = None) -> str:
        """What decides split, shard and order of an example: hex digits, the first 13 of them its split."""
        digits = hashlib.sha256(f"{self.seed}:{key}".encode()).hexdigest()
        if place is None:
            return digits
        # Examples of one split have the same digits for it, those of its middle: all others are in the order of their hashes.
        begin, middle = 0.0, 0.0
        for _, fraction, _ in self.splits:
            middle = begin + fraction / 2
            begin += fraction
            if place < begin:
                break
        return f"{int(middle * 16**13):013x}{digits[13:]}"

    def shard_of(self, order: str) -> str:
        """The file that an example belongs to, a function of its content alone."""
        position = int(order[:13], 16) / 16**13  # 52 bits: exact in a float.
        name, _, num_shards = self.splits[-1]
        for split in self.splits:
            if position < split[1]:
                name, _, num_shards = split
                break
            position -= split[1]
        shard = int(order[13:26], 16) % num_shards
        return f"{name}-{shard:05d}-of-{num_shards:05d}.tfrecord" + (".gz" if self.compression else "")


class BeamSource(Source):
    """A source whose examples come out of a Beam transform rather than a reader, as those of a model do."""

    def make_transform(self, plan: PreparePlan) -> beam.PTransform:
        """The transform that takes the place of `PrepareBlocks`, with its input and output."""
        raise NotImplementedError


class PrepareBlocks(beam.PTransform):
    """Block numbers -> `(shard name, rows)`; reads each block's items and writes its examples into a block file."""

    def __init__(self, plan: PreparePlan, reader: SourceReader):
        super().__init__()
        self._plan = plan
        self._reader = reader

    def expand(self, blocks):
        return blocks | "Spread over workers" >> beam.Reshuffle() | beam.ParDo(PrepareBlock(self._plan, self._reader))


class WriteShards(beam.PTransform):
    """`(shard name, rows)` -> names of the shards written, each with a journal entry."""

    def __init__(self, plan: PreparePlan):
        super().__init__()
        self._plan = plan

    def expand(self, rows):
        return rows | "Gather each shard" >> beam.GroupByKey() | beam.ParDo(_WriteShard(self._plan))


class PrepareBlock(beam.DoFn):
    """A block number -> `(shard name, rows)`; the step of `PrepareBlocks`."""

    def __init__(self, plan: PreparePlan, reader: SourceReader):
        self._plan = plan
        self._reader = reader

    def process(self, block):
        index = read_block_index(self._plan, block, verify=True)
        rows = self._write_block(block, read_block_items(self._plan, block)) if index is None else index["rows"]
        by_shard: dict[str, list] = {}
        for row in rows:
            by_shard.setdefault(self._plan.shard_of(row[0]), []).append(tuple(row))
        yield from sorted(by_shard.items())

    def _write_block(self, block: int, items: list[SourceItem]) -> list[Row]:
        rows, refused, records, offset = [], [], [], 0
        for item, result in zip(items, self._prepare_all(items), strict=True):
            if isinstance(result, ExampleRefused):
                refused.append((item.name, result.reason, result.message))
                continue
            key, record = result
            rows.append(Row(self._plan.order(key, item.place), key, item.name, item.label, block, offset, len(record)))
            records.append(record)
            offset += len(record)
        content = b"".join(records)
        write_file(self._plan.block_path(block, "records"), [content])
        sha256 = hashlib.sha256(content).hexdigest()
        index = {"rows": rows, "refused": refused, "size_bytes": offset, "sha256": sha256}
        # The index is written last: it says that the block is finished.
        write_file(self._plan.block_path(block, "json"), [noted(index)])
        return rows

    def _prepare_all(self, items: list[SourceItem]) -> Iterator[tuple[str, bytes] | ExampleRefused]:
        loaded = zip(items, self._reader.read_many(items), strict=True)
        if self._plan.num_threads == 1:
            yield from map(self._prepare_one, loaded)
            return
        waiting = collections.deque()
        with ThreadPoolExecutor(self._plan.num_threads) as pool:
            for pair in loaded:
                waiting.append(pool.submit(self._prepare_one, pair))
                del pair  # Large files are let go as soon as they are decoded.
                if len(waiting) == READ_AHEAD * self._plan.num_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _prepare_one(self, pair) -> tuple[str, bytes] | ExampleRefused:
        item, raw = pair
        if isinstance(raw, ExampleRefused):
            return raw
        example_format = self._plan.example_format
        try:
            example, others = example_format.prepare_for_record(raw)
        except ExampleRefused as refusal:
            return refusal
        record = encode_record(example_format.spec, example, item.name, item.label, others)
        return hashlib.sha256(example.tobytes()).hexdigest(), record


def write_block_items(plan: PreparePlan, block: int, items: list[SourceItem]) -> None:
    """Leaves a block's work where the workers find it: a million paths would be too much for a pipeline's graph."""
    write_file(plan.block_path(block, "items"), [json.dumps(items).encode()])


def read_block_items(plan: PreparePlan, block: int) -> list[SourceItem]:
    """The items that `write_block_items` wrote; their addresses have become JSON values (lists for tuples)."""
    return [SourceItem(*item) for item in json.loads(plan.block_path(block, "items").read_bytes())]


def read_block_index(plan: PreparePlan, block: int, verify: bool = False) -> dict | None:
    """The index of a finished block: rows, refused, size_bytes. None when the block has to be (re)made.

    Args:
        plan: A `PreparePlan`.
        block: Integer. The block's number.
        verify: Boolean. Whether to read the block as well: an earlier process wrote it, and much may have happened since.
    """
    return _read_kept(plan.block_path(block, "json"), plan.block_path(block, "records"), verify)


def noted(entry: dict) -> bytes:
    """The JSON of what is noted of a finished file, with a digest of its own."""
    text = json.dumps(entry)
    return json.dumps({"entry": text, "digest": hashlib.sha256(text.encode()).hexdigest()}).encode()


def _read_kept(note_path: Path, path: Path, verify: bool) -> dict | None:
    """What `noted` noted of a file, if both are as they were written; else None."""
    try:
        note = json.loads(note_path.read_bytes())
        if hashlib.sha256(note["entry"].encode()).hexdigest() != note["digest"]:
            return None
        entry = json.loads(note["entry"])
        if "sha256" not in entry:  # A shard of which nothing was kept has no file.
            return entry
        if path.stat().st_size != entry["size_bytes"] or (verify and file_sha256(path) != entry["sha256"]):
            return None
    except DAMAGES:
        return None
    return entry


class _WriteShard(beam.DoFn):
    def __init__(self, plan: PreparePlan):
        self._plan = plan

    def process(self, element):
        shard, row_lists = element
        if read_journal(self._plan, shard, verify=True) is None:
            rows = sorted(Row(*row) for rows in row_lists for row in rows)
            kept, duplicates, refused = self._select(rows)
            path = self._plan.shard_path(shard)
            labels = [row.label for row in kept]
            entry = {
                "num_examples": len(kept),
                "class_counts": {str(label): labels.count(label) for label in sorted(set(labels), key=str)},
                "duplicates": duplicates,
                "refused": refused,
            }
            if kept:
                write_file(path, [self._serialize(kept)], durable=True)
                entry |= {"size_bytes": path.stat().st_size, "sha256": file_sha256(path)}
            write_file(self._plan.journal_path(shard), [noted(entry)], durable=True)
        yield shard

    def _select(self, rows: list[Row]) -> tuple[list[Row], int, list[tuple[str, str, str]]]:
        """Keeps the first by name of equal examples; refuses all of them when their labels differ."""
        if not self._plan.deduplicate:
            return rows, 0, []
        kept, refused, groups = [], [], {}
        for row in rows:  # Sorted by hash, then by name.
            groups.setdefault(row.key, []).append(row)
        for group in groups.values():
            if len({row.label for row in group}) == 1:
                kept.append(group[0])
                continue
            for row in group:
                other = next(other for other in group if other.label != row.label)
                refused.append(
                    (row.source, "conflicting_labels", f"Equal to {other.source!r}, which has another label.")
                )
        return kept, len(rows) - len(kept) - len(refused), refused

    def _serialize(self, rows: list[Row]) -> bytes:
        buffer = io.BytesIO()
        if self._plan.compression:
            with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
                write_tfrecords(file, self._read_records(rows))
        else:
            write_tfrecords(buffer, self._read_records(rows))
        return buffer.getvalue()

    def _read_records(self, rows: list[Row]) -> list[bytes]:
        """Reads the records of one shard from the block files, one open file at a time."""
        records = {}
        for block, block_rows in itertools.groupby(sorted(rows, key=lambda row: row[-3:]), key=lambda row: row.block):
            with open(self._plan.block_path(block, "records"), "rb") as file:
                for row in block_rows:
                    file.seek(row.offset)
                    records[row.block, row.offset] = file.read(row.size_bytes)
        return [records[row.block, row.offset] for row in rows]


def read_journal(plan: PreparePlan, shard: str, verify: bool = False) -> dict | None:
    """The journal entry of a finished shard; None when the shard has to be (re)made. `verify` is as in `read_block_index`."""
    return _read_kept(plan.journal_path(shard), plan.shard_path(shard), verify)


def write_file(path: Path, pieces: Iterable[bytes], durable: bool = False) -> None:
    """Writes a file under a temporary name and renames it when it is whole (and, if `durable`, on the disk)."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with open(temporary, "wb") as file:
            for piece in pieces:
                file.write(piece)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        # Runners wrap exceptions in their own; the driver finds this one by its words.
        raise OSError(f"{WRITE_FAILED} {path}: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)
