"""The history of a run: one JSON line a tick."""

import json
from pathlib import Path


def read_history(path):
    """The rows of a `history.jsonl`, a list of dicts; a last line that was cut short by a kill is left out."""
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
