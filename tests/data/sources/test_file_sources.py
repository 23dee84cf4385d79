import io
import json
import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from tfgan_suite.data.sources.file_sources import FolderSource, ZipSource
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.example_refused import ExampleRefused


def png(value: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full([4, 4], value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def make_tree(root, files: dict[str, bytes | str]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def make_zip(path, files: dict[str, bytes | str]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


@pytest.fixture(params=["folder", "zip"])
def open_tree(request, tmp_path):
    """Opens the same files as a folder and as a zip archive."""

    def open_files(files):
        if request.param == "folder":
            make_tree(tmp_path / "images", files)
            return FolderSource(tmp_path / "images")
        make_zip(tmp_path / "images.zip", files)
        return ZipSource(tmp_path / "images.zip")

    return open_files


def labels_of(source, limit=None) -> dict[str, str | None]:
    listing = source.list_items(True, limit)
    return {item.name: None if item.label is None else listing.class_names[item.label] for item in listing.items}


def reasons_of(source) -> dict[str, str]:
    return {image.source: image.reason for image in source.list_items(True, None).refused}


def test_sub_folders_are_classes_in_any_script(open_tree):
    source = open_tree({"猫/一.png": png(), "собака/два/x.png": png(), "a b/é.jpg": png()})
    assert labels_of(source) == {"猫/一.png": "猫", "собака/два/x.png": "собака", "a b/é.jpg": "a b"}
    assert source.list_items(True, None).class_names == ("a b", "собака", "猫")
    assert source.list_items(False, None).class_names == ()


def test_folders_that_all_share_are_no_labels(open_tree):
    assert labels_of(open_tree({"x/y/1.png": png(), "x/y/2.png": png()})) == {"x/y/1.png": None, "x/y/2.png": None}


def test_common_folder_is_left_out_of_the_class(open_tree):
    assert labels_of(open_tree({"set/a/1.png": png(), "set/b/2.png": png()})) == {
        "set/a/1.png": "a",
        "set/b/2.png": "b",
    }


def test_files_beside_class_folders_are_set_aside(open_tree):
    source = open_tree({"a/1.png": png(), "b/2.png": png(), "stray.png": png()})
    assert reasons_of(source) == {"stray.png": "no_label"}


def test_hidden_and_side_files_are_listed_others_are_tried(open_tree):
    source = open_tree(
        {
            "1.png": png(),
            ".DS_Store": "x",
            "sub/._2.png": "x",
            "__MACOSX/3.png": "x",
            "readme.txt": "x",
            "no_suffix": png(),
        }
    )
    assert set(labels_of(source)) == {"1.png", "no_suffix"}
    reasons = reasons_of(source)
    assert reasons["readme.txt"] == "side_file" and reasons[".DS_Store"] == "hidden_file"
    assert {"hidden_file", "side_file"} == set(reasons.values())


def test_labels_csv(open_tree):
    text = "\ufeffLabel,File\ncat,1.png\ndog,sub/2.png\ncat,gone.png\n"
    source = open_tree({"labels.csv": text, "1.png": png(), "sub/2.png": png(), "3.png": png()})
    assert labels_of(source) == {"1.png": "cat", "sub/2.png": "dog"}
    assert reasons_of(source) == {"3.png": "no_label", "gone.png": "missing_file", "labels.csv": "side_file"}


def test_numeric_labels_are_sorted_as_numbers(open_tree):
    source = open_tree({"labels.csv": "file,label\na.png,10\nb.png,9\n", "a.png": png(), "b.png": png()})
    assert source.list_items(True, None).class_names == ("9", "10")


def test_dataset_json(open_tree):
    text = json.dumps({"labels": [["0/a.png", 1], ["0/b.png", 0]]})
    assert labels_of(open_tree({"dataset.json": text, "0/a.png": png(), "0/b.png": png()})) == {
        "0/a.png": "1",
        "0/b.png": "0",
    }


def test_dataset_json_without_labels(open_tree):
    assert labels_of(open_tree({"dataset.json": '{"labels": null}', "0/a.png": png(), "1/b.png": png()})) == {
        "0/a.png": None,
        "1/b.png": None,
    }


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("labels.csv", "a,b\n1,2\n", "must name the columns"),
        ("labels.csv", "file,label\na.png\n", "Line 2 of labels.csv lacks"),
        ("labels.csv", "file,label\na.png,x\na.png,y\n", "two labels"),
        ("dataset.json", "[]", "must be"),
        ("dataset.json", '{"labels": [["a.png", 1.5]]}', "must pair"),
    ],
)
def test_label_files_with_mistakes(open_tree, name, text, message):
    with pytest.raises(UserError, match=message):
        open_tree({name: text, "a.png": png()}).list_items(True, None)


def test_two_label_files(open_tree):
    source = open_tree({"labels.csv": "file,label\na.png,x\n", "dataset.json": '{"labels": []}', "a.png": png()})
    with pytest.raises(UserError, match="Keep one of them"):
        source.list_items(True, None)


CSV = "file,label\n{}0.png,x\n{}1.png,y\n"


@pytest.mark.parametrize(
    "label_file, prefix",
    [
        ("labels.csv", ""),
        ("labels.csv", "pets/images/"),
        ("labels.csv", "images/"),
        ("labels.csv", "/home/me/pets/images/"),
        ("labels.csv", "C:\\data\\pets\\images\\"),
        ("pets/labels.csv", ""),
        ("pets/labels.csv", "images/"),
        ("pets/labels.csv", "pets/images/"),
        ("pets/metadata.csv", "images/"),
        ("pets/images/labels.csv", ""),
        ("pets/images/labels.csv", "images/"),
        ("pets/images/LABELS.csv", "../images/"),
    ],
)
def test_a_label_file_is_found_at_every_level(open_tree, label_file, prefix):
    files = {f"pets/images/{number}.png": png(number) for number in range(2)}
    source = open_tree({label_file: CSV.format(prefix, prefix), **files})
    assert labels_of(source) == {"pets/images/0.png": "x", "pets/images/1.png": "y"}
    assert source.list_items(True, None).origin == label_file


def test_names_without_suffixes(open_tree):
    source = open_tree({"labels.csv": "id,label\n007,x\n008,y\n", "images/007.png": png(), "images/008.JPEG": png(1)})
    assert labels_of(source) == {"images/007.png": "x", "images/008.JPEG": "y"}


def test_a_bare_name_of_two_files_is_refused(open_tree):
    source = open_tree({"labels.csv": "file,label\n1.png,x\n", "a/1.png": png(), "b/1.png": png(1)})
    with pytest.raises(UserError, match="'1.png', which may be a/1.png or b/1.png"):
        source.list_items(True, None)


def test_a_bare_name_is_not_guessed_where_others_are_whole(open_tree):
    source = open_tree({"labels.csv": "file,label\na/1.png,x\n2.png,y\n", "a/1.png": png(), "a/2.png": png(1)})
    assert labels_of(source) == {"a/1.png": "x"}
    assert reasons_of(source)["a/2.png"] == "no_label" and reasons_of(source)["2.png"] == "missing_file"


def test_a_label_file_of_other_files_says_what_was_expected(open_tree):
    source = open_tree({"labels.csv": "file,label\nx1.png,x\n", "a/1.png": png()})
    with pytest.raises(UserError, match="it should name them as 'a/1.png'. Received: 'x1.png'"):
        source.list_items(True, None)


def test_metadata_in_each_split(open_tree):
    text = "file_name,label\n{}.png,{}\n"
    source = open_tree(
        {
            "train/metadata.csv": text.format(1, "x"),
            "test/metadata.csv": text.format(2, "y"),
            "train/1.png": png(1),
            "test/2.png": png(2),
        }
    )
    assert labels_of(source) == {"train/1.png": "x", "test/2.png": "y"}
    listing = source.list_items(True, None)
    assert listing.origin == "test/metadata.csv and train/metadata.csv" and "are splits" in listing.notes[0]


def test_label_files_that_are_not_used_are_told(open_tree):
    source = open_tree(
        {
            "a/1.png": png(),
            "b/2.png": png(),
            "a/labels.csv": CSV.format("", ""),
            "b/notes.csv": "x",
            "list_attr.txt": "x",
            "metadata.csv": "file_name,text\n1.png,hello\n",
            "b/2.json": "{}",
            "readme.txt": "",
        }
    )
    listing = source.list_items(True, None)
    assert listing.class_names == ("a", "b") and listing.origin == "the folders"
    told = {note.split(" was not used: ")[0]: note for note in listing.notes}
    assert set(told) == {"a/labels.csv", "b/notes.csv", "list_attr.txt", "metadata.csv"}
    assert "not every picture" in told["a/labels.csv"] and "no columns" in told["metadata.csv"]
    assert "labels are read from labels.csv" in told["list_attr.txt"]


def test_a_file_of_labels_is_preferred_to_metadata(open_tree):
    source = open_tree(
        {"labels.csv": "file,label\n1.png,x\n", "metadata.csv": "file_name,label\n1.png,y\n", "1.png": png()}
    )
    assert labels_of(source) == {"1.png": "x"}
    assert source.list_items(True, None).notes == ("metadata.csv was not used: labels.csv is.",)


def test_pictures_that_annotate_others_are_set_aside(open_tree):
    source = open_tree({f"{folder}/{number}.png": png(number) for folder in ("images", "masks") for number in range(2)})
    for use_labels in (True, False):
        listing = source.list_items(use_labels, None)
        assert [item.name for item in listing.items] == ["images/0.png", "images/1.png"] and not listing.class_names
        assert {image.reason for image in listing.refused} == {"annotation"}


def test_files_of_systems_and_of_other_tools_are_no_images(open_tree):
    source = open_tree(
        {
            "1.png": png(),
            "1.npy": b"\x93NUMPY",
            "1.caption": "a cat",
            "1.pts": "1 2",
            "lmdb": b"",
            "@eaDir/1.png/SYNOPHOTO_THUMB_M.jpg": png(),
            "sub/$RECYCLE.BIN/2.png": png(),
            "Thumbs.db": b"x",
            "desktop.ini": b"x",
            "picture.dat": png(1),
            "phone.heic": b"\0\0\0\x18ftypheic",
        }
    )
    assert set(labels_of(source)) == {"1.png", "picture.dat", "phone.heic"}  # The last is refused when it is read.
    assert set(reasons_of(source).values()) == {"hidden_file", "side_file"}


def test_decomposed_accents_match(open_tree):
    source = open_tree({"labels.csv": "file,label\ne\u0301.png,x\n", "\u00e9.png": png()})
    assert labels_of(source) == {"\u00e9.png": "x"}


def test_limit_takes_a_sample_of_all_classes(open_tree):
    files = {f"{name}/{number}.png": png() for name in "ab" for number in range(20)}
    chosen = labels_of(open_tree(files), limit=10)
    assert len(chosen) == 10 and set(chosen.values()) == {"a", "b"}


def test_fingerprint_changes_with_the_content(open_tree):
    source = open_tree({"a.png": png(1)})
    before = source.fingerprint()
    assert source.fingerprint() == before
    assert open_tree({"a.png": png(1) + b"x"}).fingerprint() != before


def test_symlinks_do_not_hang_and_lose_nothing(tmp_path):
    root, elsewhere = tmp_path / "images", tmp_path / "elsewhere"
    make_tree(root, {"a/1.png": png(), "b/2.png": png()})
    make_tree(elsewhere, {"3.png": png()})
    (root / "a" / "loop").symlink_to(root)
    (root / "b" / "up").symlink_to(tmp_path)
    (root / "b" / "to_a").symlink_to(root / "a")
    (root / "self").symlink_to(root / "self")
    (root / "c").symlink_to(elsewhere)
    (root / "a" / "4.png").symlink_to(elsewhere / "3.png")
    source = FolderSource(root)
    assert labels_of(source) == {"a/1.png": "a", "a/4.png": "a", "b/2.png": "b", "c/3.png": "c"}
    assert reasons_of(source) == {
        "a/loop": "symlink_loop",
        "b/up": "symlink_loop",
        "b/to_a": "symlink_loop",
        "self": "broken_link",
    }


def test_pipes_directories_and_broken_links_are_set_aside(tmp_path):
    make_tree(tmp_path, {"1.png": png(), "x.png/inner.png": png()})
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "broken.png").symlink_to(tmp_path / "nowhere")
    source = FolderSource(tmp_path)
    assert set(labels_of(source)) == {"1.png"}
    assert reasons_of(source) == {"pipe.png": "not_a_file", "x.png": "not_a_file", "broken.png": "broken_link"}
    assert source.fingerprint()


def test_name_that_is_not_unicode(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"\xff\xfe.png")
    with open(path, "wb") as file:
        file.write(png())
    listing = FolderSource(tmp_path).list_items(True, None)
    reader = FolderSource(tmp_path).make_reader(tmp_path, None)
    assert reader.read(listing.items[0]) == png()
    assert listing.items[0].name == "\\xff\\xfe.png", "it can be written anywhere"


def test_file_that_vanishes_is_refused(tmp_path):
    make_tree(tmp_path, {"1.png": png()})
    item = FolderSource(tmp_path).list_items(True, None).items[0]
    (tmp_path / "1.png").unlink()
    with pytest.raises(ExampleRefused) as error:
        FolderSource(tmp_path).make_reader(tmp_path, None).read(item)
    assert error.value.reason == "unreadable"


def test_zip_names_that_lead_out_are_refused(tmp_path):
    make_zip(
        tmp_path / "a.zip",
        {"../evil.png": png(), "/abs.png": png(), "a/../../b.png": png(), "C:\\x.png": png(), "ok.png": png()},
    )
    source = ZipSource(tmp_path / "a.zip")
    assert set(labels_of(source)) == {"ok.png"}
    assert set(reasons_of(source).values()) == {"unsafe_name"} and len(reasons_of(source)) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"], "nothing is unpacked"


def test_zip_of_windows_tools_and_names_of_other_systems(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("faces\\cat\\1.png", "faces\\dog\\2.png", "faces\\empty\\", "..\\evil.png", "\\\\server\\x.png"):
            member = zipfile.ZipInfo("x")
            member.filename = name  # As it is: the constructor would look for a terminating zero.
            archive.writestr(member, png())
    source = ZipSource(tmp_path / "a.zip")
    assert labels_of(source) == {"faces/cat/1.png": "cat", "faces/dog/2.png": "dog"}
    assert reasons_of(source) == {"../evil.png": "unsafe_name", "//server/x.png": "unsafe_name"}
    # UTF-8 that is not said to be, as macOS writes it: Python takes it for the code page of DOS.
    make_zip(tmp_path / "b.zip", {"caf\u00e9.png": png()})
    data = bytearray((tmp_path / "b.zip").read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset + 1] &= ~0x08
    (tmp_path / "b.zip").write_bytes(data)
    source = ZipSource(tmp_path / "b.zip")
    (item,) = source.list_items(True, None).items
    assert item.name == "caf\u00e9.png" and source.make_reader(tmp_path, None).read(item) == png()
    (tmp_path / "c.zip").write_bytes(bytes(data).replace("\u00e9".encode(), b"\x82\xff"))
    assert [item.name for item in ZipSource(tmp_path / "c.zip").list_items(True, None).items] == ["caf\u00e9\u00a0.png"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_zip_with_a_repeated_name(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x.png", png(1))
        archive.writestr("x.png", png(2))
    source = ZipSource(tmp_path / "a.zip")
    listing = source.list_items(True, None)
    assert [image.reason for image in listing.refused] == ["repeated_name"]
    assert source.make_reader(tmp_path, None).read(listing.items[0]) == png(1)


def test_zip_members_are_bounded_and_damage_is_refused(tmp_path, monkeypatch):
    make_zip(tmp_path / "a.zip", {"big.png": bytes(5000), "good.png": png()})
    monkeypatch.setattr("tfgan_suite.data.sources.file_sources.MAX_SOURCE_BYTES", 1000)
    source = ZipSource(tmp_path / "a.zip")
    items = source.list_items(True, None).items
    big, good = source.make_reader(tmp_path, None).read_many(items)
    assert isinstance(big, ExampleRefused) and big.reason == "too_many_bytes" and good == png()
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[data.index(png()) + 20] ^= 0xFF  # The checksum no longer fits.
    (tmp_path / "a.zip").write_bytes(data)
    assert list(source.make_reader(tmp_path, None).read_many(items))[1].reason == "unreadable"


def test_a_name_that_is_marked_as_utf_8_and_is_not(tmp_path):
    make_zip(tmp_path / "a.zip", {"good.png": png(), "\u00e9.png": png()})
    (tmp_path / "a.zip").write_bytes((tmp_path / "a.zip").read_bytes().replace("\u00e9".encode(), b"\xc3("))
    with pytest.raises(UserError, match=r"marked as UTF-8 and is not: b'\\xc3\(.png'"):
        ZipSource(tmp_path / "a.zip").list_items(True, None)


def test_label_files_that_cannot_be_read(tmp_path, monkeypatch):
    files = {"labels.csv": CSV.format("", ""), "0.png": png(), "1.png": png(1)}
    make_zip(tmp_path / "a.zip", files)
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[data.index(b"file,label")] ^= 0xFF  # The checksum no longer fits.
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(UserError, match="labels.csv cannot be read: The member"):
        ZipSource(tmp_path / "a.zip").list_items(True, None)
    make_tree(tmp_path / "images", files)
    monkeypatch.setattr("tfgan_suite.data.sources.file_sources.MAX_SOURCE_BYTES", 20)
    with pytest.raises(UserError, match="labels.csv must be at most"):
        FolderSource(tmp_path / "images").list_items(True, None)


def test_no_zip_archive(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK but not really")
    with pytest.raises(UserError, match="cannot be read as a zip archive"):
        ZipSource(tmp_path / "a.zip").list_items(True, None)
