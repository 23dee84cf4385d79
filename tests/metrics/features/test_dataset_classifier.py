import numpy as np
import pytest

from tests.prepared_set import write_prepared_set
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics import DatasetClassifier
from tfgan_suite.metrics.features import small_classifier


def stripes(count, channels=1):
    """Three easy classes: stripes across, stripes along, and none; noisy."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, count)
    images = generator.integers(0, 100, (count, 16, 16, channels))
    images[labels == 0, ::4] += 155
    images[labels == 1, :, ::4] += 155
    return images.astype(np.uint8), labels


@pytest.fixture(autouse=True)
def short_training(monkeypatch):
    monkeypatch.setattr(small_classifier, "TRAINING_STEPS", 60)
    monkeypatch.setattr(small_classifier, "BATCH_SIZE", 16)


def test_learns_the_classes_and_reports_its_held_out_accuracy(tmp_path):
    images, labels = stripes(200)
    directory = write_prepared_set(tmp_path / "set", images, labels)
    classifier = DatasetClassifier(directory, progress=False)
    assert classifier.accuracy > 0.9 and classifier.num_held_out == 20
    features, logits = classifier(images)
    assert features.shape == (200, 128) and logits.shape == (200, 3)
    assert (logits.numpy().argmax(axis=1) == labels).mean() > 0.9
    provenance = classifier.provenance()
    assert provenance["extractor"] == "dataset-classifier"
    assert provenance["classifier_held_out_accuracy"] == classifier.accuracy


def test_cached_and_deterministic_by_seed(tmp_path, cache, monkeypatch):
    directory = write_prepared_set(tmp_path / "set", *stripes(60, channels=3))
    first = DatasetClassifier(directory, progress=False)
    assert len(list(cache.iterdir())) == 1
    other_seed = DatasetClassifier(directory, seed=1, progress=False)
    assert other_seed.weights_sha256 != first.weights_sha256
    again = DatasetClassifier(directory, cache_dir=tmp_path / "other", progress=False)
    # Sums over threads may differ in the last bit, which training amplifies a little.
    for weight, same in zip(first.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_allclose(weight, same, atol=1e-4)
    monkeypatch.setattr(small_classifier, "train_classifier", None)  # From the cache now, or not at all.
    assert DatasetClassifier(directory, progress=False).weights_sha256 == first.weights_sha256


def test_sets_that_cannot_be_learnt(tmp_path):
    images, labels = stripes(19)
    with pytest.raises(UserError, match="at least 20 images"):
        DatasetClassifier(write_prepared_set(tmp_path / "few", images, labels))
    with pytest.raises(UserError, match="has none"):
        DatasetClassifier(write_prepared_set(tmp_path / "plain", images))
