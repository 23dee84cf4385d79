import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tests.prepared_set import write_prepared_set
from tfgan_suite import load_generator
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.generative.sampling_options import TRUNCATION
from tfgan_suite.metrics import (
    ClassAgreement,
    Evaluation,
    FeatureExtractor,
    FrechetDistance,
    InceptionScore,
    IntraClassFrechetDistance,
    KernelDistance,
    frechet_distance,
)
from tfgan_suite.metrics.protocol import scoring_jobs
from tfgan_suite.metrics.protocol.evaluation import compare, evaluate, evaluate_real
from tfgan_suite.metrics.protocol.generated_examples import GeneratedExamples
from tfgan_suite.metrics.protocol.real_examples import RealExamples
from tfgan_suite.specs.image_spec import ImageSpec

SHAPE = (8, 8, 3)


class FakeModel(GenerativeModel):
    """Noise whose brightness is its class: a model as far as evaluation is concerned."""

    spec = ImageSpec(SHAPE)
    sampling_options = (TRUNCATION,)
    examples_seen = 1234

    def __init__(self, num_classes=None, brightness=0):
        super().__init__()
        self.num_classes = num_classes
        self.brightness = brightness
        self.calls = []

    def generate(self, count, labels=None, *, seed=0, batch_size=64, truncation=1.0):
        self.calls.append((count, None if labels is None else np.array(labels), truncation, seed))
        # Image i depends on (seed, i, its label) alone.
        noise = np.stack([np.random.default_rng([seed, i]).integers(0, 100, SHAPE) for i in range(count)])
        steps = np.zeros(count) if labels is None else np.asarray(labels)
        return (noise + steps[:, None, None, None] * 50 + self.brightness).astype(np.uint8)


class CountingExtractor(FeatureExtractor):
    """Counts the images that it has looked at."""

    def __init__(self, classes=3):
        inputs = keras.Input(SHAPE)
        initializer = keras.initializers.GlorotUniform(0)
        features = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3, kernel_initializer=initializer)(inputs))
        outputs = [features]
        if classes:
            outputs.append(layers.Dense(classes, kernel_initializer=keras.initializers.GlorotUniform(1))(features))
        super().__init__(keras.Model(inputs, outputs), name="counting")
        self.num_seen = 0

    def __call__(self, images):
        self.num_seen += len(images)
        return super().__call__(images)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TFGAN_SUITE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def real():
    """60 uint8 images in three classes, of 30, 20 and 10."""
    labels = np.repeat([0, 1, 2], [30, 20, 10]).astype(np.int32)
    noise = np.random.default_rng(0).integers(0, 100, (60, *SHAPE))
    return (noise + labels[:, None, None, None] * 50).astype(np.uint8), labels


@pytest.fixture
def directory(tmp_path, real):
    return write_prepared_set(tmp_path / "set", *real)


def score(model, data, metrics=None, **arguments):
    arguments = {"extractor": CountingExtractor(), "progress": False, **arguments}
    return evaluate(model, data, metrics, **arguments)


def test_value_is_the_function_of_all_features(directory, real):
    extractor = CountingExtractor()
    evaluation = score(FakeModel(), directory, [FrechetDistance()], extractor=extractor, num_images=50)
    fake = FakeModel().generate(50)
    expected = frechet_distance(extractor(real[0])[0].numpy(), extractor(fake)[0].numpy())
    np.testing.assert_allclose(evaluation["frechet_distance_50"].value, expected, rtol=1e-5)


def test_row_says_how_it_was_made(directory):
    extractor = CountingExtractor()
    evaluation = score(FakeModel(3), directory, extractor=extractor, num_images=1000, seed=5, truncation=0.7)
    assert [row.name for row in evaluation] == ["frechet_distance_1k", "kernel_distance_1k", "inception_score_1k"]
    row = evaluation["kernel_distance_1k"]
    assert row.std_over == "subsets" and row.std is not None and row.direction == "lower"
    expected = {
        "metric": "kernel_distance",
        "metric_settings": {"num_subsets": 100, "subset_size": 1000},
        "extractor": "counting",
        "extractor_weights_sha256": extractor.weights_sha256,
        "extractor_input_size": [8, 8],
        "extractor_resize": extractor.resize_description,
        "split": "train",
        "num_real": 60,
        "num_fake": 1000,
        "truncation": 0.7,
        "weights": "raw",
        "label_sampling": "as real",
        "repeats": 1,
    }
    assert {key: row.protocol[key] for key in expected} == expected
    assert len(row.protocol["dataset_fingerprint"]) == 16
    assert (row.run["model"], row.run["images_seen"], row.run["seed"]) == ("FakeModel", 1234, 5)
    assert row.run["dataset"] == "tiny" and set(row.run["versions"]) >= {"tfgan_suite", "tensorflow", "keras", "numpy"}
    assert row.run["time"].endswith("+00:00") and row.run["seconds_generated"] > 0
    assert evaluation["inception_score_1k"].protocol["num_real"] == 0


