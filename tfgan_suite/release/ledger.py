"""What a pipeline has done: one line of JSON for each step, kept for ever."""

import hashlib
import json
import time
from pathlib import Path

FILE_NAME = "ledger.jsonl"


class Ledger:
    """The record by which finished steps are known again, and by which a pushed model is traced to its images.

    Args:
        directory: Where `ledger.jsonl` lies; it is made if need be.

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
        """Adds a line: a finished step, the fingerprint of what went into it, and what came out."""
        line = json.dumps({"step": step, "key": key, "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), **entry})
        torn = self.path.exists() and not self.path.read_bytes().endswith(b"\n") and self.path.stat().st_size
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(("\n" if torn else "") + line + "\n")

    def entries(self):
        """All lines, the oldest first; one that a kill cut short is left out."""
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
        """The newest entry of a step, of that fingerprint if one is given; or `None`."""
        for entry in reversed(self.entries()):
            if entry["step"] == step and key in (None, entry["key"]):
                return entry
        return None


def fingerprint(content):
    """16 hex digits that stand for JSON-like content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
