"""VQVAE: the contract of every model, its tokens, and that it learns with every quantizer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.test_case import random_batch, run_model_test, run_replica_test
from tfgan_suite.exports.saved_model import export_saved_model, load_generator
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.layers.quantizers import EMAVectorQuantizer, VectorQuantizer
from tfgan_suite.likelihood.reconstruction_losses import AbsoluteError, Adversarial, Perceptual, SquaredError

TINY = {"image_shape": (8, 8, 1), "code_levels": (4, 3), "channels": 4, "residual_blocks": 1, "seed": 1}


@keras.saving.register_keras_serializable("tests")
def edges_differ(images, others):
    """A distance of images by their horizontal edges."""
    return tf.reduce_mean(tf.square((images - others)[:, :, 1:] - (images - others)[:, :, :-1]), axis=[1, 2, 3])


def make_vqvae(optimizer="auto", quantizer=None, discriminator=None, **choices):
    vqvae = tg.VQVAE(**TINY, quantizer=quantizer, discriminator=discriminator)
    vqvae.compile(optimizer=optimizer, **choices)
    return vqvae


def everything(make_optimizer=lambda: "auto"):
    return make_vqvae(
        make_optimizer(),
        EMAVectorQuantizer(3, 6, seed=2),
        "patches",
        discriminator_optimizer=make_optimizer(),
        reconstruction=[SquaredError(), AbsoluteError(tg.LinearSchedule(0.0, 0.5, 32)), Perceptual(edges_differ, 0.1)],
        adversarial=Adversarial(tg.losses.NonSaturating(), tg.LinearSchedule(0.0, 0.1, 32)),
    )


@pytest.mark.slow
def test_contract(tmp_path):
    run_model_test(make_vqvae, tmp_path)


def test_contract_with_everything(tmp_path):
    run_model_test(everything, tmp_path)


QUANTIZERS = {
    "fsq": lambda: None,
    "vq": lambda: VectorQuantizer(3, 6, seed=2),
    "ema": lambda: EMAVectorQuantizer(3, 6, seed=2),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["fsq", "vq"])  # EMA is tested with everything.
def test_two_replicas_equal_one(two_replicas, kind):
    run_replica_test(lambda: make_vqvae(keras.optimizers.SGD(0.01), QUANTIZERS[kind]()), two_replicas)


def test_two_replicas_equal_one_with_everything(two_replicas):
    run_replica_test(lambda: everything(lambda: keras.optimizers.SGD(0.01)), two_replicas)


def test_microbatches_equal_the_batch():
    models = []
    for microbatch_size in (None, 2):
        model = make_vqvae(
            keras.optimizers.SGD(0.05), EMAVectorQuantizer(3, 6, seed=2), microbatch_size=microbatch_size
        )
        examples, _ = random_batch(model, 8)
        model.fit(examples, batch_size=8, epochs=3, shuffle=False, verbose=0)
        models.append(model)
    for a, b in zip(models[0].variables, models[1].variables):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6, err_msg=a.path)


def patterns(count, seed=0):
    """Images of four quarters, each dark or bright: 16 of them, of 4 tokens each."""
    quarters = np.random.default_rng(seed).choice([-0.8, 0.8], [count, 2, 2, 1])
    return np.kron(quarters, np.ones([1, 4, 4, 1])).astype("float32")


@pytest.mark.parametrize("kind", QUANTIZERS)
def test_it_learns_and_tokens_tell_everything(kind):
    model = tg.VQVAE(**{**TINY, "channels": 16}, quantizer=QUANTIZERS[kind]())
    model.compile(optimizer=tg.Adam(1e-2))
    images = patterns(64)
    history = model.fit(images, batch_size=16, epochs=40, verbose=0).history
    made = model.reconstruct(images)
    assert np.abs(made - images).mean() < 0.1, history["loss"][-1]
    tokens = model.encode_tokens(images)
    np.testing.assert_allclose(model.decode_tokens(tokens), made, atol=1e-5)
    assert int(tf.reduce_max(tokens)) < model.num_tokens
    rows = model.interpolate(images[:3], images[3:6], steps=5)
    np.testing.assert_allclose(rows[:, 0], made[:3], atol=1e-5)
    np.testing.assert_allclose(rows[:, -1], made[3:6], atol=1e-5)
    assert 0 < model.codebook_use(images) <= 1 and history["codes/perplexity"][-1] >= 1


def test_generated_tokens_follow_their_use():
    model = make_vqvae()
    usage = np.zeros(12, "float32")
    usage[[2, 7]] = 1.0, 3.0
    model.quantizer.average_counts.assign(usage)
    tokens = model.sample_latents(1000, tf.constant([1, 2]))
    is_seven = np.abs(tokens - model.quantizer.decode([7])).max(axis=-1) < 1e-6
    is_two = np.abs(tokens - model.quantizer.decode([2])).max(axis=-1) < 1e-6
    assert (is_two | is_seven).all() and abs(is_seven.mean() - 0.75) < 0.03


def test_exports_tokenize(tmp_path):
    model = everything()
    images, _ = random_batch(model, 5)
    model.fit(images, batch_size=5, verbose=0)
    exported = load_generator(export_saved_model(model, tmp_path / "vqvae", max_count=8))
    tokens = model.encode_tokens(images)
    assert exported.can(tg.abilities.Tokenizes) and exported.token_shape == (2, 2) and exported.num_tokens == 6
    np.testing.assert_array_equal(exported.encode_tokens(images), tokens)
    np.testing.assert_allclose(exported.decode_tokens(tokens), model.decode_tokens(tokens), atol=1e-5)
    pixels = model.spec.to_edge(images).numpy()
    served = exported.call_signature("encode_tokens", images=pixels)["tokens"]
    again = exported.call_signature("decode_tokens", tokens=served)["images"]
    assert served.dtype == np.int32 and again.shape == (5, 8, 8, 1) and again.dtype == np.uint8
    with pytest.raises(tf.errors.InvalidArgumentError, match="tokens must be from 0 to 5"):
        exported.call_signature("decode_tokens", tokens=np.full([1, 2, 2], 6))


def test_lpips_is_a_loss_that_is_saved(tmp_path):
    try:
        perceptual = Perceptual(tg.metrics.LPIPS(), 0.5)
    except tg.MissingExtraError as error:
        pytest.skip(str(error))
    model = make_vqvae(reconstruction=[AbsoluteError(), perceptual])
    images = patterns(4)
    model.fit(images, batch_size=4, verbose=0)
    model.save(tmp_path / "vqvae.keras")
    loaded = keras.models.load_model(tmp_path / "vqvae.keras")
    losses = [one.fit(images, batch_size=4, verbose=0).history["loss/perceptual"][0] for one in (model, loaded)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5) and losses[0] > 0


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="`downsampling` must be a power of 2"):
        tg.VQVAE(image_shape=(10, 8, 1), downsampling=4)
    with pytest.raises(ValueError, match="`adversarial` and the discriminator go together"):
        make_vqvae(adversarial=Adversarial(tg.losses.Hinge()))
    with pytest.raises(ValueError, match="`reconstruction` must be a list"):
        make_vqvae(reconstruction=SquaredError())
    model = make_vqvae()
    with pytest.raises(UserError, match="`tokens` must be from 0 to 11. Received: from -1 to 0"):
        model.decode_tokens(np.array([[[0, -1], [0, 0]]]))
    with pytest.raises(UserError, match="of shape \\(2, 2\\)"):
        model.decode_tokens(np.zeros([1, 4], int))
    encoder = keras.Sequential([keras.Input([8, 8, 1]), keras.layers.Conv2D(5, 4, 4)])
    with pytest.raises(ValueError, match="vectors of the quantizer's size, 2"):
        tg.VQVAE(encoder, image_shape=(8, 8, 1), code_levels=(4, 3))


def test_parameters_of_the_published_sizes():
    """Of strided convolutions, two residual blocks each, and maps to and from codes of 64 numbers, by hand."""
    model = tg.VQVAE.from_preset("vqvae_cifar10_32")

    def convolution(size, inputs, outputs):
        return size**2 * inputs * outputs + outputs

    blocks = 2 * (convolution(3, 128, 32) + convolution(1, 32, 128))
    encoder = (
        convolution(4, 3, 64) + convolution(4, 64, 64) + convolution(3, 64, 128) + blocks + convolution(1, 128, 64)
    )
    decoder = (
        convolution(3, 64, 128) + blocks + convolution(4, 128, 64) + convolution(4, 64, 64) + convolution(3, 64, 3)
    )
    assert model.encoder.count_params() + model.decoder.count_params() == encoder + decoder == 587_651
    assert (model.quantizer.num_codes, model.latent_shape) == (512, (8, 8, 64))
    copy = tg.VQVAE.from_config(model.get_config())
    assert type(copy.quantizer) is tg.quantizers.EMAVectorQuantizer
