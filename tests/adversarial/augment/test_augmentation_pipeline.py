"""The pipeline against the reference implementation's numbers, against the paper's distributions, and itself."""

import numpy as np
import pytest
import tensorflow as tf

from tests.golden_vectors import load_golden
from tfgan_suite.adversarial.augment import AugmentationPipeline
from tfgan_suite.adversarial.augment.augmentation_pipeline import SETS, expand_transforms
from tfgan_suite.adversarial.augment.draws import TRANSFORMS, constant_draws

# Their names of single transforms, where they differ.
NAMES = {
    "xflip": "x_flip",
    "xint": "integer_translation",
    "rotate": "rotation",
    "aniso": "anisotropic_scale",
    "xfrac": "fractional_translation",
    "lumaflip": "luma_flip",
}
SEED = tf.constant([3, 7])


def make_images(shape, seed=0):
    return tf.constant(np.random.default_rng(seed).uniform(-1, 1, shape), tf.float32)


def smooth_images(batch_size, height, width, channels, seed=0):
    """A few slow waves: what a warp's filters let through."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 8.0
    images = np.zeros([batch_size, height, width, channels])
    for _ in range(4):
        ky, kx, phase = generator.uniform(-1, 1, [3, batch_size, 1, 1, channels])
        images += np.sin(ky * y[None, :, :, None] + kx * x[None, :, :, None] + 3 * phase) / 4
    return images.astype(np.float32)


@pytest.mark.parametrize("size", [24, 32])
def test_equals_the_reference(size):
    golden = load_golden(f"ada_augment_{size}")
    images = tf.constant(golden["in/images_nchw"].transpose(0, 2, 3, 1))
    cases = [key for key in golden if not key.startswith("in/")]
    assert len(cases) >= 18
    for key in cases:
        name, percentile = key.split("/percentile")
        percentile = float(percentile)
        # The vectors' normal draws are erfinv(2 q - 1), without the root of 2.
        draws = constant_draws(len(images), percentile, float(tf.math.erfinv(2.0 * percentile - 1.0)))
        draws.values["rotation"] = tuple(
            tf.fill([len(images)], value) for value in (percentile, 0.5)
        )  # The second one turns by 0.
        outputs = AugmentationPipeline(NAMES.get(name, name)).apply(images, draws, probability=1.0)
        expected = golden[key].transpose(0, 2, 3, 1)
        np.testing.assert_allclose(outputs, expected, rtol=0, atol=2e-5 * np.abs(expected).max(), err_msg=key)


@pytest.mark.parametrize("shape", [(6, 12, 12, 3), (6, 8, 14, 1), (6, 9, 16, 4)])
def test_probability_0_changes_nothing_and_1_changes_all(shape):
    pipeline = AugmentationPipeline("bgcfnc")
    images = make_images(shape)
    draws = pipeline.draw(shape[1:], shape[0], SEED)
    np.testing.assert_array_equal(pipeline.apply(images, draws, 0.0), images)
    changed = np.abs(pipeline.apply(images, draws, 1.0) - images).max(axis=(1, 2, 3))
    assert changed.shape == (6,) and (changed > 0.05).all()


def test_each_example_has_draws_of_its_own():
    pipeline = AugmentationPipeline("bgcfnc")
    images = tf.repeat(make_images([1, 12, 12, 3]), 6, axis=0)
    outputs = pipeline.apply(images, pipeline.draw((12, 12, 3), 6, SEED), 1.0).numpy()
    again = pipeline.apply(images, pipeline.draw((12, 12, 3), 6, SEED), 1.0).numpy()
    other = pipeline.apply(images, pipeline.draw((12, 12, 3), 6, SEED + 1), 1.0).numpy()
    np.testing.assert_array_equal(outputs, again)
    assert np.abs(outputs - other).max(axis=(1, 2, 3)).min() > 0.05
    assert min(np.abs(outputs[i] - outputs[j]).max() for i in range(6) for j in range(i)) > 0.05


def test_a_transform_does_not_depend_on_the_others():
    images = make_images([4, 12, 12, 3])
    draws = AugmentationPipeline("bgcfnc").draw((12, 12, 3), 4, SEED)
    alone = AugmentationPipeline("contrast").draw((12, 12, 3), 4, SEED)
    contrast = AugmentationPipeline("contrast")
    np.testing.assert_array_equal(contrast.apply(images, draws, 0.5), contrast.apply(images, alone, 0.5))


@pytest.mark.parametrize("height, width", [pytest.param(12, 12, marks=pytest.mark.slow), (10, 17)])
def test_graph_and_xla_equal_eager(height, width):
    pipeline = AugmentationPipeline("bgcfnc")
    images = make_images([4, height, width, 3])

    def augment(images, seed):
        return pipeline.apply(images, pipeline.draw((height, width, 3), tf.shape(images)[0], seed), 0.8)

    eager = augment(images, SEED)
    any_batch = tf.TensorSpec([None, height, width, 3])
    graph = tf.function(augment, input_signature=[any_batch, tf.TensorSpec([2], tf.int32)])
    np.testing.assert_allclose(graph(images, SEED), eager, rtol=0, atol=1e-5)
    np.testing.assert_allclose(tf.function(augment, jit_compile=True)(images, SEED), eager, rtol=0, atol=1e-4)


def test_two_replicas_draw_what_one_does(two_replicas):
    pipeline = AugmentationPipeline("bgcfnc")
    images = make_images([8, 8, 8, 3])

    def augment(images):
        return pipeline.apply(images, pipeline.draw((8, 8, 3), tf.shape(images)[0], SEED), 0.7)

    halves = two_replicas.experimental_distribute_values_from_function(
        lambda context: images[4 * context.replica_id_in_sync_group :][:4]
    )
    run = tf.function(lambda images: two_replicas.run(augment, [images]))
    parts = two_replicas.experimental_local_results(run(halves))
    np.testing.assert_allclose(np.concatenate(parts), augment(images), rtol=0, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 6, 8, 3), (3, 5, 5, 1)])
def test_first_derivative_is_the_adjoint(shape):
    """The pipeline is linear but for what it adds, so <gradient of w . f, v> is exactly w . (f(x + v) - f(x))."""
    pipeline = AugmentationPipeline("bgcfnc")
    images, direction, weights = make_images(shape), make_images(shape, 1), make_images(shape, 2)
    draws = pipeline.draw(shape[1:], shape[0], SEED)
    with tf.GradientTape() as tape:
        tape.watch(images)
        value = tf.reduce_sum(weights * pipeline.apply(images, draws, 0.9))
    gradient = tape.gradient(value, images)
    moved = pipeline.apply(images + direction, draws, 0.9) - pipeline.apply(images, draws, 0.9)
    np.testing.assert_allclose(np.sum(gradient * direction), np.sum(weights * moved), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("jit_compile", [pytest.param(False, marks=pytest.mark.slow), True])
def test_second_derivative(jit_compile):
    """An R1 penalty through the pipeline, with respect to a weight: against finite differences."""
    pipeline = AugmentationPipeline("bgcfnc")
    images = make_images([3, 8, 8, 3])
    kernel = make_images([3, 3, 3, 2], 1)
    draws = pipeline.draw((8, 8, 3), 3, SEED)

    def penalty(scale):
        with tf.GradientTape() as tape:
            tape.watch(images)
            augmented = pipeline.apply(images, draws, 0.9)
            logits = tf.reduce_sum(tf.nn.softplus(scale * tf.nn.conv2d(augmented, kernel, 1, "SAME")))
        return tf.reduce_sum(tf.square(tape.gradient(logits, images)))

    @tf.function(jit_compile=jit_compile)
    def derivative(scale):
        with tf.GradientTape() as tape:
            tape.watch(scale)
            value = penalty(scale)
        return tape.gradient(value, scale)

    difference = (penalty(tf.constant(1.01)) - penalty(tf.constant(0.99))) / 0.02
    np.testing.assert_allclose(derivative(tf.constant(1.0)), difference, rtol=2e-3)


def test_a_warp_of_smooth_images_is_that_of_an_interpolation():
    """Any size: rotations, scales and shifts against cubic splines, inside the image."""
    ndimage = pytest.importorskip("scipy.ndimage")
    from tfgan_suite.adversarial.augment.geometric import sample_positions, warp

    height, width = 40, 56
    images = smooth_images(5, height, width, 2)
    draws = AugmentationPipeline("bg").draw((height, width, 2), 5, SEED)
    positions = sample_positions(draws, SETS["bg"], 0.7, height, width).numpy()
    assert np.abs(positions - np.eye(3)).max(axis=(1, 2)).min() > 0.1
    outputs = warp(tf.constant(images), tf.constant(positions)).numpy()
    x, y = np.meshgrid(np.arange(width) - (width - 1) / 2, np.arange(height) - (height - 1) / 2)
    for image, matrix, output in zip(images, positions, outputs):
        sources = np.einsum("ij,jhw->ihw", matrix[:2], np.stack([x, y, np.ones_like(x)]))
        rows, columns = sources[1] + (height - 1) / 2, sources[0] + (width - 1) / 2
        expected = np.stack(
            [ndimage.map_coordinates(image[..., channel], [rows, columns], mode="mirror") for channel in range(2)], -1
        )
        # The folds at the borders are sharp, and the filters have their say there.
        inside = (rows > 6) & (rows < height - 7) & (columns > 6) & (columns < width - 7)
        assert inside.sum() > 100
        assert np.abs(output - expected)[inside].max() < 0.03


def test_whole_pixels_move_exactly():
    images = make_images([1, 10, 14, 1])
    draws = constant_draws(1, 0.9, 0.0)  # A shift of +0.1: 1.4 pixels to the right, 1.0 down.
    outputs = AugmentationPipeline("integer_translation").apply(images, draws, 1.0)
    expected = np.pad(images[0, :, :, 0], [(1, 0), (1, 0)], mode="reflect")[:10, :14]
    np.testing.assert_allclose(outputs[0, :, :, 0], expected, atol=1e-5)


def test_grey_images_are_color_images_with_equal_channels():
    images = make_images([6, 8, 8, 1])
    draws = AugmentationPipeline("color").draw((8, 8, 3), 6, SEED)
    pipeline = AugmentationPipeline("color")
    color = pipeline.apply(tf.repeat(images, 3, axis=-1), draws, 0.8)
    grey = pipeline.apply(images, draws, 0.8)
    np.testing.assert_allclose(grey[..., 0], np.mean(color, axis=-1), atol=1e-5)


def test_a_fourth_channel_keeps_its_values_under_color_transforms():
    images = make_images([6, 8, 8, 4])
    pipeline = AugmentationPipeline("color")
    draws = pipeline.draw((8, 8, 4), 6, SEED)
    outputs = pipeline.apply(images, draws, 0.8).numpy()
    np.testing.assert_array_equal(outputs[..., 3], images[..., 3])
    np.testing.assert_allclose(outputs[..., :3], pipeline.apply(images[..., :3], draws, 0.8), atol=1e-6)


def test_draws_have_the_distributions_of_the_paper():
    draws = AugmentationPipeline("bgcfnc").draw((2, 2, 1), 20_000, SEED)
    assert set(draws.values) == set(draws.gates) == set(TRANSFORMS)
    normal = {
        *("scale", "anisotropic_scale", "fractional_translation", "brightness", "contrast", "saturation"),
        *("filter", "noise"),
    }
    columns = []
    for name, values in draws.values.items():
        columns += [*values, *draws.gates[name]]
        values = np.stack(values, axis=1)
        if name in normal:
            np.testing.assert_allclose(values.mean(0), 0.0, atol=0.04)
            np.testing.assert_allclose(values.std(0), 1.0, atol=0.04)
        else:
            assert values.min() >= 0 and values.max() < 1
            np.testing.assert_allclose(np.quantile(values, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.02)
    correlations = np.corrcoef(columns) - np.eye(len(columns))
    assert len(columns) == 41 and np.abs(correlations).max() < 0.05
    np.testing.assert_allclose(np.std(draws.pixel_noise), 1.0, atol=0.02)


@pytest.mark.parametrize(
    "transforms, expected",
    [
        ("bgc", SETS["bgc"]),
        (["color", "blit"], (*SETS["blit"], *SETS["color"])),
        (["cutout", "x_flip"], ("x_flip", "cutout")),
        ("bgcfnc", TRANSFORMS),
    ],
)
def test_names(transforms, expected):
    assert expand_transforms(transforms) == tuple(expected)


def test_refuses():
    with pytest.raises(ValueError, match="Received: 'flip'"):
        AugmentationPipeline(["x_flip", "flip"])
    pipeline = AugmentationPipeline("bgc")
    with pytest.raises(ValueError, match="1, 3, or 4 channels"):
        pipeline.apply(tf.zeros([2, 4, 4, 2]), pipeline.draw((4, 4, 2), 2, SEED), 0.5)
    with pytest.raises(ValueError, match="at least 2 x 2"):
        pipeline.apply(tf.zeros([2, 1, 4, 3]), pipeline.draw((1, 4, 3), 2, SEED), 0.5)


def test_weighted_transforms_are_rarer():
    images = make_images([4000, 4, 4, 1])
    # Cutting out always shows; its box covers at least one of 4x4 pixels.
    for transforms, expected in (({"cutout": 0.25}, 0.2), ("cutout", 0.8), ({"bgc": 0.5, "cutout": 1.0}, 0.8)):
        pipeline = AugmentationPipeline(transforms)
        draws = pipeline.draw(images.shape[1:], 4000, SEED)
        assert np.mean(draws.is_open("cutout", 0.8)) == pytest.approx(expected, abs=0.02)
    changed = np.any(AugmentationPipeline({"cutout": 0.25}).apply(images, draws, 0.8) != images, axis=(1, 2, 3))
    assert changed.mean() == pytest.approx(0.8, abs=0.03)  # The draws are those of a pipeline of weight 1.
    half = AugmentationPipeline({"rotation": 0.5}).draw(images.shape[1:], 4000, SEED)
    assert float(half.probability_of("rotation", 0.6)) == pytest.approx(0.3)
    for wrong in ({"cutout": 0.0}, {"cutout": 1.5}, {"cutout": True}):
        with pytest.raises(ValueError, match=r"`transforms` must map names to factors in \(0, 1\]. Received: 'cutout'"):
            AugmentationPipeline(wrong)
