"""Anomaly scores of models with a likelihood: closed forms, and what they find where the likelihood alone fails."""

import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import rankdata

import tfgan_suite as tg
from tfgan_suite.data.sources.array_source import open_digits
from tfgan_suite.foundation.errors import UserError

VAE = {"image_shape": (8, 8, 1), "latent_size": 4, "base_channels": 8, "dense_units": 32, "seed": 1}


def auroc(normal, strange):
    """The share of pairs in which the strange one has the higher score; ties count half."""
    ranks = rankdata(np.concatenate([normal, strange]))[len(normal) :]
    return (ranks.sum() - len(strange) * (len(strange) + 1) / 2) / (len(normal) * len(strange))


@pytest.fixture(scope="module")
def digits():
    """Every third pixel of MNIST's digits in 17 levels, uint8: those for training, and others."""
    images = np.round(open_digits().examples[:, 2:26:3, 2:26:3] * (16 / 255)).astype("uint8")
    held_out = np.arange(len(images)) // 10 % 10 == 9
    return images[~held_out], images[held_out]


@pytest.fixture(scope="module")
def model(digits):
    vae = tg.VAE(**VAE, levels=17)
    vae.compile(optimizer=tg.Adam(3e-3), ema=tg.ExponentialMovingAverage(decay=0.95))
    vae.fit(tg.to_float(digits[0], 17).numpy(), batch_size=100, epochs=4, verbose=0)
    return vae


def test_the_likelihood_alone_fails(model, digits):
    """Blank images are likelier than digits, so the likelihood calls them the more normal ones; the two scores do not."""
    train, held_out = digits
    blank = (np.random.default_rng(0).random([100, 8, 8, 1]) < 0.02).astype("uint8")
    entropy = model.bits_per_dimension(train).mean()
    assert auroc(model.bits_per_dimension(held_out), model.bits_per_dimension(blank)) < 0.05
    for score in (model.complexity_score, lambda images: model.typicality_score(images, entropy)):
        assert auroc(score(held_out), score(blank)) > 0.9
    noise = np.random.default_rng(1).integers(0, 17, [100, 8, 8, 1]).astype("uint8")
    assert auroc(model.complexity_score(held_out), model.complexity_score(noise)) > 0.95


def test_scores_by_their_formulas(model, digits):
    images = digits[1][:5]
    bits = model.bits_per_dimension(images, samples=3, seed=2)
    np.testing.assert_allclose(model.typicality_score(images, 1.5, samples=3, seed=2), np.abs(bits - 1.5))
    compressed = np.array([8 * len(zlib.compress(one.tobytes())) for one in images])
    received = model.complexity_score(images, samples=3, seed=2, compress=lambda one: zlib.compress(one.tobytes()))
    np.testing.assert_allclose(received, bits - compressed / 64)
    np.testing.assert_allclose(model.anomaly_score(images), model.complexity_score(images), rtol=1e-6)
    with pytest.raises(UserError, match="`entropy` must be a finite number"):
        model.typicality_score(images, np.nan)


def test_an_image_is_scored_as_it_would_be_alone(model, digits):
    images = tg.to_float(digits[1][:70], 17)  # More than are worked out at a time.
    together = model.anomaly_score(images).numpy()
    np.testing.assert_allclose(together[69:], model.anomaly_score(images[69:]), rtol=1e-5)
    np.testing.assert_allclose(together[::-1][:7], model.anomaly_score(images[::-1][:7]), rtol=1e-5)


@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 12, 3)])
def test_png_bits_are_those_of_the_data(shape):
    """What `IDAT` chunks hold."""
    model = tg.PixelCNN(image_shape=shape, blocks=1, filters=4)
    images = np.random.default_rng(0).integers(0, 256, [3, *shape]).astype("uint8")
    images[0] = 7
    expected = [8 * idat_bytes(tf.io.encode_png(image).numpy()) for image in images]
    surplus = model.bits_per_dimension(images) - model.complexity_score(images)
    np.testing.assert_allclose(surplus * np.prod(shape), expected, rtol=1e-5)


def idat_bytes(file):
    place, count = 8, 0
    while place < len(file):
        (length,) = struct.unpack(">I", file[place : place + 4])
        count += length if file[place + 4 : place + 8] == b"IDAT" else 0
        place += length + 12
    return count


def test_without_a_class_all_of_them_are_summed_over():
    vae = tg.VAE(**VAE, num_classes=3, label_weights=[1.0, 2.0, 5.0])
    images = np.random.default_rng(0).integers(0, 256, [4, 8, 8, 1]).astype("uint8")
    log_probs = np.array([vae.log_prob(images, [label] * 4) for label in range(3)])
    shift = log_probs.max(axis=0)  # Against underflow.
    expected = shift + np.log(np.array([0.125, 0.25, 0.625]) @ np.exp(log_probs - shift))
    received = -vae.typicality_score(images, 0.0).numpy() * 64 * np.log(2)
    np.testing.assert_allclose(received, expected, rtol=1e-6)
    given = vae.complexity_score(images, labels=[0, 1, 2, 0])
    assert np.abs(given - vae.complexity_score(images)).max() > 1e-6


def test_tokens_are_compressed_by_zlib():
    model = tg.TokenTransformer({"shape": [12], "vocabulary_size": 300}, width=8, num_blocks=1, num_heads=2)
    tokens = np.random.default_rng(0).integers(0, 300, [3, 12])
    compressed = [8 * len(zlib.compress(row.astype("uint16").tobytes(), 9)) for row in tokens]
    expected = model.bits_per_token(tokens) - np.array(compressed) / 12
    np.testing.assert_allclose(model.complexity_score(tokens), expected, rtol=1e-6)
    np.testing.assert_allclose(model.typicality_score(tokens, 3.0), np.abs(model.bits_per_token(tokens) - 3.0))
    with pytest.raises(UserError, match="Inside of a graph only PNG"):
        tf.function(model.complexity_score, autograph=False)(tf.constant(tokens))
