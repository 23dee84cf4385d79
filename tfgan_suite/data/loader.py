"""Reading a prepared set for training: `load_dataset`.

The stream of images is a pure function of (set, seed, image number). Image number `n` belongs to epoch `n // size`, and
each epoch has its own order. A run that stopped after `n` images goes on with `start_image=n` and sees exactly what it
would have seen; nothing of tf.data's own state has to be saved, and TensorFlow's global seed plays no part.

Sets that fit into memory are decoded once and gathered from there. Larger ones are read shard by shard in an order of
the epoch, several shards at a time, and permuted within windows of encoded records; images that a restart skips are
skipped before they are decoded.
"""

import dataclasses
import io
import os
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from tfgan_suite.data.dataset_info import FILE_NAME, DatasetInfo, SplitInfo
from tfgan_suite.data.records import parse_examples
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.specs.image_range import to_float

CACHE_LIMIT_BYTES = 2**30
WINDOW_LIMIT_BYTES = 256 * 2**20
WINDOW_LIMIT_IMAGES = 8192
INTERLEAVED_SHARDS = 8
# What the random numbers of an epoch are for, so that no two uses share a seed.
ORDER_OF_IMAGES, ORDER_OF_SHARDS, ORDER_IN_WINDOW, FLIPS = range(4)


