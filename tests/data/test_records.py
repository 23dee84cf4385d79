import struct

import numpy as np
import pytest
import tensorflow as tf

from tfgan_suite.data.records import ImageRecord, crc32c, encode_example, parse_examples, write_tfrecords

RECORD = ImageRecord(
    encoded=bytes(range(256)) * 3, encoding="png", height=32, width=200, channels=3, source="ä/猫.png", label=300
)


def example_of(record: ImageRecord) -> tf.train.Example:
    def feature(value):
        if isinstance(value, bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    features = {
        "image/encoded": record.encoded,
        "image/format": record.encoding.encode(),
        "image/height": record.height,
        "image/width": record.width,
        "image/channels": record.channels,
        "image/source": record.source.encode(),
    } | ({} if record.label is None else {"label": record.label})
    return tf.train.Example(
        features=tf.train.Features(feature={name: feature(value) for name, value in features.items()})
    )


@pytest.mark.parametrize("label", [None, 0, 1, 127, 128, 16384, 2**40])
def test_bytes_are_those_of_protobuf(label):
    record = RECORD._replace(label=label)
    expected = example_of(record)
    assert tf.train.Example.FromString(encode_example(record)) == expected
    # Protobuf's deterministic form sorts the map by key, as ours does: the very same bytes.
    assert encode_example(record) == expected.SerializeToString(deterministic=True)


def test_negative_number_is_refused():
    with pytest.raises(ValueError, match="not negative"):
        encode_example(RECORD._replace(label=-1))


def test_parse_gives_back_what_was_encoded_and_label_zero_for_none():
    unlabelled = RECORD._replace(label=None, encoded=b"", source="")
    features = parse_examples(tf.constant([encode_example(RECORD), encode_example(unlabelled)]))
    assert features["image/encoded"].numpy().tolist() == [RECORD.encoded, b""]
    assert features["label"].numpy().tolist() == [300, 0]
    assert features["image/source"].numpy()[0].decode() == "ä/猫.png"
    assert features["image/width"].numpy().tolist() == [200, 200]


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 1023, 1024, 1025, 5000])
def test_checksum_equals_the_bitwise_definition(size):
    data = np.random.default_rng(size).bytes(size)
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    assert crc32c(data) == register ^ 0xFFFFFFFF


def test_checksum_of_the_standard_check_value():
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720's polynomial, the catalogue's check value.


def test_files_equal_those_of_tensorflow(tmp_path):
    examples = [encode_example(RECORD._replace(encoded=bytes([1]) * size)) for size in (0, 1, 2000, 70_000)]
    with open(tmp_path / "ours", "wb") as file:
        assert write_tfrecords(file, examples) == 4
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for example in examples:
            writer.write(example)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    assert struct.unpack("<Q", (tmp_path / "ours").read_bytes()[:8])[0] == len(examples[0])
