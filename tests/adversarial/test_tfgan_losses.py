import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.metrics.tfgan import load_tfgan
from tfgan_suite import DCGAN, losses
from tfgan_suite.foundation.errors import UserError

REAL = np.array([-2.0, 0.0, 0.5, 3.0], "float32")
FAKE = np.array([1.0, -0.3, 0.2, -4.0], "float32")
SAME = [
    ("wasserstein", losses.Wasserstein()),
    ("wasserstein_hinge", losses.Hinge()),
    ("modified", losses.NonSaturating(label_smoothing=0.125)),  # TF-GAN's 0.25 is shared by both targets.
    ("least_squares", losses.LeastSquares()),
]
PAIRS = [*(name for name, _ in SAME), "minimax", "relativistic"]


def generator_loss(discriminator_gen_outputs):
    return -discriminator_gen_outputs


def discriminator_loss(discriminator_real_outputs, discriminator_gen_outputs):
    return discriminator_gen_outputs - discriminator_real_outputs


def tfgan_pair(module, name, **options):
    functions = [getattr(module, f"{name}_{side}_loss") for side in ("generator", "discriminator")]
    return [functools.partial(function, **options) if options else function for function in functions]


@pytest.mark.parametrize("name, ours", SAME, ids=PAIRS[:4])
def test_ours_are_theirs(name, ours):
    (module,) = load_tfgan("losses.losses_impl")
    generator, discriminator = tfgan_pair(module, name)
    theirs = losses.from_tfgan(generator, discriminator)
    np.testing.assert_allclose(theirs.discriminator_loss(REAL, FAKE), ours.discriminator_loss(REAL, FAKE), rtol=1e-5)
    np.testing.assert_allclose(theirs.generator_loss(FAKE), ours.generator_loss(FAKE), rtol=1e-5)


@pytest.mark.parametrize("name", PAIRS)
def test_every_pair_has_theirs_mean_in_both_forms(name):
    module, tuples = load_tfgan("losses.losses_impl", "losses.tuple_losses")
    generator, discriminator = tfgan_pair(module, name)
    real, fake = tf.constant(REAL), tf.constant(FAKE)
    arguments = (real, fake) if name == "relativistic" else (fake,)
    expected = [float(generator(*arguments)), float(discriminator(real, fake))]
    for pair in ([generator, discriminator], tfgan_pair(tuples, name)):
        loss = losses.from_tfgan(*pair)
        assert loss.uses_real_logits == (pair[0] is not generator or name == "relativistic")
        values = loss.generator_loss(fake, real), loss.discriminator_loss(real, fake)
        assert all(value.shape == [4] for value in values)
        np.testing.assert_allclose([float(tf.reduce_mean(value)) for value in values], expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["minimax", "relativistic"])
def test_trains_and_is_found_again_after_saving(name, tmp_path):
    (module,) = load_tfgan("losses.losses_impl")
    options = {"label_smoothing": 0.1} if name == "minimax" else {}
    gan = DCGAN(image_shape=(16, 16, 1), base_channels=4, latent_size=4)
    gan.compile(loss=losses.from_tfgan(*tfgan_pair(module, name, **options)))
    before = gan.generator.get_weights()
    history = gan.fit(
        np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 1)).astype("float32"), batch_size=4, verbose=0
    )
    assert np.isfinite(history.history["loss/generator"][0])
    assert any((a != b).any() for a, b in zip(before, gan.generator.get_weights()))
    loss = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(gan.adversarial_loss))
    np.testing.assert_array_equal(
        loss.discriminator_loss(REAL, FAKE), gan.adversarial_loss.discriminator_loss(REAL, FAKE)
    )


def test_functions_of_ones_own():
    loss = losses.from_tfgan(generator_loss, discriminator_loss)
    assert not loss.uses_real_logits
    np.testing.assert_allclose(loss.generator_loss(FAKE), -FAKE)
    np.testing.assert_allclose(loss.discriminator_loss(REAL, FAKE), FAKE - REAL)
    of_model = losses.from_tfgan(
        lambda gan_model: tf.reduce_mean(gan_model.discriminator_gen_outputs), discriminator_loss
    )
    np.testing.assert_allclose(of_model.generator_loss(FAKE, REAL), np.full(4, FAKE.mean()), rtol=1e-6)
    with pytest.raises(UserError, match="compile=False"):
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))


def test_functions_of_another_form():
    with pytest.raises(UserError, match="discriminator_gen_outputs, or gan_model. Received arguments: y_true, y_pred"):
        losses.from_tfgan(lambda y_true, y_pred: y_true, discriminator_loss)
    wide = losses.from_tfgan(lambda discriminator_gen_outputs: tf.zeros([4, 1]), discriminator_loss)
    with pytest.raises(UserError, match=r"Received: shape \(4, 1\)"):
        wide.generator_loss(FAKE)
