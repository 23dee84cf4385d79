import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.adversarial.test_gan import make_gan
from tests.test_case import assert_same_weights, fixed_dataset, run_gan_test, run_replica_test
from tfgan_suite.adversarial.augment import AdaptiveAugmentation

IMAGES = tf.constant(np.random.default_rng(0).uniform(-1, 1, [4, 8, 8, 3]), tf.float32)
SEED = tf.constant([3, 7])


def probability_of(augmentation):
    return float(augmentation.probability.numpy())


def adaptive_gan(transforms="bgc", **training):
    """A tiny pair whose augmentation moves fast: all of its state changes within a few steps."""
    augmentation = AdaptiveAugmentation(transforms, target=0.1, interval=2, speed_images=100, initial_probability=0.4)
    return make_gan(augmentation=augmentation, **training)


def test_controller_by_hand():
    """Mean signs 0.5, 0.75, 1.0 (twice each) against a target of 0.6, 8 images each time, 3 updates an adjustment."""
    augmentation = AdaptiveAugmentation(target=0.6, interval=3, speed_images=1000, initial_probability=0.5)
    expected = 0.5
    signs = [0.5, 0.75, 0.25, 1.0, 0.75, 0.5, 0.75, 0.75, 0.25]
    for step, mean_sign in enumerate(signs):
        num_negative = round(8 * (1 - mean_sign) / 2)
        magnitudes = np.random.default_rng(step).uniform(0.1, 50, 8)
        logits = magnitudes * np.repeat([-1.0, 1.0], [num_negative, 8 - num_negative])
        augmentation.update(tf.constant(logits, tf.float32))
        if (step + 1) % 3 == 0:
            expected += np.sign(np.mean(signs[step - 2 : step + 1]) - 0.6) * 24 / 1000
        np.testing.assert_allclose(probability_of(augmentation), expected, rtol=1e-6)
    # 0.5 is below, 0.75 above, 0.5833 below.
    np.testing.assert_allclose(expected, 0.5 - 24 / 1000)


@pytest.mark.parametrize("sign, bound", [(1.0, 1.0), (-1.0, 0.0)])
def test_probability_keeps_its_bounds(sign, bound):
    augmentation = AdaptiveAugmentation(interval=1, speed_images=20, initial_probability=0.5)
    seen = []
    for _ in range(4):
        augmentation.update(tf.fill([8], sign))
        seen.append(probability_of(augmentation))
    np.testing.assert_allclose(seen, [0.5 + sign * 0.4, bound, bound, bound], atol=1e-6)


def test_a_fixed_probability_stays():
    augmentation = AdaptiveAugmentation(target=None, initial_probability=0.3)
    for _ in range(8):
        augmentation.update(tf.ones([8]))
    np.testing.assert_allclose(probability_of(augmentation), 0.3, rtol=1e-6)
    assert int(augmentation.updates.numpy()) == 0


def test_calls_the_pipeline_with_its_probability():
    augmentation = AdaptiveAugmentation("bgcfnc")
    np.testing.assert_array_equal(augmentation(IMAGES, SEED), IMAGES)
    augmentation.probability.assign(1.0)
    outputs = augmentation(IMAGES, SEED)
    assert outputs.shape == IMAGES.shape and np.abs(outputs - IMAGES).max(axis=(1, 2, 3)).min() > 0.1
    np.testing.assert_array_equal(augmentation(IMAGES, SEED), outputs)
    assert np.abs(outputs - augmentation(IMAGES, SEED + 1)).max() > 0.1


def test_mixed_precision_stays_float32():
    augmentation = AdaptiveAugmentation(initial_probability=1.0, dtype="mixed_bfloat16")
    outputs = augmentation(tf.cast(IMAGES, tf.bfloat16), SEED)
    assert outputs.dtype == tf.float32
    rounded = tf.cast(tf.cast(IMAGES, tf.bfloat16), tf.float32)
    np.testing.assert_array_equal(outputs, augmentation(rounded, SEED))


def test_in_a_gan(tmp_path):
    """Its state is saved with the model, and going on equals not having stopped, to the bit."""
    run_gan_test(lambda: adaptive_gan(discriminator_penalties=[tg.penalties.R1(1.0, interval=2)]), tmp_path)


def test_saved_state(tmp_path):
    gan = adaptive_gan()
    gan.fit(fixed_dataset(gan, 8, batches=3), verbose=0)
    assert probability_of(gan.augmentation) != pytest.approx(0.4)
    assert int(gan.augmentation.updates.numpy()) == 3 and gan.augmentation.tally.numpy()[1] == 8
    gan.save(tmp_path / "gan.keras")
    again = keras.models.load_model(tmp_path / "gan.keras")
    assert again.augmentation.get_config() == gan.augmentation.get_config()
    assert_same_weights(gan.augmentation, again.augmentation)
    assert any(variable is gan.augmentation.probability for variable in gan.variables)


def test_two_replicas_equal_one(two_replicas):
    def make():
        return adaptive_gan(["x_flip", "contrast", "noise"], steps_per_execution=2)

    run_replica_test(make, two_replicas, steps=4, tolerance=5e-5)


def test_how_it_runs_does_not_change_what_it_computes():
    plain, compiled = (adaptive_gan(["contrast", "noise"], jit_compile=jit_compile) for jit_compile in (False, True))
    data = fixed_dataset(plain, 8, batches=4)
    plain.fit(data, verbose=0), compiled.fit(data, verbose=0)
    assert probability_of(plain.augmentation) == probability_of(compiled.augmentation)
    assert_same_weights(plain, compiled, tolerance=1e-3)


@pytest.mark.parametrize(
    "arguments",
    [
        {"target": 1.0},
        {"interval": 0},
        {"speed_images": 0},
        {"initial_probability": 1.5},
        {"transforms": ["blit", "gloss"]},
    ],
)
def test_refuses_nonsense(arguments):
    with pytest.raises(ValueError, match="must be"):
        AdaptiveAugmentation(**arguments)
