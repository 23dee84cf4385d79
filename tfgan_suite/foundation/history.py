"""The history of a run: one JSON line per tick."""

import json
from pathlib import Path

# Names that version 0.1 wrote.
_NAMES_BEFORE = {"images_seen": "examples_seen", "images_per_second": "examples_per_second"}


def read_history(path):
    """Reads a `history.jsonl`. A last line that was cut short by a kill is left out.

    Args:
        path: Path of the file.

    Returns:
        The rows, a list of dicts with `examples_seen`; none if there is no file. Rows of version 0.1, which said
        `images_seen`, are read as well.
    """
    path = Path(path)
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            break
        rows.append({_NAMES_BEFORE.get(name, name): value for name, value in row.items()})
    return rows
