"""The permanent record of a pipeline: one line of JSON for each completed step."""

import hashlib
import json
import time
from pathlib import Path

from tfgan_suite.foundation.files import append_line
from tfgan_suite.foundation.small_files import read_json_lines

FILE_NAME = "ledger.jsonl"
# What the pipeline reads of the entries of a step.
_OUTPUTS = {"prepare": {"fingerprint": str}, "evaluate": {"scores": list}, "push": {"version_dir": str}}


class Ledger:
    """Records completed steps, so that they are not repeated and a pushed model can be traced to its images.

    Args:
        directory: String or path of the directory with `ledger.jsonl`, which is created if necessary.

    Example:

    >>> ledger = Ledger("runs/pipeline")
    >>> key = fingerprint({"data": "0f3a", "train": {"preset": "dcgan_digits_32"}})
    >>> ledger.add("train", key, run_dir="runs/pipeline/runs/0f3a")
    >>> ledger.find("train", key)["run_dir"]
    'runs/pipeline/runs/0f3a'
    """

    def __init__(self, directory):
        self.path = Path(directory) / FILE_NAME
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def add(self, step, key, **entry):
        """Records a completed step.

        Args:
            step: String. Name of the step.
            key: String. Fingerprint of its inputs.
            **entry: JSON values. Its outputs.
        """
        line = json.dumps({"step": step, "key": key, "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), **entry})
        append_line(self.path, line)

    def entries(self):
        """Returns all entries, oldest first. Lines truncated by a kill or damaged are skipped: their steps are done again."""
        return [
            entry
            for entry in read_json_lines(self.path, {"step": str, "key": str})
            if all(isinstance(entry.get(name), kind) for name, kind in _OUTPUTS.get(entry["step"], {}).items())
        ]

    def find(self, step, key=None):
        """Returns the newest entry of a step, or `None`.

        Args:
            step: String. Name of the step.
            key: String or `None`. If given, only entries with this fingerprint are considered.
        """
        for entry in reversed(self.entries()):
            if entry["step"] == step and key in (None, entry["key"]):
                return entry
        return None


def fingerprint(content):
    """Returns a fingerprint of JSON-like content, as 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