def test_one_look_at_every_image_and_none_at_known_ones(directory):
    extractor = CountingExtractor()
    score(FakeModel(), directory, extractor=extractor, num_images=40)
    assert extractor.num_seen == 60 + 40
    score(FakeModel(), directory, extractor=extractor, num_images=40)
    assert extractor.num_seen == 60 + 40 + 40
    evaluate_real(directory, extractor=extractor, progress=False)
    assert extractor.num_seen == 60 + 40 + 40


def test_values_do_not_depend_on_batches_or_on_the_cache(directory):
    def values(batch_size):
        return [row.value for row in score(FakeModel(3), directory, num_images=700, batch_size=batch_size)]

    first = values(64)
    np.testing.assert_allclose(values(64), first, rtol=1e-6)  # From the cache.
    np.testing.assert_allclose(values(7), first, rtol=1e-4)


def test_prepared_set_equals_its_images_as_a_dataset(directory, real):
    dataset = tf.data.Dataset.from_tensor_slices((real[0].astype(np.float32) / 127.5 - 1, real[1])).batch(16)
    first, second = (score(FakeModel(3), data, num_images=50) for data in (directory, dataset))
    np.testing.assert_allclose([row.value for row in first], [row.value for row in second], rtol=1e-5)
    assert second[0].protocol["split"] is None and second[0].run["dataset"] == "tf.data.Dataset"


def test_changed_data_is_not_taken_from_the_cache(tmp_path, directory, real):
    changed = write_prepared_set(tmp_path / "changed", 255 - real[0], real[1])
    first, second = (score(FakeModel(), data, [FrechetDistance()])[0] for data in (directory, changed))
    assert abs(first.value - second.value) > 1e-3
    with pytest.raises(UserError, match="dataset_fingerprint"):
        compare(first, second)


def test_labels_follow_the_real_proportions(directory, real):
    model = FakeModel(3)
    score(model, directory, num_images=600)
    labels = np.concatenate([call[1] for call in model.calls])
    np.testing.assert_array_equal(np.bincount(labels), [300, 200, 100])
    assert (np.diff(labels) < 0).any()  # In random order.
    model = FakeModel(3)
    score(model, directory, num_images=7)
    assert np.bincount(model.calls[0][1], minlength=3).sum() == 7


def test_labels_are_the_models_own_where_the_data_has_none(tmp_path, real):
    model = FakeModel(3)
    rows = score(model, write_prepared_set(tmp_path / "plain", real[0]))
    assert model.calls[0][1] is None and rows[0].protocol["label_sampling"] == "by the model"


def test_large_counts_are_made_in_parts_with_seeds_of_their_own(directory):
    model = FakeModel()
    score(model, directory, num_images=1100, seed=3)
    assert [call[0] for call in model.calls] == [512, 512, 76]
    seeds = [call[3] for call in model.calls]
    assert seeds[0] == 3 and len(set(seeds)) == 3 and all(0 <= seed < 2**31 for seed in seeds)


def test_repeats_give_mean_deviation_and_minimum(directory):
    extractor = CountingExtractor()
    single = [score(FakeModel(), directory, extractor=extractor, seed=seed)[0].value for seed in (0, 1, 2)]
    row = score(FakeModel(), directory, extractor=extractor, repeats=3)[0]
    np.testing.assert_allclose(row.value, np.mean(single), rtol=1e-6)
    np.testing.assert_allclose((row.std, row.minimum), (np.std(single, ddof=1), min(single)), rtol=1e-5)
    assert row.std_over == "repeats" and row.protocol["repeats"] == 3


def test_worse_images_score_worse_and_rows_compare(directory):
    good, bad = (score(FakeModel(3, brightness), directory, num_images=200) for brightness in (0, 60))
    comparison = compare(good["frechet_distance_200"], bad["frechet_distance_200"])
    assert comparison.better == "first" and comparison.second > 5 * comparison.first
    other = score(FakeModel(3), directory, num_images=200, truncation=0.5)
    with pytest.raises(UserError, match="truncation: 1.0 and 0.5"):
        compare(good[0], other[0])


def test_file_of_scores_grows(directory, tmp_path):
    for _ in range(2):
        rows = score(FakeModel(), directory, [InceptionScore(splits=2)], num_images=20, output_dir=tmp_path / "run")
    assert len(Evaluation.load(tmp_path / "run")) == 2
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["rows"][1] == rows[0].to_json()


def test_real_images_scored_against_themselves(directory, real):
    extractor = CountingExtractor()
    rows = evaluate_real(directory, extractor=extractor, progress=False)
    assert [row.name for row in rows] == [
        "frechet_distance_30_real_halves",
        "kernel_distance_30_real_halves",
        "inception_score_60_real",
    ]
    order = np.random.default_rng(0).permutation(60)
    features = extractor(real[0])[0].numpy()
    second = np.sort(order[:30])
    first = np.setdiff1d(np.arange(60), second)
    np.testing.assert_allclose(rows[0].value, frechet_distance(features[first], features[second]), rtol=1e-4)
    assert rows[0].protocol["num_real"] == 30 and rows[0].protocol["label_sampling"] == "real images"
    fakes = score(FakeModel(3, 60), directory, extractor=extractor, num_images=30)
    assert rows[0].value < fakes[0].value
    with pytest.raises(UserError):
        compare(rows[0], fakes[0])


def test_several_extractors_in_one_pass(directory):
    class Named(CountingExtractor):
        name_prefix = "second_"

    model, extractors = FakeModel(), [CountingExtractor(), Named()]
    rows = score(model, directory, [FrechetDistance()], extractor=extractors, num_images=30)
    assert [row.name for row in rows] == ["frechet_distance_30", "second_frechet_distance_30"]
    assert sum(call[0] for call in model.calls) == 30
    with pytest.raises(UserError, match="each of another name"):
        score(model, directory, [FrechetDistance()], extractor=[CountingExtractor(), CountingExtractor()])


def test_scores_by_class_are_in_the_row_the_table_and_the_file(directory, real, tmp_path):
    extractor = CountingExtractor()
    for data in (directory, directory):  # Gathered, then from the cache.
        rows = score(
            FakeModel(3),
            data,
            [IntraClassFrechetDistance()],
            extractor=extractor,
            num_images=120,
            repeats=2,
            output_dir=tmp_path / "run",
        )
        row = rows["intra_class_frechet_distance_120"]
        assert {name: (part["num_real"], part["num_fake"]) for name, part in row.classes.items()} == {
            "class 0": (30, 60),
            "class 1": (20, 40),
            "class 2": (10, 20),
        }
        np.testing.assert_allclose(row.value, np.mean([part["value"] for part in row.classes.values()]))
    assert Evaluation.load(tmp_path / "run")[1] == row
    assert f"| class 2 | {row.classes['class 2']['value']:.5g} | 10 / 20 |" in rows.to_markdown()
    halves = evaluate_real(directory, [IntraClassFrechetDistance()], extractor=extractor, progress=False)[0]
    order = np.random.default_rng(0).permutation(60)
    labels = real[1][np.sort(order[:30])]
    assert [part["num_fake"] for part in halves.classes.values()] == np.bincount(labels).tolist()


def test_classes_too_small_are_told_before_anything_is_generated(tmp_path, real):
    model = FakeModel(3)
    with pytest.raises(UserError, match=r"at least 2 images of each class. Of the generated .* 1 in class 2"):
        score(model, write_prepared_set(tmp_path / "set", *real), [IntraClassFrechetDistance()], num_images=7)
    images, labels = real[0][:53], real[1][:53].copy()
    few = write_prepared_set(tmp_path / "few", images, labels)
    score(FakeModel(3), few, [IntraClassFrechetDistance()], num_images=60)  # Three real ones of class 2 ...
    with pytest.raises(UserError, match="in either half"):  # ... are too few for halves.
        evaluate_real(few, [IntraClassFrechetDistance()], extractor=CountingExtractor(), progress=False)
    assert model.calls == []


