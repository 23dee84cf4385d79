"""Rows of scores that state how they were made, and refuse comparison with rows that were made in another way."""

import dataclasses
import fcntl
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.foundation.small_files import from_fields, read_json, reading, shown, typed

FILE_NAME = "metrics.json"
FORMAT_VERSION = 1


@dataclasses.dataclass(frozen=True)
class _ClassScore:
    """What a row holds of each class."""

    value: float
    num_real: int
    num_fake: int


@dataclasses.dataclass(frozen=True)
class EvaluationRow:
    """One score and everything that its value depends on.

    Args:
        name: String. The metric with its count: `frechet_distance_5k` is of 5,000 generated examples.
        value: Float. The score; the mean over repeats.
        std: Float, its standard deviation, or `None`.
        std_over: String. What it is over, such as `"subsets"`, `"splits"` or `"repeats"`; `"standard error"` if it is that of
            the mean.
        minimum: Float, the smallest value of several repeats (what some papers report), else `None`.
        direction: String. `"lower"` or `"higher"` is better.
        protocol: Mapping. What must be equal for two values to be comparable: extractor and hash of its weights, resize,
            data fingerprint, split and counts, sampling options, EMA, label sampling, settings of the metric, repeats.
        run: Mapping. What else is known: model, examples seen (`images_seen`), seed, library versions, time stamp, seconds.
        classes: Mapping. Of a score by classes, its `value`, `num_real` and `num_fake` under each class's name, else `None`.
    """

    name: str
    value: float
    std: float | None
    std_over: str | None
    minimum: float | None
    direction: str
    protocol: Mapping
    run: Mapping
    classes: Mapping | None = None

    def to_json(self) -> dict:
        """JSON values; the inverse of `from_json`. `classes` is among them only if there are any."""
        content = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        if self.classes is None:
            del content["classes"]
        return content

    @classmethod
    def from_json(cls, content: Mapping) -> "EvaluationRow":
        """Reads what `to_json` returned.

        Raises:
            UserError: Fields are missing or unknown, or of another type.
        """
        expected = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(content, Mapping) or {*content, "classes"} != expected:
            received = sorted(content) if isinstance(content, Mapping) else shown(content)
            raise UserError(f"A row must have the fields {sorted(expected)}. Received: {received}")
        try:
            row = from_fields(cls, dict(content))
            typed(Mapping[str, _ClassScore] | None, row.classes, "classes")
        except TypeError as error:
            raise UserError(f"A row of scores has an entry of another type. {error}") from error
        if row.direction not in ("lower", "higher"):
            raise UserError(f"`direction` must be 'lower' or 'higher'. Received: direction={row.direction!r}")
        return row


