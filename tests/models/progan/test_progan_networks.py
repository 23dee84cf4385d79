import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tfgan_suite.models.progan.image_pyramid import enlarge, reduce
from tfgan_suite.models.progan.progan_discriminator import ProGANDiscriminator
from tfgan_suite.models.progan.progan_generator import ProGANGenerator

SMALL = {"image_shape": (16, 16, 3), "channel_base": 64, "max_channels": 12}


def small_generator(**config):
    return ProGANGenerator(**{**SMALL, "latent_size": 8, **config})


def small_discriminator(**config):
    return ProGANDiscriminator(**{**SMALL, **config})


def some_latents(batch_size=4, size=8):
    return tf.constant(np.random.default_rng(0).normal(size=[batch_size, size]), tf.float32)


def some_images(size=16, batch_size=4):
    return tf.constant(np.random.default_rng(1).uniform(-1, 1, [batch_size, size, size, 3]), tf.float32)


def number_of_parameters(network):
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)


# === Weights ===


@pytest.mark.parametrize("fused_scaling", [True, False])
@pytest.mark.parametrize(
    "config, generator_config, generator_parameters, discriminator_parameters",
    [
        ({"image_shape": (1024, 1024, 3)}, {}, 23_079_115, 23_087_249),
        ({"image_shape": (512, 512, 3)}, {}, 23_072_120, 23_080_225),
        ({"image_shape": (256, 256, 3)}, {}, 23_044_309, 23_052_353),
        ({"image_shape": (128, 128, 3)}, {}, 22_933_394, 22_941_313),
        ({"image_shape": (64, 64, 3)}, {}, 22_490_383, 22_498_049),
        ({"image_shape": (32, 32, 3)}, {}, 20_719_628, 20_726_785),
        # Appendix A.2's CIFAR-10 networks.
        (
            {"image_shape": (32, 32, 3), "channel_base": 4096, "max_channels": 128},
            {"latent_size": 128},
            1_296_908,
            1_298_689,
        ),
    ],
)
def test_parameter_counts(config, generator_config, generator_parameters, discriminator_parameters, fused_scaling):
    with keras.StatelessScope(initialize_variables=False):  # Shapes alone: nothing is allocated.
        generator = ProGANGenerator(**config, **generator_config, fused_scaling=fused_scaling)
        discriminator = ProGANDiscriminator(**config, fused_scaling=fused_scaling)
    assert number_of_parameters(generator) == generator_parameters
    assert number_of_parameters(discriminator) == discriminator_parameters


@pytest.mark.parametrize("make", [small_generator, small_discriminator])
def test_initial_weights_are_the_papers(make):
    network = make(max_channels=64, channel_base=512)
    for variable in network.trainable_variables:
        value = np.asarray(variable)
        if value.ndim == 1:
            assert not value.any()  # Biases.
        else:
            assert abs(value.std() - 1) < 6 / np.sqrt(value.size) and abs(value.mean()) < 5 / np.sqrt(value.size)
    # Each kernel has a seed of its own, and the network's seed moves all of them.
    kernels = [np.asarray(variable) for variable in network.trainable_variables if len(variable.shape) > 1]
    firsts = [kernel.flat[0] for kernel in kernels]
    assert len(set(firsts)) == len(firsts)
    others = [v for v in make(max_channels=64, channel_base=512, seed=1).trainable_variables if len(v.shape) > 1]
    assert not any(np.array_equal(kernel, np.asarray(other)) for kernel, other in zip(kernels, others))


def test_signals_keep_their_size_at_first():
    """Equalized learning rate: whatever the width, colours and scores start at about the same size."""
    for width in (16, 128):
        generator = small_generator(max_channels=width, channel_base=16 * width)
        images = generator(some_latents(16))
        assert 0.5 < np.std(images) < 2
        discriminator = small_discriminator(max_channels=width, channel_base=16 * width)
        class_like = [small_discriminator(max_channels=width, channel_base=16 * width, seed=s) for s in range(8)]
        scores = np.stack([network(some_images()) for network in [discriminator, *class_like]])
        assert 0.1 < np.abs(scores).mean() < 2


