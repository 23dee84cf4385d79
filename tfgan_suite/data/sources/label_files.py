"""Files that state labels: what each of them says of which file.

| file                            | what it holds                                                                    |
|---------------------------------|----------------------------------------------------------------------------------|
| `labels.csv`, `labels.tsv`      | a column of files and one of labels, or one column of 0 and 1 per class          |
| `metadata.csv`                  | the same, if one of its columns is a label (Hugging Face's ImageFolder)          |
| `labels.jsonl`, `metadata.jsonl` | one JSON object per line, likewise                                              |
| `dataset.json`                  | `{"labels": [["path", label], ...]}`, or null for labels (StyleGAN)              |

What can be understood in one way only is read: another delimiter, a byte order mark, blank rows, numbers written as floats,
one-hot labels. Anything else is refused with the line.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from tfgan_suite.data.file_kinds import SUFFIXES
from tfgan_suite.foundation.errors import UserError

# A file that states labels is taken for that; metadata may be about anything.
LABEL_FILES = ("labels.csv", "labels.tsv", "labels.jsonl", "dataset.json")
METADATA_FILES = ("metadata.csv", "metadata.jsonl")
FILE_COLUMNS = ("file", "filename", "file_name", "path", "image", "file_path", "filepath", "image_path", "image_name",
                "image_id", "img", "fname", "id", "name")  # fmt: skip
LABEL_COLUMNS = ("label", "class", "class_name", "category", "labels", "label_name", "class_label", "target", "class_id",
                 "label_id", "category_id")  # fmt: skip
_DELIMITERS = ",;\t|"
# Longer numbers are names: Python refuses to read numbers of thousands of digits.
_WHOLE = re.compile(r"0|[1-9]\d{0,17}", re.ASCII)
_WHOLE_FLOAT = re.compile(r"(0|[1-9]\d{0,17})(\.0*)?", re.ASCII)
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def parse_label_file(name: str, content: bytes) -> dict[str, int | str] | None:
    """Reads what a file says of the labels of others.

    Args:
        name: String. Its path, for messages. The last part of it, in any case, is one of `LABEL_FILES` or `METADATA_FILES`.
        content: Bytes.

    Returns:
        Dict of path, as the file writes it with slashes, to label: whole numbers, or names. It is empty if the file says
        that there are no labels, and `None` if it says nothing about labels.

    Raises:
        UserError: It cannot be understood, or not in one way only. Names the line.
    """
    text = _decode(name, content)
    kind = PurePosixPath(name).name.lower()
    if kind == "dataset.json":
        return _parse_dataset_json(name, text)
    table = _rows_of_json_lines(name, text) if kind.endswith(".jsonl") else _rows_of_csv(name, text)
    return _label_rows(name, table, needs_labels=kind in LABEL_FILES)


def _decode(name: str, content: bytes) -> str:
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"  # Excel's "Unicode text".
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise UserError(f"{name} must be UTF-8 text. Received: {error}") from error


# A table is its columns and, for each row that is not blank, the line and the cells.
_Rows = Iterator[tuple[int, list]]


def _rows_of_csv(name: str, text: str) -> tuple[list[str], _Rows]:
    stated = re.match(r"sep=(.)\r?\n", text)  # Excel's own first line.
    text = text[stated.end() :] if stated else text
    first = next((line for line in io.StringIO(text) if line.strip()), "").rstrip("\r\n")
    delimiter = stated[1] if stated else _choose_delimiter(first, "\t" if name.lower().endswith(".tsv") else ",")
    rows = _csv_rows(name, text, delimiter, 2 if stated else 1)
    _, columns = next(rows, (1, []))
    if len(columns) == 2 and not _is_header(columns) and columns[0].strip().lower().endswith(SUFFIXES):
        return ["file", "label"], _csv_rows(name, text, delimiter, 2 if stated else 1)
    return [column.strip() for column in columns], rows


def _choose_delimiter(line: str, default: str) -> str:
    splits = {delimiter: line.split(delimiter) for delimiter in (default, *_DELIMITERS)}
    for delimiter, columns in splits.items():
        if len(columns) > 1 and _is_header(columns):
            return delimiter
    return next((delimiter for delimiter, columns in splits.items() if len(columns) > 1), default)


def _is_header(columns: Sequence[str]) -> bool:
    columns = {column.strip(' "').lower() for column in columns}
    return not columns.isdisjoint((*FILE_COLUMNS, *LABEL_COLUMNS))


def _csv_rows(name: str, text: str, delimiter: str, line: int) -> _Rows:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    offset = line
    while True:
        line = offset + rows.line_num
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            problem = f"the row that begins there cannot be read: {error}"
            if "unexpected end" in str(error) or "expected after" in str(error) or "field limit" in str(error):
                problem = "a quote that is opened there is not closed where its cell ends"
            raise UserError(f"Line {line} of {name}: {problem}.") from error
        if any(cell.strip() for cell in row):
            yield line, row


def _rows_of_json_lines(name: str, text: str) -> tuple[list[str], _Rows]:
    rows = []
    for line, content in enumerate(text.split("\n"), start=1):
        if content.strip():
            row = _load_json(f"Line {line} of {name}", content)
            if not isinstance(row, dict):
                raise UserError(f"Line {line} of {name} must be a JSON object. Received: {content.strip()[:60]!r}")
            rows.append((line, row))
    columns = list(dict.fromkeys(key for _, row in rows for key in row))
    return columns, ((line, [row.get(column) for column in columns]) for line, row in rows)


def _load_json(name: str, text: str):
    try:
        content = json.loads(text)
        # Half a surrogate (an escape such as \\ud800) is no text: nothing could write it again.
        json.dumps(content, ensure_ascii=False).encode()
        return content
    except (ValueError, RecursionError) as error:
        raise UserError(f"{name} cannot be read as JSON: {error}") from error


def _label_rows(name: str, table: tuple[list[str], _Rows], needs_labels: bool) -> dict[str, int | str] | None:
    columns, rows = table
    known = [column.lower() for column in columns]
    file_column = next((known.index(column) for column in FILE_COLUMNS if column in known), None)
    label_column = next(
        (at for column in LABEL_COLUMNS if column in known and (at := known.index(column)) != file_column), None
    )
    if needs_labels and len(columns) == 2 and (file_column is None) != (label_column is None):
        if label_column is None:
            label_column = 1 - file_column
        else:
            file_column = 1 - label_column
    if file_column is not None and label_column is None and needs_labels and len(columns) > 2:
        return _one_hot_rows(name, columns, file_column, rows)
    if file_column is None or label_column is None:
        if not needs_labels:
            return None
        raise UserError(f"The first line of {name} must name the columns 'file' and 'label'. Received: {columns}")
    pairs = []
    for line, row in rows:
        _check_length(name, line, row, columns)
        path, label = (row[column] if column < len(row) else None for column in (file_column, label_column))
        if path in (None, "") or label in (None, "") or isinstance(label, str) and not label.strip():
            raise UserError(f"Line {line} of {name} lacks a file or a label.")
        pairs.append((path, label, f"Line {line} of {name}"))
    return _labels_of(name, pairs, is_text=not name.lower().endswith(".jsonl"))


def _check_length(name: str, line: int, row: list, columns: list[str]) -> None:
    if any(str(cell).strip() for cell in row[len(columns) :]):
        raise UserError(f"Line {line} of {name} has {len(row)} cells; the first line names {len(columns)} columns.")


def _one_hot_rows(name: str, columns: list[str], file_column: int, rows: _Rows) -> dict[str, int | str]:
    """One column per class, with a 1 in the column of the file's own class and 0 elsewhere."""
    pairs = []
    for line, row in rows:
        _check_length(name, line, row, columns)
        values = [_WHOLE_FLOAT.fullmatch(str(cell).strip()) for cell in row]
        ones = [column for column, value in enumerate(values) if column != file_column and value and value[1] == "1"]
        others = sum(value is not None and value[1] == "0" for at, value in enumerate(values) if at != file_column)
        if len(ones) != 1 or others != len(columns) - 2:
            raise UserError(
                f"The first line of {name} must name the columns 'file' and 'label', or one column per class that is 1 for "
                f"the files of the class and 0 for others. Received: {columns}, and in line {line}: {row}"
            )
        pairs.append((row[file_column], columns[ones[0]], f"Line {line} of {name}"))
    return _labels_of(name, pairs, is_text=True)


