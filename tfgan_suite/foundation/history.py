"""The history of a run: one JSON line per tick."""

from tfgan_suite.foundation.small_files import read_json_lines

# Names that version 0.1 wrote.
_NAMES_BEFORE = {"images_seen": "examples_seen", "images_per_second": "examples_per_second"}


def read_history(path):
    """Reads a `history.jsonl`. Lines that a kill cut short, or that are damaged, are left out.

    Args:
        path: Path of the file.

    Returns:
        The rows, a list of dicts with `examples_seen`; none if there is no file. Rows of version 0.1, which said
        `images_seen`, are read as well.
    """
    rows = [{_NAMES_BEFORE.get(name, name): value for name, value in row.items()} for row in read_json_lines(path)]
    return [
        row for row in rows if "examples_seen" in row and all(type(value) in (int, float) for value in row.values())
    ]