# === Levels ===


@pytest.mark.parametrize("fused_scaling", [True, False])
@pytest.mark.parametrize("level, fade", [(0, 0.0), (0, 0.4), (1, 0.0), (1, 0.75), (2, 0.0)])
def test_a_level_at_its_own_size_is_the_level_at_full_size(level, fade, fused_scaling):
    generator = small_generator(fused_scaling=fused_scaling)
    images = generator.synthesize_at(some_latents(), level=level, fade=fade)
    assert images.shape == (4, 16 >> level, 16 >> level, 3)
    shown = generator(some_latents(), level_of_detail=level + fade)
    np.testing.assert_allclose(enlarge(images, 2**level), shown, atol=1e-6)

    discriminator = small_discriminator(fused_scaling=fused_scaling, num_classes=3)
    logits, class_logits = discriminator.score_at(reduce(some_images(), 2**level), level, fade)
    assert logits.shape == (4,) and class_logits.shape == (4, 3)
    for value, expected in zip((logits, class_logits), discriminator.score(some_images(), level + fade)):
        np.testing.assert_allclose(value, expected, atol=1e-5)


def test_fading_goes_from_the_coarser_level_to_the_finer_one():
    generator, discriminator = small_generator(), small_discriminator()
    coarse, fine = (generator.synthesize_at(some_latents(), level=level) for level in (1, 0))
    for fade in (0.0, 0.25, 1.0):
        blend = (1 - fade) * fine + fade * enlarge(coarse)
        np.testing.assert_allclose(generator.synthesize_at(some_latents(), fade=fade), blend, atol=1e-5)
    coarse_logits, _ = discriminator.score_at(reduce(some_images()), level=1)
    np.testing.assert_allclose(discriminator.score_at(some_images(), fade=1.0)[0], coarse_logits, atol=1e-5)


def test_only_what_a_level_needs_is_run():
    """Gradients reach the layers of the level and of coarser ones, and the colours of the level and its neighbour."""
    generator, discriminator = small_generator(), small_discriminator()

    def reached(network, function):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(function()))
        gradients = tape.gradient(loss, network.trainable_variables)
        return {v.path.split("/")[-2] for v, g in zip(network.trainable_variables, gradients) if g is not None}

    stem = {"4x4_dense", "4x4_convolution", generator.name}  # The dense layer's bias is the network's own.
    eight = {"8x8_up_convolution", "8x8_convolution"}
    assert reached(generator, lambda: generator.synthesize_at(some_latents(), level=2)) == stem | {"4x4_to_rgb"}
    assert reached(generator, lambda: generator.synthesize_at(some_latents(), level=1)) == stem | eight | {"8x8_to_rgb"}
    fading = reached(generator, lambda: generator.synthesize_at(some_latents(), level=1, fade=0.5))
    assert fading == stem | eight | {"8x8_to_rgb", "4x4_to_rgb"}

    head = {"4x4_convolution", "4x4_dense", "4x4_score"}
    eight = {"8x8_convolution", "8x8_down_convolution", "8x8_from_rgb"}
    assert reached(discriminator, lambda: discriminator.score_at(some_images(4), 2)[0]) == head | {"4x4_from_rgb"}
    assert reached(discriminator, lambda: discriminator.score_at(some_images(8), 1)[0]) == head | eight
    fading = reached(discriminator, lambda: discriminator.score_at(some_images(8), 1, 0.5)[0])
    assert fading == head | eight | {"4x4_from_rgb"}


def test_a_fade_that_moves_is_not_traced_again():
    generator, discriminator = small_generator(), small_discriminator()
    fade = tf.Variable(1.0)

    @tf.function
    def scores():
        return discriminator.score_at(generator.synthesize_at(some_latents(), level=1, fade=fade), 1, fade)[0]

    for value in (1.0, 0.5, 0.0):
        fade.assign(value)
        images = generator.synthesize_at(some_latents(), level=1, fade=value)
        np.testing.assert_allclose(scores(), discriminator.score_at(images, 1, value)[0], atol=1e-5)
    assert scores.experimental_get_tracing_count() == 1


