"""Prepared sets for tests, written without Beam."""

from pathlib import Path

import numpy as np

from tfgan_suite.data.dataset_info import DatasetInfo, ShardInfo, SplitInfo
from tfgan_suite.data.records import encode_record, write_tfrecords
from tfgan_suite.foundation.files import file_sha256
from tfgan_suite.specs.condition import Condition
from tfgan_suite.specs.image_spec import ImageSpec


def write_prepared_set(directory: Path, images: np.ndarray, labels: np.ndarray | None = None, splits=None) -> Path:
    """Writes uint8 images [count, height, width, 1 or 3] and labels [count] as a prepared set; see below."""
    return write_prepared_examples(directory, ImageSpec(images.shape[1:]), images, labels, splits)


def write_prepared_examples(directory, spec, examples, labels=None, splits=None) -> Path:
    """The same for examples of any kind, [count, *spec.shape] of its `edge_dtype`, one shard a split.

    `splits` is a dict of names to counts, taken in this order; all are "train" by default.
    """
    directory.mkdir(parents=True)
    num_classes = 0 if labels is None else int(np.max(labels)) + 1
    described, start = {}, 0
    for split, count in (splits or {"train": len(examples)}).items():
        rows = range(start, start := start + count)
        records = [
            encode_record(spec, examples[row], f"{row}{spec.file_suffix}", None if labels is None else int(labels[row]))
            for row in rows
        ]
        path = directory / f"{split}-00000-of-00001.tfrecord"
        with open(path, "wb") as file:
            write_tfrecords(file, records)
        counts = (
            () if labels is None else tuple(np.bincount(labels[rows.start : rows.stop], minlength=num_classes).tolist())
        )
        shard = ShardInfo(path.name, count, path.stat().st_size, file_sha256(path))
        described[split] = SplitInfo(count, counts, (shard,))
    info = DatasetInfo(
        name="tiny",
        spec=spec,
        splits=described,
        condition=Condition.of_classes(num_classes, [f"class {index}" for index in range(num_classes)]),
    )
    info.save(directory)
    return directory
