"""TarFlow exported: both directions in a SavedModel and as files for other engines, loops over tokens included."""

import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.exports.test_export_network import require
from tests.models.tarflow.test_tarflow import TINY, digit_like_images, randomized
from tfgan_suite.exports.export_network import export_network
from tfgan_suite.exports.litert_file import LiteRTFile
from tfgan_suite.exports.onnx_file import OnnxFile
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.likelihood.noise import ExampleNoise, seeds_of_levels

LABELS = np.array([0, 2, 1], "int32")


@pytest.fixture(scope="module")
def model():
    return randomized(tg.TarFlow(**TINY, num_classes=3))


@pytest.mark.slow
def test_a_saved_model_has_both_directions(model, tmp_path):
    exported = tg.load_generator(tg.export_saved_model(model, tmp_path / "flow" / "1"))
    images = digit_like_images(3)
    values = tg.to_float(images)
    latents = exported.encode(values, LABELS)
    np.testing.assert_allclose(latents, model.encode(values, LABELS), atol=1e-4)
    np.testing.assert_allclose(exported(latents, LABELS), values, atol=1e-4)
    np.testing.assert_allclose(exported.log_prob(values, LABELS), model.log_prob(images, LABELS), rtol=1e-5)
    for options in ({"temperature": 0.7}, {"guidance": 1.5, "guidance_annealing": 1.0}, {"jacobi_tolerance": 1e-3}):
        options |= {"labels": LABELS, "seed": 2}
        np.testing.assert_array_equal(exported.generate(3, **options), model.generate(3, **options))


def open_file(model, path, format, function):
    require(format)
    path = export_network(model, path / function, format, function=function)
    return (OnnxFile if format == "onnx" else LiteRTFile)(path.read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("format", ["onnx", "litert"])
def test_files_of_both_directions_invert_each_other(model, tmp_path, format):
    images = digit_like_images(3)
    latents = open_file(model, tmp_path, format, "encode")(images=images, labels=LABELS)
    np.testing.assert_allclose(latents, model.encode(tg.to_float(images), LABELS), atol=1e-4)
    decoded = open_file(model, tmp_path, format, "generate")(latents=latents, labels=LABELS)
    np.testing.assert_allclose(decoded, tg.to_float(images), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["onnx", "litert"])
def test_a_file_of_the_likelihood(model, tmp_path, format):
    """Of the same noise, which the file takes as normal draws."""
    images = digit_like_images(3)
    noise = ExampleNoise(seeds_of_levels(tf.cast(images, tf.int32), 0)).uniform("dequantization", model.spec.shape)
    draws = tf.math.ndtri(tf.reshape(noise, [3, -1])).numpy()
    received = open_file(model, tmp_path, format, "log_prob")(images=images, noise=draws, labels=LABELS)
    np.testing.assert_allclose(received, model.log_prob(images, LABELS), rtol=1e-5)


@pytest.mark.slow
def test_a_file_that_would_denoise_is_refused(tmp_path):
    """The step is a gradient, whose operations other engines lack. A SavedModel holds it."""
    model = randomized(tg.TarFlow(**TINY, noise_deviation=0.3))
    with pytest.raises(UserError, match="ONNX has no operation for"):
        open_file(model, tmp_path, "onnx", "generate")
