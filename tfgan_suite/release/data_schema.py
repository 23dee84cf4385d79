"""The schema of a prepared dataset, and the check of a dataset against it."""

import dataclasses
import json
from pathlib import Path

import numpy as np

from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.data.loader import load_dataset
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.files import write_atomically

_BATCH_SIZE = 256
# An image is blank if the values of each channel span at most this much of 255, which is JPEG noise, not content.
_BLANK_RANGE = 4


class DataAnomalyError(UserError):
    """Raised if a dataset does not match its schema.

    Args:
        directory: String or path of the dataset.
        anomalies: List of sentences, one for each anomaly.
        schema_path: String or path of the schema's file.
    """

    def __init__(self, directory, anomalies, schema_path):
        super().__init__(
            f"The data in {directory} does not match {schema_path}: {' '.join(anomalies)} "
            "Fix the source data, or update the schema if the data is correct."
        )
        self.anomalies = tuple(anomalies)


@dataclasses.dataclass(frozen=True)
class DataSchema:
    """The expected properties of a dataset. Stored as JSON for people to read and edit.

    Attributes:
        image_shape: Tuple `(height, width, channels)`.
        class_names: Tuple of strings. Names of the classes in the order of the labels. Empty for a dataset without
            labels.
        min_images: Integer. Minimum number of images in `split`.
        min_images_per_class: Integer. Minimum number of images of each class in `split`.
        max_blank_fraction: Float in [0, 1]. Maximum fraction of single-color images.
        max_refused_fraction: Float in [0, 1]. Maximum fraction of unusable source files.
        split: String. Name of the split to check.

    Example:

    >>> schema = DataSchema(image_shape=(32, 32, 1), class_names=("a", "b"), min_images=100)
    >>> DataSchema.from_json(schema.to_json()) == schema
    True
    """

    image_shape: tuple
    class_names: tuple
    min_images: int
    min_images_per_class: int = 1
    max_blank_fraction: float = 0.001
    max_refused_fraction: float = 0.01
    split: str = "train"

    @classmethod
    def infer(cls, info, split="train"):
        """Derives a schema from a dataset known to be good: its shape and classes, and at least half of its images.

        Args:
            info: A `DatasetInfo`.
            split: String. Name of the split to check.

        Returns:
            A `DataSchema`.
        """
        counts = info.split(split).class_counts
        return cls(
            image_shape=tuple(info.image_shape),
            class_names=tuple(info.class_names),
            min_images=max(1, info.split(split).num_images // 2),
            min_images_per_class=max(1, min(counts) // 2) if counts else 1,
            split=split,
        )

    def to_json(self):
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text):
        """Reads a schema that was written by `to_json` and possibly edited.

        Args:
            text: String. The JSON document.

        Returns:
            A `DataSchema`.

        Raises:
            UserError: If the text is not JSON, or has an unknown or missing entry.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        try:
            content = json.loads(text)
            for name in content:
                if name not in known:
                    raise unknown_name("entry of a data schema", name, known)
            content = {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}
            return cls(**content)
        except (ValueError, TypeError, AttributeError) as error:
            raise UserError(f"The schema must be a data schema in JSON. Received: {error}") from error

    def save(self, path):
        write_atomically(path, self.to_json())

    @classmethod
    def load(cls, path):
        return cls.from_json(Path(path).read_text(encoding="utf-8"))

    def find_anomalies(self, directory):
        """Checks the description of a prepared dataset, and all its images.

        Args:
            directory: String or path of a directory written by `prepare_dataset`.

        Returns:
            List of sentences, one for each anomaly; empty if there are none.

        Raises:
            UserError: If the directory does not contain a dataset, or the dataset lacks the split.
        """
        info = DatasetInfo.load(directory)
        split = info.split(self.split)
        anomalies = self._of_description(info, split)
        if split.num_images and tuple(info.image_shape) == self.image_shape:
            blank = count_blank_images(directory, self.split)
            if blank > self.max_blank_fraction * split.num_images:
                anomalies.append(
                    f"Blank images: {blank:,} of {split.num_images:,} have a single color; expected at most "
                    f"{self.max_blank_fraction:.2%}."
                )
        return anomalies

    def _of_description(self, info, split):
        anomalies = []
        if tuple(info.image_shape) != self.image_shape:
            anomalies.append(f"Wrong shape: images are {tuple(info.image_shape)}, expected {self.image_shape}.")
        if self.class_names and not info.class_names:
            anomalies.append(f"Missing labels: no classes, expected {len(self.class_names)}.")
        elif info.class_names and not self.class_names:
            anomalies.append(f"Unexpected labels: {len(info.class_names)} classes, expected none.")
        else:
            new = [name for name in info.class_names if name not in self.class_names]
            gone = [name for name in self.class_names if name not in info.class_names]
            anomalies += [f"New class: {name!r}." for name in new] + [f"Missing class: {name!r}." for name in gone]
            if not new and not gone and tuple(info.class_names) != self.class_names:
                anomalies.append(f"Classes in a different order: {', '.join(info.class_names)}.")
        if split.num_images < self.min_images:
            anomalies.append(f"Too few images: {split.num_images:,}, expected at least {self.min_images:,}.")
        for name, count in zip(info.class_names, split.class_counts):
            if count < self.min_images_per_class and name in self.class_names:
                anomalies.append(
                    f"Too few images of {name!r}: {count:,}, expected at least {self.min_images_per_class:,}."
                )
        read = info.num_images + info.duplicates + info.refused.count
        if info.refused.count > self.max_refused_fraction * read:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in info.refused.reasons.items())
            anomalies.append(
                f"Unusable files: {info.refused.count:,} of {read:,} were set aside ({reasons}); expected at most "
                f"{self.max_refused_fraction:.2%}."
            )
        return anomalies


def count_blank_images(directory, split="train"):
    """Counts the single-color images of a split, allowing for differences of 4 levels out of 255.

    Args:
        directory: String or path of a prepared dataset.
        split: String. Name of the split.

    Returns:
        Integer.
    """
    batch_size = min(_BATCH_SIZE, DatasetInfo.load(directory).split(split).num_images)
    _, dataset = load_dataset(
        directory, split, batch_size, shuffle=False, repeat=False, cache=False, drop_remainder=False
    )
    blank = 0
    for images, _ in dataset.as_numpy_iterator():
        spans = images.max(axis=(1, 2)) - images.min(axis=(1, 2))  # [batch, channels]
        blank += int(np.sum(spans.max(axis=1) * 127.5 <= _BLANK_RANGE))
    return blank