def test_a_fade_that_moves_has_second_derivatives():
    """As a gradient penalty within a phase takes them."""
    discriminator = small_discriminator()
    images = some_images(8)
    fade = tf.Variable(0.0)

    def gradients(fade):
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(images)
                logits = discriminator.score_at(images, 1, fade)[0]
            penalty = tf.reduce_sum(tf.square(inner.gradient(logits, images)))
        kernels = [discriminator.from_rgb[1].kernel.value, discriminator.from_rgb[2].kernel.value]
        return outer.gradient(penalty, kernels)

    compiled = tf.function(lambda: gradients(fade))
    for value in (0.25, 0.75):
        fade.assign(value)
        for one, other in zip(compiled(), gradients(value)):
            assert np.linalg.norm(other) > 1e-3 and np.linalg.norm(one - other) < 1e-4 * np.linalg.norm(other)


def test_gradient_norms_at_a_levels_own_size():
    """A pixel of level L stands for 4^L of the full size's, so that norms of gradients there are 2^L times as large."""
    discriminator = small_discriminator()

    def norms(images, function):
        with tf.GradientTape() as tape:
            tape.watch(images)
            logits = function(images)
        return np.linalg.norm(np.reshape(tape.gradient(logits, images), [4, -1]), axis=1)

    small_images = reduce(some_images(), 4)
    own = norms(small_images, lambda images: discriminator.score_at(images, 2)[0])
    full = norms(enlarge(small_images, 4), lambda images: discriminator(images, level_of_detail=2.0))
    np.testing.assert_allclose(own, 4 * full, rtol=1e-4)


# === Labels, latents and groups ===


def test_labels_are_numbers_or_one_hot():
    generator = small_generator(num_classes=3)
    images = generator(some_latents(), tf.constant([0, 1, 2, 2]))
    np.testing.assert_array_equal(images, generator(some_latents(), tf.one_hot([0, 1, 2, 2], 3)))
    assert np.abs(images - generator(some_latents(), tf.constant([1, 1, 2, 2]))).max() > 1e-3
    with pytest.raises(ValueError, match="if, and only if, `num_classes` is set"):
        generator(some_latents())
    with pytest.raises(ValueError, match="if, and only if, `num_classes` is set"):
        small_generator()(some_latents(), tf.constant([0, 1, 2, 2]))


def test_the_length_of_latents_matters_only_without_their_normalisation():
    generator = small_generator()
    np.testing.assert_allclose(generator(some_latents()), generator(3 * some_latents()), atol=1e-5)
    generator = small_generator(normalize_latents=False)
    generator.dense_bias.assign(np.full(generator.dense_bias.shape, 0.5))  # Without biases all of it scales alike.
    assert np.abs(generator(some_latents()) - generator(3 * some_latents())).max() > 1e-3


def test_minibatch_stddev_sees_the_other_images_of_the_group():
    images = some_images(batch_size=8)
    changed = tf.concat([images[:7], -images[7:]], axis=0)

    def affected(**config):
        network = small_discriminator(**config)
        return np.flatnonzero(np.abs(network(images) - network(changed)) > 1e-7).tolist()

    assert affected(minibatch_stddev_group_size=2) == [3, 7]  # Strided: four groups.
    assert affected(minibatch_stddev_group_size=2, minibatch_stddev_grouping="contiguous") == [6, 7]
    assert affected(minibatch_stddev_group_size=None) == list(range(8))
    assert affected(minibatch_stddev_channels=0) == [7]


# === As Keras models ===


