import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.exports.made_up_models import Cloud
from tests.serving.conftest import lively_gan
from tfgan_suite.commands import cli
from tfgan_suite.exports import onnx_file
from tfgan_suite.exports.export_network import FORMATS, export_network, read_card
from tfgan_suite.exports.file_functions import GenerateFunction
from tfgan_suite.exports.frozen_function import freeze
from tfgan_suite.exports.litert_file import LiteRTFile
from tfgan_suite.exports.onnx_file import OnnxFile
from tfgan_suite.exports.parity import measure_parity
from tfgan_suite.exports.saved_model import load_generator
from tfgan_suite.foundation.errors import MissingExtraError, UserError


def lively_r3gan():
    """With the last convolutions of its blocks not at zero, as they begin."""
    gan = tg.R3GAN(image_shape=(16, 16, 3), num_classes=3, latent_size=8, widths=(12, 8, 8), groups=(3, 2, 2), blocks=1)
    draws = np.random.default_rng(0)
    for block in (block for blocks in gan.ema_generator.residual_blocks for block in blocks):
        block.reduce.kernel.assign(0.2 * draws.normal(size=block.reduce.kernel.shape))
    return gan


MODELS = {
    "DCGAN": lambda: lively_gan(image_shape=(16, 16, 1), num_classes=3, seed=1),
    "StyleGAN2": lambda: tg.StyleGAN2(
        image_shape=(16, 16, 3), num_classes=3, latent_size=32, w_size=32, num_mapping_layers=2, channel_base=256
    ),
    "BigGAN": lambda: tg.BigGAN(image_shape=(32, 32, 3), num_classes=4, base_channels=4, shared_size=8, latent_size=16),
    "R3GAN": lively_r3gan,
    "ProGAN": lambda: tg.ProGAN(image_shape=(16, 16, 3), latent_size=8, channel_base=64, max_channels=8),
}


@pytest.fixture(scope="module")
def models():
    made = {}

    def model(family):
        if family not in made:
            made[family] = MODELS[family]()
        return made[family]

    return model


def require(format):
    if format == "onnx":
        for package in ("tf2onnx", "onnx", "onnxruntime"):
            pytest.importorskip(package, reason="Needs the extra [onnx].")
    else:
        pytest.importorskip("ai_edge_litert", reason="Needs the extra [litert].")


def run(path, *inputs):
    kind = OnnxFile if path.suffix == ".onnx" else LiteRTFile
    return kind(path.read_bytes())(**named(*inputs))


def named(latents, *labels):
    """Inputs of a file that generates."""
    return {"latents": latents, **({"labels": labels[0]} if labels else {})}


def is_quick(family, format):
    return family == "DCGAN" or (format == "onnx" and family != "BigGAN")


@pytest.mark.parametrize(
    ("family", "format"),
    [
        pytest.param(family, format, marks=() if is_quick(family, format) else pytest.mark.slow)
        for family in sorted(MODELS)
        for format in FORMATS
    ],
)
def test_images_are_the_models(models, family, format, tmp_path):
    require(format)
    model = models(family)
    # Untrained weights make the most of what 8 bits cannot hold: numbers of all sizes in one layer.
    least = 22.0 if format == "litert-int8" and family in ("StyleGAN2", "ProGAN") else None
    path = export_network(model, tmp_path / "net", format, minimum_psnr=least)
    card = read_card(path)
    assert card["file"]["parity"]["psnr_decibels"] >= card["file"]["parity"]["minimum_psnr_decibels"]

    # Measured here once more, otherwise: other latents, every class, no function of the module under test.
    latents = np.random.default_rng(3).normal(size=[12, model.latent_size]).clip(-1, 1).astype(np.float32)
    labels = [] if model.num_classes is None else [np.arange(12, dtype=np.int32) % model.num_classes]
    expected = np.asarray(model(latents, *labels, training=False)).clip(-1, 1)
    images = run(path, latents, *labels).clip(-1, 1)
    assert images.dtype == np.float32 and images.shape == (12, *model.image_shape) and expected.std() > 0.02
    root_mean_square = np.sqrt(np.mean((images - expected) ** 2))
    assert root_mean_square < {"litert-float16": 0.01, "litert-int8": 0.16}.get(format, 1e-4)
    # It is the nearest to its own picture, not to another's.
    distances = np.abs(images[:, None] - expected[None]).mean(axis=(2, 3, 4))
    assert (distances.argmin(axis=1) == np.arange(12)).all()


@pytest.mark.slow
def test_a_growing_progan_shows_what_it_has_learnt(models):
    """The branch by the level of detail is chosen when the file is written."""
    require("onnx")
    model = models("ProGAN")
    latents = tf.random.stateless_normal([3, 8], [1, 2])
    whole = freeze(GenerateFunction(model))(latents)["images"]
    model.level_of_detail.assign(1.25)
    try:
        function = freeze(GenerateFunction(model))
        np.testing.assert_allclose(function(latents)["images"], model(latents), atol=1e-5)
        assert np.abs(model(latents) - whole).max() > 0.1
        operations = {operation.type for operation in function.get_concrete_function().graph.get_operations()}
        assert not operations & {"Case", "StatelessCase", "If", "VarHandleOp"}
        parity = measure_parity(GenerateFunction(model), OnnxFile(onnx_file.to_onnx(GenerateFunction(model))))
        assert parity.psnr_decibels > 80
    finally:
        model.level_of_detail.assign(0.0)


