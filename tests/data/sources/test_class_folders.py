import pytest

from tfgan_suite.data.sources.class_folders import read_class_folders


def classes_of(*names: str) -> set[str]:
    return set(read_class_folders(list(names)).classes.values())


@pytest.mark.parametrize(
    "names, expected",
    [
        (["a/1.png", "b/1.png"], {"a", "b"}),
        (["x/a/1.png", "x/b/deep/er/1.png"], {"a", "b"}),
        (["train/a/1.png", "train/b/1.png", "val/a/2.png", "val/b/2.png"], {"a", "b"}),
        (["pets/Training/a/1.png", "pets/Training/b/1.png", "pets/test_set/b/2.png"], {"a", "b"}),
        (["train/images/a/1.png", "train/images/b/1.png", "valid/images/a/1.png"], {"a", "b"}),
        (["train/1.png", "val/2.png"], set()),
        (["images/train2017/1.png", "images/val2017/2.png"], set()),
        (["train/a/1.png", "val/a/2.png"], set()),
        (["train/1.png", "bus/1.png", "car/1.png"], {"train", "bus", "car"}),
        (["mask/1.png", "no_mask/1.png"], {"mask", "no_mask"}),
        (["images/1.png", "drawings/1.png"], {"images", "drawings"}),
        (["masks/1.png", "edges/1.png"], {"masks", "edges"}),
        (["a/1.png", "2.png"], set()),
        (["1.png"], set()),
        ([], set()),
    ],
)
def test_classes(names, expected):
    assert classes_of(*names) == expected


@pytest.mark.parametrize("aside", ["masks", "annotations/trimaps", "SegmentationClass", "labels"])
@pytest.mark.parametrize("split", ["", "train/"])
def test_annotations_are_no_classes_and_no_examples(aside, split):
    names = [f"set/{split}{folder}/{number}.png" for folder in ("images", aside) for number in range(3)]
    names += [f"set/val/{folder}/{number}.png" for folder in ("images", aside) for number in range(3) if split]
    found = read_class_folders(names)
    assert found.annotations == {name for name in names if aside in name} and not found.classes
    assert "annotate others" in " ".join(found.notes)


def test_classes_among_the_pictures_that_are_annotated():
    found = read_class_folders(["images/cat/1.png", "images/dog/2.png", "masks/cat/1.png", "masks/dog/2.png"])
    assert found.classes == {"images/cat/1.png": "cat", "images/dog/2.png": "dog"}


@pytest.mark.parametrize("layout", ["{0:02d}000/{1:05d}.png", "{0:05d}/img{1:08d}.png", "set/train/{0:03d}/x_{1}.jpg"])
@pytest.mark.parametrize("start", [0, 1])
def test_numbered_parts_are_no_classes(layout, start):
    names = [layout.format(part, part * 1000 + number + start) for part in range(4) for number in (0, 7, 999)]
    found = read_class_folders(names)
    assert not found.classes and "numbered parts" in found.origin


@pytest.mark.parametrize(
    "layout",
    [
        "{0:05d}/{1:05d}_00001.png",  # GTSRB: tracks are counted anew in each class.
        "{0:03d}/{1}.png",
        "{0:03d}/{0:03d}.png",
        "{0}/{2}.png",  # MNIST: numbers of the whole set, in any order.
        "{0:04d}/face.png",
        "n{0:08d}/n{0:08d}_{2}.png",
        "{0:03d}.bird/{2}.png",
    ],
)
def test_numbered_classes_are_classes(layout):
    names = [layout.format(label, number, number * 5 + label) for label in range(5) for number in range(9)]
    assert len(classes_of(*names)) == 5
