"""Sets of examples for scores, the real ones above all, and what identifies them."""

import hashlib
import os
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfgan_suite.data.dataset_info import FILE_NAME, DatasetInfo
from tfgan_suite.data.loader import load_dataset
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.paths import expand_home, local_path
from tfgan_suite.metrics.numerics.pass_size import pass_size
from tfgan_suite.metrics.protocol.unprepared_examples import UnpreparedExamples
from tfgan_suite.specs.condition import Condition
from tfgan_suite.specs.example_spec import ExampleSpec
from tfgan_suite.specs.image_spec import ImageSpec


class RealExamples:
    """A prepared split, a finite `tf.data.Dataset` or an unprepared set, read in a fixed order, in batches at the edge.

    Args:
        data: A prepared directory; a dataset of batches `(examples, labels)` or `examples`, see `evaluate`; or what
            `UnpreparedExamples` takes.
        split: String. The split of a prepared directory.
        batch_size: Integer >= 1. The largest size of a batch; batches of large examples are smaller (`pass_size`).
        spec: An `ExampleSpec`. What the examples of a `tf.data.Dataset` or an unprepared set are to be; images by default.
            A prepared directory says it itself.
        scaled: Boolean. As in `UnpreparedExamples`.
        argument: String. What to call `data` in messages.

    Attributes:
        name: String. The name of the set.
        fingerprint: String. 16 hex digits of its content.
        split: String, or `None` for a set without splits.
        spec: An `ExampleSpec`. What one example is.
        num_examples: Integer. Examples in the split.
        class_counts: Tuple of integers, the examples of each class, or `None` without classes.
        class_names: Tuple of as many strings.
        cacheable: Boolean. Whether equal fingerprints stand for equal examples each time that they are read.
        num_set_aside: Integer. Files that cannot be read.

    Raises:
        UserError: The directory or split is missing; or the set is endless, empty or of mixed shapes.

    Example:

    >>> real = RealExamples(tf.data.Dataset.from_tensors(tf.zeros([4, 8, 8, 1])), "train", 64)
    >>> real.num_examples, real.spec.shape
    (4, (8, 8, 1))
    """

    def __init__(
        self,
        data: object,
        split: str,
        batch_size: int,
        spec: ExampleSpec | None = None,
        *,
        scaled: bool = True,
        argument: str = "data",
    ):
        data = expand_home(data) if isinstance(data, str) else data
        self._data = data
        self._batch_size = batch_size
        self._argument = argument
        self._unprepared = None
        self.num_set_aside = 0
        if isinstance(data, tf.data.Dataset):
            if int(data.cardinality()) == tf.data.INFINITE_CARDINALITY:
                raise UserError(
                    f"`{argument}` must be a finite dataset. Received: one that repeats. Make it with repeat=False."
                )
            self.name, self.split, self.cacheable = "tf.data.Dataset", None, False
            self.spec = spec
            self._describe_by_reading()
        elif is_prepared(data):
            info = DatasetInfo.load(data)
            self.name, self.split, self.fingerprint, self.cacheable = info.name, split, info.fingerprint, True
            self.num_examples, self.spec = info.split(split).num_examples, info.spec
            self.class_counts = info.split(split).class_counts if info.num_classes is not None else None
            self.class_names = info.class_names if info.num_classes is not None else None
        else:
            self._unprepared = UnpreparedExamples(data, spec, scaled=scaled, argument=argument)
            if split != "train":
                raise UserError(
                    f"`split` is for prepared directories, and {self._unprepared.name!r} is none: leave it out. Received: "
                    f"split={split!r}"
                )
            self.name, self.split, self.cacheable = self._unprepared.name, None, True
            self.spec = self._unprepared.spec
            if self.spec.kind == ImageSpec.kind and spec is not None and spec.kind == ImageSpec.kind:
                self.spec = ImageSpec(self.spec.shape, levels=spec.levels)
            self._describe_by_reading()
            self._unprepared.tell()
            self.num_set_aside = len(self._unprepared.set_aside)
        if self.num_examples < 2:
            role = "real " if argument == "data" else ""
            raise UserError(
                f"`{argument}` must hold at least 2 {role}{self.spec.unit[1]}. Received: {self.num_examples} in the split "
                f"{self.split!r}"
            )

    def _describe_by_reading(self) -> None:
        """A dataset that comes from anywhere is identified by its examples and labels."""
        count, shapes, class_counts, largest = 0, set(), np.zeros(0, int), 0
        digests = [hashlib.sha256(), hashlib.sha256()]  # Apart: the batch size must not matter.
        for examples, labels in self.batches():
            digests[0].update(np.ascontiguousarray(examples).tobytes())
            count += len(examples)
            largest = max(largest, np.max(examples, initial=0))
            shapes.add(examples.shape[1:])
            if labels is not None:
                digests[1].update(labels.tobytes())
                found = np.bincount(labels, minlength=len(class_counts))
                found[: len(class_counts)] += class_counts
                class_counts = found
        if len(shapes) != 1:
            units = self._unit()[1]
            raise UserError(
                f"`{self._argument}` must hold {units} of one shape. Received: {sorted(shapes) or f'no {units}'}"
            )
        shape = shapes.pop()
        if self.spec is None or self.spec.kind == ImageSpec.kind:
            # Nothing in images tells how many levels they could have: those of the model that is scored.
            levels = 256 if self.spec is None else self.spec.levels
            if largest >= levels:
                raise UserError(
                    f"`{self._argument}` must hold images of {levels} levels, 0 to {levels - 1}, as the model does. Received: "
                    f"values up to {largest}. Prepare them with `levels={levels}`."
                )
            self.spec = ImageSpec(shape, levels=levels)
        elif shape != self.spec.shape:
            raise UserError(
                f"`{self._argument}` must hold {self.spec.unit[1]} of shape {self.spec.shape}. Received: shape {shape}"
            )
        self.num_examples = count
        content = [shape, *(digest.hexdigest() for digest in digests)]
        self.fingerprint = hashlib.sha256(repr(content).encode()).hexdigest()[:16]
        self.class_counts = (
            tuple(class_counts.tolist()) if len(class_counts) > 1 else None
        )  # All labels 0: a set without classes.
        self.class_names = None if self.class_counts is None else tuple(str(n) for n in range(len(self.class_counts)))
        if self.class_counts is not None and self._unprepared is not None:
            self.class_names = self._unprepared.class_names
            self.class_counts += (0,) * (len(self.class_names) - len(self.class_counts))

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Batches `(examples [batch, *spec.shape] of edge_dtype, int32 labels [batch] or None)`.

        Raises:
            UserError: The elements have another form.
        """
        dataset, spec = self._data, self.spec
        if self._unprepared is not None:
            yield from self._unprepared.batches(pass_size(self._batch_size, spec.shape))
            return
        if not isinstance(dataset, tf.data.Dataset):
            size = pass_size(self._batch_size, spec.shape)
            _, dataset = load_dataset(
                self._data, self.split, size, shuffle=False, repeat=False, drop_remainder=False, cache=False
            )
        # Until the first batch is read, the shape of images is not known; their edge does not depend on it.
        edge_dtype, to_edge = (ImageSpec if spec is None else spec).edge_dtype, (spec or ImageSpec((1, 1, 1))).to_edge
        rank = 4 if spec is None else 1 + len(spec.shape)
        for element in dataset:
            examples, labels = element if isinstance(element, tuple | list) and len(element) == 2 else (element, None)
            if not isinstance(examples, tf.Tensor) or examples.shape.rank != rank:
                units = self._unit()[1]
                raise UserError(
                    f"`{self._argument}` must hold batches ({units} of {rank} axes, labels [batch]) or {units} alone. Received: "
                    f"{type(element).__name__}"
                )
            # Examples of a dataset that are at the edge already stay as they are; a prepared set's are for models.
            at_edge = isinstance(self._data, tf.data.Dataset) and examples.dtype == edge_dtype
            if not at_edge:
                self._check_for_models(examples)
            examples = examples if at_edge else to_edge(examples)
            examples, labels = examples.numpy(), None if labels is None else Condition().check_batch(labels)
            size = pass_size(max(len(examples), 1), examples.shape[1:])  # The batches of a dataset may be of any size.
            for start in range(0, len(examples), size):
                rows = slice(start, start + size)
                yield examples[rows], None if labels is None else labels[rows]

    def _check_for_models(self, examples: tf.Tensor) -> None:
        """Refuses examples that are neither at the edge nor in the range of models, whatever they would be scored as."""
        spec = self.spec or ImageSpec((1, 1, 1))
        if not examples.dtype.is_floating:
            limits = "" if spec.model_range is None else " in [{:g}, {:g}]".format(*spec.model_range)
            raise UserError(
                f"`data` must hold {spec.unit[1]} of dtype {spec.edge_dtype}, or floats{limits}. Received: "
                f"dtype={examples.dtype.name}. Convert them, such as with `tf.cast(examples, tf.{spec.edge_dtype})`."
            )
        spec.check_values(examples.numpy())

    def _unit(self) -> tuple[str, str]:
        return (ImageSpec if self.spec is None else self.spec).unit


def is_prepared(data: object) -> bool:
    """Whether `data` is the directory of a prepared set, finished or not.

    Example:

    >>> is_prepared("data/photographs"), is_prepared(np.zeros([2, 8, 8], "uint8"))
    (False, False)
    """
    if not isinstance(data, str | os.PathLike):
        return False
    path = local_path(data)
    return (path / FILE_NAME).is_file() or (path / ".prepare").is_dir()
