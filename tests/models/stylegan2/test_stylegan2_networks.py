import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.stylegan2.scalars import discriminator_loss, generator_loss
from tfgan_suite.models.stylegan2.stylegan2_discriminator import StyleGAN2Discriminator
from tfgan_suite.models.stylegan2.stylegan2_generator import StyleGAN2Generator
from tfgan_suite.models.stylegan2.stylegan2_levels import level_sizes
from tfgan_suite.models.stylegan2.stylegan2_mapping import StyleGAN2Mapping

NUMBERS = np.random.default_rng(0)
LATENTS = NUMBERS.normal(size=[4, 8]).astype("float32")


def small_generator(image_shape=(16, 16, 3), **config):
    generator = StyleGAN2Generator(
        image_shape, latent_size=8, w_size=8, num_mapping_layers=2, channel_base=128, max_channels=8, **config
    )
    generator.build()
    for block in generator.blocks:
        for convolution in block.convolutions:
            convolution.noise_strength.assign(0.5)
    generator.mapping.w_average.assign(np.arange(8) / 8.0)
    return generator


def small_discriminator(image_shape=(16, 16, 3), **config):
    discriminator = StyleGAN2Discriminator(
        image_shape, channel_base=128, max_channels=8, num_mapping_layers=2, **config
    )
    discriminator.build()
    return discriminator


# === Parameter counts: of the official layer definitions ===

HALF = {"channel_base": 16384}
CIFAR = {"num_mapping_layers": 2}
GENERATORS = [
    (1024, {}, 30_370_060),
    (512, {}, 30_276_583),
    (256, {}, 30_034_338),
    (128, {}, 29_328_669),
    (64, {}, 27_032_600),
    (32, {}, 21_523_475),
    (1024, HALF, 24_900_764),
    (256, HALF, 24_767_458),
    (1024, {"num_mapping_layers": 2}, 28_794_124),
    (256, {"num_mapping_layers": 2, **HALF}, 23_191_522),
    (128, {"num_mapping_layers": 2, **HALF}, 22_949_277),
    (32, CIFAR, 19_947_539),
    (32, {"num_classes": 10, **CIFAR}, 20_215_315),
]
DISCRIMINATORS = [
    (1024, {}, 29_012_513),
    (512, {}, 28_982_849),
    (256, {}, 28_864_129),
    (128, {}, 28_389_121),
    (64, {}, 26_488_833),
    (32, {}, 21_507_073),
    (1024, HALF, 24_038_161),
    (256, HALF, 24_001_089),
    (128, HALF, 23_882_369),
    (32, {"architecture": "orig"}, 20_720_641),
    (32, {"architecture": "orig", "num_classes": 10}, 23_089_664),
]


@pytest.fixture
def count_of(monkeypatch):
    """Counts the numbers in trainable weights, and makes none of them."""
    sizes = []

    def add_weight(layer, name=None, shape=(), trainable=True, **options):
        sizes.append(int(np.prod(shape)) if trainable else 0)

    monkeypatch.setattr(keras.layers.Layer, "add_weight", add_weight)

    def count(network):
        sizes.clear()
        network.build()
        return sum(sizes)

    return count


@pytest.mark.parametrize("size, config, expected", GENERATORS)
def test_generator_parameters(count_of, size, config, expected):
    assert count_of(StyleGAN2Generator((size, size, 3), **config)) == expected


@pytest.mark.parametrize("size, config, expected", DISCRIMINATORS)
def test_discriminator_parameters(count_of, size, config, expected):
    assert count_of(StyleGAN2Discriminator((size, size, 3), **config)) == expected


# === Sizes ===


def test_level_sizes():
    assert level_sizes((16, 16, 3)) == [(4, 4), (8, 8), (16, 16)]
    assert level_sizes((384, 512, 1))[0] == (12, 16)
    assert level_sizes((48, 32, 4)) == [(12, 8), (24, 16), (48, 32)]
    assert len(level_sizes((1024, 1024, 3))) == 9


