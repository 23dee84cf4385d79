import json

import numpy as np
import pytest
from PIL import Image

from tests.prepared_set import write_prepared_examples, write_prepared_set
from tests.runs.gaussian_points import GaussianPoints, PointSpec
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.judging.pictures import load_pictures
from tfgan_suite.judging.study import CHECK_SOURCE, Study, make_study


def picture(study, name):
    return np.asarray(Image.open(study.picture_path(name)))


def test_items_are_half_real_half_fake_with_noise_as_checks(make, folders):
    study = make()
    rights = [item.right for item in study.items if not item.is_check]
    assert rights.count("real") == rights.count("fake") == 6
    for item in study.items:
        brightness = picture(study, item.pictures[0]).mean()
        expected = {"real": 227, "fake": 127}[item.right]  # Noise is about as bright as the grey pictures.
        assert abs(brightness - expected) < 12
    assert [item.sources for item in study.items[12:]] == [(CHECK_SOURCE,)] * 2
    names = [item.pictures[0] for item in study.items]
    assert len(set(names)) == 14 and sorted(names) != names, "a name tells nothing of the origin"
    assert len(list((study.directory / "pictures").iterdir())) == 14


def test_pairs_have_one_real_picture_in_a_random_place(make):
    study = make("which-is-real")
    places = [item.pictures.index(item.right) for item in study.items]
    assert 0 < sum(places) < len(places)
    for item in study.items:
        assert picture(study, item.right).mean() > 190
        assert all(picture(study, name).mean() < 150 for name in item.pictures if name != item.right)


def test_of_better_ones_there_is_no_right_one_but_for_checks(make, folders):
    study = make("which-is-better")
    assert all((item.right is None) != item.is_check for item in study.items)
    assert {frozenset(item.sources) for item in study.items[:12]} == {
        frozenset(str(folders / name) for name in ("grey", "dark"))
    }


def test_trials_are_a_function_of_seed_and_rater(make):
    study, again, other = make(), make(name="again"), make(name="other", seed=1)
    of_ada = study.trials("Ada")
    assert Study(study.directory).trials("Ada") == of_ada and again.trials("Ada") == of_ada
    for trials in (study.trials("Bob"), other.trials("Ada")):
        assert [trial.item.number for trial in trials] != [trial.item.number for trial in of_ada]


def test_everyone_judges_all_items_and_repeats_come_later_on_the_other_sides(make):
    study = make("which-is-real", num_repeats=6)
    for rater in ("Ada", "Bob", "Carl"):
        trials = study.trials(rater)
        assert [trial.number for trial in trials] == list(range(12 + 6 + 2))
        first = [trial for trial in trials if not trial.is_repeat]
        assert sorted(trial.item.number for trial in first) == list(range(14))
        places = {trial.item.number: trial for trial in first}
        for trial in trials:
            if trial.is_repeat:
                assert trial.number - places[trial.item.number].number >= 12 / 4
                assert trial.pictures == places[trial.item.number].pictures[::-1]
    sides = [trial.pictures[0] == trial.item.right for trial in study.trials("Ada")]
    assert 4 < sum(sides) < 16


def test_pairs_from_a_prepared_set_and_its_model_are_of_one_class(tiny_data, tiny_run, tmp_path):
    study = make_study(
        tmp_path / "study", question="which-is-real", real=tiny_data, fakes=[tiny_run], num_items=15, num_repeats=0
    )
    origins = study.content["sources"]
    assert origins[str(tiny_data)]["split"] == "train"
    assert origins[str(tiny_run)] == {"model": "DCGAN", "images_seen": 64, "truncation": 1.0}
    assert picture(study, study.items[0].pictures[0]).shape == (8, 8, 3)
    with pytest.raises(UserError, match="at least 60 images. Received: 48"):
        make_study(tmp_path / "large", real=tiny_data, fakes=[tiny_run], num_items=60)


