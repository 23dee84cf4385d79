import io
import pickle
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from tfgan_suite.data.images import ImageFormat
from tfgan_suite.data.sources.source import SourceItem, SourceReader
from tfgan_suite.foundation.example_refused import ExampleRefused
from tfgan_suite.preprocessing import transforms
from tfgan_suite.preprocessing.transforms import PreparePlan


@pytest.fixture
def plan(tmp_path) -> PreparePlan:
    for name in ("blocks", "shards", "journal"):
        (tmp_path / name).mkdir()
    splits = (("train", 0.75, 4), ("test", 0.25, 2))
    return PreparePlan(str(tmp_path), ImageFormat(4, 4), splits, seed=0, deduplicate=True, compression="GZIP")


class NumberReader(SourceReader):
    """Image `n` has all pixels `n`; negative numbers are refused, number 99 is a file of bytes."""

    def read(self, item):
        if item.address < 0:
            raise ExampleRefused("corrupt", "negative")
        pixels = np.full([4, 4, 3], item.address, np.uint8)
        if item.address == 99:
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "PNG")
            return buffer.getvalue()
        return pixels


def items_of(*numbers: int) -> list[SourceItem]:
    return [SourceItem(f"image {number}", None, number) for number in numbers]


def test_images_spread_over_splits_and_shards_by_their_fractions(plan):
    shards = Counter(plan.shard_of(plan.order(str(number))) for number in range(8000))
    assert len(shards) == 6
    for shard, count in shards.items():
        expected = 8000 * (0.75 / 4 if shard.startswith("train") else 0.25 / 2)
        assert abs(count - expected) < 5 * expected**0.5, shard
    assert "train-00003-of-00004.tfrecord.gz" in shards and "test-00001-of-00002.tfrecord.gz" in shards


def test_fractions_that_do_not_quite_sum_to_one_lose_nothing(plan):
    thirds = PreparePlan(plan.work_dir, plan.example_format, tuple((name, 1 / 3, 1) for name in "abc"), 0, True, "")
    assert thirds.shard_of("f" * 64) == "c-00000-of-00001.tfrecord"
    assert thirds.shard_of("0" * 64) == "a-00000-of-00001.tfrecord"


@pytest.mark.parametrize("num_threads", [1, 3])
def test_a_block_is_written_once_and_then_read_back(plan, num_threads):
    plan = PreparePlan(**{**vars(plan), "num_threads": num_threads})
    transforms.write_block_items(plan, 0, items_of(1, -2, 3, 99))
    step = transforms.PrepareBlock(plan, NumberReader())
    first = list(step.process(0))
    rows = [row for _, rows in first for row in rows]
    assert sorted(row[2] for row in rows) == ["image 1", "image 3", "image 99"]
    index = transforms.read_block_index(plan, 0)
    assert index["refused"] == [["image -2", "corrupt", "negative"]]
    assert list(transforms.PrepareBlock(plan, None).process(0)) == first, "the reader is not needed again"
    records = plan.block_path(0, "records")
    records.write_bytes(records.read_bytes()[:-1])
    assert transforms.read_block_index(plan, 0) is None, "a truncated block is made again"
    assert list(step.process(0)) == first


@pytest.mark.parametrize("num_threads", [1, 2, 8])
def test_a_few_inputs_are_read_ahead_not_a_whole_block(plan, num_threads):
    numbers = []

    class CountingReader(NumberReader):
        def read(self, item):
            numbers.append(item.address)
            return super().read(item)

    plan = PreparePlan(**{**vars(plan), "num_threads": num_threads})
    results = transforms.PrepareBlock(plan, CountingReader())._prepare_all(items_of(*range(90)))
    next(results)
    assert len(numbers) <= 2 * num_threads
    assert len(list(results)) == 89 and numbers == list(range(90))


def test_copies_conflicts_and_order_within_a_shard(plan):
    def row(key, source, label):
        return transforms.Row(plan.order(key), key, source, label, 0, 0, 0)

    rows = sorted(
        [
            row("k1", "b", 0),
            row("k1", "a", 0),
            row("k2", "c", 0),
            row("k2", "d", 1),
            row("k2", "e", 1),
            row("k3", "f", 1),
        ]
    )
    kept, duplicates, refused = transforms._WriteShard(plan)._select(rows)
    assert [(each.key, each.source) for each in kept] == sorted(
        [("k1", "a"), ("k3", "f")], key=lambda pair: plan.order(pair[0])
    )
    assert duplicates == 1 and {(source, reason) for source, reason, _ in refused} == {
        ("c", "conflicting_labels"),
        ("d", "conflicting_labels"),
        ("e", "conflicting_labels"),
    }


def test_a_failed_write_leaves_no_file(tmp_path):
    def pieces():
        yield b"half"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="tfgan-suite cannot write .*shard: No space left on device"):
        transforms.write_file(tmp_path / "shard", pieces())
    assert list(tmp_path.iterdir()) == []


def test_steps_can_be_sent_to_workers(plan):
    for step in (transforms.PrepareBlock(plan, NumberReader()), transforms._WriteShard(plan)):
        assert len(pickle.dumps(step)) < 2000
