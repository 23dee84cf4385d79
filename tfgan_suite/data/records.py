"""THE record schema: how one prepared example is written as a `tf.train.Example` and read back.

| feature         | type           | content                                                                           |
|-----------------|----------------|-----------------------------------------------------------------------------------|
| `<kind>/<name>` | bytes or int64 | what `spec.encode(example)` returns, under the name of the example's kind           |
| `<kind>/source` | bytes          | UTF-8 name of the example within its source: a relative path, `row 17`, ...       |
| `label`         | int64          | index into the class names; absent when the set has no labels                     |

For images (`specs/image_spec.py`):

| feature          | type  | content                                                                        |
|------------------|-------|--------------------------------------------------------------------------------|
| `image/encoded`  | bytes | the image: a PNG, JPEG or WebP file, or raw uint8 rows (height, width, channel) |
| `image/format`   | bytes | `png`, `jpeg`, `webp` or `raw`                                                  |
| `image/height`   | int64 | pixels                                                                         |
| `image/width`    | int64 | pixels                                                                         |
| `image/channels` | int64 | 1 gray, 3 RGB, 4 RGBA                                                          |

For clips of sound that models see as spectrograms (`specs/log_mel_spec.py`) the same under `log_mel/`, and for all clips, under
`log_mel/` or `waveform/`:

| feature              | type  | content                                    |
|----------------------|-------|--------------------------------------------|
| `.../flac`           | bytes | the clip: a FLAC file, 16 bits, one channel |
| `.../sample_rate_hz` | int64 | its samples per second                     |

For clips of video (`specs/video_spec.py`), whose rate stands in `dataset_info.json`:

| feature            | type  | content                                                        |
|--------------------|-------|----------------------------------------------------------------|
| `video/frames`     | bytes | raw uint8 values: frame by frame, each as rows of pixels        |
| `video/num_frames` | int64 | frames                                                         |
| `video/height`     | int64 | pixels; likewise `video/width` and `video/channels`, 1 or 3     |

For text (`specs/text_spec.py`), whose `text/source` is a document and the first byte of the window in it, `book.txt:512`:

| feature      | type  | content                      |
|--------------|-------|------------------------------|
| `text/bytes` | bytes | the window, all of one length |

Writing needs neither TensorFlow nor protobuf, so that Beam workers start quickly: the few wire-format rules of an
Example are spelled out below (and checked against `tf.train.Example` in the tests). Reading is `parse_records`.
"""

import functools
import struct
from collections.abc import Iterable, Mapping
from typing import BinaryIO

import numpy as np

from tfgan_suite.foundation.wire_format import field, varint

SOURCE = "source"
# Longer values differ from record to record: not worth remembering.
_REPEATED_BYTES = 32


def encode_record(
    spec, example: np.ndarray, source: str, label: int | None = None, others: Mapping[str, bytes | int] | None = None
) -> bytes:
    """Serializes one example as the bytes of a `tf.train.Example`. Equal arguments give equal bytes.

    Args:
        spec: `ExampleSpec`. What the example is.
        example: NumPy array of the spec's `edge_dtype` and `shape`.
        source: String. The name of the example within its source.
        label: Integer >= 0, or `None` when the set has no labels.
        others: Dict of feature name to bytes or an integer >= 0. What the record keeps besides what the spec makes of it.

    Returns:
        Bytes. The features are in the order of their names, as protobuf's deterministic form has them.

    Raises:
        ValueError: A number is negative, or the spec makes a feature named `"source"`.

    Example:

    >>> from tfgan_suite.specs.image_spec import ImageSpec
    >>> record = encode_record(ImageSpec((32, 32, 1)), np.zeros([32, 32, 1], "uint8"), source="7.png", label=7)
    >>> tf.train.Example.FromString(record).features.feature["label"].int64_list.value
    [7]
    """
    encoded = {**spec.encode(example), **(others or {})}
    if SOURCE in encoded:
        raise ValueError(f"`{type(spec).__name__}.encode` must not make a feature named {SOURCE!r}: rename it.")
    features = {f"{spec.kind}/{name}": value for name, value in encoded.items()}
    features[f"{spec.kind}/{SOURCE}"] = source.encode("utf-8", "surrogateescape")
    if label is not None:
        features["label"] = label
    # Example{features=1: Features{feature=1: repeated map entry{key=1, value=2: Feature}}}
    return field(1, b"".join(_entry(name, features[name]) for name in sorted(features)))


def _entry(name: str, value: bytes | int) -> bytes:
    if isinstance(value, bytes) and len(value) > _REPEATED_BYTES or name.endswith(f"/{SOURCE}"):
        return _encode_entry(name, value)
    return _repeated_entry(name, value)


def _encode_entry(name: str, value: bytes | int) -> bytes:
    return field(1, field(1, name.encode()) + field(2, _encode_feature(value)))


# Sizes and labels are the same for example after example.
_repeated_entry = functools.lru_cache(maxsize=4096)(_encode_entry)


def _encode_feature(value: bytes | int) -> bytes:
    if isinstance(value, bytes):
        return field(1, field(1, value))  # Feature{bytes_list=1: BytesList{value=1}}
    if value < 0:
        raise ValueError(f"Features and labels must not be negative. Received: {value}")
    return field(3, field(1, varint(value)))  # Feature{int64_list=3: Int64List{value=1, packed}}


def parse_records(spec, serialized):
    """Parses a batch of serialized records. Usable in graphs.

    Args:
        spec: `ExampleSpec`. What the examples are.
        serialized: String tensor `[batch]`.

    Returns:
        Tuple of the features, a dict of name (as `spec.encode` has it) to tensor `[batch, ...]`, for `spec.decode`; of the
        sources, a string tensor `[batch]`; and of the labels, int64 `[batch]`, 0 where there is none.
    """
    import tensorflow as tf

    prefix = f"{spec.kind}/"
    wanted = {prefix + name: feature for name, feature in spec.features().items()}
    parsed = tf.io.parse_example(
        serialized,
        {
            **wanted,
            prefix + SOURCE: tf.io.FixedLenFeature([], tf.string, default_value=""),
            "label": tf.io.FixedLenFeature([], tf.int64, default_value=0),
        },
    )
    return {name.removeprefix(prefix): parsed[name] for name in wanted}, parsed[prefix + SOURCE], parsed["label"]


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