@pytest.mark.parametrize("image_shape", [(20, 20, 3), (16, 4, 3), (0, 0, 3), (16, 16, 2)])
def test_shapes_that_cannot_be(image_shape):
    with pytest.raises(ValueError, match="`image_shape` must be"):
        StyleGAN2Generator(image_shape)


@pytest.mark.parametrize("image_shape", [(16, 16, 1), (24, 16, 3), (16, 32, 4)])
@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_shapes(image_shape, architecture):
    generator = small_generator(image_shape, architecture=architecture)
    images = generator(LATENTS)
    assert images.shape == (4, *image_shape) and images.dtype == tf.float32
    assert generator.num_ws == 2 * len(level_sizes(image_shape)) == generator.map(LATENTS).shape[1]
    logits = small_discriminator(image_shape, architecture=architecture)(images)
    assert logits.shape == (4,) and logits.dtype == tf.float32


# === Truncation, noise, labels ===


def test_truncation():
    generator = small_generator()
    ws, centre = generator.map(LATENTS).numpy(), np.arange(8) / 8.0
    np.testing.assert_allclose(generator.map(LATENTS, truncation=0.0), np.broadcast_to(centre, ws.shape), atol=1e-6)
    half = generator.map(LATENTS, truncation=tf.constant(0.5), truncation_cutoff=2)
    np.testing.assert_allclose(half[:, :2], 0.5 * (ws[:, :2] + centre), atol=1e-5)
    np.testing.assert_array_equal(half[:, 2:], ws[:, 2:])
    np.testing.assert_array_equal(generator.map(LATENTS, truncation=tf.constant(0.5), truncation_cutoff=0), ws)


def test_truncation_towards_the_centre_of_a_class():
    generator = small_generator(num_classes=3)
    generator.mapping.class_averages = NUMBERS.normal(size=[3, 8]).astype("float32")
    ws = generator.map(LATENTS, np.array([0, 2, 1, 1]), truncation=0.0)
    np.testing.assert_allclose(ws[:, 0], generator.mapping.class_averages[[0, 2, 1, 1]], rtol=1e-6)
    generator.mapping.class_averages = None
    assert generator.mapping.class_averages is None
    average = np.broadcast_to(generator.mapping.w_average, [4, 8])
    np.testing.assert_array_equal(generator.map(LATENTS, np.array([0, 2, 1, 1]), truncation=0.0)[:, 0], average)


def test_centres_of_classes_fit_or_are_refused():
    mapping = small_generator(num_classes=3).mapping
    for averages in (np.zeros([2, 8]), np.full([3, 8], np.nan)):
        with pytest.raises(ValueError, match=r"`class_averages` must be finite and have shape \(3, 8\)"):
            mapping.class_averages = averages
    assert mapping.class_averages is None
    with pytest.raises(ValueError, match="mapping with labels"):
        small_generator().mapping.class_averages = np.zeros([3, 8])


def test_networks_from_before_there_were_centres_load(tmp_path):
    """Their mapping's own variables are the average alone."""
    generator = small_generator(num_classes=3)
    generator.mapping.class_averages = np.ones([3, 8])
    generator.save_weights(tmp_path / "new.weights.h5")
    with h5py.File(tmp_path / "new.weights.h5", "a") as file:
        own = file["layers/style_gan2_mapping/vars"]
        np.testing.assert_array_equal(own["1"], np.ones([3, 8]))
        del own["1"], own["2"]
    other = small_generator(num_classes=3)
    other.mapping.w_average.assign(np.zeros(8))
    other.load_weights(tmp_path / "new.weights.h5")
    np.testing.assert_array_equal(other.mapping.w_average, generator.mapping.w_average)
    assert other.mapping.class_averages is None


def test_moving_average():
    mapping = StyleGAN2Mapping(8, w_size=4, average_decay=0.75)
    ws = mapping(LATENTS).numpy()
    mapping.update_average(ws[:, None, :])
    np.testing.assert_allclose(mapping.w_average, 0.25 * ws.mean(axis=0), rtol=1e-5)


