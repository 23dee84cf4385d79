"""SAN heads in the discriminators of the suite and in one's own: what learns, what is saved, what stays of length 1."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.test_case import assert_same_weights, fixed_dataset, random_batch, run_gan_test, run_replica_test
from tfgan_suite.layers.san_dense import SANDense
from tfgan_suite.runs.recipe import check_names
from tfgan_suite.runs.train_config import TrainConfig

SMALL = {
    "dcgan": lambda **k: tg.DCGAN(image_shape=(8, 8, 1), num_classes=3, base_channels=2, latent_size=4, **k),
    "stylegan2": lambda **k: tg.StyleGAN2(
        image_shape=(16, 16, 1), num_classes=3, latent_size=4, w_size=4, num_mapping_layers=1, channel_base=64, **k
    ),
    "biggan": lambda **k: tg.BigGAN(
        image_shape=(32, 32, 1), num_classes=3, base_channels=2, shared_size=4, latent_size=8, **k
    ),
    "progan": lambda **k: tg.ProGAN(image_shape=(8, 8, 1), num_classes=3, latent_size=4, channel_base=16, **k),
    "r3gan": lambda **k: tg.R3GAN(
        image_shape=(8, 8, 1), num_classes=3, latent_size=4, widths=4, groups=2, blocks=1, class_size=3, **k
    ),
    "wavegan": lambda **k: tg.WaveGAN(spec=tg.WaveformSpec((256, 1)), base_channels=2, latent_size=4, **k),
}


def head_of(gan):
    (head,) = [layer for layer in gan.discriminator._flatten_layers() if isinstance(layer, SANDense)]
    return head


def make_dcgan(num_classes=3, rate=0.05, **choices):
    gan = tg.DCGAN(
        image_shape=(8, 8, 1), num_classes=num_classes, base_channels=2, latent_size=4, san_head=True, seed=3
    )
    sgd = {f"{name}_optimizer": keras.optimizers.SGD(rate) for name in ("generator", "discriminator")}
    gan.compile(**{"reuse_fakes": False, **sgd, **choices})
    return gan


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in ("biggan", "stylegan2") else ()) for name in SMALL]
)
def test_it_takes_the_place_of_any_head(name, tmp_path):
    gan = SMALL[name](san_head=True)
    head = head_of(gan)
    classes = {"progan": 1, "wavegan": 1}.get(name, 3)
    assert head.kernel.shape[1] == classes
    # Nothing of the old head is left, but what makes ProGAN's logits of classes.
    paths = [variable.path for variable in gan.discriminator.trainable_variables]
    assert not any(f"/{old}/" in path for path in paths for old in ("score", "linear", "class_vectors", "mapping"))
    if name == "progan":
        assert gan.discriminator.score_dense.kernel.shape[1] == 3
    gan.save(tmp_path / "gan.keras")
    again = tg.load_model(tmp_path / "gan.keras")
    assert again.san_head and again.get_config()["san_head"]
    examples, labels = random_batch(gan, 4)
    np.testing.assert_array_equal(gan.discriminate(examples, labels), again.discriminate(examples, labels))
    network = type(gan.discriminator).from_config(gan.discriminator.get_config())
    assert any(isinstance(layer, SANDense) for layer in network._flatten_layers())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dcgan", "wavegan"])
def test_contract_of_gans_with_it(name, tmp_path):
    def make():
        gan = SMALL[name](san_head=True)
        gan.compile(loss=tg.losses.NonSaturating())  # Under Wasserstein's the bias would cancel out.
        return gan

    run_gan_test(make, tmp_path, batch_size=10 if name == "wavegan" else 8)  # Five updates of the critic there.


@pytest.mark.slow
@pytest.mark.parametrize("name", ["biggan", "progan", "r3gan", "stylegan2"])
def test_a_step_of_every_gan_moves_it(name):
    gan = SMALL[name](san_head=True)
    gan.compile(run_eagerly=True)
    before = head_of(gan).get_weights()
    gan.train_on_batch(*random_batch(gan, 8))
    kernel, scale, _ = head_of(gan).get_weights()
    assert not np.array_equal(kernel, before[0]) and not np.array_equal(scale, before[1])
    np.testing.assert_allclose(np.linalg.norm(kernel, axis=0), 1.0, rtol=1e-5)


def test_a_step_moves_directions_by_the_means_and_keeps_their_length():
    gan = make_dcgan(num_classes=None, loss=tg.losses.Hinge())
    examples, _ = random_batch(gan, 8)
    head = head_of(gan)
    before = np.asarray(head.kernel)
    logs = gan.train_on_batch(examples, return_dict=True)
    gap = float(logs["logits/fake"]) - float(logs["logits/real"])
    assert float(logs["loss/direction"]) == pytest.approx(gap, rel=1e-4, abs=1e-6)
    assert not np.allclose(head.kernel, before, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(head.kernel, axis=0), 1.0, rtol=1e-5)
    # What neither counts for nor learns from it.
    scores = gan.evaluate(fixed_dataset(gan, 8, batches=1), verbose=0, return_dict=True)
    assert "loss/direction" not in scores


def test_penalties_and_the_generator_leave_directions_alone():
    gan = make_dcgan(discriminator_penalties=[tg.penalties.R1(1.0, interval=2)])
    examples, labels = (tf.constant(one) for one in random_batch(gan, 8))
    head = head_of(gan)
    real = tg.penalties.Batch(examples, labels)
    with tf.GradientTape(persistent=True) as tape:
        penalty = tf.reduce_sum(gan.discriminator_penalties[0](gan.discriminate, real, None, None))
        fakes = gan.generator(tf.ones([8, 4]), labels, training=True)
        loss = tf.reduce_sum(
            gan.compute_generator_loss(gan._training_discriminate(tf.constant([0, 1])), fakes, labels, examples, labels)
        )
    assert tape.gradient(penalty, head.kernel) is None and tape.gradient(loss, head.kernel) is None
    assert np.abs(tape.gradient(penalty, head.scale)).max() > 0
    assert max(np.abs(one).max() for one in tape.gradient(loss, gan.generator.trainable_variables)) > 0


@pytest.mark.slow
def test_microbatches_equal_the_whole_batch():
    data = fixed_dataset(make_r3gan(), 8, batches=2)
    gans = []
    for choices in ({}, {"microbatch_size": 4}):
        gans.append(make_r3gan(**choices))
        gans[-1].fit(data, verbose=0)
    assert_same_weights(*gans, tolerance=1e-4)


def make_r3gan(**choices):
    """Without batch normalization, which sees slices."""
    gan = SMALL["r3gan"](san_head=True)
    sgd = {f"{name}_optimizer": keras.optimizers.SGD(0.01) for name in ("generator", "discriminator")}
    gan.compile(**{"augmentation": None, "separate_batches": False, **sgd, **choices})
    return gan


@pytest.mark.slow
def test_two_replicas_equal_one(two_replicas):
    run_replica_test(make_r3gan, two_replicas)


def test_averages_are_of_length_1_again():
    networks = [keras.Sequential([keras.Input([3]), SANDense(seed=seed)]) for seed in (0, 1)]
    average, network = networks
    before, target = (np.asarray(one.layers[0].kernel)[:, 0] for one in networks)
    tg.ExponentialMovingAverage(decay=0.5).update(average, network, tf.constant(0.5))
    mean = 0.5 * (before + target)
    assert np.linalg.norm(mean) < 0.99
    np.testing.assert_allclose(average.layers[0].kernel[:, 0], mean / np.linalg.norm(mean), rtol=1e-5)


def test_a_network_of_ones_own():
    generator = keras.Sequential([keras.Input([4]), keras.layers.Dense(16), keras.layers.Reshape([4, 4, 1])])
    discriminator = keras.Sequential([keras.Input([4, 4, 1]), keras.layers.Flatten(), SANDense()])
    gan = tg.GAN(generator, discriminator)
    gan.compile()
    before = np.asarray(discriminator.layers[-1].kernel)
    history = gan.fit(random_batch(gan, 8)[0], batch_size=4, verbose=0).history
    assert "loss/direction" in history and not np.array_equal(discriminator.layers[-1].kernel, before)
    with pytest.raises(
        ValueError, match="`san_head=True` must go with a discriminator of the suite.*Received: Sequential"
    ):
        tg.GAN(generator, discriminator, san_head=True)


def test_the_command_line_knows_it():
    config = TrainConfig("data/any", "runs/any", preset="dcgan_digits_32", model={"san_head": True})
    assert check_names(config) is tg.DCGAN
    with pytest.raises(tg.UserError, match="no argument of VAE named 'san_head'|san_head"):
        check_names(TrainConfig("data/any", "runs/any", preset="vae", model={"san_head": True}))
