"""The schema of a prepared dataset, and the check of a dataset against it."""

import dataclasses
import json
from collections import Counter
from pathlib import Path

from tfgan_suite.data.loader import read_split
from tfgan_suite.data.prepared_set import PreparedSet
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.foundation.small_files import from_fields, parse_json, reading
from tfgan_suite.specs.example_spec import ExampleSpec, spec_from_config, spec_to_config

# Entries as version 0.1 wrote them, for images alone, and as they are called now.
_FORMER_NAMES = {
    "min_images": "min_examples",
    "min_images_per_class": "min_examples_per_class",
    "max_blank_fraction": "max_suspicious_fraction",
}


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

    Args:
        spec: `ExampleSpec`. What one example is. How it is stored does not matter.
        class_names: Tuple of strings. Names of the classes in the order of the labels. Empty for a dataset without
            labels.
        min_examples: Integer. Minimum number of examples in `split`.
        min_examples_per_class: Integer. Minimum number of examples of each class in `split`.
        max_suspicious_fraction: Float in [0, 1]. Maximum fraction of examples that look like mistakes, according to
            `spec.suspicion`. For images: single-color ones.
        max_refused_fraction: Float in [0, 1]. Maximum fraction of unusable inputs.
        split: String. Name of the split to check.

    Example:

    >>> from tfgan_suite.specs.image_spec import ImageSpec
    >>> schema = DataSchema(ImageSpec((32, 32, 1)), class_names=("a", "b"), min_examples=100)
    >>> DataSchema.from_json(schema.to_json()) == schema
    True
    """

    spec: ExampleSpec
    class_names: tuple[str, ...]
    min_examples: int
    min_examples_per_class: int = 1
    max_suspicious_fraction: float = 0.001
    max_refused_fraction: float = 0.01
    split: str = "train"

    @classmethod
    def infer(cls, info, split="train"):
        """Infers the schema of a dataset that is known to be good: its examples and classes, and at least half as many.

        Args:
            info: `DatasetInfo`. The description of the dataset.
            split: String. Name of the split to check.
        """
        counts = info.split(split).class_counts
        return cls(
            spec=info.spec,
            class_names=tuple(info.class_names),
            min_examples=max(1, info.split(split).num_examples // 2),
            min_examples_per_class=max(1, min(counts) // 2) if counts else 1,
            split=split,
        )

    def to_json(self):
        content = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        content = {"example": spec_to_config(content.pop("spec")), **content}
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text):
        """Reads the output of `to_json`, edited or not, or that of version 0.1.

        Raises:
            UserError: It is not JSON, or has an entry that is unknown or missing.
        """
        known = ["example", *(field.name for field in dataclasses.fields(cls) if field.name != "spec")]
        try:
            content = parse_json(text)
            if "image_shape" in content:
                content["example"] = {"kind": "image", "shape": content.pop("image_shape")}
            content = {_FORMER_NAMES.get(name, name): value for name, value in content.items()}
            for name in content:
                if name not in known:
                    raise unknown_name("entry of a data schema", name, known)
            if "example" in content:
                content["spec"] = spec_from_config(content.pop("example"))
            return from_fields(cls, content)
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
            raise UserError(f"The schema must be a data schema in JSON. Received: {error}") from error

    def save(self, path):
        write_atomically(path, self.to_json())

    @classmethod
    def load(cls, path):
        with reading(path, "a data schema", "Repair it, or remove it to have it inferred from the data again."):
            return cls.from_json(Path(path).read_text(encoding="utf-8"))

    def find_anomalies(self, directory):
        """Checks the description of a prepared dataset, and all its examples.

        Args:
            directory: String or path of the output of `prepare_dataset`, or a `PreparedSet`.

        Returns:
            List of sentences, one for each anomaly. Empty if there is none.

        Raises:
            UserError: The directory holds no dataset, or lacks the split.
        """
        opened = PreparedSet.open(directory)
        split = opened.info.split(self.split)
        anomalies = self._of_description(opened.info, split)
        if split.num_examples and opened.info.spec.matches(self.spec):
            suspicious = count_suspicious(opened, self.split)
            if suspicious.total() > self.max_suspicious_fraction * split.num_examples:
                reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(suspicious.items()))
                anomalies.append(
                    f"Suspicious {self.spec.unit[1]}: {suspicious.total():,} of {split.num_examples:,} ({reasons}); expected "
                    f"at most {self.max_suspicious_fraction:.2%}."
                )
        return anomalies

    def _of_description(self, info, split):
        anomalies = []
        units = self.spec.unit[1]
        if info.spec.kind != self.spec.kind:
            anomalies.append(f"Wrong kind: the set holds {info.spec.unit[1]}, expected {units}.")
        elif not info.spec.matches(self.spec):
            anomalies.append(f"Wrong shape: {units} are {info.spec.shape}, expected {self.spec.shape}.")
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
        if split.num_examples < self.min_examples:
            anomalies.append(f"Too few {units}: {split.num_examples:,}, expected at least {self.min_examples:,}.")
        for name, count in zip(info.class_names, split.class_counts):
            if count < self.min_examples_per_class and name in self.class_names:
                anomalies.append(
                    f"Too few {units} of {name!r}: {count:,}, expected at least {self.min_examples_per_class:,}."
                )
        read = info.num_examples + info.duplicates + info.refused.count
        if info.refused.count > self.max_refused_fraction * read:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in info.refused.reasons.items())
            anomalies.append(
                f"Unusable inputs: {info.refused.count:,} of {read:,} were set aside ({reasons}); expected at most "
                f"{self.max_refused_fraction:.2%}."
            )
        return anomalies


def count_suspicious(directory, split="train"):
    """Counts the examples of a split that look like mistakes in the data.

    Args:
        directory: String or path of the output of `prepare_dataset`, or a `PreparedSet`.
        split: String. Name of the split.

    Returns:
        `collections.Counter` of what the spec's `suspicion` calls them, such as `"blank"`.
    """
    opened = PreparedSet.open(directory)
    suspicions = Counter()
    for examples, _, _ in read_split(opened, split):
        suspicions.update(filter(None, map(opened.info.spec.suspicion, examples)))
    return suspicions