def test_noise():
    generator = small_generator()
    ws = generator.map(LATENTS)
    images = {noise: generator.synthesize(ws, noise, seed=[1, 2]).numpy() for noise in ("const", "none", "random")}
    assert np.abs(images["const"] - images["none"]).max() > 1e-3
    np.testing.assert_array_equal(generator(LATENTS), images["const"])
    np.testing.assert_array_equal(generator(LATENTS, training=True, seed=[1, 2]), images["random"])
    np.testing.assert_array_equal(generator.synthesize(ws, "random", seed=[1, 2]), images["random"])
    assert np.abs(generator.synthesize(ws, "random", seed=[1, 3]) - images["random"]).max() > 1e-3
    # Without a seed from TensorFlow's generator: other noise in every call, also of a graph.
    draw = tf.function(lambda: generator.synthesize(ws, "random"))
    assert np.abs(draw() - draw()).max() > 1e-3
    # Noise differs between the images of a batch.
    same = generator.synthesize(tf.repeat(ws[:1], 2, axis=0), "random", seed=[1, 2])
    assert np.abs(same[0] - same[1]).max() > 1e-3
    with pytest.raises(ValueError, match="Received: noise='constant'"):
        generator.synthesize(ws, "constant")


def test_without_noise_inputs():
    """It is the same network as one whose noise has no strength, minus two weights a convolution."""
    with_noise, without = (
        small_generator(),
        StyleGAN2Generator(
            (16, 16, 3),
            latent_size=8,
            w_size=8,
            num_mapping_layers=2,
            channel_base=128,
            max_channels=8,
            use_noise=False,
        ),
    )
    ws = with_noise.map(LATENTS)
    expected = with_noise.synthesize(ws, "none")
    without.build()
    assert without.noise_shapes == []
    assert len(with_noise.variables) - len(without.variables) == 2 * len(with_noise.noise_shapes)
    without.set_weights([v for v in with_noise.weights if "noise" not in v.path])
    for noise in ("const", "random", "none"):
        np.testing.assert_allclose(without.synthesize(ws, noise, seed=[1, 2]), expected, atol=1e-6)
    with pytest.raises(ValueError, match="`noise` must have 0 maps"):
        without.synthesize(ws, [np.zeros([1, 4, 4, 1], "float32")])


def test_random_noise_does_not_depend_on_replicas(two_replicas):
    with two_replicas.scope():
        generator = small_generator()

    @tf.function
    def run(latents):
        return two_replicas.run(lambda latents: generator(latents, noise="random", seed=[1, 2]), args=(latents,))

    expected = generator(LATENTS, noise="random", seed=[1, 2])
    halves = two_replicas.experimental_distribute_values_from_function(
        lambda context: tf.constant(np.split(LATENTS, 2)[context.replica_id_in_sync_group])
    )
    images = tf.concat(two_replicas.experimental_local_results(run(halves)), axis=0)
    np.testing.assert_allclose(images, expected, atol=1e-5)


def test_labels():
    generator, discriminator = small_generator(num_classes=3), small_discriminator(num_classes=3)
    numbers = np.array([0, 2, 1, 1])
    images = generator(LATENTS, numbers)
    np.testing.assert_array_equal(images, generator(LATENTS, np.eye(3)[numbers]))
    assert np.abs(images - generator(LATENTS, np.array([1, 2, 1, 1])))[0].max() > 1e-3
    logits = discriminator(images, numbers)
    assert np.abs(logits - discriminator(images, np.array([1, 2, 1, 1])))[0] > 1e-6
    with pytest.raises(ValueError, match="`labels` must be given for a conditional network of 3"):
        generator(LATENTS)
    with pytest.raises(ValueError, match=r"`labels` must be class numbers \[batch\] or vectors \[batch, 3\]"):
        generator(LATENTS, np.zeros([4, 2]))


