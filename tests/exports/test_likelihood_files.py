"""Models with a likelihood as files for ONNX Runtime and LiteRT, compared with the models' own methods."""

import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.exports.test_export_network import require
from tests.serving.test_likelihood_models import randomized
from tfgan_suite.commands import cli
from tfgan_suite.exports.export_network import export_network, read_card
from tfgan_suite.exports.litert_file import LiteRTFile
from tfgan_suite.exports.onnx_file import OnnxFile
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.likelihood.distributions import Bernoulli, DiscretizedGaussian, DiscretizedLogisticMixture
from tfgan_suite.likelihood.noise import ExampleNoise, seeds_of_levels

SMALL = {"image_shape": (8, 8, 1), "latent_size": 3, "base_channels": 4, "dense_units": 8}
LAYOUTS = {"encoder": "8x1,8d2,4d4,1x1", "decoder": "1x1,4m1,8m4"}
MODELS = {
    "VAE": lambda: tg.VAE(**SMALL, num_classes=2),
    "binary VAE": lambda: tg.VAE(**SMALL, distribution=Bernoulli(), levels=2),
    "VDVAE": lambda: tg.VDVAE(image_shape=(8, 8, 3), width=8, latent_channels=2, components=2, **LAYOUTS),
    "PixelCNN": lambda: tg.PixelCNN(
        image_shape=(4, 4, 3), blocks=1, filters=3, distribution=DiscretizedLogisticMixture(2), num_classes=2
    ),
}


@pytest.fixture(scope="module")
def models():
    made = {}

    def model(name):
        if name not in made:
            made[name] = randomized(MODELS[name](), 0.2)
        return made[name]

    return model


def images_of(model, count=5):
    images = np.random.default_rng(2).integers(0, model.spec.levels, [count, *model.spec.shape]).astype("uint8")
    return images, {} if model.num_classes is None else {"labels": np.arange(count, dtype=np.int32) % 2}


def noise_of_log_prob(model, images):
    """The draws that `log_prob` makes of these images with its own seed 0, as an input of a file."""
    if model.likelihood == "exact":
        return {}
    noise = ExampleNoise(seeds_of_levels(tf.cast(images, tf.int32), 0))
    if not hasattr(model.decoder, "latent_shapes"):
        return {"noise": noise.normal("latents", model.latent_shape).numpy()}
    draws = [noise.normal(f"latent_{i}", shape) for i, shape in enumerate(model.decoder.latent_shapes)]
    return {"noise": np.concatenate([np.reshape(one, [len(images), -1]) for one in draws], axis=1)}


def open_file(path):
    return (OnnxFile if path.suffix == ".onnx" else LiteRTFile)(path.read_bytes())


CASES = [
    pytest.param(name, format, marks=() if "VDVAE" != name != "PixelCNN" else pytest.mark.slow)
    for name in MODELS
    for format in ("onnx", "litert")
]


@pytest.mark.parametrize(("name", "format"), CASES)
def test_log_prob(models, name, format, tmp_path):
    """Within a millionth of Python's, which adds up in float64."""
    require(format)
    model = models(name)
    path = export_network(model, tmp_path / "file", format, function="log_prob")
    images, labels = images_of(model)
    received = open_file(path)(images=images, **noise_of_log_prob(model, images), **labels)
    expected = model.log_prob(images, **labels).numpy()
    np.testing.assert_allclose(received, expected, rtol=1e-6)
    assert received.shape == (5,) and expected.std() > 0.5
    file = read_card(path)["file"]
    assert file["function"] == "log_prob" and file["parity"]["psnr_decibels"] >= 80
    assert file["inputs"]["images"] == {"dtype": "uint8", "shape": [None, *model.spec.shape]}
    assert ("noise" in file["inputs"]) == (model.likelihood != "exact")


@pytest.mark.parametrize("function", ["encode", "reconstruct", "generate"])
@pytest.mark.parametrize(("name", "format"), [case for case in CASES if case.values[0] in ("VAE", "VDVAE")])
def test_encode_reconstruct_and_generate(models, name, format, function, tmp_path):
    require(format)
    model = models(name)
    file = open_file(export_network(model, tmp_path / "file", format, function=function))
    images, labels = images_of(model)
    values = model.spec.to_model(images)
    if function == "generate":
        latents = np.random.default_rng(3).normal(size=[5, *model.latent_shape]).astype("float32")
        received, expected = file(latents=latents, **labels), model.decode(latents, **labels)
    else:
        received, expected = file(images=images, **labels), getattr(model, function)(values, **labels)
    np.testing.assert_allclose(received, expected, atol=1e-5)
    assert np.std(expected) > 0.01


@pytest.mark.parametrize("format", ["onnx", "litert"])
def test_a_level_that_does_not_exist_is_an_error(models, format, tmp_path):
    require(format)
    model = models("binary VAE")
    file = open_file(export_network(model, tmp_path / "file", format, function="log_prob"))
    images, _ = images_of(model)
    images[1, 2, 3] = 2
    with pytest.raises(Exception, match="images_must_be_from_0_to_1|gather index out of bounds"):
        file(images=images, **noise_of_log_prob(model, images))


def test_what_a_format_cannot_carry_is_named(models, tmp_path):
    require("litert")
    vae = models("binary VAE")
    with pytest.raises(UserError, match="must keep its digits, which 8 bits do not: choose litert,"):
        export_network(vae, tmp_path / "file", "litert-int8", function="log_prob")
    with pytest.raises(UserError, match="Unknown function 'log_probs'. Did you mean 'log_prob'"):
        export_network(vae, tmp_path / "file", function="log_probs")
    gaussian = tg.VAE(**SMALL, distribution=DiscretizedGaussian())
    with pytest.raises(
        UserError, match="LiteRT has no operation for Erfc of TensorFlow, which VAE needs for `log_prob`"
    ):
        export_network(gaussian, tmp_path / "file", "litert", function="log_prob")
    pixelcnn = models("PixelCNN")
    with pytest.raises(
        UserError, match="Of PixelCNN a file can hold `log_prob`; what it draws without latents is in a Saved"
    ):
        export_network(pixelcnn, tmp_path / "file")
    with pytest.raises(
        UserError, match="needs a model that can encode examples. Of PixelCNN a file can hold `log_prob`."
    ):
        export_network(pixelcnn, tmp_path / "file", function="encode")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_export_gives_files_too_but_for_its_likelihood(models, tmp_path):
    require("onnx")
    vae = models("binary VAE")
    loaded = tg.load_generator(tg.export_saved_model(vae, tmp_path / "vae"))
    file = open_file(export_network(loaded, tmp_path / "file", function="encode"))
    images, _ = images_of(vae)
    np.testing.assert_allclose(file(images=images), vae.encode(vae.spec.to_model(images)), atol=1e-5)
    with pytest.raises(UserError, match="pass the run or the .keras file that it was exported from"):
        export_network(loaded, tmp_path / "file", function="log_prob")


def test_command(models, tmp_path, capsys):
    require("onnx")
    models("binary VAE").save(tmp_path / "vae.keras")
    command = [
        "export",
        str(tmp_path / "vae.keras"),
        str(tmp_path / "file"),
        "--format",
        "onnx",
        "--function",
        "encode",
    ]
    assert cli.main(command) == 0
    assert read_card(tmp_path / "file.onnx")["file"]["outputs"] == {"latents": {"dtype": "float32", "shape": [None, 3]}}
    assert "Compared with the model on 16 examples" in capsys.readouterr().out
