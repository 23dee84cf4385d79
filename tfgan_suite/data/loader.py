"""Reading a prepared set for training: `load_dataset`.

The stream of examples is a pure function of (set, seed, example number). Example number `n` belongs to epoch `n // size`,
and each epoch has its own order. A run that stopped after `n` examples resumes with `start_image=n` and sees exactly what
it would have seen; nothing of tf.data's own state has to be saved, and TensorFlow's global seed plays no part.

Sets that fit into memory are decoded once and gathered from there. Larger ones are read shard by shard in an order of
the epoch, several shards at a time, and permuted within windows of encoded records; examples that a restart skips are
skipped before they are decoded.
"""

import dataclasses
import os

import numpy as np
import tensorflow as tf

from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.data.prepared_set import PreparedSet
from tfgan_suite.data.records import parse_records
from tfgan_suite.foundation.errors import UserError

CACHE_LIMIT_BYTES = 2**30
WINDOW_LIMIT_BYTES = 256 * 2**20
WINDOW_LIMIT_EXAMPLES = 8192
INTERLEAVED_SHARDS = 8
# What the random numbers of an epoch are for, so that no two uses share a seed.
ORDER_OF_EXAMPLES, ORDER_OF_SHARDS, ORDER_IN_WINDOW, FLIPS = range(4)


