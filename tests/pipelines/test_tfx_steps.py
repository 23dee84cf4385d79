"""Parts of the TFX pipeline's steps, each by itself."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tests.prepared_set import write_prepared_set
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.wire_format import field
from tfgan_suite.release import DataSchema
from tfgan_suite.specs.image_spec import ImageSpec

pytest.importorskip(
    "tfx", reason="TFX is not installed here; `make test-tfx` runs these tests in an environment that has it."
)

from tensorflow_metadata.proto.v0 import schema_pb2  # noqa: E402

from pipelines.image_schema import constrain, edited_schema, keep_schema  # noqa: E402
from pipelines.trainer import digest_of_records, run_fn  # noqa: E402


def write_examples(path, examples):
    """Examples as lists of names and values of features, which are written in that order."""
    with tf.io.TFRecordWriter(str(path), "GZIP" if path.suffix == ".gz" else "") as writer:
        for example in examples:
            entries = [field(1, field(1, name) + field(2, field(1, field(1, value)))) for name, value in example]
            writer.write(field(1, b"".join(entries)))
    return str(path)


def test_digest_of_records(tmp_path):
    a, b, c, d = ([(b"name", name), (b"value", b"1")] for name in (b"a", b"b", b"c", b"d"))
    whole = write_examples(tmp_path / "whole", [a, b, c])
    (tmp_path / "parts").mkdir()
    write_examples(tmp_path / "parts" / "0.gz", [c[::-1], a])
    write_examples(tmp_path / "parts" / "1.gz", [b[::-1]])
    assert digest_of_records([whole]) == digest_of_records([str(tmp_path / "parts" / "*")])
    assert digest_of_records([whole])[0] == 3
    for others in ([a, b], [a, b, d], [a, b, c, c]):
        assert digest_of_records([write_examples(tmp_path / "others", others)]) != digest_of_records([whole])


def test_trainer_refuses_other_examples(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, [4, 8, 8, 1]).astype(np.uint8)
    data_dir = write_prepared_set(tmp_path / "data", images, np.arange(4) % 2)
    fn_args = SimpleNamespace(
        custom_config={"unfinished_dir": str(tmp_path / "unfinished")},
        hyperparameters={"data_dir": str(data_dir)},
        train_files=[write_examples(tmp_path / "others", [[(b"name", b"a")]])],
    )
    with pytest.raises(UserError, match="are not the images in"):
        run_fn(fn_args)
    assert not (tmp_path / "unfinished").exists()


def test_schema_is_held_to_shape_and_classes():
    schema = schema_pb2.Schema()
    schema.feature.add(name="image/height", type=schema_pb2.INT)
    constrain(schema, DataSchema(ImageSpec((8, 16, 3)), class_names=("a", "b", "c"), min_examples=1))
    domains = {feature.name: (feature.int_domain.min, feature.int_domain.max) for feature in schema.feature}
    assert domains == {"image/height": (8, 8), "image/width": (16, 16), "image/channels": (3, 3), "label": (0, 2)}
    constrain(schema, DataSchema(ImageSpec((8, 16, 3)), class_names=(), min_examples=1))
    assert "label" not in {feature.name for feature in schema.feature}


def test_only_a_changed_schema_counts_as_edited(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, [4, 8, 8, 1]).astype(np.uint8)
    data_dir = write_prepared_set(tmp_path / "data", images, np.arange(4) % 2)
    path = tmp_path / "schema.json"
    assert edited_schema(path) == ""
    schema = keep_schema(path, data_dir, "train")
    assert schema.spec.shape == (8, 8, 1) and edited_schema(path) == ""
    path.write_text(path.read_text().replace('"min_examples": 2', '"min_examples": 3'))
    assert '"min_examples": 3' in edited_schema(path) and keep_schema(path, data_dir, "train").min_examples == 3
