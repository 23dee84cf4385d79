"""Prepared sets for tests, written without Beam."""

from pathlib import Path

import numpy as np

from tfgan_suite.data.dataset_info import DatasetInfo, ShardInfo, SplitInfo
from tfgan_suite.data.records import encode_record, write_tfrecords
from tfgan_suite.foundation.files import file_sha256
from tfgan_suite.specs.condition import Condition
from tfgan_suite.specs.image_spec import ImageSpec


def write_prepared_set(directory: Path, images: np.ndarray, labels: np.ndarray | None = None) -> Path:
    """Writes uint8 images [count, height, width, 1 or 3] and labels [count] as the split "train" of a prepared set."""
    return write_prepared_examples(directory, ImageSpec(images.shape[1:]), images, labels)


def write_prepared_examples(directory: Path, spec, examples: np.ndarray, labels: np.ndarray | None = None) -> Path:
    """The same for examples of any kind, [count, *spec.shape] of its `edge_dtype`."""
    directory.mkdir(parents=True)
    records = []
    for index, example in enumerate(examples):
        label = None if labels is None else int(labels[index])
        records.append(encode_record(spec, example, f"{index}{spec.file_suffix}", label))
    path = directory / "train-00000-of-00001.tfrecord"
    with open(path, "wb") as file:
        write_tfrecords(file, records)
    counts = () if labels is None else tuple(np.bincount(labels).tolist())
    shard = ShardInfo(path.name, len(examples), path.stat().st_size, file_sha256(path))
    info = DatasetInfo(
        name="tiny",
        spec=spec,
        splits={"train": SplitInfo(len(examples), counts, (shard,))},
        condition=Condition.of_classes(len(counts), [f"class {index}" for index in range(len(counts))]),
    )
    info.save(directory)
    return directory
