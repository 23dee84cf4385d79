import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.test_case import fixed_dataset
from tfgan_suite.engine.loss_scaling import LossScaling


def make_gan(policy, rate=0.05, **scaling):
    """With penalties of the second order in every step."""
    gan = tg.DCGAN(image_shape=(16, 16, 1), base_channels=4, latent_size=8, dtype=policy)
    optimizers = {name: keras.optimizers.SGD(rate) for name in ("generator_optimizer", "discriminator_optimizer")}
    if scaling:
        optimizers = {name: LossScaling(optimizer, **scaling) for name, optimizer in optimizers.items()}
    gan.compile(**optimizers, discriminator_penalties=[tg.penalties.R1(1.0), tg.penalties.GradientPenalty(1.0)])
    return gan


def test_float16_trains_as_float32_does():
    gans = [make_gan(policy) for policy in ("float32", "mixed_float16")]
    start = [np.asarray(v) for v in gans[0].discriminator.trainable_variables]
    data = fixed_dataset(gans[0], 8, batches=3)
    histories = [gan.fit(data, verbose=0).history for gan in gans]
    assert isinstance(gans[1].generator_optimizer, LossScaling)
    assert not isinstance(gans[0].generator_optimizer, LossScaling)
    moved = difference = 0.0
    for one, other, before in zip(*(gan.discriminator.trainable_variables for gan in gans), start):
        difference = max(difference, np.abs(np.asarray(one) - np.asarray(other)).max())
        moved = max(moved, np.abs(np.asarray(one) - before).max())
    # Little beside what was learned, whatever order a processor adds float16 numbers in: 0.09 to 0.1 of it were seen.
    assert moved > 0.03 and difference < 0.2 * moved
    for name in (
        "gradient_norm/generator",
        "gradient_norm/discriminator",
        "penalty/r1",
    ):  # Norms are without the scale.
        np.testing.assert_allclose(histories[1][name], histories[0][name], rtol=0.03, err_msg=name)


def test_an_overflow_is_left_out_and_halves_the_scale():
    gan = make_gan("mixed_float16", initial_scale=2.0**60)
    before = [np.asarray(v) for v in gan.generator.trainable_variables]
    history = gan.fit(fixed_dataset(gan, 8, batches=2), verbose=0).history
    for variable, old in zip(gan.generator.trainable_variables, before):
        np.testing.assert_array_equal(np.asarray(variable), old)
    assert float(gan.generator_optimizer.dynamic_scale.numpy()) == 2.0**58
    assert np.isfinite(history["gradient_norm/generator"]).all()


def test_all_replicas_leave_out_what_overflows_on_one(two_replicas):
    with two_replicas.scope():
        variable = keras.Variable([1.0, 2.0])
        optimizer = LossScaling(keras.optimizers.SGD(1.0), initial_scale=4.0)
        optimizer.build([variable])

    @tf.function
    def update(bad_replica):
        def apply():
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            bad = tf.equal(replica, bad_replica)
            optimizer.apply([tf.where(bad, [np.inf, 4.0], [4.0, 8.0])], [variable])

        two_replicas.run(apply)

    for bad_replica, expected, scale in ((0, [1.0, 2.0], 2.0), (1, [1.0, 2.0], 1.0), (2, [-7.0, -14.0], 1.0)):
        update(tf.constant(bad_replica))
        np.testing.assert_array_equal(variable.numpy(), expected)
        assert float(optimizer.dynamic_scale.numpy()) == scale


def test_what_is_saved_goes_on(tmp_path):
    gan = make_gan("mixed_float16", initial_scale=2.0**20)
    data = fixed_dataset(gan, 8, batches=2)
    gan.fit(data, verbose=0)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    scales = [float(one.generator_optimizer.dynamic_scale.numpy()) for one in (gan, loaded)]
    assert scales[0] == scales[1] and isinstance(loaded.generator_optimizer, LossScaling)
    for one in (gan, loaded):
        one.fit(data, verbose=0)
    for one, other in zip(gan.variables, loaded.variables):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other), err_msg=one.path)


@pytest.mark.parametrize("policy, scales", [("mixed_bfloat16", False), ("mixed_float16", True)])
def test_who_needs_it(policy, scales):
    """Also networks of one's own."""
    generator = keras.Sequential(
        [keras.Input([4]), keras.layers.Dense(16, dtype=policy), keras.layers.Reshape([4, 4, 1])]
    )
    discriminator = keras.Sequential([keras.Input([4, 4, 1]), keras.layers.Flatten(), keras.layers.Dense(1)])
    gan = tg.GAN(generator, discriminator)
    gan.compile()
    assert isinstance(gan.generator_optimizer, LossScaling) is scales
    assert isinstance(gan.discriminator_optimizer, LossScaling) is scales
