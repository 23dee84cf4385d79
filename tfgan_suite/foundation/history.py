"""The history of a run: one JSON line per tick."""

import json
from pathlib import Path


def read_history(path):
    """Returns the rows of a `history.jsonl` as a list of dicts, without a last line that a kill left incomplete."""
    path = Path(path)
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows
