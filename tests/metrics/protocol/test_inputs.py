"""What metrics say they need, and that nothing else is made: features, outputs of the model, the model itself."""

import numpy as np
import pytest
import tensorflow as tf

from tests.prepared_set import write_prepared_set
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.abilities import HasLikelihood, Reconstructs, ScoresAnomalies
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.generative.sampling_options import SamplingOption
from tfgan_suite.metrics import (
    Activations,
    BitsPerDimension,
    FrechetDistance,
    Metric,
    ModelMetric,
    MultiScaleSimilarity,
    PerceptualPathLength,
    ReconstructionError,
    bits_per_dimension,
)
from tfgan_suite.metrics.protocol import scoring_jobs
from tfgan_suite.metrics.protocol.evaluation import compare, evaluate, evaluate_real
from tfgan_suite.metrics.protocol.model_outputs import rebatched
from tfgan_suite.specs.example_spec import ExampleSpec
from tfgan_suite.specs.image_spec import ImageSpec

TEMPERATURE = SamplingOption("temperature", 1.0, 0.0, 2.0, "1 samples as learned; less is nearer to the mean.")


class PointSpec(ExampleSpec):
    """A kind that the suite does not bring."""

    kind, unit = "point", ("point", "points")


class GaussianPoints(HasLikelihood, Reconstructs, ScoresAnomalies, GenerativeModel):
    """Independent normal variables of known means and deviations."""

    spec, sampling_options, examples_seen = PointSpec([3]), (TEMPERATURE,), 70
    mean, deviation = np.array([1.0, 0.0, -2.0], "float32"), np.array([0.5, 1.0, 3.0], "float32")

    def __init__(self):
        super().__init__()
        self.sizes, self.drawn = [], []

    def generate(self, count, labels=None, *, seed=0, batch_size=64, temperature=1.0):
        self.drawn.append((count, temperature))
        noise = np.random.default_rng(seed).normal(size=[count, 3])
        return (self.mean + temperature * self.deviation * noise).astype("float32")

    def log_prob(self, examples, labels=None, samples=1, seed=0):
        standard = (examples - self.mean) / self.deviation
        return -tf.reduce_sum(0.5 * standard**2 + np.log(self.deviation) + 0.5 * np.log(2 * np.pi), axis=1)

    def reconstruct(self, examples, labels=None, seed=None):
        return examples * [1.0, 0.0, 1.0]

    def anomaly_score(self, examples):
        return tf.reduce_max(tf.abs(examples - self.mean), axis=1)


class UniformImages(HasLikelihood, GenerativeModel):
    """A bound that is a sixth looser with one sample than with two, and noisy."""

    spec, likelihood = ImageSpec((2, 2, 1)), "lower_bound"

    def log_prob(self, examples, labels=None, samples=1, seed=0):
        noise = tf.random.stateless_normal([tf.shape(examples)[0]], [0, seed])
        return -tf.fill([tf.shape(examples)[0]], np.float32(4 * np.log(256.0))) * (1 + 1 / 3 / samples) + 1e-3 * noise


POINTS = np.random.default_rng(3).normal(size=[150, 3]).astype("float32")


def dataset(examples=POINTS, batch_size=40):
    return tf.data.Dataset.from_tensor_slices(examples).batch(batch_size)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """No metric of these tests may load the default extractor."""
    monkeypatch.setattr(scoring_jobs, "EfficientNetLite0", lambda: pytest.fail("An extractor was loaded."))


def test_bits_of_a_gaussian_in_closed_form():
    rows = evaluate(GaussianPoints(), dataset(), [BitsPerDimension()], progress=False)
    density = np.exp(-0.5 * ((POINTS - GaussianPoints.mean) / GaussianPoints.deviation) ** 2)
    density /= GaussianPoints.deviation * np.sqrt(2 * np.pi)
    bits = -np.log2(density).mean(axis=1)
    (row,) = rows
    assert row.name == "bits_per_dimension_150" and row.direction == "lower"
    np.testing.assert_allclose(row.value, bits.mean(), rtol=1e-5)
    np.testing.assert_allclose(row.std, bits.std(ddof=1) / np.sqrt(150), rtol=1e-5)
    expected = {
        "metric": "bits_per_dimension",
        "metric_settings": {"samples": 1},
        "likelihood": "exact",
        "num_real": 150,
        "num_fake": 0,
        "weights": "raw",
        "split": None,
        "extractor": "model",
    }
    assert {key: row.protocol[key] for key in expected} == expected
    assert row.std_over == "standard error" and row.run["images_seen"] == 70 and row.run["model"] == "GaussianPoints"