def test_pairs_of_two_prepared_sets_share_the_label(tmp_path):
    """Brightness is the class: two sets in another order are paired by it."""
    labels = np.arange(20) % 2
    for name, order in (("one", labels), ("other", labels[::-1])):
        images = np.broadcast_to(200 * order[:, None, None, None], [20, 4, 4, 1]).astype(np.uint8)
        write_prepared_set(tmp_path / name, images, np.ascontiguousarray(order))
    study = make_study(
        tmp_path / "study", question="which-is-real", real=tmp_path / "one", fakes=[tmp_path / "other"],
        num_items=16, num_checks=0,
    )  # fmt: skip
    same = [np.ptp([picture(study, name).mean() for name in item.pictures]) == 0 for item in study.items]
    assert sum(same) >= 12  # The last pictures of a class may have run out.


def test_examples_of_other_kinds_are_drawn(tmp_path):
    points = np.random.default_rng(0).normal(size=[24, 2]).astype(np.float32)
    data = write_prepared_examples(tmp_path / "points", PointSpec([2]), points)
    GaussianPoints().save(tmp_path / "model.keras")
    for path in (data, tmp_path / "model.keras"):
        images = load_pictures(path, 8, split="train", seed=0, truncation=1.0).images
        # Each of these is a black point on 16x16 white pixels.
        assert all(image.shape == (16, 16, 3) and (image == 0).all(axis=-1).sum() == 1 for image in images)


def test_sizes_must_not_tell(make, folders, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    for index in range(12):
        Image.new("L", (10, 8)).save(small / f"{index}.png")
    with pytest.raises(UserError, match="2 sizes.*8x10, 16x16.*--image-size"):
        make(fakes=[small])
    study = make(fakes=[small], image_size=12)
    assert {picture(study, item.pictures[0]).shape for item in study.items} == {(12, 12, 3)}


def test_transparent_pictures_and_arrays(folders, tmp_path):
    """What is hidden stays hidden: white shows through, as where such a picture is prepared."""
    (tmp_path / "clear").mkdir()
    for index in range(12):
        Image.new("RGBA", (16, 16), (0, 0, 0, 0)).save(tmp_path / "clear" / f"{index}.png")
    np.savez(tmp_path / "grey.npz", images=np.full([12, 16, 16], 70, np.uint8))
    study = make_study(
        tmp_path / "study", real=tmp_path / "clear", fakes=[tmp_path / "grey.npz"], num_items=12, num_checks=0
    )
    for item in study.items:
        assert (picture(study, item.pictures[0]) == {"real": 255, "fake": 70}[item.right]).all()


def test_a_broken_file_is_named(folders, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_bytes((folders / "grey" / "0.png").read_bytes()[:200])
    for index in range(2):
        Image.new("L", (16, 16)).save(tmp_path / "broken" / f"{index}.png")
    with pytest.raises(UserError, match="'a.png' in .*broken' cannot be judged"):
        make_study(tmp_path / "study", real=folders / "bright", fakes=[tmp_path / "broken"], num_items=3)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"question": "which-is-reel"}, "Did you mean 'which-is-real'"),
        ({"real": None}, "needs --real"),
        ({"fakes": []}, "one or more --fake"),
        ({"question": "which-is-better"}, "two or more --fake and no --real"),
        ({"num_items": 1}, "`num_items` must be >= 2"),
        ({"num_repeats": 7}, "at most half"),
        ({"num_items": 30}, "at least 30 images"),
        ({"display_milliseconds": 5}, r"in \[16, 60000\]"),
        ({"fakes": ["nowhere"]}, "nowhere"),
        ({"colour": 1}, "Unknown setting 'colour'"),
    ],
)
def test_what_is_no_study(folders, tmp_path, settings, message):
    settings = {"real": folders / "bright", "fakes": [folders / "grey"], "num_items": 12, "num_repeats": 3, **settings}
    with pytest.raises(UserError, match=message):
        make_study(tmp_path / "study", **settings)
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_a_directory_in_use_is_left_alone(make, tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="not empty"):
        make()
    with pytest.raises(UserError, match="must contain a study"):
        Study(tmp_path / "study")


def test_a_study_of_another_version_is_refused(make):
    study = make()
    path = study.directory / "study.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 2}))
    with pytest.raises(UserError, match="another version"):
        Study(study.directory)


def test_numbers_of_repeats_and_checks_follow_that_of_items(folders, tmp_path):
    settings = make_study(tmp_path / "study", real=folders / "bright", fakes=[folders / "grey"], num_items=20).settings
    assert (settings["num_repeats"], settings["num_checks"]) == (2, 2)
