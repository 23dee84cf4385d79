"""ProGAN as a model: its step at a level, its losses, its state, its presets."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.golden_vectors import channels_last, load_golden, part_of
from tests.models.progan.test_progan_parity import networks_of
from tests.test_case import random_batch, run_gan_test, run_replica_test
from tfgan_suite import losses, penalties
from tfgan_suite.adversarial.gan import GAN
from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.schedule import LinearSchedule
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.models.progan.image_pyramid import reduce
from tfgan_suite.models.progan.progan import ProGAN
from tfgan_suite.models.progan.progan_presets import PRESETS
from tfgan_suite.models.progan.progan_schedule import ProGANPhase, ProGANSchedule

TINY = {"latent_size": 6, "channel_base": 32, "max_channels": 8, "minibatch_stddev_group_size": 4}


def make(size=8, num_classes=None, schedule=None, **compile_arguments):
    gan = ProGAN(image_shape=(size, size, 3), num_classes=num_classes, schedule=schedule, seed=3, **TINY)
    gan.compile(**compile_arguments)
    return gan


def make_phase(level, size, fades=False, first_image=0, end_image=32, learning_rate=0.001):
    return ProGANPhase(
        level=level,
        size=size,
        fades=fades,
        first_image=first_image,
        end_image=end_image,
        batch_size=8,
        learning_rate=learning_rate,
    )


@pytest.mark.parametrize("num_classes", [pytest.param(None, marks=pytest.mark.slow), 3])
def test_contract(num_classes, tmp_path):
    """At one level, so that every weight takes part."""
    run_gan_test(lambda: make(4, num_classes), tmp_path)


@pytest.mark.parametrize("num_classes", [pytest.param(None, marks=pytest.mark.slow), 3])
def test_two_replicas_equal_one_within_a_fade(num_classes, two_replicas):
    def make_in_a_fade():
        gan = make(
            num_classes=num_classes,
            generator_optimizer=keras.optimizers.SGD(0.01),
            discriminator_optimizer=keras.optimizers.SGD(0.01),
        )
        gan.begin_phase(make_phase(0, 8, fades=True, end_image=48, learning_rate=0.01))
        return gan

    run_replica_test(make_in_a_fade, two_replicas, batch_size=16, steps=2, tolerance=1e-4)


class _MixedByHand(penalties.GradientPenalty):
    """The gradient penalty with given places between real and fake images."""

    def __init__(self, mixing):
        super().__init__(10.0)
        self.mixing = mixing

    def __call__(self, discriminate, real, fake, seed):
        mixed_images = real.images + (fake.images - real.images) * self.mixing
        squared_norms = penalties._squared_gradient_norms(discriminate, mixed_images, real.labels)
        return self.weight * tf.square(tf.sqrt(squared_norms) - 1.0)


@pytest.mark.parametrize("name, lod", [("16", "0.35"), ("16", "1"), ("32", "1.6")])
def test_the_papers_loss_on_images_of_a_levels_own_size(name, lod):
    """Gradients by small images, lengths as of those by images at full size."""
    golden = load_golden(f"progan_{name}")
    expected = part_of(golden, f"lod{lod}/")
    generator, discriminator, (latents, labels, real_images, mixing) = networks_of(golden)
    gan = ProGAN(generator=generator, discriminator=discriminator)
    gan.compile()
    level = int(float(lod))
    fade = float(lod) - level
    gan.begin_phase(make_phase(level, gan.image_shape[0] >> level, fade > 0, first_image=-100, end_image=0))
    gan.examples_seen.assign(-round(100 * fade))
    assert abs(gan._fade() - fade) < 1e-6

    fake_images = gan.generate_fakes(latents, labels, None)
    assert fake_images.shape[1] == gan.image_shape[0] >> level
    real_images = reduce(real_images, 2**level)
    losses, real_logits, _ = GAN.compute_discriminator_loss(  # In the files it is without that of the classes.
        gan,
        gan._training_discriminate(tf.zeros([2], tf.int32)),
        real_images,
        fake_images,
        labels,
        labels,
    )
    real, fake = penalties.Batch(real_images, labels, real_logits), penalties.Batch(fake_images, labels)
    for penalty in (_MixedByHand(mixing), penalties.Drift(0.001)):
        losses += gan._penalize(penalty, real, fake, tf.zeros([2], tf.int32))
    np.testing.assert_allclose(losses, expected["D_loss"].reshape(-1), rtol=1e-4)


def test_losses_of_the_classes():
    """Cross-entropy of the guesses, for the discriminator on real and generated images, for the generator on its own."""
    gan = make(num_classes=3)
    images, labels = (tf.constant(part) for part in random_batch(gan, 8))
    fakes, fake_labels = tf.constant(random_batch(gan, 8, seed=1)[0]), tf.constant([0, 1, 2, 0, 1, 2, 0, 1])
    discriminate = gan._training_discriminate(tf.zeros([2], tf.int32))

    def cross_entropy(images, labels):
        class_logits = gan.discriminator.score(images)[1].numpy().astype("float64")
        return np.log(np.exp(class_logits).sum(axis=1)) - class_logits[np.arange(8), labels]

    values, real_logits, fake_logits = gan.compute_discriminator_loss(discriminate, images, fakes, labels, fake_labels)
    expected = fake_logits - real_logits + cross_entropy(images, labels) + cross_entropy(fakes, fake_labels)
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)
    values = gan.compute_generator_loss(discriminate, fakes, fake_labels, images, labels)
    np.testing.assert_allclose(values, -fake_logits + cross_entropy(fakes, fake_labels), rtol=1e-4, atol=1e-5)


def test_real_images_fade_too():
    gan = make()
    gan.begin_phase(make_phase(0, 8, fades=True))
    images = tf.constant(random_batch(gan, 2)[0])
    gan.examples_seen.assign(24)
    coarse = np.kron(reduce(images), np.ones([1, 2, 2, 1]))
    np.testing.assert_allclose(gan.unpack(images)[0], 0.75 * images + 0.25 * coarse, atol=1e-6)
    gan.begin_phase(make_phase(0, 8))
    np.testing.assert_array_equal(gan.unpack(images)[0], images)
    gan.begin_phase(make_phase(1, 4))
    with pytest.raises(ValueError, match=r"images of shape \(4, 4, 3\)"):
        gan.unpack(images)


def test_logistic_loss_with_r1():
    gan = make(loss=losses.NonSaturating(), discriminator_penalties=[penalties.R1(10.0)], run_eagerly=True)
    gan.begin_phase(make_phase(1, 4))
    history = gan.fit(np.full([8, 4, 4, 3], 0.5, "float32"), batch_size=8, verbose=0).history
    assert 1.0 < history["loss/discriminator"][0] < 2.0 and history["penalty/r1"][0] > 0


def test_evaluation_within_a_phase():
    gan = make(num_classes=3, run_eagerly=True)
    gan.begin_phase(make_phase(1, 4))
    images, labels = random_batch(gan, 8)
    scores = gan.evaluate(reduce(tf.constant(images)), labels, batch_size=8, verbose=0, return_dict=True)
    assert np.isfinite(list(scores.values())).all()


def test_what_is_generated_follows_the_level(tmp_path):
    gan = make(size=16)
    whole = gan.generate(2)
    gan.begin_phase(make_phase(2, 4))
    coarse = gan.generate(2)
    np.testing.assert_array_equal(coarse, np.kron(coarse[:, ::4, ::4], np.ones([1, 4, 4, 1])))
    gan.examples_seen.assign(8)
    gan.begin_phase(make_phase(1, 8, fades=True))
    assert float(gan.level_of_detail.numpy()) == 1.75
    between = gan.generate(2)
    np.testing.assert_array_equal(between, np.kron(between[:, ::2, ::2], np.ones([1, 2, 2, 1])))
    assert not np.array_equal(between, coarse) and not np.array_equal(between, whole)
    gan.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras").generate(2), between)
    gan.begin_phase(make_phase(0, 16))
    np.testing.assert_array_equal(gan.generate(2), whole)


def test_optimizers_start_afresh_on_a_new_level_only():
    gan = make(run_eagerly=True)
    batch = np.full([8, 4, 4, 3], 0.5, "float32")
    gan.begin_phase(make_phase(1, 4, learning_rate=0.002))
    gan.fit(batch, batch_size=8, verbose=0)
    state = [np.asarray(variable) for variable in gan.discriminator_optimizer.variables]
    assert any(np.abs(value).max() > 0.01 for value in state[2:])
    gan.begin_phase(make_phase(1, 4, learning_rate=0.002))
    for variable, value in zip(gan.discriminator_optimizer.variables, state):
        np.testing.assert_array_equal(np.asarray(variable), value)
    gan.begin_phase(make_phase(0, 8, fades=True, learning_rate=0.003))
    for optimizer in (gan.generator_optimizer, gan.discriminator_optimizer):
        assert abs(float(optimizer.learning_rate) - 0.003) < 1e-9 and int(optimizer.iterations) == 0
        assert all(not np.asarray(variable).any() for variable in optimizer.variables[2:])


def test_phases_refuse_a_scheduled_rate():
    gan = make()
    phases = gan.training_phases()
    gan.compile(generator_optimizer=Adam(LinearSchedule(1e-3, 0.0, 100)))
    for refused in (gan.training_phases, lambda: gan.begin_phase(phases[0])):
        with pytest.raises(UserError, match="`generator_optimizer` must have a constant learning rate.*ProGANSchedule"):
            refused()


def test_truncation_is_refused():
    gan = make()
    with pytest.raises(UserError, match="cannot truncate"):
        gan.generate(2, truncation=0.5)


def test_the_papers_training():
    gan = make()
    for optimizer in (gan.generator_optimizer, gan.discriminator_optimizer):
        np.testing.assert_allclose(
            [float(optimizer.learning_rate), optimizer.beta_1, optimizer.beta_2, optimizer.epsilon],
            [0.001, 0.0, 0.99, 1e-8],
            rtol=1e-6,
        )
    gradient_penalty, drift = gan.discriminator_penalties
    assert (gradient_penalty.weight, gradient_penalty.target, drift.weight) == (10.0, 1.0, 0.001)
    assert type(gan.adversarial_loss) is losses.Wasserstein and gan.ema.decay == 0.999
    assert gan.discriminator.minibatch_stddev_grouping == "contiguous"


def test_phases_of_a_run():
    schedule = {"stable_images": 40, "fade_images": 20, "batch_sizes": {"4": 8}, "learning_rates": {8: 0.002}}
    gan = make(schedule=schedule)
    phases = gan.training_phases()
    assert [(phase.size, phase.batch_size, phase.end_image) for phase in phases] == [
        (4, 8, 40),
        (8, 16, 60),
        (8, 16, 100),
    ]
    assert [phase.learning_rate for phase in phases] == [0.001, 0.002, 0.002]
    longer = gan.training_phases(total_images=500, batch_size=4)
    assert [phase.batch_size for phase in longer] == [4, 4, 4] and longer[-1].end_image == 500
    with pytest.raises(UserError, match="more than the 60 images"):
        gan.training_phases(total_images=60)
    again = ProGAN.from_config(gan.get_config())
    assert again.schedule == gan.schedule == ProGANSchedule(**schedule)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_compile(preset):
    gan = ProGAN.from_preset(preset, channel_base=16, max_channels=4, latent_size=4)
    gan.compile()
    training = PRESETS[preset]["training"]
    phases = gan.training_phases()
    assert (phases[-1].end_image, phases[-1].batch_size) == (training["total_images"], training["batch_size"])
    if preset == "progan_cifar_32":
        assert gan.discriminator_penalties[0].target == 750.0


def test_networks_of_an_importer():
    golden = load_golden("progan_16")
    generator, discriminator, (latents, labels, _, _) = networks_of(golden)
    gan = ProGAN(generator=generator, discriminator=discriminator)
    np.testing.assert_allclose(
        gan(latents, labels), channels_last(golden["lod0/img"]), atol=1e-4 * np.abs(golden["lod0/img"]).max()
    )
    with pytest.raises(ValueError, match="`generator` and `discriminator` must be passed together"):
        ProGAN(generator=generator)
