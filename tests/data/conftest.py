import numpy as np
import pytest

from tfgan_suite.data.dataset_info import DatasetInfo, ShardInfo, SplitInfo
from tfgan_suite.data.records import encode_record, write_tfrecords
from tfgan_suite.foundation.files import file_sha256
from tfgan_suite.specs.condition import Condition
from tfgan_suite.specs.image_spec import ImageSpec


@pytest.fixture
def make_dataset(tmp_path):
    """Writes a prepared set without Beam; image `i` has all pixels `i % 256`, its left column `i // 256`, label `i % 3`."""

    def make(count: int = 50, num_shards: int = 3, encoding: str = "png", labelled: bool = True, channels: int = 3):
        images = np.empty([count, 4, 6, channels], np.uint8)
        images[:] = np.arange(count)[:, np.newaxis, np.newaxis, np.newaxis] % 256
        images[:, :, 0] = np.arange(count)[:, np.newaxis, np.newaxis] // 256
        directory = tmp_path / f"set {count} {num_shards} {encoding} {labelled} {channels}"
        directory.mkdir(exist_ok=True)
        spec = ImageSpec((4, 6, channels), encoding, jpeg_quality=100)
        shards = []
        for shard in range(num_shards):
            rows = range(shard, count, num_shards)
            path = directory / f"train-{shard:05d}-of-{num_shards:05d}.tfrecord"
            with open(path, "wb") as file:
                write_tfrecords(
                    file, (encode_record(spec, images[row], str(row), row % 3 if labelled else None) for row in rows)
                )
            shards.append(ShardInfo(path.name, len(rows), path.stat().st_size, file_sha256(path)))
        names = ("a", "b", "c") if labelled else ()
        counts = tuple(len(range(label, count, 3)) for label in range(3)) if labelled else ()
        info = DatasetInfo(
            name="numbers",
            spec=spec,
            splits={"train": SplitInfo(count, counts, tuple(shards)), "empty": SplitInfo(0, (0,) * len(names), ())},
            condition=Condition.of_classes(len(names), names),
        )
        info.save(directory)
        return directory

    return make
