import pickle

import numpy as np
import pytest

from tfgan_suite.data.images import ImageFormat
from tfgan_suite.data.sources.open_source import open_source
from tfgan_suite.data.sources.source import SourceItem
from tfgan_suite.data.sources.stacked_digits_source import StackedDigitsSource


@pytest.fixture(scope="module")
def source():
    return open_source("stacked-digits")


def test_colours_are_three_digits(source, tmp_path):
    reader = pickle.loads(pickle.dumps(source.make_reader(tmp_path, ImageFormat(32, 32))))
    picture = reader.read(SourceItem("stack", None, [7, 4000, 7]))
    assert picture.shape == (28, 28, 3) and picture.dtype == np.uint8
    for colour, row in enumerate((7, 4000, 7)):
        np.testing.assert_array_equal(picture[..., colour], source.digits.examples[row, ..., 0])
    assert len(pickle.dumps(reader)) < 1000


def test_all_combinations_come_about_equally_often(source):
    listing = source.list_items(True, None)
    assert len(listing.items) == 50_000 and listing.class_names == () and listing.items[0].label is None
    digits = source.digits.labels[np.array([item.address for item in listing.items])]
    counts = np.bincount(digits @ [100, 10, 1], minlength=1000)
    assert counts.min() > 20 and counts.max() < 90  # 50 expected, with a deviation of 7.


def test_more_pictures_begin_with_those_of_fewer_and_seeds_differ(source):
    few, many = source.list_items(True, 5).items, source.list_items(True, 50).items
    assert many[:5] == few
    other = StackedDigitsSource(seed=1)
    assert other.list_items(True, 5).items != few
    assert len({one.fingerprint() for one in (source, other, StackedDigitsSource(count=5))}) == 3


def test_settings(source):
    assert source.default_settings(None) == {
        "image_size": (32, 32), "channels": 3, "crop": "border", "background": "black",
    }  # fmt: skip
    assert source.default_settings((64, 64))["crop"] == "center"
    assert "MNIST" in source.license