def test_bits_of_whole_levels_with_split_bound_and_samples(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, [130, 2, 2, 1], np.uint8)
    data = write_prepared_set(tmp_path / "set", images)
    one, two = (
        evaluate(UniformImages(), data, [BitsPerDimension(samples)], progress=False, batch_size=size)[0]
        for samples, size in ((1, 64), (2, 64))
    )
    assert one.name == "bits_per_dimension_train_130" and one.protocol["likelihood"] == "lower_bound"
    np.testing.assert_allclose((one.value, two.value), (8 * 4 / 3, 8 * 7 / 6), rtol=1e-3)
    with pytest.raises(UserError, match="metric_settings"):
        compare(one, two)
    again = evaluate(UniformImages(), data, [BitsPerDimension()], progress=False, batch_size=7)[0]
    assert again.value == pytest.approx(one.value, rel=1e-12)  # A bound's draws do not depend on the batch size.
    other = evaluate(UniformImages(), data, [BitsPerDimension()], progress=False, seed=1)[0]
    assert other.value != one.value


def test_one_pass_for_all_outputs_of_the_model():
    class Worst(Metric):
        name, inputs = "worst", frozenset({"anomaly_scores"})

        def __init__(self):
            self.scores = []

        def update_real(self, activations):
            assert activations.examples is None  # Not asked for.
            self.scores.append(activations.anomaly_scores)

        def result(self):
            return float(np.concatenate(self.scores).max()), None

    model = GaussianPoints()
    rows = evaluate(model, dataset(), [ReconstructionError(), Worst(), BitsPerDimension()], progress=False)
    assert [row.protocol["metric"] for row in rows] == ["reconstruction_error", "worst", "bits_per_dimension"]
    np.testing.assert_allclose(rows[0].value, np.mean(POINTS[:, 1] ** 2) / 3, rtol=1e-5)
    np.testing.assert_allclose(rows[1].value, np.abs(POINTS - model.mean).max(), rtol=1e-5)
    assert model.drawn == []  # Nothing was generated for them.


def test_defaults_are_what_the_model_can_do():
    rows = evaluate(GaussianPoints(), dataset(), progress=False)
    assert [row.name for row in rows] == ["bits_per_dimension_150", "reconstruction_error_150"]

    class Mute(GenerativeModel):
        spec = PointSpec([3])

    with pytest.raises(UserError, match="none is computed by default for points"):
        evaluate(Mute(), dataset(), progress=False)
    with pytest.raises(UserError, match="bits_per_dimension needs a model that can compute likelihoods. Mute can:"):
        evaluate(Mute(), dataset(), [BitsPerDimension()], progress=False)


class PointFeatures:
    """An extractor for another kind than images."""

    name, name_prefix, num_classes, kinds = "coordinates", "", None, ("point",)

    def __call__(self, examples):
        return examples, None

    def provenance(self):
        return {"extractor": self.name}

    def origin(self):
        return {}


def test_sampling_options_are_the_models_own():
    model = GaussianPoints()
    arguments = {"metrics": [FrechetDistance()], "extractor": PointFeatures(), "progress": False}
    rows = evaluate(model, dataset(), num_images=600, temperature=0.5, **arguments)
    assert model.drawn == [(512, 0.5), (88, 0.5)]
    assert rows[0].name == "frechet_distance_600" and rows[0].protocol["temperature"] == 0.5
    assert "truncation" not in rows[0].protocol
    assert "temperature" in evaluate(model, dataset(), **arguments)[0].protocol
    with pytest.raises(UserError, match="no sampling option `truncation`. Its options: `temperature`"):
        evaluate(model, dataset(), truncation=0.5, **arguments)
    with pytest.raises(UserError, match=r"`temperature` must be in \[0, 2\]"):
        evaluate(model, dataset(), temperature=3, **arguments)
    with pytest.raises(UserError, match="temperature: 0.5 and 1.0"):
        compare(rows[0], evaluate(model, dataset(), num_images=600, **arguments)[0])


