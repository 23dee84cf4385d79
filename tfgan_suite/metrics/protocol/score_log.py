"""Scores in TensorBoard, from the rows that `metrics.json` has."""

import os
import re
from collections.abc import Iterable, Iterator

import tensorflow as tf

from tfgan_suite.foundation.event_log import EventLog
from tfgan_suite.metrics.protocol.metric import Metric
from tfgan_suite.metrics.protocol.results import Evaluation, EvaluationRow


def write_scalars(rows: Iterable[EvaluationRow], log_dir: str | os.PathLike | EventLog) -> None:
    """Adds scores to a TensorBoard directory, against the examples that the model had seen.

    Args:
        rows: List of `EvaluationRow`. Rows of models that do not know how many examples they have seen, and of real
            examples, are left out.
        log_dir: String, path, or `EventLog`, such as `runs/digits/tensorboard/scores`. A directory that another process may be
            writing to, such as that of a run, must not be given.

    Example:

    >>> write_scalars(evaluate(gan, "data/digits"), "runs/digits/tensorboard/scores")
    """
    log = log_dir if isinstance(log_dir, EventLog) else EventLog(log_dir)
    with log.writing():
        for row in rows:
            if row.run.get("images_seen") is not None:
                for name, value in Evaluation([row]).scalars().items():
                    tf.summary.scalar(name, value, step=row.run["images_seen"], description=_describe_row(name, row))


def _describe_row(name: str, row: EvaluationRow) -> str:
    if name != row.name:
        return f"Standard deviation of `{row.name}`{f' over {row.std_over}' if row.std_over else ''}."
    counts = [
        f"{row.protocol.get(f'num_{kind}')} {kind}" for kind in ("real", "fake") if row.protocol.get(f"num_{kind}")
    ]
    of = f" Computed from {' and '.join(counts)} examples." if counts else ""
    return f"Score `{name}`; {row.direction} is better.{of}"


def describe_score(name: str) -> str | None:
    """Describes a score of which there is only the name.

    Args:
        name: String. Its name in a row of results, such as `"frechet_distance_5k"`.

    Returns:
        A sentence, or `None` if no metric has scores of such a name.

    Example:

    >>> describe_score("frechet_distance_5k")
    'Score `frechet_distance_5k`; lower is better.'
    """
    stem = re.sub(r"_\d+k?(_real|_real_halves)?$", "", name)
    found = [one for one in _subclasses(Metric) if isinstance(one.name, str) and stem.endswith(one.name)]
    if stem == name or not found:
        return None
    metric = max(found, key=lambda one: len(one.name))  # `intra_class_frechet_distance` ends in that of another.
    return f"Score `{name}`; {metric.direction} is better."


def _subclasses(cls: type) -> Iterator[type]:
    for one in cls.__subclasses__():
        yield one
        yield from _subclasses(one)