def is_exact_and_quick(family, format):
    return format == "onnx" or family == "DCGAN"


@pytest.mark.parametrize(
    ("family", "format"),
    [
        pytest.param(family, format, marks=() if is_exact_and_quick(family, format) else pytest.mark.slow)
        for family in sorted(MODELS)
        for format in ("onnx", "litert")
    ],
)
def test_any_batch(models, family, format, tmp_path):
    require(format)
    model = models(family)
    path = export_network(model, tmp_path / "net", format)
    assert read_card(path)["file"]["inputs"]["latents"]["shape"] == [None, model.latent_size]
    generator = (OnnxFile if format == "onnx" else LiteRTFile)(path.read_bytes())
    random = np.random.default_rng(4)
    for count in (5, 1, 3):  # Of one engine, which has to take another size each time.
        latents = random.normal(size=[count, model.latent_size]).clip(-1, 1).astype(np.float32)
        labels = [] if model.num_classes is None else [np.arange(count, dtype=np.int32) % model.num_classes]
        expected = np.asarray(model(latents, *labels, training=False))
        # Untrained, ProGAN's and StyleGAN2's values are far beyond [-1, 1].
        np.testing.assert_allclose(
            generator(**named(latents, *labels)), expected, atol=1e-6 * max(1.0, np.abs(expected).max() * 10)
        )


def test_the_batch_of_litert_can_be_fixed(models, tmp_path):
    require("litert")
    latents, labels = np.zeros([6, 8], np.float32), np.arange(6, dtype=np.int32) % 3
    path = export_network(models("DCGAN"), tmp_path / "net", "litert", batch_size=3)
    assert read_card(path)["file"]["inputs"]["labels"]["shape"] == [3]
    lite = LiteRTFile(path.read_bytes())
    assert lite.batch_size == 3 and lite(latents=latents, labels=labels).shape == (6, 16, 16, 1)
    with pytest.raises(ValueError, match="multiple of 3"):
        lite(latents=latents[:4], labels=labels[:4])


def test_litert_without_a_signature_is_resized(models, tmp_path):
    """As C++ and Java programs do."""
    require("litert")
    from ai_edge_litert.interpreter import Interpreter

    model = models("DCGAN")
    interpreter = Interpreter(model_content=export_network(model, tmp_path / "net", "litert").read_bytes())
    values = {
        "latents": np.random.default_rng(5).uniform(-1, 1, [4, 8]).astype(np.float32),
        "labels": np.array([0, 1, 2, 1], np.int32),
    }
    details = {name: one for one in interpreter.get_input_details() for name in values if name in one["name"]}
    for name, value in values.items():
        interpreter.resize_tensor_input(details[name]["index"], value.shape)
    interpreter.allocate_tensors()
    for name, value in values.items():
        interpreter.set_tensor(details[name]["index"], value)
    interpreter.invoke()
    images = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(images, model(values["latents"], values["labels"]), atol=1e-6)


@pytest.mark.parametrize(
    ("family", "format"),
    [
        pytest.param(family, format, marks=() if is_quick(family, format) else pytest.mark.slow)
        for family in ("BigGAN", "DCGAN", "StyleGAN2")
        for format in FORMATS
    ],
)
def test_a_label_that_does_not_exist_is_an_error(models, family, format, tmp_path):
    require(format)
    model = models(family)
    count = model.num_classes
    path = export_network(model, tmp_path / "net", format, minimum_psnr=10)
    for wrong in (count, 23, 2**31 - 1, -1, -count, -count - 1, -(2**31)):
        for labels in ([wrong], [0, wrong, 1]):
            inputs = np.zeros([len(labels), model.latent_size], np.float32), np.array(labels, np.int32)
            with pytest.raises(Exception, match="labels_must_be_from_0_to_|gather index out of bounds"):
                run(path, *inputs)
    latents = np.zeros([count, model.latent_size], np.float32)
    assert run(path, latents, np.arange(count, dtype=np.int32)).shape == (count, *model.image_shape)


def test_a_saved_models_own_functions_refuse_such_labels_too(models, tmp_path):
    model = models("DCGAN")
    loaded = tf.saved_model.load(str(tg.export_saved_model(model, tmp_path / "saved")))
    latents, options = tf.zeros([1, 8]), {option.name: tf.constant(option.default) for option in model.sampling_options}
    assert loaded.synthesize(latents=latents, labels=tf.constant([2]), **options).shape == (1, 16, 16, 1)
    for wrong in (3, -1):
        labels = tf.constant([wrong])
        with pytest.raises(tf.errors.InvalidArgumentError, match="labels must be from 0 to 2"):
            loaded.signatures["serving_default"](latents=latents, labels=labels)
        with pytest.raises(tf.errors.InvalidArgumentError):
            loaded.synthesize(latents=latents, labels=labels, **options)
        with pytest.raises(tf.errors.InvalidArgumentError):
            loaded.model_discriminate(examples=tf.zeros([1, 16, 16, 1]), labels=labels)


