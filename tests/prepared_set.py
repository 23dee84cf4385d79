"""Prepared sets for tests, written without Beam."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from tfgan_suite.data.dataset_info import DatasetInfo, ShardInfo, SplitInfo
from tfgan_suite.data.records import ImageRecord, encode_example, write_tfrecords
from tfgan_suite.foundation.files import file_sha256


def write_prepared_set(directory: Path, images: np.ndarray, labels: np.ndarray | None = None) -> Path:
    """Writes uint8 images [count, height, width, 1 or 3] and labels [count] as the split "train" of a prepared set."""
    directory.mkdir(parents=True)
    examples = []
    for index, image in enumerate(images):
        encoded = io.BytesIO()
        Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(encoded, "PNG")
        label = None if labels is None else int(labels[index])
        examples.append(encode_example(ImageRecord(encoded.getvalue(), "png", *image.shape, f"{index}.png", label)))
    path = directory / "train-00000-of-00001.tfrecord"
    with open(path, "wb") as file:
        write_tfrecords(file, examples)
    counts = () if labels is None else tuple(np.bincount(labels).tolist())
    shard = ShardInfo(path.name, len(images), path.stat().st_size, file_sha256(path))
    info = DatasetInfo(
        name="tiny",
        image_shape=tuple(images.shape[1:]),
        class_names=tuple(f"class {index}" for index in range(len(counts))),
        splits={"train": SplitInfo(len(images), counts, (shard,))},
        encoding="png",
    )
    info.save(directory)
    return directory
