import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.test_case import assert_same_weights, run_replica_test
from tfgan_suite.adversarial.gan import GAN
from tfgan_suite.adversarial.losses import Hinge
from tfgan_suite.models.biggan.biggan_discriminator import BigGANDiscriminator
from tfgan_suite.models.biggan.biggan_generator import BigGANGenerator


def make_generator(variant="biggan", **kwargs):
    config = {"latent_size": 16, "num_classes": 5, "base_channels": 4, "shared_size": 8, "variant": variant, **kwargs}
    return BigGANGenerator((32, 32, 3), attention_resolutions=(16,), **config)


def make_discriminator(variant="biggan", **kwargs):
    config = {"num_classes": 5, "base_channels": 4, "attention_resolutions": (16,), "variant": variant, **kwargs}
    return BigGANDiscriminator((32, 32, 3), **config)


def count_of(network):
    """Trained parameters, without making any."""
    with keras.StatelessScope(initialize_variables=False):
        network.build()
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)


@pytest.fixture(autouse=True)
def forget_variables_never_made():
    yield
    keras.utils.clear_session()


CIFAR = {"num_classes": 10, "base_channels": 64, "attention_resolutions": ()}
DEEP = {"variant": "deep", "base_channels": 128}


@pytest.mark.parametrize(
    "size, config, expected",
    [
        (128, {"latent_size": 120}, 70_433_988),
        (256, {"latent_size": 140, "attention_resolutions": (128,)}, 82_097_604),
        (512, {"latent_size": 160}, 82_468_068),
        (32, {"latent_size": 128, "shared_size": None, "hierarchical": False, **CIFAR}, 4_304_387),
        (32, {"latent_size": 80, "num_classes": 10, "attention_resolutions": (16,)}, 9_416_196),
        # Published as 50.4, 55.9 and 56.2 million, with 128 channels where the colours are made and 3 are used.
        (128, {"latent_size": 128, "output_channels": 128, **DEEP}, 50_400_000),
        (256, {"latent_size": 128, "output_channels": 128, **DEEP}, 55_900_000),
        (512, {"latent_size": 128, "output_channels": 128, **DEEP}, 56_200_000),
    ],
)
def test_generators_have_the_published_number_of_parameters(size, config, expected):
    rounded = 60_000 if config.get("variant") == "deep" else 0
    assert abs(count_of(BigGANGenerator((size, size, 3), **config)) - expected) <= rounded


@pytest.mark.parametrize(
    "size, config, expected",
    [
        (128, {}, 87_982_370),
        (256, {}, 99_225_890),  # BigGAN-PyTorch
        (256, {"convolve_equal_shortcuts": False}, 98_635_298),  # compare_gan
        (512, {"convolve_equal_shortcuts": False}, 98_801_378),  # compare_gan
        (32, CIFAR, 4_207_361),
        (32, {"num_classes": 10, "attention_resolutions": (16,)}, 10_194_053),
    ],
)
def test_discriminators_have_the_published_number_of_parameters(size, config, expected):
    assert count_of(BigGANDiscriminator((size, size, 3), **config)) == expected


def test_the_image_is_the_first_of_more_output_channels():
    generator = make_generator(output_channels=7)
    latents, labels = np.ones([2, 16], "float32"), np.array([0, 3])
    images = generator(latents, labels)
    assert images.shape == (2, 32, 32, 3) and generator.output_convolution.kernel.shape[-1] == 7
    # The kernel is normalised as a whole: the channels that are not shown count.
    kernel = np.array(generator.output_convolution.kernel)
    kernel[..., 3:] *= 10.0
    generator.output_convolution.kernel.assign(kernel)
    assert np.abs(generator(latents, labels) - images).max() > 1e-3
    with pytest.raises(ValueError, match="`output_channels` must be at least 3"):
        make_generator(output_channels=2)


@pytest.mark.parametrize("size, variant", [(64, "deep"), pytest.param(512, "biggan", marks=pytest.mark.slow)])
def test_shapes(size, variant):
    """Without running it; the parity tests run the smaller sizes."""
    config = {"num_classes": 3, "base_channels": 8, "variant": variant, "attention_resolutions": (32,)}
    generator = BigGANGenerator((size, size, 3), latent_size=16, shared_size=4, **config)
    discriminator = BigGANDiscriminator((size, size, 3), **config)
    with keras.StatelessScope(initialize_variables=False):
        images = generator(keras.Input([generator.latent_size]), keras.Input([], dtype="int32"))
        logits = discriminator(images, keras.Input([], dtype="int32"))
    assert images.shape == (None, size, size, 3) and logits.shape == (None, 1)


@pytest.mark.parametrize("variant", ["biggan", "deep"])
def test_classes_can_be_mixed(variant):
    generator = make_generator(variant)
    latents = np.random.default_rng(0).normal(size=[2, 16]).astype("float32")
    vectors = generator.class_vectors(np.array([1, 3]))
    np.testing.assert_allclose(generator.synthesize(latents, vectors), generator(latents, np.array([1, 3])), atol=1e-6)
    halfway = generator.synthesize(latents, tf.reduce_mean(vectors, axis=0, keepdims=True) + tf.zeros_like(vectors))
    assert np.abs(halfway - generator(latents, np.array([1, 3]))).max() > 1e-4


def test_without_a_shared_embedding_each_class_has_its_gains():
    generator = make_generator(shared_size=None, hierarchical=False)
    latents = np.random.default_rng(0).normal(size=[2, 16]).astype("float32")
    before = generator(latents, np.array([1, 3]))
    table = generator.blocks[0].normalize_1.gain.kernel  # [num_classes, channels]
    table.assign(np.asarray(table) + 0.5 * (np.arange(5) == 3)[:, None])
    after = generator(latents, np.array([1, 3]))
    np.testing.assert_array_equal(before[0], after[0])
    assert np.abs(before[1] - after[1]).max() > 1e-3


