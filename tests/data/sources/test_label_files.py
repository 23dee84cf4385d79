import json

import pytest

from tfgan_suite.data.sources.label_files import parse_label_file
from tfgan_suite.foundation.errors import UserError

TWO = {"a.png": "cat", "b.png": "dog"}


@pytest.mark.parametrize(
    "name, text",
    [
        ("labels.csv", "file,label\na.png,cat\nb.png,dog\n"),
        ("labels.csv", "\ufeffLabel , FILE\r\ncat,a.png\r\n\r\n dog, b.png \r\n"),
        ("labels.csv", "file;label\na.png;cat\nb.png;dog\n"),
        ("Labels.CSV", "file\tlabel\na.png\tcat\nb.png\tdog\n"),
        ("labels.csv", "file|label\na.png|cat\nb.png|dog\n"),
        ("labels.tsv", "file\tlabel\na.png\tcat\nb.png\tdog\n"),
        ("labels.csv", "sep=;\nfile;label\na.png;cat\nb.png;dog\n"),
        ("labels.csv", ",file,label\n0,a.png,cat\n1,b.png,dog\n"),  # The index of pandas.
        ("labels.csv", "file,label,\na.png,cat,\nb.png,dog,\n,,\n ,\n"),
        ("labels.csv", '"file","label"\n"a.png","cat"\n"b.png","dog"\n'),
        ("labels.csv", "a.png,cat\nb.png,dog\n"),  # Without a header.
        ("labels.csv", "a.png;cat\nb.png;dog\n"),
        ("labels.csv", "file,species\na.png,cat\nb.png,dog\n"),
        ("labels.csv", "image_id,score,category\na.png,0.5,cat\nb.png,0.25,dog\n"),
        ("labels.csv", "image,cat,dog\na.png,1.0,0.0\nb.png,0,1\n"),
        ("labels.csv", "file,label\n.\\a.png,cat\n./b.png,dog\n"),
        ("metadata.csv", 'file_name,text,label\na.png,"two\nlines, and a comma",cat\nb.png,,dog\n'),
        (
            "metadata.jsonl",
            '{"file_name": "a.png", "label": "cat"}\n\n{"label": "dog", "file_name": "b.png", "x": [1]}\n',
        ),
        ("sub/dataset.json", '{"labels": [["a.png", "cat"], ["b.png", "dog"]]}'),
        ("dataset.json", '{"labels": {"a.png": "cat", "b.png": "dog"}}'),
    ],
)
def test_the_same_labels_in_all_spellings(name, text):
    assert parse_label_file(name, text.encode()) == TWO


def test_unicode_text_of_excel():
    assert parse_label_file("labels.csv", "file\tlabel\r\na.png\tcat\r\nb.png\tdog\r\n".encode("utf-16")) == TWO


@pytest.mark.parametrize(
    "labels, expected",
    [
        (["10", "9"], [10, 9]),
        (["001", "010"], ["001", "010"]),
        (["1", "01"], ["1", "01"]),
        (["0.0", "1.0"], [0, 1]),
        (["0", "1."], [0, 1]),
        (["-1", "1"], ["-1", "1"]),
        (["1.0", "cat"], ["1.0", "cat"]),
        (["9" * 5000, "1"], ["9" * 5000, "1"]),
        (["\u0661", "1"], ["\u0661", "1"]),
        (["nan", "inf"], ["nan", "inf"]),
    ],
)
def test_numbers_of_text_are_whole_or_names(labels, expected):
    text = "file,label\n" + "".join(f"{row}.png,{label}\n" for row, label in enumerate(labels))
    assert list(parse_label_file("labels.csv", text.encode()).values()) == expected


@pytest.mark.parametrize(
    "labels, expected", [([2.0, 1], [2, 1]), ([[0, 1, 0], [0.0, 0, 1.0]], [1, 2]), (["001", "1"], ["001", "1"])]
)
def test_numbers_of_json(labels, expected):
    pairs = [[f"{row}.png", label] for row, label in enumerate(labels)]
    assert list(parse_label_file("dataset.json", json.dumps({"labels": pairs}).encode()).values()) == expected
    lines = "\n".join(json.dumps({"file_name": path, "label": label}) for path, label in pairs)
    assert list(parse_label_file("metadata.jsonl", lines.encode()).values()) == expected