def _parse_dataset_json(name: str, text: str) -> dict[str, int | str]:
    content = _load_json(name, text)
    try:
        labels = content["labels"]
        pairs = list(labels.items()) if isinstance(labels, dict) else [(path, label) for path, label in labels or []]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f'{name} must be {{"labels": [["path", label], ...]}} or have null for labels. Received: {error!r}'
        ) from error
    return _labels_of(name, [(path, label, name) for path, label in pairs], is_text=False)


def _labels_of(name: str, pairs: list[tuple], is_text: bool) -> dict[str, int | str]:
    """Labels by path. Those of text are whole numbers if all of them are written as such; "001" is a name."""
    labels = _whole_numbers(name, [label.strip() for _, label, _ in pairs]) if is_text else None
    stated: dict[str, int | str] = {}
    for number, (path, label, where) in enumerate(pairs):
        label = _json_label(where, path, label) if labels is None else labels[number]
        path = path.strip().replace("\\", "/")
        path = path if path.isalnum() else str(PurePosixPath(path))
        if stated.setdefault(path, label) != label:
            raise UserError(f"{name} gives {path!r} two labels: {stated[path]!r} and {label!r}.")
    return stated


def _whole_numbers(name: str, labels: list[str]) -> list[int] | list[str]:
    if all(map(_WHOLE.fullmatch, labels)):
        return [int(label) for label in labels]
    floats = [_WHOLE_FLOAT.fullmatch(label) for label in labels]
    if all(floats):  # As pandas writes whole numbers when some were missing.
        return [int(match[1]) for match in floats]
    if all(map(_FLOAT.fullmatch, labels)) and any("." in label or "e" in label.lower() for label in labels):
        fraction = next(label for label, match in zip(labels, floats) if match is None)
        raise UserError(f"The labels of {name} must be names or whole numbers. Received: {fraction}")
    return labels


def _json_label(where: str, path, label) -> int | str:
    if isinstance(label, list) and len(label) > 1 and not any(isinstance(value, bool) for value in label):
        if label.count(1) == 1 and label.count(0) == len(label) - 1:  # One-hot.
            label = label.index(1)
    if isinstance(label, float) and label.is_integer():
        label = int(label)
    if not isinstance(path, str) or isinstance(label, bool) or not isinstance(label, str | int):
        shown = repr(label)
        shown = shown if len(shown) <= 100 else shown[:100] + " ..."
        raise UserError(
            f"{where} must pair a path with a whole number or a name. Received: {path!r}, {shown}. Pass labels=False "
            "(--no-labels) to leave the labels out."
        )
    return label
