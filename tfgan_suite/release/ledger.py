"""The permanent record of a pipeline: one line of JSON for each completed step."""

import hashlib
import json
import time
from pathlib import Path

FILE_NAME = "ledger.jsonl"


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
        torn = self.path.exists() and not self.path.read_bytes().endswith(b"\n") and self.path.stat().st_size
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(("\n" if torn else "") + line + "\n")

    def entries(self):
        """Returns all entries, oldest first. A line truncated by a kill is skipped."""
        if not self.path.exists():
            return []
        entries = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                entries.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return entries

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
