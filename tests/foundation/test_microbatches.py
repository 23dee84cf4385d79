"""Gradient accumulation: a batch in slices is the batch, for every model without batch statistics."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.adversarial.test_gan import everything, make_gan, sgd
from tests.test_case import assert_same_weights, fixed_dataset, random_batch
from tfgan_suite import losses, penalties
from tfgan_suite.adversarial.augment import AdaptiveAugmentation, DiffAugment
from tfgan_suite.engine.networks import call_network
from tfgan_suite.engine.step import Step
from tfgan_suite.foundation.microbatches import count_microbatches, in_microbatch, microbatch, parts_of_batch
from tfgan_suite.foundation.randomness import draw_per_example, fold, uniform
from tfgan_suite.models.biggan.biggan import BigGAN
from tfgan_suite.models.dcgan.dcgan import DCGAN
from tfgan_suite.models.progan.progan import ProGAN
from tfgan_suite.models.progan.progan_schedule import ProGANPhase
from tfgan_suite.models.stylegan2.style_mixing import StyleMixing
from tfgan_suite.models.stylegan2.stylegan2 import StyleGAN2


def assert_microbatches_equal_the_batch(
    make, microbatch_size, batch_size=8, steps=2, tolerance=1e-5, strategy=None, **options
):
    """Weights, buffers, penalties' state, counters and what was logged. `make` must use SGD: Adam hides scale."""
    whole = make()
    data = fixed_dataset(whole, batch_size, batches=steps)
    history = whole.fit(data, verbose=0).history
    if strategy is None:
        sliced = make(microbatch_size=microbatch_size, **options)
    else:
        with strategy.scope():
            sliced = make(microbatch_size=microbatch_size, **options)
    sliced_history = sliced.fit(data, verbose=0).history
    assert_same_weights(whole, sliced, tolerance)
    for name in history:
        if not name.startswith("gradient_norm"):  # Of one replica.
            np.testing.assert_allclose(sliced_history[name], history[name], rtol=1e-3, atol=1e-6, err_msg=name)
    for network in ("generator_optimizer", "discriminator_optimizer"):
        for a, b in zip(getattr(whole, network).variables, getattr(sliced, network).variables):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), atol=1e-5)


class Contrast(penalties.GeneratorPenalty):
    """Of the whole batch: squared distance of each image's brightness to the mean of all; keeps a running mean."""

    def make_state(self):
        self.mean = keras.Variable(0.0, trainable=False, aggregation="mean", name="mean")
        return [self.mean]

    def __call__(self, generator, latents, labels, seed):
        return self.evaluate(self.measure(generator, latents, labels, seed))

    def measure(self, generator, latents, labels, seed):
        return tf.reduce_sum(call_network(generator, latents, labels), axis=[1, 2, 3])

    def evaluate(self, measures):
        mean = tf.reduce_mean(measures)
        replica_context = tf.distribute.get_replica_context()
        if replica_context.num_replicas_in_sync > 1:
            mean = replica_context.all_reduce("mean", mean)
        self.mean.assign(0.9 * self.mean + 0.1 * tf.stop_gradient(mean))
        return self.weight * tf.square(measures - mean)


class Noise:
    """An augmentation that draws for each example, and follows all logits of an update."""

    def __init__(self):
        self.probability = keras.Variable(0.5, trainable=False, aggregation="mean", name="probability")

    def __call__(self, images, seed):
        noise = draw_per_example(lambda count, seed: uniform([count, 4, 4, 1], seed), tf.shape(images)[0], seed)
        return images + self.probability * noise

    def update(self, real_logits):
        # Neither a sum nor a mean of parts, so that it has to be the logits of all.
        self.probability.assign(0.5 + 0.01 * (tf.reduce_max(real_logits) - tf.reduce_min(real_logits)))


def with_everything(**options):
    """A small pair with labels, lazy penalties of each kind, several discriminator steps and an augmentation."""
    choices = everything()
    choices["generator_penalties"] = [*choices["generator_penalties"], Contrast(0.1, interval=2, name="contrast")]
    return make_gan(3, **{**choices, "augmentation": Noise(), **options})


