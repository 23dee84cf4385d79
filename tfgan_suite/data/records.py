"""THE record schema: how one prepared image is written as a `tf.train.Example` and read back.

| feature          | type  | content                                                                        |
|------------------|-------|--------------------------------------------------------------------------------|
| `image/encoded`  | bytes | the image: a PNG, JPEG or WebP file, or raw uint8 rows (height, width, channel) |
| `image/format`   | bytes | `png`, `jpeg`, `webp` or `raw`                                                  |
| `image/height`   | int64 | pixels                                                                         |
| `image/width`    | int64 | pixels                                                                         |
| `image/channels` | int64 | 1 grey, 3 RGB, 4 RGBA                                                          |
| `image/source`   | bytes | UTF-8 name of the image within its source: a relative path, `row 17`, ...        |
| `label`          | int64 | index into the class names; absent when the set has no labels                   |

Writing needs neither TensorFlow nor protobuf, so that Beam workers start quickly: the few wire-format rules of an
Example are spelled out below (and checked against `tf.train.Example` in the tests). Reading is `parse_examples`.
"""

import functools
import struct
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

import numpy as np

from tfgan_suite.foundation.wire_format import field, varint

ENCODINGS = ("png", "jpeg", "webp", "raw")


class ImageRecord(NamedTuple):
    """One prepared image, encoded. `label` is None when the set has no labels."""

    encoded: bytes
    encoding: str
    height: int
    width: int
    channels: int
    source: str
    label: int | None = None


def encode_example(record: ImageRecord) -> bytes:
    """Serializes a record as the bytes of a `tf.train.Example`. Equal records give equal bytes.

    Example:

    >>> record = ImageRecord(encoded=b"...", encoding="png", height=32, width=32, channels=1, source="7.png", label=7)
    >>> tf.train.Example.FromString(encode_example(record)).features.feature["label"].int64_list.value
    [7]
    """
    # Example{features=1: Features{feature=1: repeated map entry{key=1, value=2: Feature}}}
    entries = [
        _repeated_entry("image/channels", record.channels),
        _encode_entry("image/encoded", record.encoded),
        _repeated_entry("image/format", record.encoding.encode()),
        _repeated_entry("image/height", record.height),
        _encode_entry("image/source", record.source.encode("utf-8", "surrogateescape")),
        _repeated_entry("image/width", record.width),
    ]
    if record.label is not None:
        entries.append(_repeated_entry("label", record.label))
    return field(1, b"".join(entries))


def _encode_entry(name: str, value: bytes | int) -> bytes:
    return field(1, field(1, name.encode()) + field(2, _encode_feature(value)))


# Sizes and labels are the same for image after image.
_repeated_entry = functools.lru_cache(maxsize=4096)(_encode_entry)


def _encode_feature(value: bytes | int) -> bytes:
    if isinstance(value, bytes):
        return field(1, field(1, value))  # Feature{bytes_list=1: BytesList{value=1}}
    if value < 0:
        raise ValueError(f"Sizes and labels are not negative. Received: {value}.")
    return field(3, field(1, varint(value)))  # Feature{int64_list=3: Int64List{value=1, packed}}


def parse_examples(serialized):
    """Parses a batch of serialized Examples. Graph-safe.

    Args:
        serialized: String tensor `[batch]`.

    Returns:
        Dict of tensors `[batch]` by feature name; `label` is 0 where it is absent.
    """
    import tensorflow as tf

    return tf.io.parse_example(
        serialized,
        {
            "image/encoded": tf.io.FixedLenFeature([], tf.string),
            "image/format": tf.io.FixedLenFeature([], tf.string),
            "image/height": tf.io.FixedLenFeature([], tf.int64),
            "image/width": tf.io.FixedLenFeature([], tf.int64),
            "image/channels": tf.io.FixedLenFeature([], tf.int64),
            "image/source": tf.io.FixedLenFeature([], tf.string, default_value=""),
            "label": tf.io.FixedLenFeature([], tf.int64, default_value=0),
        },
    )


def write_tfrecords(file: BinaryIO, examples: Iterable[bytes]) -> int:
    """Writes serialized Examples to an open file in the TFRecord format; returns how many."""
    count = 0
    for example in examples:
        length = struct.pack("<Q", len(example))
        file.write(length + struct.pack("<I", _masked(_crc32c_short(length))))
        file.write(example + struct.pack("<I", _masked(crc32c(example))))
        count += 1
    return count


def _masked(crc: int) -> int:
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _byte_table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ np.uint32(0x82F63B78), table >> 1)
    return table


# CRC-32C is linear: the checksum of a block is the XOR of what each byte contributes, given its distance from the end.
# Entry 256 * i + b of _CONTRIBUTIONS is that of byte b at place i of a block, which lets NumPy take whole blocks at once.
_BLOCK_BYTES = 1024
_BLOCKS_AT_ONCE = 64  # Whose indices take half a megabyte.
_TABLE = _byte_table()
_TABLE_LIST = _TABLE.tolist()


def _contributions() -> np.ndarray:
    rows = np.empty([_BLOCK_BYTES, 256], np.uint32)
    rows[-1] = _TABLE
    for place in range(_BLOCK_BYTES - 2, -1, -1):
        rows[place] = rows[place + 1] >> 8 ^ _TABLE[rows[place + 1] & 0xFF]
    return rows


_CONTRIBUTIONS = _contributions().reshape(-1)
_PLACES = np.arange(_BLOCK_BYTES) * 256
# A register acts as if XORed into the first four bytes of what follows, here of a whole block.
_REGISTER_LISTS = _CONTRIBUTIONS[: 4 * 256].reshape(4, 256).tolist()


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli) of `data`, the checksum of TFRecord files, at NumPy speed."""
    head = len(data) % _BLOCK_BYTES
    if head < 4:  # Too short to take the register in: a byte at a time.
        register = _crc32c_short(data[:head]) ^ 0xFFFFFFFF
    else:
        values = np.frombuffer(data, np.uint8, head).astype(np.intp)
        values[:4] ^= 0xFF  # The initial register, all ones, folded into the message.
        values += _PLACES[-head:]
        register = int(np.bitwise_xor.reduce(_CONTRIBUTIONS.take(values)))
    blocks = np.frombuffer(data, np.uint8, offset=head).reshape(-1, _BLOCK_BYTES) if len(data) > head else ()
    first, second, third, fourth = _REGISTER_LISTS
    for start in range(0, len(blocks), _BLOCKS_AT_ONCE):
        indices = blocks[start : start + _BLOCKS_AT_ONCE] + _PLACES  # [blocks, bytes of a block]
        for checksum in np.bitwise_xor.reduce(_CONTRIBUTIONS.take(indices), axis=1).tolist():
            register = (
                checksum
                ^ first[register & 0xFF]
                ^ second[register >> 8 & 0xFF]
                ^ third[register >> 16 & 0xFF]
                ^ fourth[register >> 24]
            )
    return register ^ 0xFFFFFFFF


def _crc32c_short(data: bytes) -> int:
    register = 0xFFFFFFFF
    for value in data:
        register = register >> 8 ^ _TABLE_LIST[(register ^ value) & 0xFF]
    return register ^ 0xFFFFFFFF