@pytest.mark.parametrize("make_network", [make_generator, make_discriminator])
def test_config_and_file(make_network, tmp_path):
    network = make_network(convolve_equal_shortcuts=False) if make_network is make_discriminator else make_network()
    network.build()
    assert network.__class__.from_config(network.get_config()).get_config() == network.get_config()
    network.save(tmp_path / "network.keras")
    assert_same_weights(network, keras.models.load_model(tmp_path / "network.keras"))
    again = make_network()
    other = make_network(seed=1)
    again.build(), other.build()
    kernels = [np.asarray(net.blocks[1].convolve_1.kernel) for net in (network, again, other)]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[0], kernels[2])


def test_initial_kernels_are_orthogonal():
    generator = make_generator("deep")
    generator.build()
    for layer in (generator.blocks[0].convolve_2, generator.linear, generator.blocks[1].normalize_2.gain):
        matrix = np.asarray(layer.kernel).reshape(-1, layer.kernel.shape[-1])
        matrix = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
        np.testing.assert_allclose(matrix.T @ matrix, np.eye(matrix.shape[1]), atol=1e-5)
    narrow = make_generator(initializer="normal")
    narrow.build()
    assert abs(np.asarray(narrow.linear.kernel).std() - 0.02) < 2e-3


@pytest.mark.parametrize("policy", [pytest.param("mixed_bfloat16", marks=pytest.mark.slow), "mixed_float16"])
@pytest.mark.parametrize("variant", ["biggan", "deep"])
def test_mixed_precision(policy, variant):
    latents, labels = np.random.default_rng(0).normal(size=[4, 16]).astype("float32"), np.array([0, 1, 2, 3])
    full, mixed = make_generator(variant), make_generator(variant, dtype=policy)
    images = full(latents, labels)
    mixed_images = mixed(latents, labels, training=True)
    assert mixed_images.dtype == "float32" and mixed.blocks[0].compute_dtype == policy[6:]
    assert np.abs(mixed_images - full(latents, labels, training=True)).max() < 0.15
    full, mixed = make_discriminator(variant), make_discriminator(variant, dtype=policy)
    logits, mixed_logits = full(images, labels, training=True), mixed(images, labels, training=True)
    assert mixed_logits.dtype == "float32"
    np.testing.assert_allclose(mixed_logits, logits, rtol=0, atol=0.05 * np.abs(logits).max())


@pytest.mark.parametrize(
    "config, message",
    [
        ({"image_shape": (48, 48, 3)}, "size one of 32, 64"),
        ({"variant": "shallow"}, "`variant` must be 'biggan' or 'deep'"),
        ({"latent_size": 128}, "divisible into 6 equal parts.*126"),
        ({"shared_size": None}, "hierarchical=False"),
        ({"attention_resolutions": (63,)}, r"Received: \[63\]"),
        ({"variant": "deep", "depth": 0}, "`depth` must be >= 1"),
        ({"initializer": "xavier"}, "'orthogonal' or 'normal'"),
    ],
)
def test_refuses(config, message):
    with pytest.raises(ValueError, match=message):
        BigGANGenerator(**config).build()


@pytest.mark.slow  # The quick tests have the whole model on two replicas.
@pytest.mark.parametrize("variant, tolerance", [("biggan", 1e-4), ("deep", 5e-3)])
def test_two_replicas_equal_one(variant, tolerance, two_replicas):
    def make_gan():
        gan = GAN(
            make_generator(variant, latent_size=8),
            make_discriminator(variant),
            image_shape=(32, 32, 3),
            latent_size=8,
            num_classes=5,
        )
        gan.compile(
            generator_optimizer=keras.optimizers.SGD(0.001),
            discriminator_optimizer=keras.optimizers.SGD(0.001),
            loss=Hinge(),
        )
        return gan

    # The biases of convolutions before a normalisation have a gradient of zero: what moves them is rounding. It also turns a
    # rectifier of the deep networks the other way now and then. Biases begin at zero: all that they are is what they learned.
    run_replica_test(make_gan, two_replicas, batch_size=4, steps=2, tolerance=tolerance)


@pytest.mark.parametrize("variant", ["biggan", pytest.param("deep", marks=pytest.mark.slow)])
def test_rematerialised_blocks_compute_the_same(variant):
    """Images, logits, gradients, `u` and moments of a step, with what the gradient needs computed anew."""
    latents, labels = np.random.default_rng(0).normal(size=[4, 16]).astype("float32"), np.array([0, 1, 2, 3])
    results = []
    for rematerialize in (False, True):
        generator = make_generator(variant, rematerialize=rematerialize)
        discriminator = make_discriminator(variant, rematerialize=rematerialize)
        generator.build(), discriminator.build()

        variables = generator.trainable_variables + discriminator.trainable_variables
        with tf.GradientTape() as tape:
            images = generator(latents, labels, training=True)
            logits = discriminator(images, labels, training=True)
            loss = tf.reduce_mean(tf.nn.softplus(-logits))
        gradients = [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, variables)]
        results.append([images, logits, *gradients, *generator.variables, *discriminator.variables])
        assert generator.__class__.from_config(generator.get_config()).rematerialize == rematerialize
    for plain, rematerialized in zip(*results):
        plain, rematerialized = np.asarray(plain), np.asarray(rematerialized)
        np.testing.assert_allclose(rematerialized, plain, rtol=0, atol=1e-4 * max(1e-2, np.abs(plain).max()))
