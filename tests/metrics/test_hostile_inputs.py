"""What no score may accept, and what each says of it: always a ValueError with what was expected and received."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.metrics.conftest import HOSTILE_PAIRS, IMAGES, ROWS, with_value
from tests.metrics.test_lpips import needs_weights
from tfgan_suite import metrics
from tfgan_suite.foundation.errors import UserError

# === Pairs of feature sets ===

PAIRS = {**HOSTILE_PAIRS, "nothing": (None, ROWS, r"rows, dimensions\]. Received: shape=\(\)")}
FEATURE_FUNCTIONS = {
    "frechet_distance": metrics.frechet_distance,
    "kernel_distance": metrics.kernel_distance,
    "kernel_distance_subsets": functools.partial(metrics.kernel_distance_subsets, num_subsets=2, subset_size=2),
    "precision_recall": functools.partial(metrics.precision_recall, k=1),
    "density_coverage": functools.partial(metrics.density_coverage, k=1),
    "number_of_different_bins": functools.partial(metrics.number_of_different_bins, num_bins=2),
}


@pytest.mark.parametrize("case", PAIRS)
@pytest.mark.parametrize("name", FEATURE_FUNCTIONS)
def test_pairs_of_features(name, case):
    real, fake, message = PAIRS[case]
    with pytest.raises(UserError, match=message):
        FEATURE_FUNCTIONS[name](real, fake)


@pytest.mark.parametrize("case", [case for case in PAIRS if case not in ("one row", "no rows")])
def test_neighbours(case):
    real, fake, message = PAIRS[case]
    with pytest.raises(
        UserError, match=message.replace("the real", "the references").replace("the fake", "the queries")
    ):
        metrics.nearest_neighbours(fake, real)
    with pytest.raises(UserError, match="`references` must have at least 1 rows. Received: 0 rows"):
        metrics.nearest_neighbours(ROWS, ROWS[:0])


@pytest.mark.parametrize("scale", [1e39, 1e100, 1e160, 1e300])
@pytest.mark.parametrize("name", FEATURE_FUNCTIONS)
def test_finite_features_whose_products_are_not(name, scale):
    for pair in ((scale * ROWS, ROWS), (ROWS, scale * ROWS), (scale * ROWS, scale * ROWS[::-1])):
        with pytest.raises(UserError, match="features must be no larger than float32 holds, 3.4e"):
            FEATURE_FUNCTIONS[name](*pair)
    with pytest.raises(UserError, match="must be no larger than float32 holds"):
        metrics.nearest_neighbours(scale * ROWS, ROWS)


@pytest.mark.parametrize("scale", [1e-30, 1e20, 1e38])
def test_large_and_small_features_scale(scale):
    """Shares do not depend on the scale, distances go with a power of it."""
    other = ROWS[::-1] * 0.7 + 0.1
    for name in ("precision_recall", "density_coverage", "number_of_different_bins"):
        np.testing.assert_allclose(
            FEATURE_FUNCTIONS[name](scale * ROWS, scale * other), FEATURE_FUNCTIONS[name](ROWS, other), rtol=1e-9
        )
    expected = metrics.frechet_distance(ROWS, other) * scale**2
    np.testing.assert_allclose(metrics.frechet_distance(scale * ROWS, scale * other), expected, rtol=1e-6)


def test_scores_that_are_no_numbers():
    with pytest.raises(UserError, match="The kernel distance must come out as a finite number"):
        metrics.kernel_distance(1e38 * ROWS, ROWS, degree=9)
    with pytest.raises(UserError, match="Covariances must be no larger than 1.2e"):
        metrics.frechet_distance_from_statistics(np.zeros(2), np.eye(2) * 1e200, np.zeros(2), np.eye(2))
    with pytest.raises(UserError, match="Means must be no larger"):
        metrics.frechet_distance_from_statistics(np.full(2, 1e200), np.eye(2), np.zeros(2), np.eye(2))


def test_tensors_are_as_good_as_arrays():
    for function in FEATURE_FUNCTIONS.values():
        np.testing.assert_allclose(function(tf.constant(ROWS), tf.constant(ROWS[:9])), function(ROWS, ROWS[:9]))


# === Single sets ===

LOGIT_FUNCTIONS = {
    "inception_score": functools.partial(metrics.inception_score, splits=1),
    "confident_share": metrics.confident_share,
    "class_agreement": lambda logits: metrics.class_agreement(logits, [0] * 20),
}


@pytest.mark.parametrize("case", ["nan", "infinity", "no rows", "images", "vector", "integers", "text"])
@pytest.mark.parametrize("name", LOGIT_FUNCTIONS)
def test_logits(name, case):
    bad = next(one for one in PAIRS[case][:2] if one is not ROWS)
    with pytest.raises(UserError, match="`logits` must"):
        LOGIT_FUNCTIONS[name](bad)


LABEL_FUNCTIONS = {
    "class_agreement": lambda labels: metrics.class_agreement(ROWS[:3], labels),
    "mode_coverage": lambda labels: metrics.mode_coverage(labels, 4),
    "mode_coverage of real images": lambda labels: metrics.mode_coverage([0], 4, [] if labels is None else labels),
}


@pytest.mark.parametrize("labels", [[0.0, 1.0, 2.0], [0, 1, 4], [0, -1, 2], [[0, 1, 2]], [], ["a", "b", "c"], None])
@pytest.mark.parametrize("name", LABEL_FUNCTIONS)
def test_labels(name, labels):
    with pytest.raises(UserError, match="labels` must"):
        LABEL_FUNCTIONS[name](labels)


@pytest.mark.parametrize(
    "nats", [np.nan, np.inf, np.array([1, 2]), np.array(["a"]), np.array([1.0, np.nan])], ids=lambda nats: str(nats)
)
def test_likelihoods(nats):
    with pytest.raises(UserError, match="must be finite and floating-point"):
        metrics.bits_per_dimension(nats, (8, 8, 1))


# === Numbers ===


@pytest.mark.parametrize(
    "call",
    [
        *(lambda k=k: metrics.precision_recall(ROWS, ROWS[:9], k) for k in (0, -1, 9, 1.5, True, "3", None, np.nan)),
        *(lambda k=k: metrics.density_coverage(ROWS, ROWS[:9], k) for k in (0, 20, 2.0)),
        *(lambda k=k: metrics.nearest_neighbours(ROWS, ROWS, k) for k in (0, 21)),
        *(lambda splits=splits: metrics.inception_score(ROWS, splits) for splits in (0, 21, 2.5)),
        *(lambda size=size: metrics.kernel_distance_subsets(ROWS, ROWS, subset_size=size) for size in (1, 21, 2.5)),
        lambda: metrics.kernel_distance_subsets(ROWS, ROWS, subset_size=5, num_subsets=0),
        *(lambda bins=bins: metrics.number_of_different_bins(ROWS, ROWS, num_bins=bins) for bins in (1, 21)),
        lambda: metrics.number_of_different_bins(ROWS, ROWS, num_bins=5, significance=0.0),
        lambda: metrics.number_of_different_bins(np.repeat(ROWS[:3], 5, axis=0), ROWS, num_bins=4),
        lambda: metrics.mode_coverage([0], 0),
        lambda: metrics.ms_ssim_diversity(IMAGES, num_pairs=0),
        lambda: metrics.ms_ssim_diversity(IMAGES, num_pairs=2, labels=[0, 1, 2, 3]),
        lambda: metrics.sliced_wasserstein_distance(IMAGES, IMAGES, patches_per_image=0),
        lambda: metrics.sliced_wasserstein_distance(IMAGES, IMAGES, num_directions=0),
        lambda: metrics.bits_per_dimension(1.0, (8, 0, 1)),
        lambda: metrics.bits_per_dimension(1.0, (8, 8, 1), levels=1),
        lambda: metrics.confident_share(ROWS, threshold=1.0),
    ],
)
def test_numbers_out_of_range(call):
    with pytest.raises(UserError, match="(Expected|must) .*Received"):
        call()


# === Images ===

IMAGE_FUNCTIONS = {
    "sliced_wasserstein_distance": lambda images: metrics.sliced_wasserstein_distance(
        IMAGES, images, patches_per_image=2
    ),
    "ms_ssim": lambda images: metrics.ms_ssim(images, images),
    "ms_ssim_diversity": lambda images: metrics.ms_ssim_diversity(images, num_pairs=2),
    "dequantize": metrics.dequantize,
    "lpips": lambda images: metrics.lpips(images, images),
    "lpips_diversity": lambda images: metrics.lpips_diversity(images, num_pairs=2),
}
BAD_IMAGES = {
    "nan": with_value(IMAGES / 255, np.nan),
    "infinity": with_value(IMAGES / 255, -np.inf),
    "levels as floats": IMAGES.astype(np.float32),
    "integers": IMAGES.astype(np.int32) + 300,
    "one image": IMAGES[0],
    "two channels": IMAGES[..., :2],
    "no images": IMAGES[:0],
    "features": ROWS,
    "nothing": None,
}


@pytest.mark.parametrize("kind", [np.asarray, tf.convert_to_tensor], ids=["array", "tensor"])
@pytest.mark.parametrize("case", BAD_IMAGES)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=needs_weights if "lpips" in name else ()) for name in IMAGE_FUNCTIONS]
)
def test_images(name, case, kind):
    if case == "nothing" and kind is not np.asarray:
        kind = np.asarray  # There is no tensor of nothing.
    with pytest.raises(UserError, match="Expected .*images|mages`? must"):
        IMAGE_FUNCTIONS[name](kind(BAD_IMAGES[case]))


@pytest.mark.parametrize(
    "function", [metrics.ms_ssim_diversity, pytest.param(metrics.lpips_diversity, marks=needs_weights)]
)
def test_one_image_has_no_variety(function):
    with pytest.raises(UserError, match="at least 2 images. Received: 1 images"):
        function(IMAGES[:1])


@pytest.mark.parametrize("size, function", [(8, metrics.ms_ssim), (15, metrics.sliced_wasserstein_distance)])
def test_images_that_are_too_small(size, function):
    with pytest.raises(UserError, match="pixels high and wide"):
        function(IMAGES[:, :size], IMAGES[:, :size])
