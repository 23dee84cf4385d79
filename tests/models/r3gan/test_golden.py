"""R3GAN against the numbers of the authors' code: networks, penalties, losses, gradients, and three whole iterations."""

import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.golden_vectors import assert_near, channels_last, load_golden, part_of
from tfgan_suite.adversarial.penalties import Batch
from tfgan_suite.checkpoints.r3gan_state import load_r3gan_state, r3gan_from_state, r3gan_state
from tfgan_suite.engine.schedule import CosineSchedule

CASES = {"r3gan_16_uncond": 2.0, "r3gan_32_cond10": 0.05}


def golden_and_model(name):
    golden = load_golden(f"frontier/{name}")
    generator, discriminator = r3gan_from_state(part_of(golden, "G/"), part_of(golden, "D/"))
    names = ("image_shape", "num_classes", "latent_size", "widths", "groups", "blocks", "expansion")
    config = {key: getattr(generator, key) for key in names}
    model = tg.R3GAN(**config, class_size=generator.class_size)
    for network, prefix in (
        (model.generator, "G/"),
        (model.ema_generator, "G/"),
        (model.discriminator, "D/"),
    ):
        load_r3gan_state(network, part_of(golden, prefix))
    return golden, model


def labels_of(one_hot):
    return None if one_hot is None else tf.constant(np.argmax(one_hot, axis=1), tf.int32)


@pytest.mark.parametrize("name", CASES)
def test_networks_losses_and_gradients(name):
    golden, model = golden_and_model(name)
    gamma = CASES[name]
    labels, latents = labels_of(golden.get("in/y")), tf.constant(golden["in/z"])
    real = channels_last(golden["in/real"])
    generator, discriminator = model.generator, model.discriminator

    with tf.GradientTape() as tape:
        fakes = model.generate_fakes(latents, labels, None)
        real_logits, fake_logits = model.discriminate(real, labels), model.discriminate(fakes, labels)
        generator_losses = tg.losses.Relativistic().generator_loss(fake_logits, real_logits)
        generator_loss = tf.reduce_mean(generator_losses)
    assert_near(tf.transpose(fakes, [0, 3, 1, 2]), golden["out/img"])
    assert_near(real_logits, golden["out/D_real"])
    assert_near(fake_logits, golden["out/D_fake"])
    assert_near(generator_losses, golden["out/G_adv_per_image"], 1e-4)
    gradients = r3gan_state(generator, tape.gradient(generator_loss, generator.trainable_variables))
    assert_gradients(gradients, part_of(golden, "grad_G/"))

    fakes = tf.constant(fakes)
    with tf.GradientTape() as tape:
        real_side, fake_side = Batch(real, labels), Batch(fakes, labels)
        r1 = tg.penalties.R1(gamma)(model.discriminate, real_side, fake_side, None)
        r2 = tg.penalties.R2(gamma)(model.discriminate, real_side, fake_side, None)
        losses = tg.losses.Relativistic().discriminator_loss(
            model.discriminate(real, labels), model.discriminate(fakes, labels)
        )
        loss = tf.reduce_mean(losses + r1 + r2)
    assert_near(r1, 0.5 * gamma * golden["out/r1"], 1e-4)
    assert_near(r2, 0.5 * gamma * golden["out/r2"], 1e-4)
    assert_near(losses, golden["out/D_adv_per_image"], 1e-4)
    assert_near(loss, golden["out/D_loss"], 1e-4)
    gradients = r3gan_state(discriminator, tape.gradient(loss, discriminator.trainable_variables))
    assert_gradients(gradients, part_of(golden, "grad_D/"))


def assert_gradients(gradients, expected):
    assert set(gradients) == set(expected)
    for name, gradient in gradients.items():
        distance = np.linalg.norm(gradient - expected[name])
        assert distance <= 1e-3 * np.linalg.norm(expected[name]), name


@pytest.mark.parametrize("name", CASES)
def test_three_iterations(name, monkeypatch):
    golden, model = golden_and_model(name)
    gamma, images = CASES[name], 40_000  # Two read images for each that the reference counts.

    def adam():
        return tg.Adam(
            CosineSchedule(1e-3, 2.5e-4, images),
            beta_1=0.0,
            beta_2=CosineSchedule(0.9, 0.99, images),
            epsilon=1e-8,
            epsilon_hat=False,
        )

    weight = CosineSchedule(gamma, gamma / 10, images)
    model.compile(
        generator_optimizer=adam(),
        discriminator_optimizer=adam(),
        discriminator_penalties=[tg.penalties.R1(weight), tg.penalties.R2(weight)],
        ema=tg.ExponentialMovingAverage(CosineSchedule(0.0, 1000.0, images), rampup_ratio=None),
        augmentation=None,
        run_eagerly=True,
    )
    monkeypatch.setattr(model, "draw_latents", lambda batch_size, seed: next(given))
    schedule = golden["steps/out/schedule_nimg_lr_beta2_gamma_ema_emabeta"]
    model.refuses_out_of_range = False  # The file's real images are normal numbers.
    model.examples_seen.assign(2 * int(schedule[0, 0]))
    for index in range(3):
        step = {
            (kind, player): golden.get(f"steps/in/{kind}_{player}{index}")
            for kind in ("z", "real", "label")
            for player in "DG"
        }
        given = iter([(tf.constant(step["z", player]), step["label", player]) for player in "DG"])
        # The discriminator takes the even rows, the generator the odd ones.
        real = np.stack([step["real", player] for player in "DG"], axis=1)
        batch = [channels_last(real.reshape([-1, *real.shape[2:]]))]
        if model.num_classes is not None:
            labels = np.stack([step["label", player] for player in "DG"], axis=1)
            batch.append(tf.constant(labels.reshape(-1), tf.int32))
        assert float(model.optimizers["generator"].learning_rate) == pytest.approx(schedule[index, 1], rel=1e-5)
        model.reset_metrics()
        logs = model.train_on_batch(*batch, return_dict=True)
        names = ("loss/discriminator", "penalty/r1", "penalty/r2")
        expected = golden[f"steps/out/losses_DG{index}"]
        assert sum(float(logs[name]) for name in names) == pytest.approx(expected[0], rel=1e-3)
        assert float(logs["loss/generator"]) == pytest.approx(expected[1], rel=1e-3)

    latents, labels = tf.constant(golden["in/z"]), labels_of(golden.get("in/y"))
    for network, key in ((model.generator, "steps/out/img"), (model.ema_generator, "steps/out/img_ema")):
        inputs = (latents,) if labels is None else (latents, labels)
        assert_near(tf.transpose(network(*inputs), [0, 3, 1, 2]), golden[key], 1e-3)
    assert_near(model.discriminate(channels_last(golden["in/real"]), labels), golden["steps/out/D_real"], 1e-3)
    for name, weight in part_of(golden, "steps/G_after/").items():
        own = r3gan_state(model.generator)[name]
        assert np.linalg.norm(own - weight) <= 1e-3 * max(np.linalg.norm(weight), 1e-3), name
