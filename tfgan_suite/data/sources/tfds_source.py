"""Any image set of TensorFlow Datasets by its name, prepared already or downloadable."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np

from tfgan_suite.data.dataset_info import RefusedExample
from tfgan_suite.data.sources.source import Source, SourceItem, SourceListing, SourceReader, first_by_hash
from tfgan_suite.foundation.errors import UserError, import_extra, unknown_name
from tfgan_suite.foundation.example_refused import ExampleRefused
from tfgan_suite.foundation.paths import local_path


class TfdsSource(Source):
    """A set of TensorFlow Datasets with an image feature and perhaps a label.

    Args:
        name: String, path or builder. As TensorFlow Datasets writes it: `"mnist"`, `"cycle_gan/horse2zebra:3.0.0"`, ...; the
            directory of a prepared set; or what `tfds.builder` returns.
        split: String. `"train"`, `"train+test"`, `"train[:10%]"`, ...; the new splits are assigned by content.
        data_dir: String or path. Where the set lies or will be downloaded to; by default `TFDS_DATA_DIR` or `~/tensorflow_datasets`.

    Raises:
        MissingExtraError: tensorflow-datasets is not installed.
        UserError: No set or split has that name, it cannot be downloaded, or it has no image that can be read.
    """

    kind = "tfds"

    def __init__(self, name, split: str = "train", data_dir: str | os.PathLike | None = None):
        tfds = import_extra("tensorflow_datasets", "tfds", "A source 'tfds:NAME'")
        self._builder = name if isinstance(name, tfds.core.DatasetBuilder) else _open_builder(tfds, name, data_dir)
        self._split = split
        try:
            self._builder.download_and_prepare()
        except Exception as error:  # Of networks, disks, missing packages, files to be fetched by hand.
            raise UserError(f"TensorFlow Datasets cannot prepare {self._builder.name!r}: {error}") from error
        info = self._builder.info
        self.name = self._builder.name if split == "train" else f"{self._builder.name} {split}"
        self.license = info.redistribution_info.license or f"not stated; see {info.homepage or info.name}"
        features = info.features
        self._image_key, self._notes = self._find_image(tfds, features)
        self._label_key = self._find(features, tfds.features.ClassLabel, "label")
        try:
            self._count = info.splits[split].num_examples
        except (KeyError, ValueError, AssertionError) as error:
            raise unknown_name(f"split of the TensorFlow data set {self.name!r}", split, info.splits) from error

    def _find_image(self, tfds, features) -> tuple[str, tuple[str, ...]]:
        images = [key for key in features if isinstance(features[key], tfds.features.Image)]
        # Maps of classes are images too.
        images = [key for key in images if not isinstance(features[key], tfds.features.LabeledImage)] or images
        if not images:
            raise UserError(
                f"The TensorFlow data set {self._builder.name!r} has no image feature. It has: {', '.join(features)}."
            )
        key = "image" if "image" in images else images[0]
        if features[key].np_dtype == np.float32:  # Stored as the bytes of each value, in a PNG of four channels.
            raise UserError(
                f"The images of the TensorFlow data set {self._builder.name!r} must be uint8 or uint16. Received: float32, of "
                "which the range is not stated. Make uint8 pixels of them, and pass those as an array."
            )
        others = [other for other in images if other != key]
        if key == "image" or not others:
            return key, ()
        return key, (f"The images are the feature {key!r}. Not used: {', '.join(others)}.",)

    @staticmethod
    def _find(features, feature_class: type, preferred: str) -> str | None:
        keys = [key for key in features if isinstance(features[key], feature_class)]
        return preferred if preferred in keys else next(iter(keys), None)

    def default_settings(self, image_size):
        height, width, channels = self._builder.info.features[self._image_key].shape
        settings = {"channels": channels if channels in (1, 3, 4) else 3, "crop": "center"}
        return settings | ({"image_size": (height, width)} if height and width else {})

    def list_items(self, use_labels, limit):
        rows = range(self._count) if limit is None else first_by_hash(self._count, limit)
        label_key = self._label_key if use_labels else None
        if label_key is None:
            labels, class_names = {}, ()
            origin = "there is no feature of class labels" if use_labels else ""
        else:
            labels, class_names = self._read_labels(label_key), tuple(self._builder.info.features[label_key].names)
            origin = f"the feature {label_key!r}"
        items, refused = [], []
        for row in rows:
            name, label = f"{self._builder.name} {self._split} {row}", labels.get(row)
            if label is not None and label < 0:  # How test splits mark that there is none.
                refused.append(RefusedExample(name, "no_label", f"Its label is {label}."))
            else:
                items.append(SourceItem(name, label, row))
        return SourceListing(items, refused, class_names, origin, self._notes)

    def _read_labels(self, label_key: str) -> dict[int, int]:
        """Reads only the labels, without decoding an image."""
        import tensorflow_datasets as tfds

        if _has_random_access(self._builder):
            decoders = {self._image_key: tfds.decode.SkipDecoding()}
            examples = self._builder.as_data_source(split=self._split, decoders=decoders)
            return {row: int(examples[row][label_key]) for row in range(self._count)}
        decoders = tfds.decode.PartialDecoding({label_key: True})
        examples = self._builder.as_dataset(split=self._split, shuffle_files=False, decoders=decoders)
        examples = examples.as_numpy_iterator()
        return {row: int(example[label_key]) for row, example in enumerate(examples)}

    def fingerprint(self):
        info = self._builder.info
        shards = {name: list(split.shard_lengths) for name, split in info.splits.items()}
        content = [info.full_name, self._split, shards]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def make_reader(self, work_dir, example_format):
        return TfdsReader(os.fspath(self._builder.data_path), self._split, self._image_key)


def _open_builder(tfds, name, data_dir):
    """The builder of a name or of a directory."""
    directory = local_path(name) if isinstance(name, str | os.PathLike) else None
    if directory is None:
        raise UserError(f"`name` must be a name, a path or a builder of TensorFlow Datasets. Received: {name!r}")
    if isinstance(name, os.PathLike) or name.startswith(("/", "~", ".")) or is_tfds_directory(directory):
        return _open_directory(tfds, directory)
    try:
        return tfds.builder(name, data_dir=None if data_dir is None else os.path.expanduser(data_dir))
    except tfds.core.registered.DatasetNotFoundError as error:
        raise unknown_name("TensorFlow data set", name, tfds.list_builders()) from error
    except (ValueError, AssertionError, OSError) as error:  # Of versions, configurations, spelling.
        raise UserError(f"TensorFlow Datasets cannot open {name!r}: {error}") from error


def is_tfds_directory(directory: Path) -> bool:
    """Whether a directory holds a set that TensorFlow Datasets prepared."""
    return (directory / "features.json").is_file() and (directory / "dataset_info.json").is_file()


def _open_directory(tfds, directory: Path):
    """The builder of a prepared set in a directory, which may also be the one above its only version."""
    found = [directory] if is_tfds_directory(directory) else []
    found = found or sorted(
        {path.parent for level in ("*", "*/*") for path in directory.glob(f"{level}/features.json")}
    )
    if len(found) != 1:
        raise UserError(
            "A path of a TensorFlow data set must be the directory of one version, which holds features.json. Received: "
            f"{str(directory)!r}, which holds {', '.join(str(path.relative_to(directory)) for path in found) or 'none'}"
        )
    try:
        return tfds.builder_from_directory(str(found[0]))
    except Exception as error:
        raise UserError(f"TensorFlow Datasets cannot read {str(found[0])!r}: {error}") from error


def _has_random_access(builder) -> bool:
    """Whether a set is stored in a format that `as_dataset` does not read, and `as_data_source` does."""
    import tensorflow_datasets as tfds

    return builder.info.file_format == tfds.core.FileFormat.ARRAY_RECORD


class TfdsReader(SourceReader):
    """Reads runs of rows from a prepared set, as encoded bytes."""

    def __init__(self, directory: str, split: str, image_key: str):
        self._directory = directory
        self._split = split
        self._image_key = image_key

    def read_many(self, items):
        import tensorflow_datasets as tfds

        items = list(items)
        builder = tfds.builder_from_directory(self._directory)
        decoders = {self._image_key: tfds.decode.SkipDecoding()}
        if _has_random_access(builder):
            examples = builder.as_data_source(split=self._split, decoders=decoders)
            for item in items:
                yield self._check(examples[item.address][self._image_key])
            return
        first, last = items[0].address, items[-1].address
        wanted = {item.address for item in items}
        dataset = builder.as_dataset(split=self._split, shuffle_files=False, decoders=decoders)
        dataset = dataset.skip(first).take(last - first + 1)
        for row, example in enumerate(dataset.as_numpy_iterator(), first):
            if row in wanted:
                yield self._check(example[self._image_key])

    @staticmethod
    def _check(image) -> bytes | np.ndarray | ExampleRefused:
        if isinstance(image, bytes):
            return image
        if isinstance(image, np.ndarray) and image.dtype == np.uint8:
            return image
        return ExampleRefused(
            "not_an_image", f"An image must be encoded bytes or uint8 pixels. Received: {type(image).__name__}"
        )