@pytest.mark.parametrize(
    "metric, message",
    [
        (
            FrechetDistance(),
            "'efficientnet-lite0' takes examples of the kind image or log_mel. Received: points. .* bits_per_dim",
        ),
        (MultiScaleSimilarity(), "ms_ssim is computed on examples of the kind image. Received: points"),
        (PerceptualPathLength(), "kind image. Received: points"),
    ],
)
def test_what_is_for_images_says_so(metric, message):
    with pytest.raises(UserError, match=message):
        evaluate(GaussianPoints(), dataset(), [metric], progress=False)


@pytest.mark.parametrize("metrics", ["kernel_distance", ["kernel_distance"], FrechetDistance, [FrechetDistance]])
def test_metrics_are_objects(metrics):
    with pytest.raises(UserError, match=r"`metrics` must be objects of .* such as \[metrics.FrechetDistance\(\)\]"):
        evaluate(GaussianPoints(), dataset(), metrics, progress=False)


def test_one_metric_is_a_list_of_one():
    one, listed = (
        evaluate(GaussianPoints(), dataset(), metrics, progress=False)
        for metrics in (BitsPerDimension(), [BitsPerDimension()])
    )
    assert one.scalars() == listed.scalars()


def test_real_examples_alone_have_no_model():
    images = dataset(np.zeros([4, 2, 2, 1], np.uint8))
    for metric in (BitsPerDimension(), PerceptualPathLength()):
        with pytest.raises(UserError, match="needs a model"):
            evaluate_real(images, [metric], progress=False)


def test_a_metric_of_the_model_gets_model_data_and_seeds():
    class Seen(ModelMetric):
        name, default_repeats = "seen", 2

        def measure(self, subject, seeds, show_progress):
            from tfgan_suite.metrics.protocol.model_metric import Measurement
            from tfgan_suite.metrics.protocol.scoring import Score

            scores = [Score(float(subject.model.examples_seen + subject.real.num_examples + seed)) for seed in seeds]
            return [Measurement("seen_3", scores, {"metric_settings": {}}, {})]

    (row,) = evaluate(GaussianPoints(), dataset(), [Seen()], seed=3, progress=False)
    assert (row.name, row.value, row.minimum, row.std_over) == ("seen_3", 223.5, 223.0, "repeats")
    assert evaluate(GaussianPoints(), dataset(), [Seen()], repeats=1, progress=False)[0].value == 220.0


@pytest.mark.parametrize(
    "inputs, message",
    [
        ({"feature"}, "out of anomaly_scores, .* Received: inputs={'feature'}"),
        (set(), "must be a set of names"),
        ({"features", "likelihoods"}, "gathered in one pass"),
        ({"model", "labels"}, "`model` with nothing else"),
    ],
)
def test_inputs_that_cannot_be(inputs, message):
    with pytest.raises(ValueError, match=message):
        type("Wrong", (Metric,), {"inputs": frozenset(inputs)})


def test_outputs_that_do_not_fit():
    class Broken(GaussianPoints):
        def log_prob(self, examples, labels=None, samples=1, seed=0):
            return tf.fill([tf.shape(examples)[0]], np.nan)

        def reconstruct(self, examples, labels=None, seed=None):
            return examples[:, :2]

    for metric in (BitsPerDimension(), ReconstructionError()):
        with pytest.raises(UserError, match="Broken must give finite"):
            evaluate(Broken(), dataset(), [metric], progress=False)


def test_activations_are_only_what_was_asked_for():
    activations = Activations(features=np.zeros([2, 3]), labels=np.array([0, 1]))
    assert activations.only(frozenset({"labels"})).features is None and activations.num_examples == 2
    assert activations.rows(np.array([False, True])).labels.tolist() == [1]


def test_batches_of_another_size_hold_the_same_examples():
    labels = np.arange(10)
    parts = [(labels[:3] * 2, labels[:3]), (labels[3:4] * 2, labels[3:4]), (labels[4:] * 2, labels[4:])]
    batches = list(rebatched(parts, 4))
    assert [len(examples) for examples, _ in batches] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([batch for batch, _ in batches]), labels * 2)
    np.testing.assert_array_equal(np.concatenate([batch for _, batch in batches]), labels)


def test_bits_do_not_depend_on_who_scales():
    assert bits_per_dimension(np.log(256.0), (1,), value_range=256)[()] == pytest.approx(8.0)
