import numpy as np
import pytest

from tfgan_suite.data.sources.array_source import ArraySource
from tfgan_suite.data.sources.open_source import open_source
from tfgan_suite.data.sources.source import SourceItem, SourceReader, first_by_hash
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.example_refused import ExampleRefused

IMAGES = np.zeros([3, 4, 4], np.uint8)


def test_what_is_passed_decides(tmp_path):
    np.savez(tmp_path / "set.npz", images=IMAGES)
    assert open_source(tmp_path).kind == open_source(str(tmp_path)).kind == "folder"
    assert open_source(tmp_path / "set.npz").kind == open_source(IMAGES).kind == "arrays"
    assert open_source((IMAGES, [0, 1, 2])).labels.tolist() == [0, 1, 2]
    assert open_source((IMAGES, None)).labels is None
    assert open_source("digits").kind == "digits"
    source = ArraySource(IMAGES)
    assert open_source(source) is source
    (tmp_path / "set.zip").write_bytes(b"")
    assert open_source(tmp_path / "set.zip").kind == "zip"


def test_a_folder_named_like_a_demo_set_needs_a_path(tmp_path, monkeypatch):
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert open_source("digits").kind == "digits" and open_source("./digits").kind == "folder"


@pytest.mark.parametrize(
    "source, message",
    [
        ("digitz", "Did you mean 'digits'"),
        ("some/where", "'some/where', which does not exist"),
        (__file__, "must be a directory, or a .zip"),
        (42, "Received: int"),
        ([1, 2], "Received: list"),
        (((IMAGES, IMAGES[:, 0, 0]), (IMAGES, IMAGES[:, 0, 0])), r"Received: 2 pairs.*load_data\(\)\[0\]"),
        ([[IMAGES, IMAGES], [IMAGES, IMAGES]], "Received: 2 pairs"),
    ],
)
def test_what_is_no_source(source, message):
    with pytest.raises(UserError, match=message):
        open_source(source)


def test_a_refusal_takes_the_place_of_its_image():
    class Reader(SourceReader):
        def read(self, item):
            if item.address == 1:
                raise ExampleRefused("corrupt", "no")
            return bytes([item.address])

    first, second, third = Reader().read_many([SourceItem(str(number), None, number) for number in range(3)])
    assert (first, second.reason, third) == (b"\0", "corrupt", b"\2")


def test_a_larger_sample_holds_the_smaller():
    assert set(first_by_hash(100, 10)) < set(first_by_hash(100, 20)) and first_by_hash(5, 9) == [0, 1, 2, 3, 4]
