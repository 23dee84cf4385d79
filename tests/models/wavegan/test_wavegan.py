"""WaveGAN: the paper's networks, phase shuffle, the contract of every GAN, and sound at the edge."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.test_case import run_gan_test, run_replica_test
from tfgan_suite.layers.phase_shuffle import PhaseShuffle

SPEC = tg.WaveformSpec((256, 1), sample_rate_hz=8000)


def test_parameter_counts():
    """Of tables 3 and 4 at d = 64, z of 100 and one channel: kernels and biases, layer by layer."""
    gan = tg.WaveGAN()
    widths = [1024, 512, 256, 128, 64, 1]
    generator = 100 * 16 * 1024 + 16 * 1024 + sum(25 * a * b + b for a, b in zip(widths, widths[1:]))
    discriminator = sum(25 * a * b + a for a, b in zip(widths, widths[1:])) + 16 * 1024 + 1
    assert gan.generator.count_params() == generator == 19_065_345
    weights = sum(int(np.prod(variable.shape)) for variable in gan.discriminator.trainable_variables)
    assert weights == discriminator == 17_427_969


def test_phase_shuffle_shifts_and_reflects():
    inputs = np.arange(8, dtype="float32").reshape([1, 8, 1])
    layer = PhaseShuffle(2, seed=0)
    seen = {tuple(np.asarray(layer(inputs, training=True))[0, :, 0].astype(int)) for _ in range(60)}
    assert seen == {
        (2, 1, 0, 1, 2, 3, 4, 5), (1, 0, 1, 2, 3, 4, 5, 6), (0, 1, 2, 3, 4, 5, 6, 7),
        (1, 2, 3, 4, 5, 6, 7, 6), (2, 3, 4, 5, 6, 7, 6, 5),
    }  # fmt: skip
    np.testing.assert_array_equal(layer(inputs), inputs)
    with pytest.raises(ValueError, match="longer than max_shift=2"):
        PhaseShuffle(2)(np.zeros([1, 2, 1], "float32"))


def test_phase_shuffle_has_second_derivatives_in_xla():
    layer, kernel = PhaseShuffle(2, seed=0), tf.Variable(tf.random.normal([5, 1, 2], seed=1))

    @tf.function(jit_compile=True)
    def gradient_of_penalty(samples):
        with tf.GradientTape() as outer:
            with tf.GradientTape() as tape:
                tape.watch(samples)
                features = layer(tf.nn.conv1d(samples, kernel, 2, "SAME"), training=True)
                score = tf.reduce_sum(tf.nn.leaky_relu(features) ** 2)
            norm = tf.reduce_sum(tape.gradient(score, samples) ** 2)
        return outer.gradient(norm, kernel)

    assert np.abs(gradient_of_penalty(tf.random.normal([2, 16, 1], seed=2))).max() > 0


def make_gan(**arguments):
    gan = tg.WaveGAN(SPEC, latent_size=4, base_channels=2)
    gan.compile(**{"discriminator_steps": 2, **arguments})
    return gan


@pytest.mark.slow
def test_contract(tmp_path):
    # Of the paper's loss the last bias has no gradient, real and fake cancelling: here every weight has to move.
    run_gan_test(lambda: make_gan(loss=tg.losses.NonSaturating()), tmp_path)


def test_a_step_of_the_papers():
    gan = make_gan()
    real = np.random.default_rng(0).uniform(-1, 1, [8, *SPEC.shape]).astype("float32")
    history = gan.fit(real, batch_size=4, verbose=0).history
    assert np.isfinite([values[-1] for values in history.values()]).all() and history["penalty/gradient_penalty"][0] > 0


@pytest.mark.slow
def test_two_replicas_equal_one(two_replicas):
    def without_shuffle():
        gan = tg.WaveGAN(SPEC, latent_size=4, base_channels=2, max_shift=0)
        gan.compile(
            generator_optimizer=keras.optimizers.SGD(0.01),
            discriminator_optimizer=keras.optimizers.SGD(0.01),
            discriminator_steps=2,
        )
        return gan

    run_replica_test(without_shuffle, two_replicas)


def test_the_papers_training():
    gan = tg.WaveGAN(SPEC, base_channels=2)
    gan.compile()
    assert isinstance(gan.adversarial_loss, tg.losses.Wasserstein) and gan.discriminator_steps == 5
    (penalty,) = gan.discriminator_penalties
    assert type(penalty) is tg.penalties.GradientPenalty and penalty.weight == 10
    assert (gan.optimizers["generator"].beta_1, gan.optimizers["generator"].beta_2) == (0.5, 0.9)


@pytest.mark.parametrize("num_samples", [255, 64, 16_000, 32_768])
def test_lengths_that_are_refused(num_samples):
    with pytest.raises(ValueError, match="256, 1,024, 4,096, 16,384, 65,536"):
        tg.WaveGAN(tg.WaveformSpec((num_samples, 1)), base_channels=1)


def test_other_examples_are_refused():
    with pytest.raises(ValueError, match="representation='waveform'"):
        tg.WaveGAN(tg.LogMelSpec((64, 64, 1)))


def test_presets():
    gan = tg.WaveGAN.from_preset("wavegan_spoken_digits_4096", base_channels=2)
    assert gan.spec == tg.WaveformSpec((4096, 1), 8000)
    assert gan.spec.to_file(gan.generate(1)[0])[:4] == b"RIFF"
