import keras
import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf

from tests.latent_tools.test_style_mixing import cell
from tests.runs.gaussian_points import PointSpec
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.abilities import HasLatents
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.latent_tools import Directions, direction_grid, find_directions
from tfgan_suite.latent_tools.sefa import first_dense_kernel, principal_directions, style_kernels
from tfgan_suite.models.biggan.biggan_generator import BigGANGenerator


def test_eigenvectors():
    """SciPy's eigenvectors of A^T A, up to sign, for A = kernel^T; lengths are A's singular values."""
    kernel = np.random.default_rng(0).normal(size=(7, 30))
    vectors, lengths = principal_directions(kernel)
    eigenvalues, eigenvectors = scipy.linalg.eigh(kernel @ kernel.T)
    np.testing.assert_allclose(np.abs(np.sum(vectors * eigenvectors.T[::-1], axis=1)), 1.0, atol=1e-6)
    np.testing.assert_allclose(lengths, np.sqrt(eigenvalues[::-1]), rtol=1e-6)
    np.testing.assert_allclose(lengths, scipy.linalg.svdvals(kernel), rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors @ kernel, axis=1), lengths, rtol=1e-5)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(7), atol=1e-6)
    assert (vectors.max(axis=1) == np.abs(vectors).max(axis=1)).all()  # The signs.


def test_a_planted_direction_is_found():
    planted = np.array([2.0, -1.0, 0.0, 3.0]) / np.sqrt(14.0)
    generator = np.random.default_rng(1)
    kernel = 10.0 * np.outer(planted, generator.normal(size=20)) + 0.01 * generator.normal(size=(4, 20))
    vectors, _ = principal_directions(kernel)
    np.testing.assert_allclose(vectors[0], planted, atol=5e-3)


def test_directions_of_a_style_based_generator(gan, space):
    """What the layers themselves put out moves by the stated length; of layer 3 alone, and of layers 1 and 5."""
    convolutions = [convolution for block in gan.ema_generator.blocks for convolution in block.convolutions]
    assert len(style_kernels(gan.ema_generator)) == space.num_ws == len(convolutions) + 1
    directions = find_directions(gan, layers=(3,), count=2)
    assert directions.in_w and directions.layers == (3,)
    w = np.random.default_rng(0).normal(size=(1, 8)).astype(np.float32)
    for vector, strength in zip(directions.vectors, directions.strengths):
        change = convolutions[3].affine(w + vector) - convolutions[3].affine(w)
        np.testing.assert_allclose(np.linalg.norm(change), strength, rtol=1e-4)

    affine_maps = [convolutions[1].affine, gan.ema_generator.blocks[-1].to_rgb.affine]
    stacked = np.concatenate([np.asarray(affine.kernel) for affine in affine_maps], axis=1) * 8**-0.5
    expected, _ = principal_directions(stacked)
    np.testing.assert_allclose(find_directions(space, layers=(1, 5), count=8).vectors, expected, atol=1e-5)


def test_each_style_reaches_the_layer_of_its_number(gan, space):
    """Moving style k alone changes the features of layer k's kernel: its map is the one that the synthesis applies."""
    ws = space.sample(1)
    for layer, convolution in enumerate([c for block in gan.ema_generator.blocks for c in block.convolutions]):
        kernel = convolution.affine.kernel
        kept = np.asarray(kernel)
        kernel.assign(np.zeros_like(kept))  # Now the layer does not listen to its style.
        moved = np.repeat(ws, 2, axis=0)
        moved[1, layer] += 1.0
        first, second = gan.ema_generator.synthesize(moved, noise="none").numpy()
        if layer % 2 == 0:  # The others share their style with ToRGB.
            np.testing.assert_allclose(first, second, atol=1e-5)
        kernel.assign(kept)


def test_directions_among_latents(dcgan):
    directions = find_directions(dcgan, count=6)
    kernel = np.asarray(dcgan.ema_generator.project.kernel)[:6]  # Without the rows of the classes.
    np.testing.assert_allclose(directions.strengths, scipy.linalg.svdvals(kernel), rtol=1e-5)
    assert not directions.in_w and directions.layers is None
    with pytest.raises(UserError, match="no W space"):
        find_directions(dcgan, layers="coarse")
    with pytest.raises(UserError, match="from 1 to 6"):
        find_directions(dcgan, count=7)