def test_bad_arguments():
    with pytest.raises(ValueError, match="Received: architecture='residual'"):
        small_generator(architecture="residual")
    with pytest.raises(ValueError, match="must not both be set"):
        small_discriminator(num_classes=3, label_size=3)
    with pytest.raises(ValueError, match="`channels` must have an integer >= 1"):
        StyleGAN2Generator((64, 64, 3), channel_base=32)
    with pytest.raises(ValueError, match="`latent_size` or `label_size` must be >= 1"):
        StyleGAN2Mapping(0)


# === Saving, precision ===


@pytest.mark.parametrize("make", [small_generator, small_discriminator])
def test_config_and_saving(make, tmp_path):
    network = make(num_classes=3, conv_clamp=256, channels=[7, 6, 5], dtype="mixed_bfloat16")
    inputs = LATENTS if make is small_generator else NUMBERS.normal(size=[4, 16, 16, 3]).astype("float32")
    outputs = network(inputs, np.array([0, 1, 2, 0]))
    network.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras")
    assert again.get_config() == network.get_config()
    np.testing.assert_array_equal(again(inputs, np.array([0, 1, 2, 0])), outputs)


@pytest.mark.parametrize("policy, tolerance", [("mixed_bfloat16", 0.05), ("mixed_float16", 0.01)])
@pytest.mark.parametrize("architecture", ["skip", pytest.param("resnet", marks=pytest.mark.slow)])
def test_mixed_precision(policy, tolerance, architecture):
    """Images and logits near those of float32, finite gradients in float32, narrow types only at high resolutions."""
    config = {"image_shape": (32, 32, 3), "architecture": architecture, "conv_clamp": 256}
    config["num_mixed_precision_resolutions"] = 2
    generators = [small_generator(dtype=dtype, **config) for dtype in ("float32", policy)]
    discriminators = [small_discriminator(dtype=dtype, **config) for dtype in ("float32", policy)]
    assert [block.compute_dtype for block in generators[1].blocks] == ["float32"] * 2 + [policy[6:]] * 2
    assert [block.compute_dtype for block in discriminators[1].blocks] == [policy[6:]] * 2 + ["float32"]
    for networks in (generators, discriminators):
        for wide, mixed in zip(networks[0].variables, networks[1].variables):
            assert mixed.dtype == "float32"
            np.testing.assert_array_equal(np.asarray(wide), np.asarray(mixed))
    images = [generator(LATENTS) for generator in generators]
    assert images[1].dtype == tf.float32
    scale = np.abs(images[0]).max()
    assert 0 < np.abs(images[1] - images[0]).max() < tolerance * scale
    logits = [discriminator(images[0]) for discriminator in discriminators]
    assert logits[1].dtype == tf.float32
    np.testing.assert_allclose(logits[1], logits[0], atol=tolerance * np.abs(logits[0]).max() + tolerance)
    loss, gradients = generator_loss(generators[1], discriminators[1], LATENTS, None)
    assert np.isfinite(loss) and all(np.isfinite(gradient).all() for gradient in gradients.values())
    real = NUMBERS.normal(size=[4, 3, 32, 32])
    *scalars, gradients = discriminator_loss(discriminators[1], real, 0.5 * real, None)
    assert all(np.isfinite(value).all() for value in [*scalars, *gradients.values()])


def test_float16_holds_large_weights():
    """Norms that would overflow float16 are divided out before."""
    generators = [small_generator(dtype=dtype, conv_clamp=256) for dtype in ("float32", "mixed_float16")]
    for generator in generators:
        for block in generator.blocks[1:]:
            for convolution in block.convolutions:
                convolution.kernel.assign(convolution.kernel * 1e5)
                convolution.affine.bias.assign(convolution.affine.bias * 1e3)
    images = [generator(LATENTS) for generator in generators]
    assert np.abs(images[1] - images[0]).max() < 0.01 * np.abs(images[0]).max()
