"""What a kill leaves of a push is found again, or taken away."""

import json

import pytest

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import directory_in_the_making
from tfgan_suite.release.pipeline_config import PipelineConfig
from tfgan_suite.release.pushed_versions import find_pushed


def test_a_push_without_its_entry_is_found_by_its_lineage(tmp_path):
    for version, text in {
        "1": json.dumps({"train": {"key": "a"}}),
        "2": json.dumps({"train": {"key": "b"}}),
        "3": "{",
    }.items():
        (tmp_path / version).mkdir()
        (tmp_path / version / "lineage.json").write_text(text)
    (tmp_path / "4").mkdir()  # Not pushed by a pipeline.
    assert find_pushed(tmp_path, "a") == tmp_path / "1" and find_pushed(tmp_path, "c") is None
    assert find_pushed(tmp_path / "none", "a") is None


def test_what_a_killed_push_left_is_taken_away(tmp_path):
    (tmp_path / ".push-4711" / "variables").mkdir(parents=True)
    with directory_in_the_making(tmp_path, ".push-"):
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../../elsewhere", "/somewhere", "..", "a/b", "a\\b", "a\nb", "a\x1b[2J"])
def test_a_name_does_not_lead_out(name):
    sections = {"data": {"source": "digits", "directory": "d"}, "train": {"preset": "dcgan"}}
    with pytest.raises(UserError, match="`name` must have no blank"):
        PipelineConfig.from_dict(
            {"name": name, "root": "root", **sections, "gate": {"thresholds": {"frechet_distance_5k": 1.0}}}
        )