@pytest.mark.parametrize("num_classes", [None, 3])
def test_saved_and_loaded(tmp_path, num_classes):
    generator, discriminator = small_generator(num_classes=num_classes), small_discriminator(num_classes=num_classes)
    for network in (generator, discriminator):
        for variable in network.trainable_variables:
            variable.assign_add(0.1 * np.random.default_rng(0).normal(size=variable.shape))
        network.save(tmp_path / f"{network.name}.keras")
        again = keras.models.load_model(tmp_path / f"{network.name}.keras")
        assert again.get_config() == network.get_config()
        assert len(again.variables) == len(network.variables)
        for value, expected in zip(again.get_weights(), network.get_weights()):
            np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_ends_in_float32(policy):
    generator, discriminator = small_generator(dtype=policy), small_discriminator(dtype=policy)
    images = generator(some_latents(), level_of_detail=tf.constant(0.3))
    assert images.dtype == tf.float32 and discriminator(images).dtype == tf.float32
    assert {variable.dtype for variable in generator.variables + discriminator.variables} == {"float32"}
    exact = small_generator()(some_latents(), level_of_detail=0.3)
    assert 0 < np.abs(images - exact).max() < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("num_classes", [None, 3])
def test_trains_in_the_common_gan(num_classes):
    """At full size, with the paper's loss and penalties; second derivatives and all."""
    gan = tg.GAN(
        small_generator(image_shape=(8, 8, 3), num_classes=num_classes),
        small_discriminator(image_shape=(8, 8, 3), num_classes=num_classes),
        image_shape=(8, 8, 3),
        latent_size=8,
        num_classes=num_classes,
    )
    gan.compile(
        loss=tg.losses.Wasserstein(),
        discriminator_penalties=[tg.penalties.GradientPenalty(10.0), tg.penalties.Drift(0.001)],
    )
    before = gan.discriminator.convolution.kernel.numpy()
    images = some_images(8, batch_size=8)
    data = images if num_classes is None else (images, tf.constant([0, 1, 2, 0, 1, 2, 0, 1]))
    history = gan.fit(tf.data.Dataset.from_tensors(data).repeat(2), verbose=0).history
    assert np.isfinite([values[-1] for values in history.values()]).all()
    assert np.abs(gan.discriminator.convolution.kernel.numpy() - before).max() > 1e-5


# === What is refused ===


@pytest.mark.parametrize("image_shape", [(48, 48, 3), (32, 64, 3), (2, 2, 3), (0, 0, 3), (8, 8, 0)])
@pytest.mark.parametrize("network", [ProGANGenerator, ProGANDiscriminator])
def test_refuses_other_shapes(network, image_shape):
    with pytest.raises(ValueError, match="size one of 4, 8, 16, 32"):
        network(image_shape)


@pytest.mark.parametrize("level_of_detail", [-0.1, 2.1, 7.0, float("nan")])
def test_refuses_levels_that_are_not_there(level_of_detail):
    with pytest.raises(ValueError, match="`level_of_detail` must be from 0 .* to 2"):
        small_generator()(some_latents(), level_of_detail=level_of_detail)
    with pytest.raises(ValueError, match="`level_of_detail` must be from 0 .* to 2"):
        small_discriminator()(some_images(), level_of_detail=level_of_detail)


def test_refuses_what_no_level_can_be():
    generator, discriminator = small_generator(), small_discriminator()
    for level, fade, message in (
        (3, 0.0, "an integer from 0 to 2"),
        (1.5, 0.0, "an integer from 0 to 2"),
        (1, 1.5, r"`fade` must be in \[0, 1\]"),
        (2, 0.5, "no coarser level"),
        (2, tf.constant(0.5), "no coarser level"),
    ):
        with pytest.raises(ValueError, match=message):
            generator.synthesize_at(some_latents(), level=level, fade=fade)
    with pytest.raises(ValueError, match=r"shape \(8, 8, 3\) at level 1. Received: images of shape \(4, 4, 3\)"):
        discriminator.score_at(some_images(4), 1)
    with pytest.raises(ValueError, match=r"shape \(16, 16, 3\) at level 0"):
        discriminator(some_images(8), level_of_detail=1.0)


def test_a_4x4_model_has_one_level():
    generator, discriminator = small_generator(image_shape=(4, 4, 3)), small_discriminator(image_shape=(4, 4, 3))
    images = generator(some_latents(), level_of_detail=tf.constant(0.0))
    assert images.shape == (4, 4, 4, 3) and discriminator(images).shape == (4,)
