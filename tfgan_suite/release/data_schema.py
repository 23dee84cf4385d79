"""What a prepared data set must be like, and the check of one against it."""

import dataclasses
import json
from pathlib import Path

import numpy as np

from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.data.loader import load_dataset
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.files import write_atomically

_BATCH_SIZE = 256
# A picture is blank if no channel's values lie further apart than this, of 255: noise of JPEG, not content.
_BLANK_RANGE = 4


class DataAnomalyError(UserError):
    """A data set is not what the schema says. `anomalies` are sentences, one for each."""

    def __init__(self, directory, anomalies, schema_path):
        super().__init__(
            f"The data in {directory} are not what {schema_path} says: {' '.join(anomalies)} "
            "Mend the source, or, if the data are right, change the schema."
        )
        self.anomalies = tuple(anomalies)


@dataclasses.dataclass(frozen=True)
class DataSchema:
    """What may be expected of a data set. Kept as JSON that people read and change.

    Attributes:
        image_shape: `(height, width, channels)`.
        class_names: In the order of the labels; empty for a set without labels.
        min_images: Fewer than this in `split` are an anomaly.
        min_images_per_class: The same for each class.
        max_blank_fraction: Share of pictures of one colour that is still borne.
        max_refused_fraction: Share of source files that could not be used that is still borne.
        split: Split that is looked at.

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
        """The schema of a set that is known to be good: its shape and classes, and at least half of its images."""
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
        """Reads what `to_json` wrote, or a person changed.

        Raises:
            UserError: It is no JSON, or has an entry that is unknown or missing.
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
            raise UserError(f"Expected a data schema in JSON. Received: {error}") from error

    def save(self, path):
        write_atomically(path, self.to_json())

    @classmethod
    def load(cls, path):
        return cls.from_json(Path(path).read_text(encoding="utf-8"))

    def find_anomalies(self, directory):
        """Looks at the description of a prepared set and at all its pictures.

        Args:
            directory: What `prepare_dataset` wrote.

        Returns:
            List of sentences; empty if all is as it should be.

        Raises:
            UserError: The directory holds no data set, or lacks the split.
        """
        info = DatasetInfo.load(directory)
        split = info.split(self.split)
        anomalies = self._of_description(info, split)
        if split.num_images and tuple(info.image_shape) == self.image_shape:
            blank = count_blank_images(directory, self.split)
            if blank > self.max_blank_fraction * split.num_images:
                anomalies.append(
                    f"Blank images: {blank:,} of {split.num_images:,} are of one colour; at most "
                    f"{self.max_blank_fraction:.2%} may be."
                )
        return anomalies

    def _of_description(self, info, split):
        anomalies = []
        if tuple(info.image_shape) != self.image_shape:
            anomalies.append(f"Wrong shape: images are {tuple(info.image_shape)}, expected {self.image_shape}.")
        if self.class_names and not info.class_names:
            anomalies.append(f"Missing labels: expected {len(self.class_names)} classes, there are none.")
        elif info.class_names and not self.class_names:
            anomalies.append(f"Unexpected labels: {len(info.class_names)} classes, expected none.")
        else:
            new = [name for name in info.class_names if name not in self.class_names]
            gone = [name for name in self.class_names if name not in info.class_names]
            anomalies += [f"New class: {name!r}." for name in new] + [f"Missing class: {name!r}." for name in gone]
            if not new and not gone and tuple(info.class_names) != self.class_names:
                anomalies.append(f"Classes in another order: {', '.join(info.class_names)}.")
        if split.num_images < self.min_images:
            anomalies.append(f"Too few images: {split.num_images:,}, expected at least {self.min_images:,}.")
        for name, count in zip(info.class_names, split.class_counts):
            if count < self.min_images_per_class and name in self.class_names:
                anomalies.append(f"Too few images of {name!r}: {count:,}, expected {self.min_images_per_class:,}.")
        read = info.num_images + info.duplicates + info.refused.count
        if info.refused.count > self.max_refused_fraction * read:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in info.refused.reasons.items())
            anomalies.append(
                f"Unusable files: {info.refused.count:,} of {read:,} were set aside ({reasons}); at most "
                f"{self.max_refused_fraction:.2%} may be."
            )
        return anomalies


def count_blank_images(directory, split="train"):
    """How many pictures of a split are of one colour, but for 4 levels of 255."""
    batch_size = min(_BATCH_SIZE, DatasetInfo.load(directory).split(split).num_images)
    _, dataset = load_dataset(
        directory, split, batch_size, shuffle=False, repeat=False, cache=False, drop_remainder=False
    )
    blank = 0
    for images, _ in dataset.as_numpy_iterator():
        spans = images.max(axis=(1, 2)) - images.min(axis=(1, 2))  # [batch, channels]
        blank += int(np.sum(spans.max(axis=1) * 127.5 <= _BLANK_RANGE))
    return blank
