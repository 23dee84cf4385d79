import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.test_case import assert_same_weights, fixed_dataset, run_gan_test, run_replica_test


def dense(units, activation, seed):
    initializer = keras.initializers.GlorotUniform(seed=seed)
    return keras.layers.Dense(units, activation, kernel_initializer=initializer)


def make_network(shape, layers, num_classes):
    """A functional model of flat inputs, with the class as a one-hot vector beside them if there are classes."""
    inputs = keras.Input(shape)
    x = keras.layers.Flatten()(inputs)
    if num_classes is not None:
        labels = keras.Input([], dtype="int32")
        x = keras.ops.concatenate([x, keras.ops.one_hot(labels, num_classes)], -1)
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs if num_classes is None else [inputs, labels], x)


def make_gan(num_classes=None, seed=0, **training):
    """A small pair without batch statistics, so that equalities are exact in the batch."""
    generator_layers = [dense(16, "relu", 1), dense(16, "tanh", 2), keras.layers.Reshape([4, 4, 1])]
    gan = tg.GAN(
        make_network([6], generator_layers, num_classes),
        make_network([4, 4, 1], [dense(16, "softplus", 3), dense(1, None, 4)], num_classes),
        num_classes=num_classes,
        latent_size=6,
        image_shape=(4, 4, 1),
        seed=seed,
    )
    gan.compile(**{**sgd(), **training})
    return gan


def sgd(rate=0.1):
    return {
        "generator_optimizer": keras.optimizers.SGD(rate),
        "discriminator_optimizer": keras.optimizers.SGD(rate),
    }


@pytest.mark.parametrize("num_classes", [pytest.param(None, marks=pytest.mark.slow), 3])
def test_contract(tmp_path, num_classes):
    run_gan_test(lambda: make_gan(num_classes), tmp_path)


def test_contract_with_everything(tmp_path):
    run_gan_test(lambda: make_gan(**everything()), tmp_path)


def everything():
    return {
        "loss": tg.losses.Relativistic(),
        "discriminator_penalties": [tg.penalties.R1(1.0, interval=2), tg.penalties.Drift(0.01)],
        "generator_penalties": [tg.penalties.Orthogonal(0.01, interval=3)],
        "discriminator_steps": 2,
    }


def test_one_step_is_the_formula():
    """The update of one step, written out by hand."""
    gan = make_gan(discriminator_penalties=[tg.penalties.Drift(0.5)])
    reference = make_gan()
    data = fixed_dataset(gan, 8, batches=1)
    images = next(iter(data))
    gan.fit(data, verbose=0)

    from tfgan_suite.foundation.randomness import fold

    seed = fold(0, "train_step", 0)
    latents = [
        reference.sample_latents(8, fold(seed, *path, "latents")) for path in (("discriminator", 0), ("generator",))
    ]
    with tf.GradientTape() as tape:
        real = reference.discriminator(images)[:, 0]
        fake = reference.discriminator(reference.generator(latents[0]))[:, 0]
        loss = tf.reduce_mean(tf.nn.softplus(-real) + tf.nn.softplus(fake) + 0.5 * real**2)
    variables = reference.discriminator.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, variables)):
        variable.assign_sub(0.1 * gradient)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.nn.softplus(-reference.discriminator(reference.generator(latents[1]))))
    variables = reference.generator.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, variables)):
        variable.assign_sub(0.1 * gradient)
    for network in ("discriminator", "generator"):
        for ours, by_hand in zip(getattr(gan, network).variables, getattr(reference, network).variables):
            np.testing.assert_allclose(ours, by_hand, atol=1e-6)


def test_reused_fakes_are_those_of_the_discriminator():
    """With reuse_fakes the generator's latents are the discriminator's: the gradient by hand is the same."""
    gan, reference = make_gan(reuse_fakes=True), make_gan()
    data = fixed_dataset(gan, 8, batches=1)
    gan.fit(data, verbose=0)

    from tfgan_suite.foundation.randomness import fold

    latents = reference.sample_latents(8, fold(fold(0, "train_step", 0), "discriminator", 0, "latents"))
    with tf.GradientTape() as tape:
        # The discriminator has been updated by then.
        loss = tf.reduce_mean(tf.nn.softplus(-gan.discriminator(reference.generator(latents))))
    variables = reference.generator.trainable_variables
    for variable, gradient, ours in zip(variables, tape.gradient(loss, variables), gan.generator.trainable_variables):
        np.testing.assert_allclose(ours, variable - 0.1 * gradient, atol=1e-6)


