"""The golden features through the whole path that images take: extractor, batches, metrics, rows."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.golden_vectors import load_golden
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.metrics import (
    DensityCoverage,
    FeatureExtractor,
    FrechetDistance,
    InceptionScore,
    KernelDistance,
    PrecisionRecall,
    kernel_distance_subsets,
)
from tfgan_suite.metrics.protocol.evaluation import evaluate
from tfgan_suite.specs.image_spec import ImageSpec


class RowsOfTables(keras.layers.Layer):
    """Images [batch, 1, 2, 1] of two digits to the base 256: the number of a row of each table."""

    def __init__(self, *tables):
        super().__init__()
        self.tables = [self.add_weight(shape=table.shape, initializer="zeros") for table in tables]
        self.set_weights(tables)

    def call(self, images):
        rows = tf.cast(images[:, 0, 0, 0] * 256 + images[:, 0, 1, 0], tf.int32)
        return [tf.gather(table, rows) for table in self.tables]

    def compute_output_shape(self, shape):
        return [(shape[0], table.shape[1]) for table in self.tables]


def images_of_rows(rows):
    return np.stack([rows // 256, rows % 256], axis=1).astype(np.uint8).reshape([-1, 1, 2, 1])


class NumberedImages(GenerativeModel):
    """Generates the images of the rows that follow the real ones."""

    spec = ImageSpec((1, 2, 1))

    def __init__(self, first):
        super().__init__()
        self.next = first

    def generate(self, count, **_):
        self.next += count
        return images_of_rows(np.arange(self.next - count, self.next))


@pytest.mark.parametrize("name", ["24", "64", "rankdef"])
def test_scores_are_the_golden_ones(name):
    golden = load_golden(f"metrics_features_{name}")
    real, fake, logits = (golden[f"in/{part}"] for part in ("real", "fake", "logits"))
    inputs = keras.Input([1, 2, 1])
    # Real images have no golden logits; the Inception Score does not ask for them.
    tables = np.concatenate([real, fake]), np.concatenate([np.zeros([len(real), logits.shape[1]], "float32"), logits])
    model = keras.Model(inputs, RowsOfTables(*tables)(inputs))
    evaluation = evaluate(
        NumberedImages(len(real)),
        tf.data.Dataset.from_tensor_slices(images_of_rows(np.arange(len(real)))).batch(37),
        [FrechetDistance(), KernelDistance(), InceptionScore(), PrecisionRecall(3), DensityCoverage(5)],
        extractor=FeatureExtractor(model, name="golden", offset=0.0, divisor=1.0),
        num_images=len(fake),
        batch_size=64,
        progress=False,
    )
    rows = {row.name.rsplit("_", 1)[0]: row for row in evaluation}

    def assert_is(name, value, std=None):
        np.testing.assert_allclose(rows[name].value, value, rtol=1e-6, atol=1e-12)
        assert (rows[name].std is None) if std is None else rows[name].std == pytest.approx(std, rel=1e-6)

    assert_is("frechet_distance", golden["out/fid"])
    size = min(1000, len(real), len(fake))
    assert_is("kernel_distance", *kernel_distance_subsets(real, fake, subset_size=size))
    assert_is("inception_score", *golden["out/inception_score_splits10_mean_std"])
    for first, second, key in (
        ("precision", "recall", "precision_recall_k3"),
        ("density", "coverage", "density_coverage_k5"),
    ):
        assert_is(first, golden[f"out/{key}"][0])
        assert_is(second, golden[f"out/{key}"][1])
