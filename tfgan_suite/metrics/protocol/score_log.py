"""Scores in TensorBoard, from the rows that `metrics.json` has."""

import os
from collections.abc import Iterable

import tensorflow as tf

from tfgan_suite.metrics.protocol.results import Evaluation, EvaluationRow


def write_scalars(rows: Iterable[EvaluationRow], log_dir: str | os.PathLike) -> None:
    """Adds scores to a TensorBoard directory, against the examples that the model had seen.

    Args:
        rows: List of `EvaluationRow`. Rows of models that do not know how many examples they have seen, and of real
            examples, are left out.
        log_dir: String or path, such as `runs/digits/tensorboard`.

    Example:

    >>> write_scalars(evaluate(gan, "data/digits"), "runs/digits/tensorboard")
    """
    writer = tf.summary.create_file_writer(str(log_dir), filename_suffix=".scores")
    with writer.as_default():
        for row in rows:
            if row.run.get("images_seen") is not None:
                for name, value in Evaluation([row]).scalars().items():
                    tf.summary.scalar(name, value, step=row.run["images_seen"])
    writer.close()
