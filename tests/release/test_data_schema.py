import dataclasses

import numpy as np
import pytest

from tests.prepared_set import write_prepared_set
from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.release.data_schema import DataSchema, count_suspicious
from tfgan_suite.specs.image_spec import ImageSpec


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """20 images of two classes; 2 of one colour, 1 of one colour but for 4 levels, 1 but for 5."""
    images = np.random.default_rng(0).integers(0, 256, [20, 8, 8, 3]).astype(np.uint8)
    images[3], images[4], images[5], images[6] = 7, 200, 100, 100
    images[5, 2, 2, 1] += 4
    images[6, 2, 2, 1] += 5
    return write_prepared_set(tmp_path_factory.mktemp("data") / "set", images, np.arange(20) % 2)


def test_blank_images(directory):
    assert count_suspicious(directory) == {"blank": 3}


def test_a_set_fits_its_own_schema_but_for_blank_images(directory):
    schema = DataSchema.infer(DatasetInfo.load(directory))
    assert schema.min_examples == 10 and schema.min_examples_per_class == 5
    (anomaly,) = schema.find_anomalies(directory)
    assert anomaly == "Suspicious images: 3 of 20 (3 blank); expected at most 0.10%."
    assert dataclasses.replace(schema, max_suspicious_fraction=0.15).find_anomalies(directory) == []


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"spec": ImageSpec((8, 8, 1))}, "Wrong shape: images are (8, 8, 3), expected (8, 8, 1)"),
        ({"class_names": ("class 0", "class 1", "x")}, "Missing class: 'x'"),
        ({"class_names": ("class 0",)}, "New class: 'class 1'"),
        ({"class_names": ("class 1", "class 0")}, "a different order"),
        ({"class_names": ()}, "Unexpected labels: 2"),
        ({"min_examples": 21}, "Too few images: 20"),
        ({"min_examples_per_class": 11}, "Too few images of 'class 0': 10"),
    ],
)
def test_anomalies_are_named(directory, changes, expected):
    schema = dataclasses.replace(DataSchema.infer(DatasetInfo.load(directory)), max_suspicious_fraction=1.0, **changes)
    assert any(expected in anomaly for anomaly in schema.find_anomalies(directory))


def test_missing_labels(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, [4, 8, 8, 1]).astype(np.uint8)
    plain = write_prepared_set(tmp_path / "plain", images, None)
    schema = DataSchema(ImageSpec((8, 8, 1)), class_names=("a", "b"), min_examples=1)
    assert schema.find_anomalies(plain) == ["Missing labels: no classes, expected 2."]


def test_json(directory):
    schema = DataSchema.infer(DatasetInfo.load(directory))
    assert DataSchema.from_json(schema.to_json()) == schema
    with pytest.raises(UserError, match="'min_example'.*Did you mean 'min_examples'"):
        DataSchema.from_json('{"min_example": 1}')
    for text in ("{", "[]", "{}"):
        with pytest.raises(UserError, match="must be a data schema in JSON"):
            DataSchema.from_json(text)


def test_how_images_are_stored_does_not_matter(directory):
    schema = dataclasses.replace(DataSchema.infer(DatasetInfo.load(directory)), max_suspicious_fraction=1.0)
    assert schema.spec.encoding == "png"
    assert dataclasses.replace(schema, spec=ImageSpec((8, 8, 3), "webp")).find_anomalies(directory) == []


def test_schemas_of_version_0_1_are_read():
    text = """{"image_shape": [8, 8, 1], "class_names": ["a"], "min_images": 7, "min_images_per_class": 2,
    "max_blank_fraction": 0.25, "max_refused_fraction": 0.5, "split": "test"}"""
    assert DataSchema.from_json(text) == DataSchema(ImageSpec((8, 8, 1)), ("a",), 7, 2, 0.25, 0.5, "test")
