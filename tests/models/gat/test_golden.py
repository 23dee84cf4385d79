"""GAT against the numbers of the authors' code: networks, truncation, guidance, noise, penalties, losses, gradients."""

import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.golden_vectors import assert_near, channels_last, load_golden, part_of
from tfgan_suite.adversarial.penalties import Batch
from tfgan_suite.checkpoints.gat_state import gat_from_state, gat_state, load_gat_state
from tfgan_suite.models.gat.image_positions import position_codes, rotation_angles
from tfgan_suite.models.gat.level_noise import add_noise, noise_deviations


@pytest.fixture(scope="module")
def golden():
    return load_golden("frontier/gat_16_cond10")


@pytest.fixture(scope="module")
def model(golden):
    generator, discriminator = gat_from_state(part_of(golden, "G/"), part_of(golden, "D/"))
    names = ("image_shape", "num_classes", "latent_size", "patch_size", "width", "depth", "num_heads", "num_levels")
    config = {name: getattr(generator, name) for name in names}
    assert config["image_shape"] == (16, 16, 3) and config["num_heads"] == 4 and config["num_levels"] == 4
    model = tg.GAT(**config, class_map_size=discriminator.class_map_size)
    for network, prefix in ((model.generator, "G/"), (model.ema_generator, "G/"), (model.discriminator, "D/")):
        load_gat_state(network, part_of(golden, prefix))
    return model


def levels_of(stacked):
    """A list of images [batch, height, width, channels] of an array [levels, batch, channels, height, width]."""
    return [channels_last(level) for level in stacked]


def channels_first(images):
    return np.transpose(images, [0, 3, 1, 2])


def assert_gradients(gradients, expected):
    assert set(gradients) == set(expected)
    for name, gradient in gradients.items():
        distance = np.linalg.norm(gradient - expected[name])
        # A constant added to all logits changes nothing, so that of the last bias is 0 but for rounding.
        assert distance <= 1e-3 * max(np.linalg.norm(expected[name]), 1e-6), name


def test_positions(golden):
    assert_near(position_codes(8, 8, 48)[None], golden["G/pos_embed"], 1e-6)
    angles = np.repeat(rotation_angles(8, 8, 12), 2, axis=1)  # One for both of a pair.
    assert_near(np.cos(angles), golden["G/rope_cos"], 1e-6)
    assert_near(np.sin(angles), golden["G/rope_sin"], 1e-6)
    assert not rotation_angles(8, 8, 12, others=1)[0].any()


def test_images_truncated_and_guided(golden, model):
    latents, labels = golden["in/z"], golden["in/labels"]
    styles = model.generator.map(latents, labels)
    assert_near(styles, golden["out/w"])
    for level, expected in zip(model.generator.synthesize_levels(styles), golden["out/images_multilevel"]):
        assert_near(channels_first(level), expected)
    assert_near(channels_first(model(latents, labels)), golden["out/images_multilevel"][-1])
    # The reference's psi of 0.4 is how far it goes toward the average.
    truncated = model(latents, labels, truncation=0.6)
    assert_near(channels_first(truncated), golden["out/image_psi0.4_towards_class_average"])
    guided = model(latents, labels, guidance=tf.fill([4], 1.5))
    assert_near(channels_first(guided), golden["out/image_guidance1.5_feature_axis"])
    assert np.abs(channels_first(guided) - golden["out/image_guidance1.5_as_published"]).max() > 0.01


def test_noise(golden):
    assert_near(noise_deviations(4), golden["out/noise_levels"], 1e-6)
    # The file's draws stand in the order of their use, the cleanest level first.
    for side, levels in (
        ("fake", golden["out/images_multilevel"]),
        ("real", np.stack([golden["in/real"]] * 4)),
    ):
        noised = add_noise(levels_of(levels), levels_of(golden[f"in/noise_{side}"][::-1]))
        for own, expected in zip(noised, golden[f"out/noised_{side}"]):
            assert_near(channels_first(own), expected, 1e-6)


