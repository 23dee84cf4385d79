import numpy as np
import pytest

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.latent_tools import StyleSpace
from tfgan_suite.latent_tools.style_space import labels_in_turn


@pytest.mark.parametrize("truncation", [1.0, 0.6])
def test_makes_the_images_that_the_model_generates(gan, conditional_gan, truncation):
    space = StyleSpace(gan)
    expected = gan.generate(5, seed=3, truncation=truncation)
    np.testing.assert_array_equal(space.synthesize(space.sample(5, 3, truncation=truncation)), expected)
    space, labels = StyleSpace(conditional_gan), [2, 0, 1, 1, 2]
    expected = conditional_gan.generate(5, seed=3, labels=labels, truncation=truncation)
    np.testing.assert_array_equal(space.synthesize(space.sample(5, 3, labels, truncation)), expected)
    drawn = conditional_gan.generate(5, seed=4, truncation=truncation)
    np.testing.assert_array_equal(space.synthesize(space.sample(5, 4, truncation=truncation)), drawn)


def test_batch_size_changes_nothing(gan):
    small, large = StyleSpace(gan, batch_size=2), StyleSpace(gan, batch_size=64)
    ws = large.sample(5, seed=1)
    np.testing.assert_allclose(small.sample(5, seed=1), ws, atol=1e-6)
    np.testing.assert_array_equal(small.synthesize(ws), large.synthesize(ws))


def test_a_bare_generator_will_do(gan, space):
    own = StyleSpace(gan.ema_generator)
    np.testing.assert_array_equal(own.sample(3, seed=2), space.sample(3, seed=2))
    assert own.image_shape == (16, 16, 3) and own.num_ws == 6 and own.w_size == own.latent_size == 8


def test_truncation_cutoff(space):
    latents = space.sample_latents(3)
    whole, cut = space.map(latents), space.map(latents, truncation=0.0, truncation_cutoff=2)
    np.testing.assert_allclose(cut[:, :2], np.broadcast_to(np.linspace(-0.5, 0.5, 8), [3, 2, 8]), atol=1e-6)
    np.testing.assert_allclose(cut[:, 2:], whole[:, 2:], atol=1e-6)


def test_label_vectors(vector_generator):
    space = StyleSpace(vector_generator)
    vectors = np.eye(2, dtype=np.float32)
    assert space.sample(2, labels=vectors).shape == (2, 6, 4)
    for wrong in (None, [0, 1]):
        with pytest.raises(UserError, match=r"\(2, 2\)"):
            space.sample(2, labels=wrong)


def test_names_of_layers(space):
    assert space.layers(None) == [0, 1, 2, 3, 4, 5]
    assert space.layers("coarse") == [0, 1, 2, 3] and space.layers("middle") == [4, 5]
    assert space.layers((5, 0, 5)) == [0, 5]
    with pytest.raises(UserError, match="Did you mean 'coarse'"):
        space.layers("corse")
    for wrong in ("fine", (6,), (-1,), ()):
        with pytest.raises(UserError, match="from 0 to 5"):
            space.layers(wrong)


def test_refuses(dcgan, space, conditional_gan):
    with pytest.raises(UserError, match="DCGAN has no W space. Use a StyleGAN2"):
        StyleSpace(dcgan)
    with pytest.raises(UserError, match="no classes"):
        space.sample(2, labels=[0, 1])
    with pytest.raises(UserError, match=r"\[count, 6, 8\]"):
        space.synthesize(np.zeros([6, 8]))
    conditional = StyleSpace(conditional_gan)
    for labels, message in (([0, 3], "from 0 to 2"), ([0], "2 integer labels"), ([0.0, 1.0], "float64")):
        with pytest.raises(UserError, match=message):
            conditional.sample(2, labels=labels)


def test_labels_in_turn(gan, dcgan):
    assert labels_in_turn(dcgan, None, 5).tolist() == labels_in_turn(dcgan, "all", 5).tolist() == [0, 1, 2, 0, 1]
    assert labels_in_turn(dcgan, (2, 1), 3).tolist() == [2, 1, 2]
    assert labels_in_turn(gan, None, 3) is None
    with pytest.raises(UserError, match="no classes"):
        labels_in_turn(gan, (1,), 3)
    with pytest.raises(UserError, match="from 0 to 2"):
        labels_in_turn(dcgan, (3,), 3)