@pytest.mark.parametrize("microbatch_size", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_microbatches_equal_the_batch(microbatch_size):
    assert_microbatches_equal_the_batch(with_everything, microbatch_size, steps=4)


@pytest.mark.slow
@pytest.mark.parametrize("option", [{"jit_compile": True}, {"run_eagerly": True}, {"steps_per_execution": 2}])
def test_however_the_step_runs(option):
    assert_microbatches_equal_the_batch(with_everything, 2, tolerance=1e-4, **option)


def test_on_two_replicas(two_replicas):
    def make(**options):
        choices = {"generator_penalties": [Contrast(0.1)], "discriminator_penalties": [penalties.R1(1.0, interval=2)]}
        return make_gan(discriminator_steps=2, **choices, **options)

    assert_microbatches_equal_the_batch(make, 1, strategy=two_replicas)


@pytest.mark.slow
def test_everything_on_two_replicas(two_replicas):
    def make(**options):
        augmentation = AdaptiveAugmentation("brightness", interval=1, speed_images=50, initial_probability=0.5)
        return with_everything(**{**options, "augmentation": augmentation})

    assert_microbatches_equal_the_batch(make, 1, strategy=two_replicas, steps=4)


def test_reused_fakes_are_made_again():
    assert_microbatches_equal_the_batch(lambda **options: make_gan(reuse_fakes=True, **options), 2)


@pytest.mark.slow
def test_penalties_of_the_main_loss():
    def make(**options):
        return make_gan(
            discriminator_penalties=[penalties.R1("auto"), penalties.GradientPenalty(2.0)],
            generator_penalties=[penalties.Orthogonal(0.01)],
            loss=losses.Hinge(),
            **options,
        )

    assert_microbatches_equal_the_batch(make, 4)


@pytest.mark.slow
def test_loss_scaling():
    """Of float16: gradients are unscaled once, after they have been summed."""

    def make(**options):
        scaled = {
            name: keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=8.0, dynamic_growth_steps=2)
            for name, optimizer in sgd().items()
        }
        return make_gan(**{**everything(), **scaled, **options})

    assert_microbatches_equal_the_batch(make, 2)


def make_stylegan2(interval=2, **options):
    config = {"latent_size": 12, "w_size": 10, "num_mapping_layers": 2, "channel_base": 128, "max_channels": 8}
    gan = StyleGAN2(image_shape=(16, 16, 3), seed=3, minibatch_stddev_group_size=2, **config)
    gan.compile(
        **sgd(0.01),
        discriminator_penalties=[penalties.R1(1.0, interval)],
        generator_penalties=[penalties.PathLength(interval=interval, style_mixing=StyleMixing(0.5))],
        augmentation=AdaptiveAugmentation("brightness", interval=1, speed_images=50, initial_probability=0.5),
        **options,
    )
    return gan


@pytest.mark.slow
def test_stylegan2():
    """Path lengths are compared with the mean of all, w_average moves once a batch."""
    assert_microbatches_equal_the_batch(make_stylegan2, 2, tolerance=2e-4)


@pytest.mark.slow
def test_stylegan2_on_two_replicas_with_penalties_of_the_main_loss(two_replicas):
    def make(**options):
        return make_stylegan2(interval=1, **options)

    assert_microbatches_equal_the_batch(make, 2, strategy=two_replicas, tolerance=2e-4)


@pytest.mark.slow
def test_progan_within_a_fade():
    def make(**options):
        gan = ProGAN(
            image_shape=(8, 8, 3),
            num_classes=3,
            seed=3,
            latent_size=6,
            channel_base=32,
            max_channels=8,
            minibatch_stddev_group_size=2,
        )
        gan.compile(**sgd(0.01), **options)
        phase = {"first_image": 0, "end_image": 48, "batch_size": 8, "learning_rate": 0.01}
        gan.begin_phase(ProGANPhase(level=0, size=8, fades=True, **phase))
        return gan

    assert_microbatches_equal_the_batch(make, 4, tolerance=1e-4)


class _BigGANByRunningMoments(BigGAN):
    """Its generator's moments are running ones in training too, so that images do not depend on each other."""

    def generate_fakes(self, latents, labels, seed):
        return self.generator(latents, labels, training=False)