def test_lazy_penalties_come_on_schedule_and_count_for_their_interval():
    penalty = tg.penalties.R1(2.0, interval=3)
    lazy, without = make_gan(discriminator_penalties=[penalty]), make_gan()
    data = fixed_dataset(lazy, 8, batches=1)
    images = next(iter(data))
    lazy.fit(data, verbose=0), without.fit(data, verbose=0)
    # Step 0 is due. The penalty has an update of its own, three times its gradient, after the step.
    with tf.GradientTape() as tape:
        real = tg.penalties.Batch(images)
        value = tf.reduce_mean(penalty(lambda x, labels: without.discriminate(x), real, None, tf.constant([0, 0])))
    variables = without.discriminator.trainable_variables
    gradients = tape.gradient(value, variables)
    for variable, gradient, ours in zip(variables, gradients, lazy.discriminator.trainable_variables):
        moved = 0.0 if gradient is None else 0.1 * 3 * gradient
        np.testing.assert_allclose(ours, variable - moved, atol=1e-6)
    # Steps 1 and 2 are not: the update counter of the optimizer tells.
    for _ in range(6):
        lazy.fit(data, verbose=0)
    assert int(lazy.discriminator_optimizer.iterations.numpy()) == 7 + 3  # Due at steps 0, 3 and 6.


def test_discriminator_steps_share_the_batch():
    gan = make_gan(discriminator_steps=2)
    gan.fit(fixed_dataset(gan, 8, batches=3), verbose=0)
    assert int(gan.discriminator_optimizer.iterations.numpy()) == 6
    assert int(gan.generator_optimizer.iterations.numpy()) == 3
    assert int(gan.examples_seen.numpy()) == 24


def test_refuses_a_batch_that_cannot_be_shared():
    gan = make_gan(discriminator_steps=3)
    with pytest.raises(ValueError, match="divisible by 3"):
        gan.fit(fixed_dataset(gan, 8, batches=1), verbose=0)


@pytest.mark.parametrize("training", [{}, everything()], ids=["plain", "everything"])
@pytest.mark.parametrize("num_classes", [pytest.param(None, marks=pytest.mark.slow), 3])
def test_two_replicas_equal_one(two_replicas, training, num_classes):
    run_replica_test(lambda: make_gan(num_classes, **training), two_replicas, steps=4)


def test_two_replicas_and_several_steps_per_execution(two_replicas):
    run_replica_test(lambda: make_gan(steps_per_execution=2, **everything()), two_replicas, steps=4)


@pytest.mark.parametrize("option", [{"steps_per_execution": 4}, {"run_eagerly": True}, {"jit_compile": True}])
def test_how_it_runs_does_not_change_what_it_computes(option):
    plain, other = make_gan(**everything()), make_gan(**everything(), **option)
    data = fixed_dataset(plain, 8, batches=8)
    plain.fit(data, verbose=0), other.fit(data, verbose=0)
    assert_same_weights(plain, other, tolerance=0.0 if "steps_per_execution" in option else 1e-4)


def test_augmentation_is_what_the_discriminator_sees():
    def black(images, seed):
        return tf.zeros_like(images)

    gan = make_gan(augmentation=black)
    history = gan.fit(fixed_dataset(gan, 8, batches=1), verbose=0).history
    assert history["logits/real"] == history["logits/fake"]


def test_history_and_progress_are_keras(capsys):
    gan = make_gan(steps_per_execution=2)
    data = fixed_dataset(gan, 8, batches=4)
    history = gan.fit(data.repeat(), steps_per_epoch=4, epochs=3, validation_data=data.take(1), verbose=1).history
    assert len(history["loss/generator"]) == 3 and len(history["val_logits/real"]) == 3
    assert history["loss/generator"] != history["loss/discriminator"]
    output = capsys.readouterr().out
    assert "Epoch 3/3" in output and "4/4" in output and "loss/generator" in output


