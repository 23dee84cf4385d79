import dataclasses
import sys

import numpy as np
import pytest

from tests.metrics.features.test_dataset_classifier import stripes
from tests.prepared_set import write_prepared_set
from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.generative.sampling_options import TRUNCATION
from tfgan_suite.metrics import Evaluation, classification_accuracy, compare, evaluate_classification_accuracy
from tfgan_suite.metrics.features import small_classifier
from tfgan_suite.specs.image_spec import ImageSpec


@pytest.fixture(autouse=True)
def short_training(monkeypatch):
    monkeypatch.setattr(small_classifier, "TRAINING_STEPS", 60)
    monkeypatch.setattr(small_classifier, "BATCH_SIZE", 16)


class StripesModel(GenerativeModel):
    """Makes the images of `stripes`, of the classes that it is asked for."""

    spec, num_classes, sampling_options = ImageSpec((16, 16, 1)), 3, (TRUNCATION,)

    def generate(self, count, labels=None, *, seed=0, batch_size=64, truncation=1.0):
        images, drawn = stripes(20 * count)
        order = np.random.default_rng(seed).permutation(len(images))
        pools = [iter(images[order][drawn[order] == label]) for label in range(3)]
        return np.stack([next(pools[label]) for label in labels])


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A prepared set with the splits "train" (120 images) and "test" (60)."""
    images, labels = stripes(180)
    root = tmp_path_factory.mktemp("sets")
    directory = write_prepared_set(root / "set", images[:120], labels[:120])
    test = write_prepared_set(root / "test", images[120:], labels[120:])
    info, split = DatasetInfo.load(directory), DatasetInfo.load(test).splits["train"]
    shard = dataclasses.replace(split.shards[0], name="test-00000-of-00001.tfrecord")
    (test / split.shards[0].name).rename(directory / shard.name)
    splits = {**info.splits, "test": dataclasses.replace(split, shards=(shard,))}
    dataclasses.replace(info, splits=splits).save(directory)
    return directory


def evaluate(model, directory, **arguments):
    return evaluate_classification_accuracy(model, directory, progress=False, **{"repeats": 1, **arguments})


def test_of_arrays():
    images, labels = stripes(200)
    accuracy, classes = classification_accuracy(images[:150], labels[:150], images[150:], labels[150:])
    assert accuracy > 0.9
    counts = np.bincount(labels[150:])
    assert [part["num_real"] for part in classes.values()] == counts.tolist()
    assert sum(part["num_fake"] for part in classes.values()) == 150
    np.testing.assert_allclose(accuracy, np.dot([part["value"] for part in classes.values()], counts) / 50)


def test_wrong_labels_teach_nothing():
    images, labels = stripes(200)
    wrong = np.random.default_rng(1).permutation(labels[:150])
    assert classification_accuracy(images[:150], wrong, images[150:], labels[150:])[0] < 0.7


def test_good_samples_teach_as_much_as_real_images(directory, tmp_path):
    rows = evaluate(StripesModel(), directory, num_images=150, output_dir=tmp_path)
    assert [row.name for row in rows] == ["classification_accuracy_150", "classification_accuracy_120_real"]
    fake, real = rows
    assert fake.value > 0.9 and real.value > 0.9 and set(fake.classes) == {"class 0", "class 1", "class 2"}
    assert fake.std is fake.minimum is None and fake.direction == "higher"
    expected = {
        "num_fake": 150,
        "num_real": 60,
        "split": "train",
        "held_out_split": "test",
        "label_sampling": "as real",
    }
    assert {key: fake.protocol[key] for key in expected} == expected
    assert real.protocol["label_sampling"] == "real images" and real.run["model"] is None
    assert Evaluation.load(tmp_path) == rows
    with pytest.raises(UserError, match="label_sampling"):
        compare(fake, dataclasses.replace(real, name=fake.name))
    assert "small-classifier (none)" in rows.to_markdown()


def test_repeats_have_seeds_of_their_own_and_as_many_real_images(directory, monkeypatch):
    trained = []

    def pretend(images, labels, test_images, test_labels, *, seed, title, progress):
        trained.append((seed, title, images.sum(), len(images)))
        return 0.5 + 0.1 * seed, {0: {"value": 0.1 * seed, "num_real": 1, "num_fake": 1}}

    module = sys.modules[evaluate_classification_accuracy.__module__]  # The package has a function of its name.
    monkeypatch.setattr(module, "classification_accuracy", pretend)
    fake, real = evaluate(StripesModel(), directory, num_images=90, repeats=2, seed=3)
    assert [(seed, title.split()[2], count) for seed, title, _, count in trained] == [
        (3, "generated", 90),
        (3, "real", 90),
        (4, "generated", 90),
        (4, "real", 90),
    ]
    assert len({total for _, _, total, _ in trained}) == 4  # Other images each time.
    np.testing.assert_allclose((fake.value, fake.std, fake.minimum), (0.85, 0.1 / np.sqrt(2), 0.8))
    np.testing.assert_allclose(fake.classes["class 0"]["value"], 0.35)
    assert fake.std_over == "repeats" and fake.protocol["repeats"] == 2 and real.protocol["num_fake"] == 90


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"held_out_split": "train"}, "not trained on"),
        ({"held_out_split": "tset"}, "Did you mean 'test'"),
        ({"repeats": 0}, "`repeats` must be >= 1"),
        ({"num_images": 1}, "`num_images` must be >= 2"),
    ],
)
def test_arguments_that_do_not_fit(arguments, message, directory):
    with pytest.raises(UserError, match=message):
        evaluate(StripesModel(), directory, **arguments)


def test_classes_that_cannot_be_learnt(directory):
    images, labels = stripes(30)
    with pytest.raises(UserError, match=r"none of the classes \[2\]"):
        classification_accuracy(images[labels < 2], labels[labels < 2], images, labels)
    with pytest.raises(UserError, match="train_images"):
        classification_accuracy(images.astype(np.int32), labels, images, labels)
    model = StripesModel()
    model.num_classes = None
    with pytest.raises(UserError, match="class-conditional"):
        evaluate(model, directory)
