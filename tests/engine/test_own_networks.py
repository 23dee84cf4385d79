"""Networks that users bring: all that Keras lets them be works, or is refused where the model is made."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.test_case import assert_same_weights, fixed_dataset, run_replica_test

SHAPE = (4, 4, 1)


def dense(units, activation=None, seed=0, **options):
    return keras.layers.Dense(units, activation, kernel_initializer=keras.initializers.GlorotUniform(seed), **options)


def make_generator(*extra, labels=(), classes=None, latent_shape=(6,)):
    latents = keras.Input(latent_shape)
    inputs, x = latents, latents
    if classes is not None:
        inputs = [latents, keras.Input(labels, dtype="int32")]
        vectors = keras.layers.Embedding(classes, 2)(inputs[1])
        x = keras.layers.Concatenate()([latents, keras.layers.Reshape([2])(vectors)])
    for layer in (dense(16, "relu", 1), *extra, dense(16, "tanh", 2), keras.layers.Reshape(SHAPE)):
        x = layer(x)
    return keras.Model(inputs, x)


def make_discriminator(*extra, outputs=1, shape=SHAPE, classes=None):
    images = keras.Input(shape)
    inputs, x = images, keras.layers.Flatten()(images)
    if classes is not None:
        inputs = [images, keras.Input([], dtype="int32")]
        vectors = keras.layers.Reshape([2])(keras.layers.Embedding(classes, 2)(inputs[1]))
        x = keras.layers.Concatenate()([x, vectors])
    for layer in (dense(8, "tanh", 3), *extra, dense(outputs, seed=4)):
        x = layer(x)
    return keras.Model(inputs, x)


def make_gan(generator=None, discriminator=None, **choices):
    gan = tg.GAN(generator or make_generator(), discriminator or make_discriminator())
    sgd = {f"{name}_optimizer": keras.optimizers.SGD(0.1) for name in ("generator", "discriminator")}
    gan.compile(**sgd, **choices)
    return gan


def fit(gan, batches=2, **arguments):
    return gan.fit(fixed_dataset(gan, 8, batches=batches), verbose=0, **arguments).history


# === What they may be ===


class PixelNorm(keras.layers.Layer):
    """Not registered with Keras, as in most tutorials."""

    def call(self, inputs):
        return inputs / keras.ops.sqrt(keras.ops.mean(keras.ops.square(inputs), -1, keepdims=True) + 1e-8)


class Scale(keras.layers.Layer):
    def __init__(self, start=1.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape):
        self.factor = self.add_weight(name="factor", shape=(), initializer=keras.initializers.Constant(self.start))

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return {**super().get_config(), "start": self.start}


def softened(inputs):
    return keras.ops.tanh(inputs) * 0.9


FACTOR = 2.0  # What a Lambda's function finds in its module, and a copy of its bytes would not.


def nested():
    inputs = keras.Input([16])
    return keras.Model(inputs, PixelNorm()(keras.layers.Lambda(lambda x: x * FACTOR)(inputs)))


OWN_LAYERS = {
    "unregistered": lambda: [PixelNorm()],
    "with weights and a config": lambda: [Scale(0.5)],
    "Lambda": lambda: [keras.layers.Lambda(lambda x: x * FACTOR)],
    "function as activation": lambda: [dense(16, softened)],
    "nested functional": lambda: [nested()],
    "nested sequential": lambda: [keras.Sequential([keras.Input([16]), PixelNorm(), dense(16)])],
    "operation": lambda: [lambda x: keras.ops.concatenate([x, x], axis=-1)],
}


@pytest.mark.parametrize("kind", OWN_LAYERS)
def test_layers_of_ones_own(kind):
    gan = make_gan(make_generator(*OWN_LAYERS[kind]()), ema=tg.ExponentialMovingAverage(decay=0.0))
    fit(gan)
    average = gan.ema_generator
    assert average is not gan.generator and not average.trainable_variables
    assert len(average.weights) == len(gan.generator.weights)
    latents = gan.sample_latents(4, tf.constant([0, 1]))
    np.testing.assert_allclose(gan(latents), gan.generator(latents), atol=1e-6)


class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense, self.reshape = dense(16, "tanh"), keras.layers.Reshape(SHAPE)

    def call(self, latents, training=False):
        return self.reshape(self.dense(latents))


class SubclassedByFunctions(keras.Model):
    def __init__(self, **kwargs):
        latents, labels = keras.Input([6]), keras.Input([], dtype="int32")
        x = keras.layers.Concatenate()([latents, keras.ops.one_hot(labels, 3)])
        super().__init__([latents, labels], keras.layers.Reshape(SHAPE)(dense(16)(x)), **kwargs)


def test_subclassed_networks():
    gan = tg.GAN(Subclassed(), make_discriminator(), latent_size=5)
    assert gan.image_shape == SHAPE and gan.latent_size == 5
    gan.compile()
    fit(gan)
    conditional = tg.GAN(SubclassedByFunctions(), make_discriminator(classes=3), num_classes=3)
    assert conditional.latent_size == 6
    conditional.compile()
    fit(conditional)


@pytest.mark.parametrize("labels", [(), (1,)])
def test_a_functional_pair_with_two_inputs_says_its_sizes(labels):
    gan = tg.GAN(make_generator(labels=labels, classes=3), make_discriminator(classes=3), num_classes=3)
    assert gan.latent_size == 6 and gan.image_shape == SHAPE
    gan.compile()
    fit(gan)


class OfThree(keras.Model):
    """Takes latents of size 3 only."""

    def call(self, latents):
        return tf.reshape(tf.matmul(latents, tf.ones([3, 16])), [-1, *SHAPE])


class WithoutConfig(Subclassed):
    def __init__(self, layers):
        super().__init__()
        self.others = list(layers)

    def get_config(self):
        raise NotImplementedError("no config")


@pytest.mark.parametrize(
    "networks, options, message",
    [
        (
            lambda: (Subclassed(), make_discriminator()),
            {},
            "`latent_size` must be passed, since the generator does not",
        ),
        (lambda: (Subclassed, make_discriminator()), {}, "`latent_size` must be passed"),
        (
            lambda: (Subclassed, make_discriminator()),
            {"latent_size": 6},
            "`generator` must be a keras.Model or a layer",
        ),
        (lambda: (make_generator(), lambda x: x), {}, "`discriminator` must be a keras.Model or a layer"),
        (
            lambda: (make_generator(), make_discriminator(shape=(8, 8, 1))),
            {},
            r"`discriminator` must take float32 \[batch, 4, 4, 1\].*failed",
        ),
        (lambda: (make_generator(), make_discriminator()), {"latent_size": 7}, r"must take float32 \[batch, 7\]"),
        # What Keras found wrong within a subclassed network, not the name of the network once more.
        (lambda: (OfThree(), make_discriminator()), {"latent_size": 7}, r"Calling it failed: Dimensions must be equal"),
        (
            lambda: (make_generator(), make_discriminator()),
            {"image_shape": (8, 8, 1)},
            r"`generator` must return \[batch, 8, 8, 1\] for float32 \[batch, 6\]. Received: \[batch, 4, 4, 1\]",
        ),
        (
            lambda: (make_generator(), make_discriminator(outputs=3)),
            {},
            r"`discriminator` must return \[batch\] or \[batch, 1\] .* Received: \[batch, 3\]",
        ),
        (
            lambda: (make_generator(), make_discriminator()),
            {"num_classes": 3},
            r"`generator` must take float32 \[batch, 6\] and int32 \[batch\], in this order",
        ),
        (
            lambda: (make_generator(classes=3), make_discriminator()),
            {"num_classes": 3},
            r"`discriminator` must take float32 \[batch, 4, 4, 1\] and int32 \[batch\]",
        ),
        (
            lambda: (make_generator(classes=3), make_discriminator()),
            {},
            r"`generator` must take float32 \[batch, 6\], ",
        ),
        (
            lambda: (keras.Sequential([keras.Input([6]), dense(16)]), make_discriminator()),
            {},
            r"`generator` must return images.*Received: outputs of shape \[batch, 16\]",
        ),
        (
            lambda: (WithoutConfig([PixelNorm()]), make_discriminator()),
            {"latent_size": 6},
            "`generator` must be a network that can be made again from its config.* no config",
        ),
    ],
)
def test_networks_that_do_not_fit_are_refused_at_construction(networks, options, message):
    with pytest.raises(ValueError, match=message):
        tg.GAN(*networks(), **options)


def test_a_subclass_may_make_something_else_of_the_outputs():
    class Patches(tg.GAN):
        def discriminate(self, images, labels=None, training=False):
            return tf.reduce_mean(self.discriminator(images, training=training), axis=-1)

    gan = Patches(make_generator(), make_discriminator(outputs=3))
    gan.compile()
    assert np.isfinite(fit(gan)["loss/discriminator"]).all()


# === What their layers add to the loss ===


def squared_norm(kernel):
    return 0.05 * keras.ops.sum(keras.ops.square(kernel))


class Bonus(keras.layers.Layer):
    """Adds the mean of its inputs to the loss."""

    def call(self, inputs):
        self.add_loss(0.2 * keras.ops.mean(inputs))
        return inputs


@pytest.mark.parametrize("steps", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_regularizers_of_weights_count_once_an_update(steps):
    """By their closed form: the gradient of 0.05 * ||W||^2 is 0.1 * W."""
    plain = make_gan(discriminator=make_discriminator(dense(4, seed=7)), discriminator_steps=steps)
    decayed = make_gan(
        discriminator=make_discriminator(dense(4, seed=7, kernel_regularizer=squared_norm)), discriminator_steps=steps
    )
    before = np.asarray(plain.discriminator.layers[3].kernel)
    # With a rate of 0 for what the loss says, only the regularizer moves the kernel.
    for gan in (plain, decayed):
        gan.compile(
            generator_optimizer=keras.optimizers.SGD(0.0),
            discriminator_optimizer=keras.optimizers.SGD(0.1),
            loss=Nothing(),
            discriminator_steps=steps,
        )
    fit(plain, batches=1)
    history = fit(decayed, batches=1)
    np.testing.assert_array_equal(plain.discriminator.layers[3].kernel, before)
    np.testing.assert_allclose(decayed.discriminator.layers[3].kernel, before * (1 - 0.1 * 0.1) ** steps, rtol=1e-5)
    values = [0.05 * np.sum(np.square(before * 0.99**step)) for step in range(steps)]
    assert history["regularization/discriminator"][0] == pytest.approx(np.mean(values), rel=1e-5)


class Nothing(tg.losses.AdversarialLoss):
    def discriminator_loss(self, real_logits, fake_logits):
        return 0.0 * real_logits

    def generator_loss(self, fake_logits, real_logits=None):
        return 0.0 * fake_logits


@pytest.mark.parametrize("reuse_fakes", [False, True])
def test_what_a_generator_adds_by_its_layers_moves_it(reuse_fakes):
    """The gradient by hand."""
    from tfgan_suite.foundation.randomness import fold

    gan = make_gan(make_generator(Bonus()), loss=Nothing(), reuse_fakes=reuse_fakes)
    reference = make_generator()
    seed = fold(fold(0, "train_step", 0), *(("discriminator", 0) if reuse_fakes else ("generator",)))
    latents = gan.sample_latents(8, fold(seed, "latents"))
    with tf.GradientTape() as tape:
        added = 0.2 * tf.reduce_mean(reference.layers[1](latents))
    kernel = reference.layers[1].kernel
    expected = np.asarray(kernel - 0.1 * tape.gradient(added, kernel.value))
    history = fit(gan, batches=1)
    np.testing.assert_allclose(gan.generator.layers[1].kernel, expected, atol=1e-6)
    assert history["loss/generator"][0] == pytest.approx(float(added), rel=1e-5)


def test_what_a_discriminator_adds_counts_for_both_sides_and_not_for_penalties():
    def added(**choices):
        return fit(make_gan(discriminator=make_discriminator(Bonus()), loss=Nothing(), **choices), batches=1)

    from tfgan_suite.foundation.randomness import fold

    gan = make_gan()
    latents = gan.sample_latents(8, fold(fold(fold(0, "train_step", 0), "discriminator", 0), "latents"))
    real = next(iter(fixed_dataset(gan, 8, batches=1)))
    hidden = keras.Model(gan.discriminator.inputs, gan.discriminator.layers[2].output)
    expected = 0.2 * float(tf.reduce_mean(hidden(real)) + tf.reduce_mean(hidden(gan.generator(latents))))
    plain, penalized = added(), added(discriminator_penalties=[tg.penalties.R1(0.0), tg.penalties.R2(0.0, interval=2)])
    assert plain["loss/discriminator"][0] == pytest.approx(expected, rel=1e-4)
    assert penalized["loss/discriminator"][0] == pytest.approx(expected, rel=1e-4)
    assert added(reuse_fakes=True)["loss/generator"] == [0.0]  # It is the discriminator's.


def make_regularized(**choices):
    activity = dense(8, "tanh", 8, activity_regularizer=keras.regularizers.L2(0.1))
    return make_gan(
        make_generator(Bonus(), dense(16, seed=5, kernel_regularizer=keras.regularizers.L2(0.1))),
        make_discriminator(activity, Bonus(), dense(4, seed=6, kernel_regularizer=keras.regularizers.L1(0.1))),
        **choices,
    )


@pytest.mark.parametrize(
    "choices",
    [{}, pytest.param({"discriminator_steps": 2, "reuse_fakes": True}, marks=pytest.mark.slow)],
    ids=["plain", "reused"],
)
def test_two_replicas_add_what_one_does(two_replicas, choices):
    run_replica_test(lambda: make_regularized(**choices), two_replicas)


def test_microbatches_add_what_the_whole_batch_does():
    whole, sliced = make_regularized(), make_regularized(microbatch_size=2)
    fit(whole), fit(sliced)
    assert_same_weights(whole, sliced, tolerance=1e-5)
    assert not np.allclose(make_gan_weights(whole), make_gan_weights(make_regularized()))


def make_gan_weights(gan):
    return np.concatenate([np.ravel(weight) for weight in gan.get_weights()])


def test_any_model_regularizes():
    class Mean(tg.TrainedModel):
        def __init__(self):
            super().__init__(tg.ImageSpec((2, 2, 1)))
            one = keras.layers.Dense(
                4, kernel_regularizer=squared_norm, activity_regularizer=keras.regularizers.L1(0.5)
            )
            self.add_network("mean", keras.Sequential([keras.Input([1]), one]))

        def updates(self):
            return [tg.Update("mean", self.mean.trainable_variables, self.error, logs=("loss",))]

        def error(self, batch):
            mean = self.mean(tf.ones([1, 1]))
            return tg.Objective({"loss": tf.reduce_sum(tf.square(mean - 0.0 * mean), axis=1)[0] * tf.zeros([8])})

    model = Mean()
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    kernel = np.asarray(model.mean.layers[0].kernel)
    history = model.fit(np.zeros([8, 2, 2, 1], "float32"), batch_size=8, verbose=0).history
    moved = kernel - 0.1 * (0.1 * kernel + 0.5 * np.sign(kernel))
    np.testing.assert_allclose(model.mean.layers[0].kernel, moved, atol=1e-6)
    assert history["loss"][0] == pytest.approx(0.5 * np.abs(kernel).sum(), rel=1e-5)
    evaluated = model.evaluate(np.zeros([8, 2, 2, 1], "float32"), verbose=0, return_dict=True)
    assert evaluated["regularization/mean"] == pytest.approx(0.05 * np.square(moved).sum(), rel=1e-5)


def test_weights_of_examples_are_refused():
    gan = tg.GAN(make_generator(classes=3), make_discriminator(classes=3), num_classes=3)
    gan.compile()
    images, labels = np.zeros([6, *SHAPE], "float32"), np.arange(6) % 3
    weighted = tf.data.Dataset.from_tensor_slices((images, labels, np.ones(6, "float32"))).batch(3)
    for arguments in (
        {"x": images, "y": labels, "sample_weight": np.ones(6)},
        {"x": images, "y": labels, "class_weight": {0: 1.0, 1: 2.0, 2: 3.0}},
        {"x": weighted},
    ):
        with pytest.raises(ValueError, match="`sample_weight` and `class_weight` must be None"):
            gan.fit(**arguments, verbose=0)
    with pytest.raises(ValueError, match="`sample_weight` and `class_weight` must be None"):
        gan.evaluate(weighted, verbose=0)
    assert int(gan.steps) == 0


# === What their layers draw ===


class OwnNoise(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.generators = [keras.random.SeedGenerator(), keras.random.SeedGenerator(7)]

    def call(self, inputs, training=False):
        if not training:
            return inputs
        return inputs + sum(0.1 * keras.random.normal(keras.ops.shape(inputs), seed=one) for one in self.generators)


NOISES = {
    "dropout": lambda: [keras.layers.Dropout(0.5)],
    "noise": lambda: [keras.layers.GaussianNoise(0.1), keras.layers.AlphaDropout(0.1, seed=3)],
    "own": lambda: [OwnNoise()],
    "nested": lambda: [keras.Sequential([keras.layers.Dropout(0.5), OwnNoise()])],
}


@pytest.mark.parametrize(
    "kind, form",
    [
        pytest.param(
            kind, form, marks=[] if (kind, form) in {("nested", "checkpoint"), ("own", "keras")} else pytest.mark.slow
        )
        for kind in NOISES
        for form in ("checkpoint", "keras")
    ],
)
def test_a_run_with_layers_that_draw_is_resumed_exactly(kind, form, tmp_path):
    def make():
        return make_gan(make_generator(*NOISES[kind]()), make_discriminator(*NOISES[kind]()))

    def rest(gan):
        gan.fit(data.skip(2), verbose=0)
        return gan

    whole, first = make(), make()
    data = fixed_dataset(whole, 8, batches=4)
    whole.fit(data, verbose=0), first.fit(data.take(2), verbose=0)
    if form == "keras":
        first.save(tmp_path / "half.keras")
        with keras.saving.custom_object_scope({"OwnNoise": OwnNoise}):
            resumed = rest(keras.models.load_model(tmp_path / "half.keras"))
    else:
        first.save_weights(tmp_path / "half.weights.h5")
        resumed = make()
        resumed.generate(3)
        resumed.load_weights(tmp_path / "half.weights.h5")
        rest(resumed)
    for one, other in zip(whole.get_weights(), resumed.get_weights()):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("how", ["replicas", "microbatches"])
def test_parts_of_a_batch_draw_something_else(two_replicas, how):
    """The masks of two halves of a batch of equal examples: were they the same, so would the rows be."""
    seen = []

    class Watched(keras.layers.Dropout):
        def call(self, inputs, training=False):
            outputs = super().call(inputs, training=training)
            if training:
                tf.numpy_function(lambda rows: seen.append(rows), [outputs[:4]], [])
            return outputs

    def make(**choices):
        return make_gan(discriminator=make_discriminator(Watched(0.5)), **choices)

    if how == "replicas":
        with two_replicas.scope():
            gan = make()
    else:
        gan = make(microbatch_size=4)
    gan.fit(tf.data.Dataset.from_tensors(np.ones([8, *SHAPE], "float32")), verbose=0)
    masks = {tuple(np.ravel(rows != 0)) for rows in seen}
    assert len(seen) == 6 and len(masks) == 6