def load_dataset(
    directory: str | os.PathLike | PreparedSet,
    split: str = "train",
    batch_size: int = 32,
    *,
    image_size: int | None = None,
    shuffle: bool = True,
    repeat: bool = True,
    seed: int = 0,
    start_image: int = 0,
    horizontal_flip: bool = False,
    cache: bool | str = "auto",
    drop_remainder: bool = True,
) -> tuple[DatasetInfo, tf.data.Dataset]:
    """Opens a prepared set for reading.

    Args:
        directory: String or path, what `prepare_dataset` wrote; or a `PreparedSet`, which is not opened again.
        split: String. Name of the split.
        batch_size: Integer >= 1. Examples per (global) batch. Under `tf.distribute` every worker and replica gets its slice
            of it.
        image_size: Integer. Height of the images to read, the set's own divided by a power of two: averages of squares of
            pixels, rounded to uint8. They come from the set's pyramid (`prepare_dataset(pyramid=True)`) if it has one, or
            else from decoding the whole images. `None`: the set's own size. Sets of images only.
        shuffle: Boolean. Whether every epoch has a new order; if not, the order is that on disk.
        repeat: Boolean. Whether the stream is endless. Batches then run across the ends of epochs, so that every example
            is used equally often. If not, it is one epoch, or what is left of it after `start_image`.
        seed: Integer >= 0. Order and flips are functions of it.
        start_image: Integer >= 0. Number of the first example of the stream: how many have been seen already.
        horizontal_flip: Boolean. Whether to mirror each image of the stream with probability one half. Sets of images only.
        cache: Boolean or `"auto"`. Whether to decode once and keep all examples in memory, as they are at the edge (images
            as uint8), or read from disk. `"auto"` keeps them when they take at most 1 GiB. The two read the same examples
            in different orders.
        drop_remainder: Boolean. Whether to leave out, without `repeat`, a last batch that is not full.

    Returns:
        Tuple of the `DatasetInfo` (with `image_size`, that of the smaller images), and a dataset of `(examples, labels)`:
        what the spec's `to_model` makes of the examples, for images float32 in [-1, 1]
        `[batch, height, width, channels]`; and int32 `[batch]` (0 when the set has no labels).

    Raises:
        UserError: The directory is missing or unfinished, a shard is missing or truncated, the split is unknown or
            smaller than a batch, or an argument cannot be used.

    Example:

    >>> info, train = load_dataset("data/digits", batch_size=64)
    >>> images, labels = next(iter(train))
    >>> images.shape
    TensorShape([64, 32, 32, 1])
    """
    opened, factor = PreparedSet.open(directory).at(image_size)
    info, spec = opened.info, opened.info.spec
    size = info.split(split).num_examples
    opened.check_sizes(split)
    _check_count("batch_size", batch_size, 1)
    _check_count("seed", seed, 0)
    _check_count("start_image", start_image, 0)
    if cache not in (True, False, "auto"):
        raise UserError(f"`cache` must be True, False or 'auto'. Received: cache={cache!r}")
    if horizontal_flip and spec.kind != "image":
        raise UserError(
            f"`horizontal_flip` is for images, and {str(opened)!r} holds {spec.unit[1]}: leave it out. Received: "
            f"horizontal_flip={horizontal_flip!r}"
        )
    if size == 0 or batch_size > size and (repeat or drop_remainder):
        raise UserError(
            f"The split {split!r} of {str(opened)!r} has {size:,} {spec.unit[size != 1]}, too few for a batch of "
            f"{batch_size:,}. Use a smaller batch_size or a larger set."
        )
    if cache == "auto":
        cache = size * spec.num_bytes // factor**2 <= CACHE_LIMIT_BYTES

    reader = _ShardReader(opened, split, factor)
    epochs = tf.data.Dataset.range(start_image // size, np.iinfo(np.int64).max if repeat else start_image // size + 1)
    if cache:
        examples, labels = reader.read_all()

        def one_epoch(epoch):
            order = _permutation(size, seed, epoch, ORDER_OF_EXAMPLES) if shuffle else tf.range(size, dtype=tf.int64)
            return tf.data.Dataset.from_tensor_slices(order[_first_place(epoch, start_image, size) :])

        def load(rows):
            return tf.gather(examples, rows), tf.gather(labels, rows)

        stream = _numbered(epochs.flat_map(one_epoch), start_image)
        stream = stream.batch(batch_size, drop_remainder=repeat or drop_remainder)
        stream = stream.map(lambda number, rows: (number, *load(rows)), **_parallel())
    else:

        def one_epoch(epoch):
            records = reader.read_epoch(epoch, seed if shuffle else None)
            return records.skip(_first_place(epoch, start_image, size))  # Before decoding.

        stream = _numbered(epochs.flat_map(one_epoch), start_image)
        stream = stream.map(lambda number, record: (number, *reader.decode(record)), **_parallel())
        stream = stream.batch(batch_size, drop_remainder=repeat or drop_remainder)

    def finish(numbers, examples, labels):
        if horizontal_flip:
            rows = tf.where(_coin(numbers, seed))  # [flipped, 1]
            mirrored = tf.reverse(tf.gather_nd(examples, rows), axis=[2])
            # Half the time of tf.where over all pixels.
            examples = tf.tensor_scatter_nd_update(examples, rows, mirrored)
        return spec.to_model(examples), labels

    stream = stream.map(finish, **_parallel()).prefetch(4)
    num_batches = tf.data.INFINITE_CARDINALITY
    if not repeat:
        left = size - start_image % size
        num_batches = left // batch_size if drop_remainder else -(-left // batch_size)
    info = dataclasses.replace(info, spec=reader.spec)
    return info, stream.apply(tf.data.experimental.assert_cardinality(num_batches)).with_options(_options())


def read_split(directory: str | os.PathLike | PreparedSet, split: str = "train", batch_size: int = 256):
    """Reads a split once, in the order on disk, as the examples are at the edge (images as uint8).

    Args:
        directory: As in `load_dataset`.
        split: String. Name of the split.
        batch_size: Integer >= 1. Examples at a time; the last batch may be smaller.

    Returns:
        Iterator of `(examples, labels, sources)`: a NumPy array `[batch, *shape]` of the spec's `edge_dtype`; int32
        `[batch]`, 0 when the set has no labels; and a list of strings, the examples' names within their source.

    Raises:
        UserError: As `load_dataset`.
    """
    opened = PreparedSet.open(directory)
    opened.info.split(split)
    opened.check_sizes(split)
    for examples, labels, sources in _ShardReader(opened, split).batches(batch_size):
        yield examples, labels, [source.decode("utf-8", "surrogateescape") for source in sources]


def _check_count(name: str, value: int, lowest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not lowest <= value < 2**63:
        raise UserError(f"`{name}` must be an integer >= {lowest}. Received: {name}={value!r} ({type(value).__name__})")


def _parallel() -> dict:
    # Fixed, as tf.data's autotuning is off (see `_options`).
    return {"num_parallel_calls": min(8, os.cpu_count() or 1), "deterministic": True}


def _options() -> tf.data.Options:
    options = tf.data.Options()
    # With autotuning, the end of `fit` sometimes waits for the optimizer's sleeping thread as long as `fit` itself took.
    options.autotune.enabled = False
    options.deterministic = True
    # Every worker reads the same stream of global batches and takes its slice of each.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return options


def _numbered(stream: tf.data.Dataset, start_image: int) -> tf.data.Dataset:
    """Pairs each element with its number in the stream."""
    return stream.enumerate(start_image)


def _first_place(epoch: tf.Tensor, start_image: int, size: int) -> tf.Tensor:
    """Where an epoch begins: at 0, except for the epoch that `start_image` lies in."""
    return tf.where(epoch == start_image // size, tf.constant(start_image % size, tf.int64), tf.constant(0, tf.int64))


def _fold(seed: int, epoch: tf.Tensor, use: int) -> tf.Tensor:
    """A seed for TensorFlow's stateless functions, different for every (seed, epoch, use)."""
    return tf.stack([tf.constant(seed, tf.int64), epoch * 8 + use])  # [2]


def _permutation(size, seed: int, epoch: tf.Tensor, use: int) -> tf.Tensor:
    """A random order of `range(size)`, int64 `[size]`, a pure function of the arguments."""
    keys = tf.random.experimental.stateless_fold_in(_fold(seed, epoch, use), tf.constant(0, tf.int64))
    values = tf.random.stateless_uniform([size], keys, minval=None, maxval=None, dtype=tf.int64)
    return tf.cast(tf.argsort(values, stable=True), tf.int64)


def _coin(numbers: tf.Tensor, seed: int) -> tf.Tensor:
    """One random bool for each example number: an integer hash (two rounds of "lowbias32") of the number and the seed."""

    def mix(value):
        for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
            value = tf.bitwise.bitwise_xor(value, tf.bitwise.right_shift(value, tf.constant(shift, tf.uint32)))
            value *= tf.constant(factor, tf.uint32)
        return tf.bitwise.bitwise_xor(value, tf.bitwise.right_shift(value, tf.constant(16, tf.uint32)))

    words = [seed & 0xFFFFFFFF, seed >> 32, FLIPS]
    value = tf.zeros_like(numbers, tf.uint32) + tf.constant(0x9E3779B9, tf.uint32)
    for word in words:
        value = mix(tf.bitwise.bitwise_xor(value, tf.constant(word, tf.uint32)))
    for word in (numbers & 0xFFFFFFFF, tf.bitwise.right_shift(numbers, tf.constant(32, tf.int64))):
        value = mix(tf.bitwise.bitwise_xor(value, tf.cast(word, tf.uint32)))
    return value >= tf.constant(2**31, tf.uint32)


class _ShardReader:
    """Reads the records of one split."""

    def __init__(self, opened: PreparedSet, split: str, factor: int = 1):
        self._opened = opened
        self._stored = opened.info.spec
        self._factor = factor
        self.spec = self._stored
        if factor != 1:
            if self._stored.levels < 256:
                raise UserError(
                    f"`image_size` must be {self._stored.shape[0]} for images of {self._stored.levels} levels: averages of smaller "
                    "images would lie between the levels. Prepare them at another size."
                )
            height, width, channels = self._stored.shape
            config = {**self._stored.get_config(), "shape": (height // factor, width // factor, channels)}
            self.spec = self._stored.from_config(config)
        split_info = opened.info.split(split)
        self._size = split_info.num_examples
        self._paths = [str(opened.directory / shard.name) for shard in split_info.shards]
        bytes_per_example = sum(shard.size_bytes for shard in split_info.shards) / max(self._size, 1)
        self._window = max(1, min(WINDOW_LIMIT_EXAMPLES, int(WINDOW_LIMIT_BYTES / max(bytes_per_example, 1))))

    def read_all(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Decodes everything: examples `[count, *shape]` as they are at the edge, int32 labels `[count]`."""
        examples = np.empty([self._size, *self.spec.shape], self.spec.edge_dtype)
        labels = np.empty([self._size], np.int32)
        count = 0
        for some, some_labels, _ in self.batches(256):
            examples[count : count + len(some)] = some
            labels[count : count + len(some)] = some_labels
            count += len(some)
        with tf.device("CPU"):
            return tf.constant(examples), tf.constant(labels)

    def batches(self, batch_size: int):
        """Decodes everything, in NumPy batches. Raises `UserError` for a damaged or incomplete shard."""
        if not self._paths:
            return
        records = self._open(self._paths).map(self._decode_named, **_parallel()).batch(batch_size).prefetch(2)
        directory, count = str(self._opened), 0
        try:
            for examples, labels, sources in records.with_options(_options()).as_numpy_iterator():
                count += len(examples)
                if count > self._size:
                    break
                yield examples, labels, sources
        except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, ValueError) as error:
            self._opened.info.verify(directory)  # Names the damaged shard.
            raise UserError(f"The shards in {directory!r} cannot be decoded: {error}") from error
        if count != self._size:
            raise UserError(
                f"The shards in {directory!r} must hold {self._size:,} {self.spec.unit[1]}. Found: {count:,}. Prepare the "
                "set again with force=True, or copy it again."
            )

    def read_epoch(self, epoch: tf.Tensor, seed: int | None) -> tf.data.Dataset:
        """The serialized records of one epoch, in the epoch's order; without a seed in the order on disk."""
        if seed is None:
            return self._open(self._paths)
        paths = tf.gather(self._paths, _permutation(len(self._paths), seed, epoch, ORDER_OF_SHARDS))
        records = tf.data.Dataset.from_tensor_slices(paths).interleave(
            self._open, cycle_length=min(INTERLEAVED_SHARDS, len(self._paths)), block_length=16
        )

        def shuffle_window(window, records):
            # A window's number goes with the epoch's, far beyond any number of shards or epochs.
            order = _permutation(tf.size(records), seed, epoch + (window + 1) * 2**32, ORDER_IN_WINDOW)
            return tf.data.Dataset.from_tensor_slices(tf.gather(records, order))

        return records.batch(self._window).enumerate().flat_map(shuffle_window)

    def decode(self, record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """One serialized record -> an example as it is at the edge, int32 label."""
        example, label, _ = self._decode_named(record)
        return example, label

    def _decode_named(self, record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        features, sources, labels = parse_records(self._stored, record[tf.newaxis])
        example = self._stored.decode({name: values[0] for name, values in features.items()})
        example = self._reduce(tf.ensure_shape(example, self._stored.shape))
        return example, tf.cast(labels[0], tf.int32), sources[0]

    def _reduce(self, image: tf.Tensor) -> tf.Tensor:
        """As `images.reduce_image`: averages of squares of pixels, a half rounded to the even neighbor."""
        if self._factor == 1:
            return image
        height, width, channels = self.spec.shape
        squares = tf.reshape(tf.cast(image, tf.int32), [height, self._factor, width, self._factor, channels])
        averages = tf.cast(tf.reduce_sum(squares, axis=[1, 3]), tf.float64) / self._factor**2
        return tf.cast(tf.round(averages), tf.uint8)

    def _open(self, paths) -> tf.data.Dataset:
        return tf.data.TFRecordDataset(paths, compression_type=self._opened.info.compression, buffer_size=2**20)