def test_fit_from_arrays_and_train_on_batch():
    gan = make_gan(3)
    images, labels = np.zeros([8, 4, 4, 1], "float32"), np.zeros([8], "int32")
    gan.fit(images, labels, batch_size=4, epochs=2, verbose=0)
    logs = gan.train_on_batch(images, labels, return_dict=True)
    assert int(gan.steps.numpy()) == 5 and np.isfinite(logs["loss/generator"])


def test_predict():
    assert make_gan().predict(np.zeros([3, 6], "float32"), verbose=0).shape == (3, 4, 4, 1)


@pytest.mark.parametrize(
    "data, message",
    [
        (np.zeros([8, 4, 4, 1], "uint8"), "float images in"),
        (np.zeros([8, 5, 4, 1], "float32"), r"shape \(4, 4, 1\)"),
    ],
)
def test_refuses_wrong_images(data, message):
    with pytest.raises(ValueError, match=message):
        make_gan().fit(tf.data.Dataset.from_tensors(data), verbose=0)


def test_refuses_images_without_their_labels():
    with pytest.raises(ValueError, match="images, labels"):
        make_gan(3).fit(tf.data.Dataset.from_tensors(np.zeros([8, 4, 4, 1], "float32")), verbose=0)


def test_refuses_one_optimizer_for_both():
    optimizer = keras.optimizers.SGD()
    with pytest.raises(ValueError, match="separate optimizers"):
        make_gan(generator_optimizer=optimizer, discriminator_optimizer=optimizer)


def test_refuses_penalties_of_one_name():
    with pytest.raises(ValueError, match="different names"):
        make_gan(discriminator_penalties=[tg.penalties.R1(), tg.penalties.R1()])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"count": 0}, "`count` must be an integer >= 1. Received: count=0"),
        ({"count": "2"}, "`count` must be an integer >= 1. Received: count='2'"),
        ({"count": 2, "batch_size": 0}, "`batch_size` must be an integer >= 1"),
        ({"count": 2, "truncation": 1.5}, "`truncation` must be in"),
        ({"count": 2, "labels": [0, 3]}, "`labels` must be labels from 0 to 2"),
        ({"count": 2, "labels": [0]}, "must be 2 integer labels from 0 to 2"),
        ({"count": 2, "labels": [0.0, 1.0]}, "must be 2 integer labels from 0 to 2"),
    ],
)
def test_generate_refuses(arguments, message):
    with pytest.raises(tg.UserError, match=message):
        make_gan(3).generate(**arguments)


def test_sampling_options_may_be_numpys_numbers():
    gan = make_gan()
    np.testing.assert_array_equal(gan.generate(2, truncation=np.float32(0.5)), gan.generate(2, truncation=0.5))
    with pytest.raises(tg.UserError, match="`truncation` must be in"):
        gan.generate(2, truncation=np.array([0.5, 1.0]))


def test_label_weights():
    gan = tg.DCGAN(image_shape=(8, 8, 1), base_channels=2, num_classes=3, label_weights=[0.0, 1.0, 3.0])
    labels = gan.sample_labels(4000, tf.constant([0, 1])).numpy()
    np.testing.assert_allclose(np.bincount(labels, minlength=3) / 4000, [0, 0.25, 0.75], atol=0.02)


