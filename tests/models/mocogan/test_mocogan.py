"""MoCoGAN: content that stays, motion that goes on, two discriminators, and the contract of every GAN."""

import keras
import numpy as np
import pytest

import tfgan_suite as tg
from tests.test_case import run_gan_test, run_replica_test
from tfgan_suite.models.mocogan.mocogan_discriminator import MoCoGANDiscriminator
from tfgan_suite.models.mocogan.mocogan_generator import MoCoGANGenerator

SPEC = tg.VideoSpec((4, 8, 8, 1))
SMALL = {"content_size": 3, "motion_size": 2, "base_channels": 2, "num_classes": 3}


def test_motion_is_that_of_keras_gru():
    generator = MoCoGANGenerator(SPEC.shape, content_size=3, motion_size=2, base_channels=2, seed=1)
    latents = np.random.default_rng(0).normal(size=[5, 3 + 5 * 2]).astype("float32")
    motion = generator.motion_latents(latents)
    gru = keras.layers.GRU(2, return_sequences=True)
    gru.build([None, 4, 2])
    gru.set_weights(generator.motion.get_weights())
    noise = latents[:, 3:].reshape(5, 5, 2)
    np.testing.assert_allclose(motion, gru(noise[:, 1:], initial_state=np.tanh(noise[:, 0])), atol=1e-6)


def test_equal_motion_draws_equal_frames():
    generator = MoCoGANGenerator(SPEC.shape, content_size=3, motion_size=2, base_channels=2, seed=1)
    latents = np.random.default_rng(0).normal(size=[2, 13]).astype("float32")
    generator(latents)
    generator.motion_latents = lambda latents: np.zeros([2, 4, 2], "float32")
    clips = np.asarray(generator(latents))
    np.testing.assert_allclose(
        clips, np.repeat(clips[:, :1], 4, 1), atol=1e-6
    )  # The content is the same in all of them.
    assert np.abs(clips[0] - clips[1]).max() > 1e-3


def test_what_comes_later_moves_no_earlier_frame():
    generator = MoCoGANGenerator(SPEC.shape, content_size=3, motion_size=2, base_channels=2)
    latents = np.random.default_rng(0).normal(size=[1, 13]).astype("float32")
    changed = latents.copy()
    changed[:, -4:] += 1  # The noise of the last two frames.
    before, after = generator(latents)[0], generator(changed)[0]
    np.testing.assert_array_equal(before[:2], after[:2])
    assert np.abs(before[2] - after[2]).max() > 0


def test_frames_shown_in_training_are_frames_of_the_clip():
    discriminator = MoCoGANDiscriminator(SPEC.shape, base_channels=2, shown_frames=2)
    clips = np.random.default_rng(0).normal(size=[6, *SPEC.shape]).astype("float32")
    shown = np.asarray(discriminator._shown(clips))
    places = set()
    for clip, frames in zip(clips, shown):
        found = [int(np.flatnonzero((clip == frame).all((1, 2, 3)))[0]) for frame in frames]
        assert len(set(found)) == 2
        places.add(tuple(found))
    assert len(places) > 2
    assert discriminator(clips, training=True).shape == (6, 3) and discriminator(clips).shape == (6, 5)


def make_gan(**arguments):
    gan = tg.MoCoGAN(SPEC, **SMALL, shown_frames=4)  # No draw, so that any number of replicas sees the same.
    gan.compile(**arguments)
    return gan


@pytest.mark.slow
def test_contract(tmp_path):
    run_gan_test(make_gan, tmp_path)


@pytest.mark.slow
def test_two_replicas_equal_one(two_replicas):
    def make():
        rates = {f"{name}_optimizer": keras.optimizers.SGD(0.01) for name in ("generator", "discriminator")}
        return make_gan(**rates)

    run_replica_test(make, two_replicas)


@pytest.mark.slow
def test_losses_are_those_of_both_discriminators():
    gan = make_gan(loss=tg.losses.LeastSquares())
    clips = np.random.default_rng(0).uniform(-1, 1, [2, 3, *SPEC.shape]).astype("float32")
    labels = np.arange(3)
    losses, real, fake = gan.compute_discriminator_loss(
        lambda images, labels, score: score(images, labels, training=False), *clips, labels, labels
    )
    parts = [np.asarray(gan.discriminator(images, labels)) for images in clips]
    per_part = gan.adversarial_loss.discriminator_loss(*parts)
    np.testing.assert_allclose(losses, per_part[:, 0] + np.mean(per_part[:, 1:], axis=1), rtol=1e-6)
    np.testing.assert_allclose(real, parts[0][:, 0] + parts[0][:, 1:].mean(1), rtol=1e-5)
    np.testing.assert_allclose(gan.discriminate(clips[1], labels), fake, rtol=1e-5)


def test_other_examples_are_refused():
    with pytest.raises(ValueError, match="must be a VideoSpec"):
        tg.MoCoGAN(tg.ImageSpec((8, 8, 1)))
    with pytest.raises(ValueError, match="size one of 8, 16, 32"):
        tg.MoCoGAN(tg.VideoSpec((4, 8, 12, 1)))


@pytest.mark.slow
def test_presets():
    gan = tg.MoCoGAN.from_preset("mocogan_moving_digits_32", base_channels=2)
    assert gan.spec == tg.VideoSpec((16, 32, 32, 1), 10) and gan.latent_size == 16 + 17 * 16