def test_first_layer_of_biggan_sees_a_part_of_the_latents():
    generator = BigGANGenerator((32, 32, 3), latent_size=16, num_classes=4, base_channels=8, shared_size=8)
    generator(np.zeros([1, 16], "float32"), np.array([0]))
    kernel = first_dense_kernel(generator, 16)
    np.testing.assert_array_equal(kernel[:4], np.asarray(generator.linear.kernel))
    assert kernel.shape[0] == 16 and not kernel[4:].any()


def test_no_dense_layer():
    model = keras.Sequential([keras.Input([2, 2, 3]), keras.layers.Conv2D(3, 1)])
    with pytest.raises(UserError, match="Sequential has neither"):
        first_dense_kernel(model, 4)
    with pytest.raises(UserError, match="not an exported model"):
        first_dense_kernel(keras.Sequential(), 4)


def test_move_and_file(space, tmp_path):
    directions = find_directions(space, layers=(0, 2), count=3)
    ws = space.sample(2)
    moved = directions.move(ws, 1, -2.0)
    np.testing.assert_array_equal(moved[:, [1, 3, 4, 5]], ws[:, [1, 3, 4, 5]])
    expected = np.broadcast_to(-2.0 * directions.vectors[1], [2, 2, 8])
    np.testing.assert_allclose((moved - ws)[:, [0, 2]], expected, atol=1e-6)
    directions.save(tmp_path / "directions.npz")
    again = Directions.load(tmp_path / "directions.npz")
    np.testing.assert_array_equal(again.vectors, directions.vectors)
    assert (again.in_w, again.layers) == (True, (0, 2))


@pytest.mark.parametrize("kind", ["gan", "dcgan"])
def test_grid(kind, request):
    model = request.getfixturevalue(kind)
    labels = None if model.num_classes is None else np.array([1, 2], np.int32)
    size = model.image_shape[0]
    directions = find_directions(model, count=3)
    latents = np.random.default_rng(0).normal(size=(2, model.latent_size)).astype(np.float32)
    grid = direction_grid(model, directions, latents, labels, reach=[1.0, 2.0, 3.0], steps=5)
    assert grid.shape[:2] == (6 * (size + 2) - 2, 5 * (size + 2) - 2)
    sampling = {"truncation": tf.constant(1.0)}
    originals = model._generate_batch(latents, labels, sampling).numpy()
    for row in range(6):
        difference = cell(grid, row, 2, size).astype(int) - originals[row // 3]
        assert np.abs(difference).max() <= 1
    assert not np.array_equal(cell(grid, 0, 0, size), cell(grid, 0, 4, size))
    if kind == "dcgan":
        moved = latents[:1] + 2.0 * directions.vectors[1]
        expected = model._generate_batch(moved, labels[:1], sampling).numpy()[0]
        assert np.abs(cell(grid, 1, 4, size).astype(int) - expected).max() <= 1


class LinearPoints(HasLatents, GenerativeModel):
    """Points that are a linear function of their latents."""

    latent_shape = (3,)

    def __init__(self):
        super().__init__()
        self.spec = PointSpec([2])
        self.latent_network = keras.Sequential(
            [keras.Input([3]), keras.layers.Dense(2, kernel_initializer="orthogonal")]
        )

    def call(self, latents, labels=None, training=False):
        return self.latent_network(latents)


def test_grid_of_examples_that_are_no_images():
    model = LinearPoints()
    directions = find_directions(model, count=2)
    latents = np.zeros([1, 3], np.float32)
    grid = direction_grid(model, directions, latents, steps=3)
    assert grid.shape == (2 * 18 - 2, 3 * 18 - 2, 3)
    moved = directions.move(latents, 1, 3.0)
    np.testing.assert_array_equal(cell(grid, 1, 2, 16), model.spec.draw(model(moved).numpy()[0]))
