import numpy as np
import pytest

from tests.prepared_set import write_prepared_set
from tfgan_suite.data.sources.array_source import open_digits
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.metrics import StackedDigitsClassifier
from tfgan_suite.metrics.features import small_classifier
from tfgan_suite.metrics.protocol.evaluation import evaluate, evaluate_real
from tfgan_suite.specs.image_spec import ImageSpec


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """Shortly trained: it reads most digits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small_classifier, "TRAINING_STEPS", 120)
        patch.setattr(small_classifier, "BATCH_SIZE", 32)
        return StackedDigitsClassifier(cache_dir=tmp_path_factory.mktemp("cache"), progress=False)


def stacks(rows):
    """Pictures uint8 `[count, 32, 32, 3]` of the digits' rows `[count, 3]`."""
    digits = np.pad(open_digits().examples[..., 0], [(0, 0), (2, 2), (2, 2)])
    return np.moveaxis(digits[np.asarray(rows)], 1, -1)


def modes_of(classifier, rows):
    return classifier(stacks(rows))[1].numpy().argmax(axis=1)


def test_each_colour_is_read_by_itself(classifier):
    rows = np.random.default_rng(0).integers(0, 5000, [40, 3])
    single = [modes_of(classifier, np.repeat(rows[:, [colour]], 3, axis=1)) for colour in range(3)]
    for modes in single:
        assert (modes % 111 == 0).all(), "the same digit three times"
    red, green, blue = (modes // 111 for modes in single)
    np.testing.assert_array_equal(modes_of(classifier, rows), 100 * red + 10 * green + blue)
    np.testing.assert_array_equal(modes_of(classifier, rows[:, ::-1]), 100 * blue + 10 * green + red)


def test_logits_are_log_probabilities_and_features_those_of_each_colour(classifier):
    features, logits = classifier(stacks([[0, 1, 2], [2, 1, 0]]))
    assert features.shape == (2, 384) and logits.shape == (2, 1000)
    np.testing.assert_allclose(np.exp(logits).sum(axis=1), 1.0, rtol=1e-4)
    np.testing.assert_allclose(features[0, :128], features[1, 256:], rtol=1e-4, atol=1e-4)


def test_accuracy_is_that_of_held_out_digits(classifier):
    assert classifier.num_held_out == 500 and 0.8 < classifier.accuracy < 1.0
    labels = open_digits().labels
    held_out = np.random.default_rng(0).permutation(5000)[:500]
    read = modes_of(classifier, np.repeat(held_out[:, None], 3, axis=1)) // 111
    assert classifier.accuracy == pytest.approx((read == labels[held_out]).mean(), abs=0.005)
    assert classifier.provenance()["classifier_held_out_accuracy"] == classifier.accuracy


def test_modes_of_a_generator_in_evaluation(classifier, tmp_path):
    """Real: every triple of two digits; generated: one of them alone."""
    labels = open_digits().labels
    zero, one = (
        next(row for row in np.flatnonzero(labels == digit) if modes_of(classifier, [[row] * 3])[0] == 111 * digit)
        for digit in (0, 1)
    )
    rows = np.array([zero, one])[np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)])]
    data = write_prepared_set(tmp_path / "set", np.repeat(stacks(rows), 3, axis=0))

    class OneMode(GenerativeModel):
        spec = ImageSpec((32, 32, 3))

        def generate(self, count, labels=None, *, seed=0, batch_size=64):
            return np.repeat(stacks(rows[[5]]), count, axis=0)

    scores = evaluate(OneMode(), data, extractor=classifier, num_images=10, progress=False).scalars()
    assert scores["stacked_digits_modes_10"] == 1.0
    assert scores["stacked_digits_modes_kl_10"] == pytest.approx(np.log(8))
    assert scores["stacked_digits_modes_kl_uniform_10"] == pytest.approx(np.log(1000))
    assert evaluate_real(data, extractor=classifier, progress=False)["stacked_digits_modes_12_real_halves"].value <= 8


@pytest.mark.slow
def test_accuracy_of_the_whole_training(tmp_path):
    assert StackedDigitsClassifier(cache_dir=tmp_path, progress=False).accuracy >= 0.975
