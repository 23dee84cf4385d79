"""Batches whose size only the run knows, and the rest of a data set: what is trained is what fixed batches train."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.adversarial.test_gan import make_gan, sgd
from tests.linear_gaussian import LinearGaussian
from tests.test_case import assert_same_weights, random_batch
from tfgan_suite.foundation.microbatches import count_microbatches
from tfgan_suite.models.stylegan2.style_mixing import StyleMixing


def compiled(model, rate, **choices):
    model.compile(**sgd(rate), **choices)
    return model


def everything(**choices):
    """A pair with classes and every penalty."""
    return make_gan(
        3,
        discriminator_penalties=[
            tg.penalties.R1("auto"),
            tg.penalties.R2(1.0, interval=2),
            tg.penalties.GradientPenalty(),
            tg.penalties.Drift(),
        ],
        generator_penalties=[tg.penalties.Orthogonal(1e-3)],
        augmentation=tg.augment.AdaptiveAugmentation("brightness", interval=1, speed_images=50),
        **choices,
    )


def make_stylegan2(**choices):
    config = {"latent_size": 12, "w_size": 10, "num_mapping_layers": 2, "channel_base": 128, "max_channels": 8}
    path_length = tg.penalties.PathLength(interval=1, style_mixing=StyleMixing(0.5))
    gan = tg.StyleGAN2(image_shape=(16, 16, 3), seed=3, **config)
    return compiled(
        gan, 0.002, generator_penalties=[path_length], discriminator_penalties=[tg.penalties.R1(1.0)], **choices
    )


def make_linear_gaussian():
    model = LinearGaussian(seed=3)
    model.compile(optimizer=keras.optimizers.SGD(0.001))
    return model


BIGGAN = {"image_shape": (32, 32, 3), "base_channels": 2, "shared_size": 4, "num_classes": 3, "seed": 3}
PROGAN = {"image_shape": (8, 8, 3), "latent_size": 6, "channel_base": 32, "max_channels": 8, "seed": 3}
TEXTURE = {"image_shape": (16, 16, 3), "latent_channels": 4, "channel_base": 32, "max_channels": 8, "seed": 3}
MODELS = {
    "everything": everything,
    "two discriminator steps": lambda: everything(discriminator_steps=2),
    "relativistic": lambda: make_gan(3, loss=tg.losses.Relativistic(), augmentation=tg.augment.DiffAugment()),
    "no GAN": make_linear_gaussian,
    "StyleGAN2": make_stylegan2,
    "DCGAN": lambda: compiled(tg.DCGAN(image_shape=(16, 16, 3), base_channels=4, latent_size=8, seed=3), 0.01),
    "BigGAN": lambda: compiled(tg.BigGAN(latent_size=20, **BIGGAN), 0.01),
    "BigGAN-deep": lambda: compiled(tg.BigGAN(latent_size=8, variant="deep", **BIGGAN), 0.01),
    "ProGAN": lambda: compiled(tg.ProGAN(num_classes=3, **PROGAN), 0.01),
    "TextureProGAN": lambda: compiled(tg.TextureProGAN(**TEXTURE), 0.01),
}
QUICK = {"everything", "two discriminator steps", "no GAN"}
ALL = [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in MODELS]


def assert_equal_to_fixed_batches(make, strategy, sizes, batch_size=8, tolerance=1e-4):
    """`fit` on a data set of batches of unknown size, against a data set of one fixed batch after the other."""
    fixed, other = make(), None
    with (strategy or tf.distribute.get_strategy()).scope():
        other = make()
    examples, labels = random_batch(fixed, sum(sizes))
    data = examples if labels is None else (examples, labels)
    ends = np.cumsum(sizes)
    for start, end in zip(ends - sizes, ends):
        part = [rows[start:end] for rows in (examples, labels) if rows is not None]
        fixed.fit(tf.data.Dataset.from_tensors(tuple(part) if len(part) > 1 else part[0]), verbose=0)
    other.fit(tf.data.Dataset.from_tensor_slices(data).batch(batch_size), verbose=0)
    assert int(other.examples_seen.numpy()) == sum(sizes) and int(other.steps.numpy()) == len(sizes)
    assert all(np.isfinite(np.asarray(weight)).all() for weight in other.variables)
    assert_same_weights(fixed, other, tolerance)


@pytest.mark.parametrize("name", ALL)
def test_a_rest_is_a_fixed_batch(name):
    rest = 2 if MODELS[name]().num_shares == 2 else 3
    assert_equal_to_fixed_batches(MODELS[name], None, [8, 8, rest])


@pytest.mark.parametrize("rest", [1, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ALL)
def test_two_replicas_train_what_one_device_does(name, rest, two_replicas):
    if MODELS[name]().num_shares == 2:
        rest += 1
    assert_equal_to_fixed_batches(MODELS[name], two_replicas, [8, rest])


@pytest.mark.parametrize("steps_per_execution", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_full_batches_of_unknown_size_on_two_replicas(two_replicas, steps_per_execution):
    def make():
        return make_gan(3, steps_per_execution=steps_per_execution)

    assert_equal_to_fixed_batches(make, two_replicas, [8, 8])


@pytest.mark.parametrize("replicas", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_rest_of_fewer_examples_than_updates_trains_all_of_them(replicas, request):
    """With three updates of the discriminator and a rest of one, each takes that one."""
    strategy = request.getfixturevalue("two_replicas") if replicas == 2 else tf.distribute.get_strategy()
    with strategy.scope():
        gan = make_gan(3, discriminator_steps=3)
    examples, labels = random_batch(gan, 7)
    gan.fit(tf.data.Dataset.from_tensor_slices((examples, labels)).batch(6), verbose=0)
    assert int(gan.discriminator_optimizer.iterations.numpy()) == 6
    assert int(gan.generator_optimizer.iterations.numpy()) == 2
    assert int(gan.examples_seen.numpy()) == 7
    assert all(np.isfinite(np.asarray(weight)).all() for weight in gan.variables)


@pytest.mark.parametrize("rest", [pytest.param(1, marks=pytest.mark.slow), pytest.param(6, marks=pytest.mark.slow), 7])
def test_microbatches_of_a_rest(rest):
    whole, sliced = everything(), everything(microbatch_size=4)
    data = tf.data.Dataset.from_tensor_slices(random_batch(whole, 8 + rest)).batch(8)
    whole.fit(data, verbose=0), sliced.fit(data, verbose=0)
    assert_same_weights(whole, sliced, tolerance=1e-4)


def test_microbatches_of_a_rest_on_two_replicas(two_replicas):
    def make():
        return make_gan(3, discriminator_steps=2)

    with two_replicas.scope():
        sliced = make_gan(3, discriminator_steps=2, microbatch_size=2)
    whole = make()
    data = tf.data.Dataset.from_tensor_slices(random_batch(whole, 13)).batch(8)
    whole.fit(data, verbose=0), sliced.fit(data, verbose=0)
    assert_same_weights(whole, sliced, tolerance=1e-5)


@pytest.mark.slow
def test_microbatches_of_path_lengths():
    """The penalty takes every second example, which slices of an odd size would not."""
    make = {name: make_stylegan2 for name in ("whole", "sliced")}
    whole = make["whole"]()
    sliced = make["sliced"](microbatch_size=4)
    data = tf.data.Dataset.from_tensor_slices(random_batch(whole, 12)[0]).batch(8)
    whole.fit(data, verbose=0), sliced.fit(data, verbose=0)
    assert_same_weights(whole, sliced, tolerance=1e-4)


@pytest.mark.parametrize(
    "batch_size, microbatch_size, multiple, count",
    [(8, 4, 1, 2), (6, 4, 1, 2), (7, 4, 1, 7), (3, 4, 1, 1), (12, 4, 2, 3), (10, 4, 2, 5), (5, 2, 2, 1)],
)
def test_parts_of_a_size_that_only_the_run_knows(batch_size, microbatch_size, multiple, count):
    assert int(count_microbatches(tf.constant(batch_size), microbatch_size, multiple)) == count


# === evaluate ===


@pytest.mark.parametrize("make", [lambda: make_gan(3), make_linear_gaussian])
def test_evaluate_is_the_same_for_any_batch_size_and_number_of_replicas(make, two_replicas):
    model = make()
    examples, labels = random_batch(model, 75)
    with two_replicas.scope():
        mirrored = make()
    values = [model.evaluate(examples, labels, batch_size=size, verbose=0) for size in (1, 7, 64, 75)]
    values += [mirrored.evaluate(examples, labels, batch_size=size, verbose=0) for size in (7, 8)]
    for one in values[1:]:
        np.testing.assert_allclose(one, values[0], rtol=1e-5)


def test_examples_are_evaluated_on_latents_of_their_own():
    gan = make_gan()
    image = np.zeros([1, 4, 4, 1], "float32")
    each = [
        gan.evaluate(np.repeat(image, count, 0), verbose=0, return_dict=True)["logits/fake"] for count in (1, 2, 70)
    ]
    assert len(set(each)) == 3
    assert gan.evaluate(image, verbose=0, return_dict=True)["logits/fake"] == each[0]


# === Precision ===


@pytest.mark.parametrize("dtype", ["float16", pytest.param("float64", marks=pytest.mark.slow)])
def test_images_of_other_floats_are_trained_on_in_float32(dtype):
    choices = {"discriminator_penalties": [tg.penalties.GradientPenalty(), tg.penalties.R1(1.0)]}
    gan, expected = make_gan(**choices), make_gan(**choices)
    images = random_batch(gan, 8)[0].astype(dtype)
    gan.fit(tf.data.Dataset.from_tensors(images), verbose=0)
    expected.fit(tf.data.Dataset.from_tensors(images.astype("float32")), verbose=0)
    assert_same_weights(gan, expected)


@pytest.mark.parametrize("policy", [pytest.param("mixed_bfloat16", marks=pytest.mark.slow), "mixed_float16"])
def test_all_penalties_in_mixed_precision(policy):
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        gan = everything(loss=tg.losses.Wasserstein())
    finally:
        keras.mixed_precision.set_global_policy(before)
    history = gan.fit(tf.data.Dataset.from_tensors(random_batch(gan, 8)), verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
