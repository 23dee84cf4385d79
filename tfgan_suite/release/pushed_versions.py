"""Versions of a model that have passed the gate: finding the newest one and its scores, and pushing a new one."""

import json
import shutil
from pathlib import Path

from tfgan_suite.exports.model_card import read_model_card, write_model_card
from tfgan_suite.exports.saved_model import load_generator, next_version, versions
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import directory_in_the_making, flush_all, write_atomically
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.foundation.small_files import read_json, reading
from tfgan_suite.foundation.terminal import say
from tfgan_suite.metrics.protocol.results import Evaluation, EvaluationRow, compare
from tfgan_suite.release.gate import bless

LINEAGE_FILE = "lineage.json"
_LINEAGE = "the lineage of a pushed model"


def newest_version(directory):
    """Returns the directory of the highest version, or `None`."""
    version = next_version(directory) - 1
    return Path(directory) / str(version) if version else None


def pushed_scores(version_dir):
    """Returns the `Evaluation` that a version was pushed with, or `None` if it was not pushed by a pipeline.

    Raises:
        UserError: If its `lineage.json` is damaged.
    """
    path = Path(version_dir) / LINEAGE_FILE
    if not path.is_file():
        return None
    content = read_json(path, _LINEAGE)
    with reading(path, _LINEAGE):
        return Evaluation(EvaluationRow.from_json(row) for row in content["scores"])


def find_pushed(directory, key):
    """Returns the directory of the newest version that was made of these inputs, or `None`.

    Args:
        directory: String or path, such as `"saved_models/NAME"`.
        key: String. The fingerprint of the inputs of training, as in `lineage.json`.
    """
    for version in sorted(versions(directory), reverse=True):
        path = Path(directory) / str(version) / LINEAGE_FILE
        try:
            train = read_json(path, _LINEAGE).get("train")
        except UserError:  # Not pushed by a pipeline, or damaged.
            continue
        if isinstance(train, dict) and train.get("key") == key:
            return path.parent
    return None


def bless_against_pushed(scores, config, score, say=say):
    """Applies the gate of a pipeline: a model must meet the thresholds, and beat the newest version pushed.

    The newest version is compared by the scores it was pushed with. If these are not comparable, for example because
    the data has changed, it is scored again.

    Args:
        scores: An `Evaluation` of the new model.
        config: A `PipelineConfig`.
        score: Callable that takes a model and returns its `Evaluation` on the current data.
        say: Callable. Called with a line of text if the newest version is scored again.

    Returns:
        A `Blessing`.

    Raises:
        UserError: If a score that the gate needs does not exist.
    """
    last_dir = newest_version(config.push_directory)
    last_scores = None
    if last_dir is not None:
        try:
            last_scores = pushed_scores(last_dir)
            compare(last_scores[config.compared_score], scores[config.compared_score])
        except (UserError, TypeError):
            say(f"gate: scoring {last_dir} on the current data")
            last_scores = score(load_generator(last_dir))
    return bless(scores, config.gate["thresholds"], config.compared_score, last_scores)


def push_version(candidate, directory, lineage, card=None):
    """Copies an exported model to the directory that a server watches, as the next version.

    The model is copied under a name that servers ignore, and renamed once the copy is complete.

    Args:
        candidate: String or path of a directory written by `export_saved_model`.
        directory: String or path, such as `"saved_models/NAME"`.
        lineage: Dict of JSON values. Content of `lineage.json`, where `scores` is a list of rows.
        card: Dict or `None`. Entries to add to the model card or to replace in it. The version is always set.

    Returns:
        A `pathlib.Path`. The directory of the version.
    """
    directory = local_path(directory)
    version = next_version(directory)
    with directory_in_the_making(directory, ".push-") as temporary:
        shutil.copytree(candidate, temporary, dirs_exist_ok=True)
        write_model_card(temporary, {**read_model_card(temporary), **(card or {}), "version": version})
        write_atomically(temporary / LINEAGE_FILE, json.dumps(lineage, indent=2) + "\n")
        flush_all(temporary)
        temporary.rename(directory / str(version))
    return directory / str(version)
