"""The sound that records keep beside the spectrograms of clips."""

import os
from collections.abc import Iterator

import tensorflow as tf

from tfgan_suite.data.prepared_set import PreparedSet


def read_flacs(directory: str | os.PathLike | PreparedSet, split: str = "train") -> Iterator[tuple[bytes, int]]:
    """Reads the clips of a split as FLAC files, in the order on disk.

    Args:
        directory: String or path of a prepared set of sound; or a `PreparedSet`.
        split: String. Name of the split.

    Returns:
        Iterator of the content of a FLAC file and an integer label, 0 when the set has no labels. Nothing for records that
        keep no sound, such as those of a set of generated spectrograms.

    Raises:
        UserError: The set or the split is missing or unfinished.

    Example:

    >>> flac, label = next(read_flacs("data/spoken_digits"))
    """
    opened = PreparedSet.open(directory)
    info = opened.info
    opened.check_sizes(split)
    paths = [str(opened.directory / shard.name) for shard in info.split(split).shards]
    features = {
        f"{info.spec.kind}/flac": tf.io.FixedLenFeature([], tf.string, default_value=""),
        "label": tf.io.FixedLenFeature([], tf.int64, default_value=0),
    }
    for record in tf.data.TFRecordDataset(paths, compression_type=info.compression):
        parsed = tf.io.parse_single_example(record, features)
        flac = parsed[f"{info.spec.kind}/flac"].numpy()
        if flac:
            yield flac, int(parsed["label"])