@pytest.mark.parametrize(
    "name, text",
    [
        ("metadata.csv", "file_name,text\na.png,a cat\n"),
        ("metadata.csv", "id,label\n"),
        ("metadata.jsonl", '{"file_name": "a.png", "text": "a cat"}'),
        ("metadata.jsonl", ""),
        ("metadata.csv", ""),
    ],
)
def test_metadata_need_not_be_about_labels(name, text):
    assert not parse_label_file(name, text.encode())


@pytest.mark.parametrize("name, text", [("dataset.json", '{"labels": null}'), ("labels.csv", "file,label\n")])
def test_no_labels_are_stated(name, text):
    assert parse_label_file(name, text.encode()) == {}


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("labels.csv", "", "must name the columns"),
        ("labels.csv", "a,b,c\n1,2,3\n", "must name the columns"),
        ("labels.csv", "file,cat,dog\na.png,1,1\n", "line 2"),
        ("labels.csv", "file,cat,dog\na.png,1,0\nb.png,0,0\n", "line 3"),
        ("labels.csv", "file,cat,dog\na.png,0.5,0.5\n", "one column per class"),
        ("labels.csv", "file,label\na.png,cat\nb.png\n", "Line 3 of labels.csv lacks"),
        ("labels.csv", "file,label\na.png, \n", "Line 2 of labels.csv lacks"),
        ("labels.csv", "file,label\na,b.png,cat\n", "Line 2 of labels.csv has 3 cells; the first line names 2"),
        ("labels.csv", 'file,label\na.png,cat\n"b.png,dog\nc.png,dog\n', "Line 3 of labels.csv: a quote"),
        ("labels.csv", 'file,label\n"a.png,cat\n"b.png",dog\n', "Line 2 of labels.csv: a quote"),
        ("labels.csv", 'file,label\na.png,"' + "x" * 140_000 + '"\n', "Line 2 of labels.csv"),
        ("metadata.csv", 'file_name,label\n"a.png,cat\n', "Line 2 of metadata.csv: a quote"),
        ("labels.csv", "file,label\na.png,0.5\nb.png,1.0\n", "names or whole numbers. Received: 0.5"),
        ("labels.csv", "file,label\na.png,x\n./a.png,y\n", "two labels"),
        (
            "metadata.jsonl",
            '{"file_name": "a.png", "label": 1}\n[1]\n',
            "Line 2 of metadata.jsonl must be a JSON object",
        ),
        ("metadata.jsonl", '{"file_name": "a.png", "label": 1}\n\n{"file_name"\n', "Line 3 of metadata.jsonl cannot"),
        ("metadata.jsonl", '{"file_name": "a.png", "label": null}', "Line 1 of metadata.jsonl lacks"),
        ("metadata.jsonl", '{"file_name": "a.png", "label": true}', "must pair"),
        ("dataset.json", "[]", "must be"),
        ("dataset.json", "{", "cannot be read as JSON"),
        ("dataset.json", '{"labels":' + "[" * 100_000, "cannot be read as JSON"),
        ("dataset.json", '{"labels": [["a.png", 1.5]]}', "must pair"),
        ("dataset.json", '{"labels": [["a.png", NaN]]}', "must pair"),
        ("dataset.json", '{"labels": [["a.png", [0, 1, 1]]]}', "must pair"),
        ("dataset.json", '{"labels": [["a.png", ' + json.dumps([0.25] * 25) + "]]}", "must pair"),  # Camera poses.
        ("dataset.json", '{"labels": [[1, 0]]}', "must pair"),
        ("dataset.json", '{"labels": 5}', "must be"),
        ("dataset.json", '{"labels": [["a.png", "\\ud800"]]}', "cannot be read as JSON.*surrogates"),
        (
            "metadata.jsonl",
            '{"file_name": "\\udc80.png", "label": 1}',
            "Line 1 of metadata.jsonl cannot be read as JSON",
        ),
    ],
)
def test_what_cannot_be_understood_is_refused(name, text, message):
    with pytest.raises(UserError, match=message):
        parse_label_file(name, text.encode())


def test_another_encoding_is_refused():
    with pytest.raises(UserError, match="labels.csv must be UTF-8 text"):
        parse_label_file("labels.csv", "file,label\na.png,café\n".encode("latin-1"))