def load_dataset(
    directory: str | os.PathLike,
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
        directory: What `prepare_dataset` wrote.
        split: Name of the split.
        batch_size: Images per (global) batch. Under `tf.distribute` every worker and replica gets its slice of it.
        image_size: Height of the images to read, the set's own divided by a power of two: averages of squares of pixels,
            rounded to uint8. They come from the set's pyramid (`prepare_dataset(pyramid=True)`) if it has one, or else
            from decoding the whole images. None: the set's own size.
        shuffle: A new order every epoch; False: the order on disk.
        repeat: Endless. Batches then run across the ends of epochs, so that every image is used equally often.
            False: one epoch, or what is left of it after `start_image`.
        seed: 0 or more. Order and flips are functions of it.
        start_image: Number of the first image of the stream: the images that were already seen.
        horizontal_flip: Mirror each image of the stream with probability one half.
        cache: True: decode once and keep all images in memory as uint8; False: read from disk; `"auto"`: keep them when
            they take at most 1 GiB. The two read the same images in different orders.
        drop_remainder: Without `repeat`, leave out a last batch that is not full.

    Returns:
        The `DatasetInfo` (with `image_size`, that of the smaller images), and a dataset of `(images, labels)`: float32 in [-1, 1] `[batch, height, width, channels]`
        and int32 `[batch]` (0 when the set has no labels).

    Raises:
        UserError: The directory is missing or unfinished, a shard is missing or truncated, the split is unknown or
            smaller than a batch, or an argument cannot be used.

    Example:

    >>> info, train = load_dataset("data/digits", batch_size=64)
    >>> images, labels = next(iter(train))
    >>> images.shape
    TensorShape([64, 32, 32, 1])
    """
    directory, info, factor = _open_at(Path(directory), image_size)
    split_info = info.split(split)
    info.check_sizes(directory, split)
    _check_count("batch_size", batch_size, 1)
    _check_count("seed", seed, 0)
    _check_count("start_image", start_image, 0)
    if cache not in (True, False, "auto"):
        raise UserError(f"cache should be True, False or 'auto'. Received: {cache!r}.")
    if split_info.num_images == 0 or batch_size > split_info.num_images and (repeat or drop_remainder):
        raise UserError(
            f"The split {split!r} of {str(directory)!r} has {split_info.num_images:,} images, too few for a batch of "
            f"{batch_size:,}. Use a smaller batch_size or a larger set."
        )
    if cache == "auto":
        cache = split_info.num_images * int(np.prod(info.image_shape)) // factor**2 <= CACHE_LIMIT_BYTES

    reader = _ShardReader(directory, info, split_info, factor)
    size = split_info.num_images
    epochs = tf.data.Dataset.range(start_image // size, np.iinfo(np.int64).max if repeat else start_image // size + 1)
    if cache:
        images, labels = reader.read_all()

        def one_epoch(epoch):
            order = _permutation(size, seed, epoch, ORDER_OF_IMAGES) if shuffle else tf.range(size, dtype=tf.int64)
            return tf.data.Dataset.from_tensor_slices(order[_first_place(epoch, start_image, size) :])

        def load(rows):
            return tf.gather(images, rows), tf.gather(labels, rows)

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

    def finish(numbers, images, labels):
        if horizontal_flip:
            rows = tf.where(_coin(numbers, seed))  # [flipped, 1]
            mirrored = tf.reverse(tf.gather_nd(images, rows), axis=[2])
            images = tf.tensor_scatter_nd_update(images, rows, mirrored)  # Half the time of tf.where over all pixels.
        return to_float(images), labels

    stream = stream.map(finish, **_parallel()).prefetch(4)
    num_batches = tf.data.INFINITE_CARDINALITY
    if not repeat:
        left = size - start_image % size
        num_batches = left // batch_size if drop_remainder else -(-left // batch_size)
    info = dataclasses.replace(info, image_shape=reader.image_shape)
    return info, stream.apply(tf.data.experimental.assert_cardinality(num_batches)).with_options(_options())


def _open_at(directory: Path, image_size: int | None) -> tuple[Path, DatasetInfo, int]:
    """Where to read images of that height: a directory, its description, and what its images are to be divided by."""
    info = DatasetInfo.load(directory)
    height, width, _ = info.image_shape
    if image_size is None or image_size == height:
        return directory, info, 1
    sizes = [height, *(size for size, _ in info.pyramid_shapes)]
    if image_size not in sizes:
        raise UserError(
            f"The images of {str(directory)!r} are {height} x {width} pixels. Expected image_size to be one of "
            f"{', '.join(map(str, sizes))}. Received: image_size={image_size!r}."
        )
    reduced_dir = info.pyramid_dir(directory, image_size)
    if not (reduced_dir / FILE_NAME).exists():
        return directory, info, height // image_size
    reduced_info = DatasetInfo.load(reduced_dir)
    if reduced_info.settings.get("reduced_from") != info.fingerprint:
        raise UserError(
            f"The smaller images in {str(reduced_dir)!r} were made of another data set. Make them anew: "
            "tfgan_suite.prepare_dataset(..., pyramid=True), or `tfgan-suite prepare ... --pyramid`."
        )
    return reduced_dir, reduced_info, 1


def _check_count(name: str, value: int, lowest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not lowest <= value < 2**63:
        raise UserError(
            f"{name} should be a whole number from {lowest} up. Received: {value!r} ({type(value).__name__})."
        )


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
    """A random order of `range(size)`, int64 `[size]`: a pure function of the arguments."""
    keys = tf.random.experimental.stateless_fold_in(_fold(seed, epoch, use), tf.constant(0, tf.int64))
    values = tf.random.stateless_uniform([size], keys, minval=None, maxval=None, dtype=tf.int64)
    return tf.cast(tf.argsort(values, stable=True), tf.int64)


def _coin(numbers: tf.Tensor, seed: int) -> tf.Tensor:
    """One random bool for each image number: an integer hash (two rounds of "lowbias32") of the number and the seed."""

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

    def __init__(self, directory: Path, info: DatasetInfo, split_info: SplitInfo, factor: int = 1):
        height, width, channels = info.image_shape
        self.image_shape = height // factor, width // factor, channels
        self._factor = factor
        self._info = info
        self._directory = directory
        self._split_info = split_info
        self._paths = [str(directory / shard.name) for shard in split_info.shards]
        bytes_per_image = sum(shard.size_bytes for shard in split_info.shards) / max(split_info.num_images, 1)
        self._window = max(1, min(WINDOW_LIMIT_IMAGES, int(WINDOW_LIMIT_BYTES / max(bytes_per_image, 1))))

    def read_all(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Decodes everything: uint8 images `[count, height, width, channels]`, int32 labels `[count]`."""
        records = self._open(self._paths).map(self.decode, **_parallel()).batch(256).prefetch(2)
        images = np.empty([self._split_info.num_images, *self.image_shape], np.uint8)
        labels = np.empty([self._split_info.num_images], np.int32)
        count = 0
        try:
            for image_batch, label_batch in records.with_options(_options()).as_numpy_iterator():
                images[count : count + len(image_batch)] = image_batch
                labels[count : count + len(image_batch)] = label_batch
                count += len(image_batch)
        except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, ValueError) as error:
            self._info.verify(self._directory)  # Names the damaged shard.
            raise UserError(f"The shards in {str(self._directory)!r} cannot be decoded: {error}") from error
        if count != len(images):
            raise UserError(f"The shards in {str(self._directory)!r} hold {count:,} images; expected {len(images):,}.")
        with tf.device("CPU"):
            return tf.constant(images), tf.constant(labels)

    def read_epoch(self, epoch: tf.Tensor, seed: int | None) -> tf.data.Dataset:
        """The serialized records of one epoch, in the epoch's order; without a seed in the order on disk."""
        if seed is None:
            return self._open(self._paths)
        paths = tf.gather(self._paths, _permutation(len(self._paths), seed, epoch, ORDER_OF_SHARDS))
        records = tf.data.Dataset.from_tensor_slices(paths).interleave(
            self._open, cycle_length=min(INTERLEAVED_SHARDS, len(self._paths)), block_length=16
        )

        def shuffle_window(window, records):
            # A window's number goes beside the epoch's, far beyond any number of shards or epochs.
            order = _permutation(tf.size(records), seed, epoch + (window + 1) * 2**32, ORDER_IN_WINDOW)
            return tf.data.Dataset.from_tensor_slices(tf.gather(records, order))

        return records.batch(self._window).enumerate().flat_map(shuffle_window)

    def decode(self, record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """One serialized record -> uint8 image `[height, width, channels]`, int32 label."""
        features = {name: values[0] for name, values in parse_examples(record[tf.newaxis]).items()}
        encoded, channels = features["image/encoded"], self._info.image_shape[-1]
        if self._info.encoding == "raw":
            image = tf.reshape(tf.io.decode_raw(encoded, tf.uint8), self._info.image_shape)
        elif self._info.encoding == "png":
            image = tf.io.decode_png(encoded, channels)
        elif self._info.encoding == "jpeg":
            image = tf.io.decode_jpeg(encoded, channels, dct_method="INTEGER_ACCURATE")
        else:
            image = tf.numpy_function(self._decode_webp, [encoded], tf.uint8, stateful=False)
        image = tf.ensure_shape(image, self._info.image_shape)
        return self._reduce(image), tf.cast(features["label"], tf.int32)

    def _reduce(self, image: tf.Tensor) -> tf.Tensor:
        """As `images.reduce_image`: averages of squares of pixels, a half rounded to the even neighbour."""
        if self._factor == 1:
            return image
        height, width, channels = self.image_shape
        squares = tf.reshape(tf.cast(image, tf.int32), [height, self._factor, width, self._factor, channels])
        averages = tf.cast(tf.reduce_sum(squares, axis=[1, 3]), tf.float64) / self._factor**2
        return tf.cast(tf.round(averages), tf.uint8)

    def _decode_webp(self, encoded: bytes) -> np.ndarray:
        # TensorFlow's own decoder came only with 2.19.
        with Image.open(io.BytesIO(encoded), formats=["WEBP"]) as image:
            mode = {1: "L", 3: "RGB", 4: "RGBA"}[self._info.image_shape[-1]]
            return np.asarray(image.convert(mode), np.uint8).reshape(self._info.image_shape)

    def _open(self, paths) -> tf.data.Dataset:
        return tf.data.TFRecordDataset(paths, compression_type=self._info.compression, buffer_size=2**20)
