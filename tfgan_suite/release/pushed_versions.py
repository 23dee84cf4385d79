"""Versions of a model that a gate has let through: the newest, its scores, and the way of a new one there."""

import json
import os
import shutil
from pathlib import Path

from tfgan_suite.exports.model_card import read_model_card, write_model_card
from tfgan_suite.exports.saved_model import load_generator, next_version
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.metrics.protocol.results import Evaluation, EvaluationRow, compare
from tfgan_suite.release.gate import bless

LINEAGE_FILE = "lineage.json"


def newest_version(directory):
    """Directory of the highest version, or `None`."""
    version = next_version(directory) - 1
    return Path(directory) / str(version) if version else None


def pushed_scores(version_dir):
    """The `Evaluation` that a version was pushed with; `None` for one that came by another way."""
    path = Path(version_dir) / LINEAGE_FILE
    if not path.is_file():
        return None
    return Evaluation(EvaluationRow.from_json(row) for row in json.loads(path.read_text("utf-8"))["scores"])


def bless_against_pushed(scores, config, score, say=print):
    """The gate of a pipeline: its thresholds, and better than the newest version pushed.

    That version's scores are those it was pushed with, or are taken anew where the two cannot be compared, as after a
    change of the data.

    Args:
        scores: `Evaluation` of the new model.
        config: `PipelineConfig`.
        score: Called with a model, returns its `Evaluation` on the data of today.
        say: Called with a line of text if that takes place.

    Returns:
        A `Blessing`.

    Raises:
        UserError: There is no score of a name that the gate asks for.
    """
    last_dir = newest_version(config.push_directory)
    last_scores = None
    if last_dir is not None:
        last_scores = pushed_scores(last_dir)
        try:
            compare(last_scores[config.compared_score], scores[config.compared_score])
        except (UserError, TypeError):
            say(f"gate: scoring {last_dir} on the data of today")
            last_scores = score(load_generator(last_dir))
    return bless(scores, config.gate["thresholds"], config.compared_score, last_scores)


def push_version(candidate, directory, lineage, card=None):
    """Copies an exported model to where a server looks, as the next version.

    It is copied under a name that no server looks at, and renamed when it is whole.

    Args:
        candidate: What `export_saved_model` wrote.
        directory: `saved_models/NAME`.
        lineage: JSON-like content of `lineage.json`; `scores` holds rows of scores.
        card: Entries of the model card that are new or different; the version is set in any case.

    Returns:
        The directory of the version.
    """
    directory = Path(directory)
    version = next_version(directory)
    temporary = directory / f".push-{os.getpid()}"
    directory.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        shutil.copytree(candidate, temporary)
        write_model_card(temporary, {**read_model_card(temporary), **(card or {}), "version": version})
        write_atomically(temporary / LINEAGE_FILE, json.dumps(lineage, indent=2) + "\n")
        os.rename(temporary, directory / str(version))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return directory / str(version)