def test_calibration_shapes_int8_alone(models, tmp_path):
    require("litert")
    model = models("DCGAN")
    few = export_network(model, tmp_path / "few", "litert-int8", calibration_images=1, minimum_psnr=0)
    many = export_network(model, tmp_path / "many", "litert-int8", calibration_images=64)
    again = export_network(model, tmp_path / "again", "litert-int8", calibration_images=64)
    assert many.read_bytes() == again.read_bytes() != few.read_bytes()
    psnr = {}
    for path in (few, many):
        card = read_card(path)
        psnr[path.name] = card["file"]["parity"]["psnr_decibels"]
    # Ranges seen in one image are too narrow for the next.
    assert psnr["many-int8.tflite"] > psnr["few-int8.tflite"] + 3


def test_a_file_too_far_from_the_model_is_refused(models, tmp_path):
    require("litert")
    with pytest.raises(UserError, match=r"PSNR \d\d\.\d+ dB, below the minimum of 90 dB"):
        export_network(models("DCGAN"), tmp_path / "net", "litert-int8", minimum_psnr=90)
    assert list(tmp_path.iterdir()) == []


def test_an_exported_model_gives_its_card_along(models, tmp_path):
    require("onnx")
    model = models("DCGAN")
    saved = tg.export_saved_model(model, tmp_path / "saved" / "digits", description="Numerals.", license="CC0-1.0")
    path = export_network(load_generator(saved), tmp_path / "digits.onnx")
    card = json.loads((tmp_path / "digits.onnx.card.json").read_text())
    assert card["model"]["class"] == "DCGAN" and card["model"]["parameters"]["ema_generator"] > 0
    assert (card["description"], card["license"], card["name"]) == ("Numerals.", "CC0-1.0", "digits")
    assert card["file"]["inputs"]["latents"] == {"dtype": "float32", "shape": [None, 8]}
    assert card["file"]["size_bytes"] == path.stat().st_size
    text = (tmp_path / "digits.onnx.card.md").read_text()
    assert "CC0-1.0" in text and "digits.onnx: onnx of `generate`" in text and " dB (at least 80.0 " in text
    with pytest.raises(UserError, match="exists already"):
        export_network(model, tmp_path / "digits")
    export_network(model, tmp_path / "digits", overwrite=True)


class Bent(Cloud):
    """Its examples go through a function at last."""

    def __init__(self, function):
        super().__init__(num_classes=None)
        self.function = function

    def call(self, latents, labels=None, training=False, **sampling):
        return self.function(super().call(latents, labels, training, **sampling))


def test_the_exact_gelu_in_onnx(tmp_path):
    require("onnx")
    path = export_network(Bent(keras.activations.gelu), tmp_path / "bent")
    assert read_card(path)["file"]["parity"]["psnr_decibels"] > 100


def test_an_operation_that_onnx_has_not_is_named(tmp_path):
    require("onnx")
    with pytest.raises(
        UserError, match="ONNX has no operation for Digamma of TensorFlow, which Bent needs for `generate`"
    ):
        export_network(Bent(tf.math.digamma), tmp_path / "bent")
    assert list(tmp_path.iterdir()) == []


def test_mistakes_are_told(models, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="Did you mean 'litert-int8'"):
        export_network(models("DCGAN"), tmp_path / "net", "litert-int9")
    with pytest.raises(UserError, match="`batch_size` must be >= 1. Received: batch_size=0"):
        export_network(models("DCGAN"), tmp_path / "net", "litert", batch_size=0)
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r'pip install "tfgan-suite\[onnx\]"'):
        export_network(models("DCGAN"), tmp_path / "net")


def test_the_old_spelling_of_license_is_understood_and_not_shown(capsys):
    parser = cli.build_parser()
    for flag in ("--license", "--licence"):
        assert parser.parse_args(["export", "runs/a", "saved_models/a", flag, "MIT"]).license == "MIT"
    assert parser.parse_args(["export", "runs/a", "saved_models/a"]).license == ""
    with pytest.raises(SystemExit):
        parser.parse_args(["export", "--help"])
    shown = capsys.readouterr().out
    assert "--license" in shown and "licence" not in shown


def test_command(models, tmp_path, capsys):
    require("litert")
    models("DCGAN").save(tmp_path / "digits.keras")
    command = ["export", str(tmp_path / "digits.keras"), str(tmp_path / "out" / "digits"), "--format", "litert-float16"]
    assert cli.main(command) == 0
    assert "digits-float16.tflite: " in (said := capsys.readouterr().out) and "PSNR" in said
    assert cli.main([*command, "--overwrite", "--minimum-psnr", "150"]) == 2
    assert "below the minimum of 150 dB" in capsys.readouterr().err
