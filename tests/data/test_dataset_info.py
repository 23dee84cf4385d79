import dataclasses
import json

import pytest

from tfgan_suite.data.dataset_info import DatasetInfo, RefusedExample, RefusedInfo, ShardInfo, SplitInfo
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import file_sha256
from tfgan_suite.specs.condition import Condition
from tfgan_suite.specs.image_spec import ImageSpec


@pytest.fixture
def info(tmp_path) -> DatasetInfo:
    (tmp_path / "train-0").write_bytes(b"content")
    shard = ShardInfo("train-0", 3, 7, file_sha256(tmp_path / "train-0"))
    return DatasetInfo(
        name="größe",
        spec=ImageSpec((8, 9, 3), "webp", 90),
        splits={"train": SplitInfo(3, (1, 2), (shard,)), "test": SplitInfo(0, (0, 0), ())},
        condition=Condition.of_classes(2, ("猫", "dog")),
        compression="",
        processing={"filter": "lanczos", "library": "Pillow 12"},
        settings={"seed": 0, "splits": {"train": 1.0}},
        versions={"pillow": "12"},
        license="CC0",
        source={"kind": "folder", "name": "x", "fingerprint": "ab"},
        refused=RefusedInfo(1, {"corrupt": 1}, (RefusedExample("a\udcff.png", "corrupt", "no"),)),
        duplicates=4,
    )


def test_round_trip_is_exact_even_for_names_that_are_not_unicode(info, tmp_path):
    info.save(tmp_path)
    assert DatasetInfo.load(tmp_path) == info
    assert [path.name for path in tmp_path.iterdir() if "tmp" in path.name] == []


def test_equal_sets_give_equal_files(info, tmp_path):
    reordered = dataclasses.replace(info, splits=dict(reversed(info.splits.items())))
    assert reordered.to_json() == info.to_json()
    content = json.loads(info.to_json())
    assert list(content) == sorted(content)
    assert content["num_examples"] == 3 and content["fingerprint"] == info.fingerprint


def test_no_labels_means_none(info):
    assert info.num_classes == 2
    assert dataclasses.replace(info, condition=Condition()).num_classes is None


def test_fingerprint_follows_content_only(info):
    other_shard = dataclasses.replace(info.splits["train"].shards[0], sha256="0" * 64)
    changed = dataclasses.replace(info, splits=info.splits | {"train": SplitInfo(3, (1, 2), (other_shard,))})
    assert changed.fingerprint != info.fingerprint
    assert dataclasses.replace(info, versions={}, settings={}, name="other").fingerprint == info.fingerprint


def test_missing_directory_says_prepare(tmp_path):
    with pytest.raises(UserError, match="There is no directory .*Prepare a data set first"):
        DatasetInfo.load(tmp_path / "nowhere")


def test_directory_without_description(tmp_path):
    with pytest.raises(UserError, match="not a prepared data set"):
        DatasetInfo.load(tmp_path)
    (tmp_path / ".prepare").mkdir()
    with pytest.raises(UserError, match="run the same prepare command again"):
        DatasetInfo.load(tmp_path)


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "not a description"),
        ("[]", "not a description"),
        ('{"format_version": 999}', "format version 999"),
        ('{"format_version": 1}', "there is no 'class_names'"),
    ],
)
def test_description_that_cannot_be_read(tmp_path, text, message):
    (tmp_path / "dataset_info.json").write_text(text)
    with pytest.raises(UserError, match=message):
        DatasetInfo.load(tmp_path)


def test_verify_names_the_shard(info, tmp_path):
    info.verify(tmp_path)
    shard = tmp_path / "train-0"
    shard.write_bytes(b"cantent")
    info.check_sizes(tmp_path)  # The size alone does not tell.
    with pytest.raises(UserError, match="train-0 has changed: expected SHA-256"):
        info.verify(tmp_path)
    shard.write_bytes(b"cont")
    with pytest.raises(UserError, match="train-0 is truncated: expected 7 bytes, found 4"):
        info.verify(tmp_path)
    shard.unlink()
    with pytest.raises(UserError, match="train-0 is missing"):
        info.check_sizes(tmp_path, "train")
    info.verify(tmp_path, "test")


def test_unknown_split_names_the_nearest(info):
    with pytest.raises(UserError, match="Did you mean 'train'"):
        info.split("trian")