def discriminator_of(golden, model):
    """What `GAN` calls, with the file's noise in the place of draws."""

    def discriminate(images, labels):
        levels = tf.split(images, images.shape[-1] // 3, axis=-1)
        side = "real" if len(levels) == 1 else "fake"
        draws = levels_of(golden[f"in/noise_{side}"][::-1])
        return model.discriminate(
            tf.concat(add_noise(levels * (4 // len(levels)), draws), axis=-1), labels, training=True
        )

    return discriminate


def test_generator_loss_and_gradients(golden, model):
    labels, discriminate = golden["in/labels"], discriminator_of(golden, model)
    real_logits = discriminate(channels_last(golden["in/real"]), labels)
    with tf.GradientTape() as tape:
        styles = model.generator.map(golden["in/z"], labels)
        fakes = tf.concat(model.generator.synthesize_levels(styles), axis=-1)
        fake_logits = discriminate(fakes, labels)
        losses = tg.losses.Relativistic().generator_loss(fake_logits, real_logits)
        loss = tf.reduce_mean(losses)
    assert_near(fake_logits, golden["out/D_fake"][:, 0])
    assert_near(real_logits, golden["out/D_real"][:, 0])
    assert_near(losses, golden["out/G_loss_per_image"], 1e-4)
    gradients = gat_state(model.generator, tape.gradient(loss, model.generator.trainable_variables))
    expected = part_of(golden, "grad_G/")
    unused = {name for name in expected if name.startswith("x_embedder.")}
    assert unused and not any(expected[name].any() for name in unused)
    assert_gradients(gradients, {name: value for name, value in expected.items() if name not in unused})


def test_discriminator_loss_penalties_and_gradients(golden, model, monkeypatch):
    labels, discriminate = golden["in/labels"], discriminator_of(golden, model)
    real = channels_last(golden["in/real"])
    fakes = tf.concat(levels_of(golden["out/images_multilevel"]), axis=-1)
    perturbations = {3: golden["in/perturb_real"][None], 12: golden["in/perturb_fake"]}
    monkeypatch.setattr(
        "tfgan_suite.adversarial.penalties.normal",
        lambda shape, seed: tf.concat(levels_of(perturbations[shape[-1]]), axis=-1),
    )
    real_side, fake_side = Batch(real, labels), Batch(fakes, labels)
    with tf.GradientTape() as tape:
        seed = tf.constant([0, 1])
        r1 = tg.penalties.ApproximateR1(0.1)(discriminate, real_side, fake_side, seed)
        r2 = tg.penalties.ApproximateR2(0.1)(discriminate, real_side, fake_side, seed)
        losses = tg.losses.Relativistic().discriminator_loss(discriminate(real, labels), discriminate(fakes, labels))
        loss = tf.reduce_mean(losses + r1 + r2)
    assert_near(losses, golden["out/D_adv_per_image"], 1e-4)
    assert_near(r1, 0.05 * golden["out/r1_approx"], 3e-3)  # Of images a hundredth apart, in float32.
    assert_near(r2, 0.05 * golden["out/r2_approx"], 3e-3)
    assert_near(loss, golden["out/D_loss_gamma0.1"], 1e-4)
    gradients = gat_state(model.discriminator, tape.gradient(loss, model.discriminator.trainable_variables))
    assert_gradients(gradients, part_of(golden, "grad_D/"))


def test_official_names_there_and_back(golden):
    generator, discriminator = gat_from_state(part_of(golden, "G/"), part_of(golden, "D/"), seed=5)
    for network, prefix in ((generator, "G/"), (discriminator, "D/")):
        for name, array in gat_state(network).items():
            np.testing.assert_array_equal(array, golden[prefix + name], err_msg=name)
    with pytest.raises(tg.UserError, match="`depth` is told by the weights: 4"):
        gat_from_state(part_of(golden, "G/"), depth=8)
    with pytest.raises(tg.UserError, match="are those of no GAT. Expected blocks.0.attn.qkv.weight"):
        gat_from_state(part_of(golden, "in/"))
    state = part_of(golden, "G/")
    del state["final_layers.2.linear.bias"]
    with pytest.raises(tg.UserError, match="Missing: final_layers.2.linear.bias"):
        gat_from_state(state)
