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

import struct
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

import numpy as np

from tfgan_suite.wire_format import field, varint

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
    features = {
        "image/channels": record.channels,
        "image/encoded": record.encoded,
        "image/format": record.encoding.encode(),
        "image/height": record.height,
        "image/source": record.source.encode("utf-8", "surrogateescape"),
        "image/width": record.width,
    }
    if record.label is not None:
        features["label"] = record.label
    # Example{features=1: Features{feature=1: repeated map entry{key=1, value=2: Feature}}}
    entries = (field(1, field(1, name.encode()) + field(2, _encode_feature(value))) for name, value in features.items())
    return field(1, b"".join(entries))


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
# _CONTRIBUTION[i][b] is that of byte b at place i of a block, which lets NumPy take a whole block at once.
_BLOCK_BYTES = 1024
_TABLE = _byte_table()
_TABLE_LIST = _TABLE.tolist()


def _contributions() -> np.ndarray:
    rows = np.empty([_BLOCK_BYTES, 256], np.uint32)
    rows[-1] = _TABLE
    for place in range(_BLOCK_BYTES - 2, -1, -1):
        rows[place] = rows[place + 1] >> 8 ^ _TABLE[rows[place + 1] & 0xFF]
    return rows


_CONTRIBUTION = _contributions()
_PLACES = np.arange(_BLOCK_BYTES)


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli) of `data`, the checksum of TFRecord files, at NumPy speed."""
    if len(data) < 4:
        return _crc32c_short(data)
    values = np.frombuffer(data, np.uint8).copy()
    values[:4] ^= 0xFF  # The initial register, all ones, folded into the message.
    head = len(values) % _BLOCK_BYTES
    register = int(np.bitwise_xor.reduce(_CONTRIBUTION[_PLACES[_BLOCK_BYTES - head :], values[:head]], initial=0))
    for start in range(head, len(values), _BLOCK_BYTES):
        block = values[start : start + _BLOCK_BYTES]
        # The register acts as if XORed into the first four bytes of what follows.
        block[:4] ^= np.frombuffer(struct.pack("<I", register), np.uint8)
        register = int(np.bitwise_xor.reduce(_CONTRIBUTION[_PLACES, block]))
    return register ^ 0xFFFFFFFF


def _crc32c_short(data: bytes) -> int:
    register = 0xFFFFFFFF
    for value in data:
        register = register >> 8 ^ _TABLE_LIST[(register ^ value) & 0xFF]
    return register ^ 0xFFFFFFFF
