"""Exported models of textures: the same images in Python, from the SavedModel and through its signatures."""

import io
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfgan_suite.exports.saved_model import export_saved_model, load_generator
from tfgan_suite.exports.warmup_requests import read_warmup_requests
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.models.progan.texture_progan import TextureProGAN

MAX_COUNT = 4


@pytest.fixture(scope="module")
def gan():
    return TextureProGAN((8, 8, 3), num_classes=3, latent_channels=4, channel_base=32, max_channels=8, seed=1)


@pytest.fixture(scope="module")
def directory(gan, tmp_path_factory):
    return export_saved_model(gan, tmp_path_factory.mktemp("saved_models") / "textures", max_count=MAX_COUNT)


@pytest.fixture(scope="module")
def exported(directory):
    return load_generator(directory)


def by_signature(exported, height, width, count=1, labels=(), seamless=False, seed=0):
    inputs = {"height": height, "width": width, "count": count, "labels": labels, "seamless": seamless, "seed": seed}
    return exported.call_signature("generate_textures", **inputs)["images"]


def asked(**changes):
    values = {"seed": 3, "count": 1, "height": 6, "width": 10, "seamless": False, "labels": [0], **changes}
    dtypes = {"seed": tf.int64, "seamless": tf.bool}
    return {name: tf.constant(value, dtypes.get(name, tf.int32)) for name, value in values.items()}


def test_the_same_textures(gan, exported):
    for size, seamless in (((6, 10), False), ((4, 8), True), ((9, 5), False)):
        arguments = {"labels": [2, 0], "seamless": seamless, "seed": 3}
        textures = gan.generate_textures(*size, 2, **arguments)
        assert textures.shape == (2, *size, 3) and textures.std() > 3
        np.testing.assert_array_equal(exported.generate_textures(*size, 2, **arguments), textures)
        np.testing.assert_array_equal(by_signature(exported, *size, 2, **arguments), textures)
    drawn = gan.generate_textures(4, 4, 3, seed=7)
    np.testing.assert_array_equal(by_signature(exported, 4, 4, 3, seed=7), drawn)
    np.testing.assert_array_equal(exported.generate(2, seed=1), gan.generate(2, seed=1))


def test_maps_of_any_size(gan, exported):
    for rows, columns in ((1, 1), (2, 5)):
        maps = np.random.default_rng(0).normal(size=[2, rows, columns, 4]).astype(np.float32)
        images = exported._loaded.signatures["textures"](latent_maps=tf.constant(maps), labels=tf.constant([0, 2]))
        np.testing.assert_allclose(images["images"], gan.synthesize_textures(maps, [0, 2]), atol=2e-6)
        assert images["images"].shape == (2, 2 * rows, 2 * columns, 3)


def test_as_png_and_with_warm_up_requests_that_it_answers(gan, directory, exported):
    png = exported._loaded.signatures["generate_textures_png"](**asked())["png_bytes"].numpy()
    picture = np.asarray(Image.open(io.BytesIO(png[0])))
    np.testing.assert_array_equal(picture, gan.generate_textures(6, 10, labels=[0], seed=3)[0])
    card = json.loads((directory / "assets.extra" / "model_card.json").read_text("utf-8"))
    assert card["model"]["abilities"]["MakesTextures"] == {"cell_size": 2, "latent_channels": 4}
    assert {"textures", "generate_textures", "generate_textures_png"} <= set(card["serving"]["signatures"])
    pytest.importorskip("tensorflow_serving", reason="Needs the extra [serving].")
    answered = set()
    for name, inputs in read_warmup_requests(directory):
        exported._loaded.signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
        answered.add(name)
    assert answered == set(card["serving"]["signatures"])


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"seamless": True, "height": 5}, "multiples of 2"),
        ({"height": 0}, "height and width must be 1 or more"),
        ({"count": 0, "labels": []}, "1 to 64 latents"),
        ({"width": 200}, "1 to 64 latents"),
        ({"count": 2**30, "width": 2**30, "labels": []}, "1 to 64 latents"),
        ({"labels": [3]}, "labels must be from 0 to 2"),
        ({"labels": [0, 1]}, "one for each image"),
        ({"height": [4, 6]}, "one value each"),
    ],
)
def test_signatures_refuse(exported, changes, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        exported._loaded.signatures["generate_textures"](**asked(**changes))


def test_python_refuses(exported):
    with pytest.raises(UserError, match="multiples of 2 pixels"):
        exported.generate_textures(5, 4, seamless=True)
    with pytest.raises(UserError, match=r"`labels` must be labels from 0 to 2"):
        exported.generate_textures(4, 4, labels=7)