@pytest.mark.parametrize("shift", [-5.0, 5.0])
def test_a_constant_added_to_the_logits_of_a_relativistic_pair_changes_nothing(shift):
    """Not even the augmentation's probability, which is steered by the logits' signs."""

    def train(shift):
        augmentation = tg.augment.AdaptiveAugmentation("brightness", target=0.0, interval=1, speed_images=100)
        gan = make_gan(loss=tg.losses.Relativistic(), augmentation=augmentation)
        bias = gan.discriminator.layers[-1].bias
        bias.assign(bias + shift)
        gan.fit(fixed_dataset(gan, 8, batches=8), verbose=0)
        return float(augmentation.probability), gan.generator.get_weights()

    (plain, plain_weights), (shifted, shifted_weights) = train(0.0), train(shift)
    assert shifted == plain and 0.0 < plain < 1.0
    for one, other in zip(plain_weights, shifted_weights):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_a_relativistic_pair_is_of_one_class():
    seen = []

    class Watched(tg.GAN):
        def compute_discriminator_loss(self, discriminate, real_images, fake_images, real_labels, fake_labels):
            seen.append((np.asarray(real_labels), np.asarray(fake_labels)))
            return super().compute_discriminator_loss(discriminate, real_images, fake_images, real_labels, fake_labels)

    gan = make_gan(3)
    for loss, same in ((tg.losses.Relativistic(), True), (tg.losses.NonSaturating(), False)):
        watched = Watched(gan.generator, gan.discriminator, num_classes=3, latent_size=6, image_shape=(4, 4, 1))
        watched.compile(loss=loss, run_eagerly=True)
        watched.fit(fixed_dataset(watched, 32, batches=1), verbose=0)
        real_labels, fake_labels = seen.pop()
        assert np.array_equal(real_labels, fake_labels) == same


def test_penalties_see_both_sides_with_their_labels_and_logits():
    class Watching(tg.penalties.DiscriminatorPenalty):
        uses_fake_images = uses_real_logits = uses_fake_logits = True

        def __call__(self, discriminate, real, fake, seed):
            for side in (real, fake):
                np.testing.assert_allclose(discriminate(side.images, side.labels), side.logits, atol=1e-6)
            assert not np.array_equal(real.labels, fake.labels)
            return tf.zeros_like(real.logits)

    for interval in (1, 2):
        gan = make_gan(3, discriminator_penalties=[Watching(1.0, interval)], run_eagerly=True)
        gan.fit(fixed_dataset(gan, 32, batches=1), verbose=0)


def test_each_network_has_real_images_of_its_own():
    """With `separate_batches` the discriminator sees the even rows, the generator is compared with the odd ones."""
    seen = {}

    class Spy(tg.GAN):
        def compute_discriminator_loss(self, discriminate, real_images, fake_images, real_labels, fake_labels):
            seen["discriminator"] = real_images[:, 0, 0, 0].numpy().tolist()
            return super().compute_discriminator_loss(discriminate, real_images, fake_images, real_labels, fake_labels)

        def compute_generator_loss(self, discriminate, fake_images, fake_labels, real_images, real_labels):
            seen["generator"] = real_images[:, 0, 0, 0].numpy().tolist()
            return super().compute_generator_loss(discriminate, fake_images, fake_labels, real_images, real_labels)

    generator = keras.Sequential([keras.Input([2]), keras.layers.Dense(1), keras.layers.Reshape([1, 1, 1])])
    discriminator = keras.Sequential([keras.Input([1, 1, 1]), keras.layers.Flatten(), keras.layers.Dense(1)])
    images = np.linspace(-0.5, 0.5, 6).astype("float32")
    for steps, expected in ((1, (0, 2, 4)), (2, (1, 4))):
        gan = Spy(generator, discriminator, image_shape=(1, 1, 1))
        gan.compile(loss=tg.losses.Relativistic(), separate_batches=True, discriminator_steps=steps, run_eagerly=True)
        gan.train_on_batch(images.reshape([6, 1, 1, 1]))
        # The last of the discriminator's shares, and the generator's own, the last of all.
        assert seen["discriminator"] == [float(images[i]) for i in expected]
        assert seen["generator"] == [float(images[i]) for i in range(steps, 6, steps + 1)]
        assert int(gan.examples_seen.numpy()) == 6
    for choices in ({"loss": tg.losses.NonSaturating()}, {"loss": tg.losses.Relativistic(), "reuse_fakes": True}):
        with pytest.raises(ValueError, match="`separate_batches=True` must go with a loss that compares"):
            gan.compile(separate_batches=True, **choices)