def test_biggan_without_batch_statistics():
    """Fakes and real images in one call; where the power iterations, a step each microbatch, have arrived already."""
    config = {"image_shape": (32, 32, 3), "num_classes": 4, "latent_size": 8, "base_channels": 2, "shared_size": 6}
    gan = _BigGANByRunningMoments(seed=3, **config)
    gan.compile(augmentation=DiffAugment(), loss=losses.NonSaturating(), discriminator_steps=1)
    data = tuple(tf.constant(part) for part in random_batch(gan, 4))
    seed = fold(0, "x")
    arrive = tf.function(lambda: gan.discriminator(*data, training=True))
    for _ in range(100):
        arrive()

    def gradients():
        discriminator, generator, *_ = gan.updates()
        step = Step(gan, data)
        (of_discriminator,), real_logits = step.gradients(data, discriminator, 0, seed)
        (of_generator, *_), _ = step.gradients(data, generator, 0, seed)
        return [real_logits, *of_discriminator, *of_generator]

    whole = gradients()
    gan.microbatch_size = 2
    for expected, sliced in zip(whole, gradients()):
        np.testing.assert_allclose(sliced, expected, rtol=0, atol=1e-4 * max(1e-2, np.abs(expected).max()))


def check_moments_of_slices(gan, slices):
    """The generator's first running mean, which all fakes of a slice move, of the discriminator's and of its own turn."""
    images, labels = random_batch(gan, 8)
    gan.fit(tf.data.Dataset.from_tensors((images, labels)), verbose=0)
    latents, labels = gan.draw_latents(8, fold(fold(0, "train_step", 0), "discriminator", 0))
    inputs = tf.concat([latents, tf.one_hot(labels, 3)], axis=1)
    normalization = gan.generator.normalizations[0]
    features = tf.reshape(gan.generator.project(inputs), [8, -1, normalization.moving_mean.shape[0]]).numpy()
    expected = 0.0
    for rows in slices * 2:
        expected = 0.9 * expected + 0.1 * features[rows].mean(axis=(0, 1))
    np.testing.assert_allclose(np.asarray(normalization.moving_mean), expected, rtol=1e-4, atol=1e-6)


def make_dcgan(microbatch_size):
    gan = DCGAN(image_shape=(8, 8, 1), base_channels=4, latent_size=8, num_classes=3)
    gan.compile(**sgd(0.0), microbatch_size=microbatch_size)
    return gan


def test_batch_normalisation_sees_a_slice():
    check_moments_of_slices(make_dcgan(4), [[0, 1, 2, 3], [4, 5, 6, 7]])


@pytest.mark.slow
def test_batch_normalisation_sees_the_slices_of_all_replicas(two_replicas):
    """The first replica has the first half of the batch."""
    with two_replicas.scope():
        gan = make_dcgan(2)
    check_moments_of_slices(gan, [[0, 1, 4, 5], [2, 3, 6, 7]])


def test_draws_are_those_of_the_batch():
    def draw(batch_size, seed):
        return uniform([batch_size, 3], seed)

    whole = draw_per_example(draw, 8, fold(0, "x"))
    parts = []
    for index in range(4):
        with in_microbatch(index, 4):
            assert microbatch() == parts_of_batch() == (index, 4)
            parts.append(draw_per_example(draw, 2, fold(0, "x")))
    np.testing.assert_array_equal(tf.concat(parts, axis=0), whole)
    assert microbatch() == (0, 1)


def test_refuses_what_does_not_divide_the_batch():
    with pytest.raises(ValueError, match="microbatch_size=3, batch_size=8"):
        make_gan(microbatch_size=3).fit(fixed_dataset(make_gan(), 8, batches=1), verbose=0)
    with pytest.raises(ValueError, match="microbatch_size=8, batch_size=4"):
        count_microbatches(4, 8)
    # Of a size that only the run knows, as of the rest of a data set, the slices are the fewest equal ones.
    unknown = tf.data.Dataset.from_tensor_slices(np.zeros([6, 4, 4, 1], "float32")).batch(6)
    gan = make_gan(microbatch_size=4)
    gan.fit(unknown, verbose=0)
    assert int(gan.examples_seen) == 6


@pytest.mark.parametrize("size, message", [(0, "an integer >= 1"), (1.5, "an integer >= 1")])
def test_refuses_what_is_no_size(size, message):
    with pytest.raises(ValueError, match=message):
        make_gan(microbatch_size=size)


def test_refuses_a_slice_that_a_penalty_cannot_halve():
    with pytest.raises(ValueError, match="multiple of batch_shrink=2"):
        make_stylegan2(microbatch_size=3)