class Evaluation(tuple):
    """The rows of one or more evaluations: a tuple of `EvaluationRow`, also found by name.

    Example:

    >>> row = EvaluationRow("frechet_distance_1k", 12.5, None, None, None, "lower", {"extractor": "tiny"}, {})
    >>> evaluation = Evaluation([row])
    >>> evaluation["frechet_distance_1k"].value, evaluation.scalars()
    (12.5, {'frechet_distance_1k': 12.5})
    """

    @property
    def rows(self) -> tuple[EvaluationRow, ...]:
        return tuple(self)

    def __getitem__(self, key):
        """A row by its name (the latest of that name), or by its number; slices give an `Evaluation`."""
        if isinstance(key, str):
            for row in reversed(self):
                if row.name == key:
                    return row
            raise unknown_name("score", key, {row.name for row in self})
        found = super().__getitem__(key)
        return Evaluation(found) if isinstance(key, slice) else found

    def latest(self) -> "Evaluation":
        """The newest row of each name, in the order in which the names came first."""
        return Evaluation({row.name: row for row in self}.values())

    def scalars(self) -> dict[str, float]:
        """`{name: value}` for TensorBoard or logs, with `name_std` where there is one."""
        scalars = {}
        for row in self:
            scalars[row.name] = row.value
            if row.std is not None:
                scalars[f"{row.name}_std"] = row.std
        return scalars

    def to_markdown(self) -> str:
        """A table with the protocol of every row."""
        lines = [
            "| score | value | better | extractor (weights) | data, split | real / generated | truncation, weights | seed |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for row in self:
            protocol = row.protocol
            cells = (
                row.name,
                _format_value(row),
                row.direction,
                _format_extractor(protocol),
                f"{row.run.get('dataset')} ({protocol.get('dataset_fingerprint')}), {protocol.get('split')}",
                f"{protocol.get('num_real')} / {protocol.get('num_fake')}",
                "no model" if _has_no_model(row) else f"{protocol.get('truncation')}, {protocol.get('weights')}",
                str(row.run.get("seed")),
            )
            lines.append(_markdown_row(cells))
        for row in self:
            if row.classes is not None:
                lines += ["", f"`{row.name}` by class:", "", *_class_lines(row)]
        return "\n".join(lines)

    def __str__(self) -> str:
        """A short table for the terminal."""
        width = max((len(row.name) for row in self), default=0)
        return "\n".join(
            f"{row.name:<{width}}  {_format_value(row)}  ({row.direction} is better; {row.protocol.get('extractor')}"
            f"{'; no model' if _has_no_model(row) else ''})"
            for row in self
        )

    def append_to(self, directory: str | os.PathLike) -> Path:
        """Adds the rows to `metrics.json` in `directory`; readers see the old file or the new one, never a part.

        Raises:
            UserError: There is a `metrics.json` that is not one of ours; it is left as it is.
        """
        directory = local_path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / FILE_NAME
        with open(directory / f".{FILE_NAME}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # A watcher and a training may both add rows.
            rows = [*Evaluation.load(path), *self] if path.exists() else list(self)
            content = {"format_version": FORMAT_VERSION, "rows": [row.to_json() for row in rows]}
            write_atomically(path, json.dumps(content, indent=2) + "\n")
        return path

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Evaluation":
        """Reads `metrics.json`, given the file or its directory.

        Raises:
            UserError: There is no such file, or it is not one of ours.
        """
        path = local_path(path)
        path = path / FILE_NAME if path.is_dir() else path
        if not path.is_file():
            raise UserError(f"`path` must be a file of scores. Received: {str(path)!r}, which does not exist")
        what, advice = "a file of scores", "Move it away, or repair it."
        content = read_json(path, what, advice)
        with reading(path, what, advice):
            version, rows = content["format_version"], content["rows"]
            if version != FORMAT_VERSION:
                raise UserError(f"{str(path)!r} has format version {version}. This version reads {FORMAT_VERSION}.")
            return cls(EvaluationRow.from_json(row) for row in rows)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two values of one protocol. `difference` is second minus first; `better` is `"first"`, `"second"` or `"equal"`."""

    name: str
    first: float
    second: float
    difference: float
    better: str


def compare(first: EvaluationRow, second: EvaluationRow, *, allow: Iterable[str] = ()) -> Comparison:
    """Compares two scores, if they were made in the same way.

    Args:
        first: An `EvaluationRow`.
        second: An `EvaluationRow`.
        allow: List of strings. Names in the protocol that may differ because their effect is the question, such as `"truncation"`.

    Raises:
        UserError: The rows are of different metrics or protocols; the message lists every difference.

    Example:

    >>> row = EvaluationRow("frechet_distance_1k", 12.5, None, None, None, "lower", {"extractor": "tiny"}, {})
    >>> compare(row, dataclasses.replace(row, value=10.0)).better
    'second'
    """
    differences = [] if first.name == second.name else [f"name: {first.name!r} and {second.name!r}"]
    for key in sorted({*first.protocol, *second.protocol} - set(allow)):
        values = [json.loads(json.dumps(row.protocol.get(key))) for row in (first, second)]  # Tuples are lists.
        if values[0] != values[1]:
            differences.append(f"{key}: {values[0]!r} and {values[1]!r}")
    if differences:
        raise UserError(
            "These two scores were not made in the same way, so a comparison would mean nothing. They differ in "
            + "; ".join(differences)
            + "."
        )
    difference = second.value - first.value
    improvement = difference if first.direction == "higher" else -difference
    better = "equal" if difference == 0 else "second" if improvement > 0 else "first"
    return Comparison(first.name, first.value, second.value, difference, better)


def _has_no_model(row: EvaluationRow) -> bool:
    """Whether it is known that no model was scored, but examples themselves."""
    return row.run.get("model", "unknown") is None


def _format_value(row: EvaluationRow) -> str:
    text = f"{row.value:.5g}"
    if row.std is not None:
        text += f" ± {row.std:.2g} ({row.std_over})"
    if row.minimum is not None:
        text += f", minimum {row.minimum:.5g}"
    return text


def _format_extractor(protocol: Mapping) -> str:
    weights = protocol.get("extractor_weights_sha256")
    return f"{protocol.get('extractor')} ({str(weights)[:8] if weights else 'none'})"


def _class_lines(row: EvaluationRow) -> list[str]:
    lines = ["| class | value | real / generated |", "|---|---|---|"]
    for name, part in row.classes.items():
        lines.append(_markdown_row((name, f"{part['value']:.5g}", f"{part['num_real']} / {part['num_fake']}")))
    return lines


def _markdown_row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
