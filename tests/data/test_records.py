import struct

import numpy as np
import pytest
import tensorflow as tf

from tfgan_suite.data.records import crc32c, encode_record, parse_records, write_tfrecords
from tfgan_suite.specs.example_spec import ExampleSpec
from tfgan_suite.specs.image_spec import ImageSpec

SPEC = ImageSpec((3, 200, 3), "raw")
PIXELS = np.arange(1800).astype(np.uint8).reshape(SPEC.shape)


class NumberSpec(ExampleSpec):
    """Features whose names sort after `label`, or before `source`; never registered."""

    kind = "number"

    def __init__(self, features):
        super().__init__(())
        self._features = features

    def encode(self, example):
        return self._features


def protobuf_of(features: dict) -> tf.train.Example:
    def feature(value):
        if isinstance(value, bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    return tf.train.Example(
        features=tf.train.Features(feature={name: feature(value) for name, value in features.items()})
    )


@pytest.mark.parametrize("label", [None, 0, 1, 127, 128, 16384, 2**40])
def test_bytes_are_those_of_protobuf(label):
    expected = protobuf_of(
        {
            "image/encoded": PIXELS.tobytes(),
            "image/format": b"raw",
            "image/height": 3,
            "image/width": 200,
            "image/channels": 3,
            "image/source": "ä/猫.png".encode(),
        }
        | ({} if label is None else {"label": label})
    )
    record = encode_record(SPEC, PIXELS, "ä/猫.png", label)
    assert tf.train.Example.FromString(record) == expected
    # Protobuf's deterministic form sorts the map by key, as ours does: the very same bytes.
    assert record == expected.SerializeToString(deterministic=True)


def test_features_of_any_kind_are_sorted_with_source_and_label():
    features = {"z": 3, "a": b"short", "b": bytes(1000)}
    record = encode_record(NumberSpec(features), None, "here", 5)
    expected = protobuf_of(
        {**{f"number/{name}": value for name, value in features.items()}, "number/source": b"here", "label": 5}
    )
    assert record == expected.SerializeToString(deterministic=True)


@pytest.mark.parametrize("features, message", [({"a": -1}, "not be negative"), ({"source": b""}, "named 'source'")])
def test_features_that_cannot_be_written(features, message):
    with pytest.raises(ValueError, match=message):
        encode_record(NumberSpec(features), None, "here")


def test_parse_gives_back_what_was_encoded_and_label_zero_for_none():
    records = [encode_record(SPEC, PIXELS, "ä/猫.png", 300), encode_record(SPEC, PIXELS, "", None)]
    features, sources, labels = parse_records(SPEC, tf.constant(records))
    assert features["encoded"].numpy().tolist() == [PIXELS.tobytes()] * 2
    assert labels.numpy().tolist() == [300, 0]
    assert sources.numpy()[0].decode() == "ä/猫.png"
    assert features["width"].numpy().tolist() == [200, 200]
    assert set(features) == set(SPEC.encode(PIXELS))


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
    examples = [encode_record(NumberSpec({"bytes": bytes([1]) * size}), None, "name") for size in (0, 1, 2000, 70_000)]
    with open(tmp_path / "ours", "wb") as file:
        assert write_tfrecords(file, examples) == 4
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for example in examples:
            writer.write(example)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    assert struct.unpack("<Q", (tmp_path / "ours").read_bytes()[:8])[0] == len(examples[0])
