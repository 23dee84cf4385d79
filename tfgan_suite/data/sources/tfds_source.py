"""Any image set of TensorFlow Datasets by its name, prepared already or downloadable."""

import hashlib
import json
import os

import numpy as np

from tfgan_suite.data.example_refused import ExampleRefused
from tfgan_suite.data.sources.source import Source, SourceItem, SourceListing, SourceReader, first_by_hash
from tfgan_suite.foundation.errors import UserError, import_extra, unknown_name


class TfdsSource(Source):
    """A set of TensorFlow Datasets with an image feature and perhaps a label.

    Args:
        name: String. As TensorFlow Datasets writes it: `"mnist"`, `"cycle_gan/horse2zebra:3.0.0"`, ...
        split: String. `"train"`, `"train+test"`, `"train[:10%]"`, ...; the new splits are assigned by content.
        data_dir: String or path. Where the set lies or will be downloaded to; by default `TFDS_DATA_DIR` or `~/tensorflow_datasets`.

    Raises:
        MissingExtraError: tensorflow-datasets is not installed.
        UserError: No set or split has that name, or it has no image.
    """

    kind = "tfds"

    def __init__(self, name: str, split: str = "train", data_dir: str | os.PathLike | None = None):
        tfds = import_extra("tensorflow_datasets", "tfds", "A source 'tfds:NAME'")
        self._data_dir = None if data_dir is None else os.fspath(data_dir)
        self._builder_name = name
        self._split = split
        try:
            self._builder = tfds.builder(name, data_dir=self._data_dir)
        except tfds.core.registered.DatasetNotFoundError as error:
            raise unknown_name("TensorFlow data set", name, tfds.list_builders()) from error
        self._builder.download_and_prepare()
        info = self._builder.info
        self.name = self._builder.name if split == "train" else f"{self._builder.name} {split}"
        self.license = info.redistribution_info.license or f"not stated; see {info.homepage or info.name}"
        features = info.features
        self._image_key = self._find(features, tfds.features.Image, "image")
        if self._image_key is None:
            raise UserError(f"The TensorFlow data set {name!r} has no image feature. It has: {', '.join(features)}.")
        self._label_key = self._find(features, tfds.features.ClassLabel, "label")
        try:
            self._count = info.splits[split].num_examples
        except (KeyError, ValueError, AssertionError) as error:
            raise unknown_name(f"split of the TensorFlow data set {name!r}", split, info.splits) from error

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
        class_names = tuple(self._builder.info.features[label_key].names) if label_key else ()
        labels = self._read_labels(label_key) if label_key else None
        items = []
        for row in rows:
            label = None if labels is None else labels[row]
            items.append(SourceItem(f"{self._builder.name} {self._split} {row}", label, row))
        return SourceListing(items, [], class_names)

    def _read_labels(self, label_key: str) -> list[int]:
        """Reads only the labels, without decoding an image."""
        import tensorflow_datasets as tfds

        dataset = self._builder.as_dataset(
            split=self._split, shuffle_files=False, decoders=tfds.decode.PartialDecoding({label_key: True})
        )
        return [int(example[label_key]) for example in dataset.as_numpy_iterator()]

    def fingerprint(self):
        info = self._builder.info
        shards = {name: list(split.shard_lengths) for name, split in info.splits.items()}
        content = [info.full_name, self._split, shards]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def make_reader(self, work_dir, example_format):
        return TfdsReader(self._builder_name, self._data_dir, self._split, self._image_key)


class TfdsReader(SourceReader):
    """Reads runs of rows from a prepared set, as encoded bytes."""

    def __init__(self, name: str, data_dir: str | None, split: str, image_key: str):
        self._name = name
        self._data_dir = data_dir
        self._split = split
        self._image_key = image_key

    def read_many(self, items):
        import tensorflow_datasets as tfds

        items = list(items)
        builder = tfds.builder(self._name, data_dir=self._data_dir)
        first, last = items[0].address, items[-1].address
        wanted = {item.address for item in items}
        dataset = builder.as_dataset(
            split=self._split,
            shuffle_files=False,
            decoders={self._image_key: tfds.decode.SkipDecoding()},
        )
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