def test_a_metric_with_several_scores_gives_a_row_of_each(directory):
    class Both(FrechetDistance):
        name = "both"
        directions = {"distance": "lower", "negative": "higher"}

        def results(self):
            value, _ = self.result()
            return {"distance": (value, None), "negative": (-value, 0.5)}

    rows = score(FakeModel(), directory, [Both()], num_images=20)
    assert [(row.name, row.direction) for row in rows] == [("distance_20", "lower"), ("negative_20", "higher")]
    assert rows[1].value == -rows[0].value and rows[1].std == 0.5 and rows[1].protocol["metric"] == "both"
    assert [row.name for row in evaluate_real(directory, [Both()], extractor=CountingExtractor(), progress=False)] == [
        "distance_30_real_halves",
        "negative_30_real_halves",
    ]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_row_holds_what_is_no_number(directory, tmp_path, value):
    """Of any metric, of a user's own too, in `evaluate` and of real images."""

    class Broken(FrechetDistance):
        name = "broken"

        def result(self):
            return value, None

    with pytest.raises(UserError, match=f"broken_20 must come out as a finite number. Received: {value}"):
        score(FakeModel(), directory, [Broken()], num_images=20, output_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(UserError, match="broken_30_real_halves must come out as a finite number"):
        evaluate_real(directory, [Broken()], extractor=CountingExtractor(), progress=False)


@pytest.mark.parametrize(
    "model, arguments, message",
    [
        (FakeModel(), {"num_images": 1}, "`num_images` must be >= 2"),
        (FakeModel(), {"truncation": 1.5}, "`truncation` must be in"),
        (FakeModel(), {"repeats": 0}, "`repeats` must be >= 1"),
        (FakeModel(), {"split": "tran"}, "Did you mean 'train'"),
        (FakeModel(), {"extractor": "inseption"}, "Unknown extractor 'inseption'"),
        (FakeModel(), {"extractor": "inception"}, "needs a file with its weights"),
        (FakeModel(2), {}, "has 2 classes; the data has 3"),
        (FakeModel(), {"metrics": [ClassAgreement()]}, "class-conditional"),
        (FakeModel(), {"metrics": []}, "each of another name"),
        (FakeModel(), {"metrics": [InceptionScore()], "extractor": CountingExtractor(classes=0)}, "no logits"),
    ],
)
def test_arguments_that_do_not_fit(directory, model, arguments, message):
    with pytest.raises(UserError, match=message):
        score(model, directory, **arguments)
    assert model.calls == []  # Told before anything was generated.


def test_data_that_does_not_fit(tmp_path, real):
    with pytest.raises(UserError, match=r"model makes images \(8, 8, 3\); the real ones are \(4, 8, 3\)"):
        score(FakeModel(), tf.data.Dataset.from_tensor_slices(real[0][:, :4]).batch(8))
    with pytest.raises(UserError, match="There is no directory"):
        score(FakeModel(), tmp_path / "nowhere")
    with pytest.raises(UserError, match="learns from a prepared directory"):
        score(FakeModel(), tf.data.Dataset.from_tensor_slices(real[0]).batch(8), extractor="dataset-classifier")


def test_default_metrics_of_the_two_named_extractors(directory, monkeypatch):
    monkeypatch.setattr("tfgan_suite.metrics.features.small_classifier.TRAINING_STEPS", 2)
    rows = score(FakeModel(3), directory, extractor="dataset-classifier", num_images=20)
    assert [row.name for row in rows] == [
        f"dataset_classifier_{name}_20" for name in ("inception_score", "confident_share", "class_agreement")
    ]
    assert "classifier_held_out_accuracy" in rows[0].protocol
    rows = score(FakeModel(), directory, extractor="dataset-classifier", num_images=20)
    assert len(rows) == 2  # No classes were asked for, so none can be agreed with.
    monkeypatch.setattr(scoring_jobs, "EfficientNetLite0", lambda: CountingExtractor(classes=0))
    rows = score(FakeModel(), directory, extractor="efficientnet-lite0", num_images=20)
    assert [type(metric).name for metric in (FrechetDistance(), KernelDistance())] == [
        row.protocol["metric"] for row in rows
    ]


def test_progress_is_shown(directory, capsys):
    score(FakeModel(), directory, num_images=20, progress=True)
    shown = capsys.readouterr().err
    assert "real images: 60 of 60" in shown and "generated images: 20 of 20" in shown and "images/s" in shown


def test_an_exported_model_says_what_it_was_made_of():
    model = load_generator(Path(__file__).parents[3] / "saved_models" / "digits")  # Written by version 0.1.
    generated = GeneratedExamples(model, RealExamples(tf.data.Dataset.from_tensors(tf.zeros([2, 32, 32, 1])), "", 2), 2)
    assert generated.protocol()["weights"] == "ema" and generated.run()["images_seen"] == 254_592
