import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.specs.example_spec import ExampleSpec, register_example_spec, spec_from_config, spec_to_config
from tfgan_suite.specs.image_spec import ImageSpec

PIXELS = np.random.default_rng(0).integers(0, 256, [6, 5, 4], np.uint8)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("encoding", ["png", "webp", "raw"])
def test_lossless_encodings_give_the_pixels_back(channels, encoding):
    spec = ImageSpec((6, 5, channels), encoding)
    pixels = np.ascontiguousarray(PIXELS[..., :channels])
    encoded = spec.encode(pixels)
    assert {name: encoded[name] for name in spec.constants()} == spec.constants()
    assert sorted(encoded) == sorted(spec.features())

    @tf.function
    def decode(features):
        return spec.decode(features)

    np.testing.assert_array_equal(decode({name: tf.constant(value) for name, value in encoded.items()}), pixels)


def test_files_are_those_of_pillow():
    for channels in (1, 3, 4):
        pixels = PIXELS[..., :channels]
        opened = np.asarray(Image.open(io.BytesIO(ImageSpec((6, 5, channels)).to_file(pixels))))
        np.testing.assert_array_equal(opened.reshape(pixels.shape), pixels)


def test_what_is_blank():
    spec = ImageSpec((8, 8, 3))
    image = np.full([8, 8, 3], 100, np.uint8)
    image[..., 2] = 7  # One color, though not one value.
    assert spec.suspicion(image) == "blank"
    image[3, 3, 0] += 4
    assert spec.suspicion(image) == "blank"
    image[3, 3, 0] += 1
    assert spec.suspicion(image) is None


def test_storage_does_not_matter_to_models():
    spec = ImageSpec((8, 8, 3), "jpeg", 80)
    assert spec.matches(ImageSpec((8, 8, 3))) and spec != ImageSpec((8, 8, 3))
    assert not spec.matches(ImageSpec((8, 8, 1))) and spec.num_bytes == 192
    assert spec.is_compressed and not ImageSpec((8, 8, 3), "raw").is_compressed
    assert spec_from_config(spec_to_config(spec)) == spec


def test_batches_that_cannot_be_trained_on():
    spec = ImageSpec((8, 8, 3))
    spec.check_batch(tf.zeros([2, 8, 8, 3]))
    with pytest.raises(ValueError, match="must be float.*dtype=uint8.*tfgan_suite.to_float"):
        spec.check_batch(tf.zeros([2, 8, 8, 3], tf.uint8))
    with pytest.raises(ValueError, match=r"must be images of shape \(8, 8, 3\). Received: shape=\(8, 8, 1\)"):
        spec.check_batch(tf.zeros([2, 8, 8, 1]))


def test_wrong_arguments():
    with pytest.raises(UserError, match="`shape` of an image must be"):
        ImageSpec((8, 8))
    with pytest.raises(UserError, match="`encoding` must be one of png, jpeg, webp, raw. Received: encoding='gif'"):
        ImageSpec((8, 8, 1), "gif")
    with pytest.raises(ValueError, match="`kind` must be set on Nameless"):
        register_example_spec(type("Nameless", (ExampleSpec,), {}))
    with pytest.raises(UserError, match="Unknown kind of example 'imagge'. Did you mean 'image'"):
        spec_from_config({"kind": "imagge", "shape": [1]})


def test_a_kind_belongs_to_one_class():
    """A second one would silently parse the data sets and draw the samples of the first."""
    with pytest.raises(ValueError, match="Received: kind='image' of .*Other, which tfgan_suite.*ImageSpec has"):
        register_example_spec(type("Other", (ExampleSpec,), {"kind": "image"}))
    again = type("ImageSpec", (ImageSpec,), {"__module__": ImageSpec.__module__, "__qualname__": "ImageSpec"})
    assert (
        register_example_spec(again) is again and type(spec_from_config({"kind": "image", "shape": [2, 2, 1]})) is again
    )
    register_example_spec(ImageSpec)


def test_the_base_stores_values_of_any_type():
    class PairSpec(ExampleSpec):
        kind, edge_dtype = "pair of numbers", "int16"

    spec = PairSpec((2,))
    (name, value), *others = spec.encode(np.array([1, -2], np.int16)).items()
    assert (name, value, others) == ("values", b"\x01\x00\xfe\xff", []) and spec.num_bytes == 4
    np.testing.assert_array_equal(spec.decode({"values": tf.constant(value)}), [1, -2])


@pytest.mark.parametrize("levels", [2, 17, 255])
def test_few_levels(levels):
    spec = ImageSpec((4, 64, 1), levels=levels)
    image = np.arange(256).reshape(4, 64, 1).astype("uint8") % levels
    values = spec.to_model(tf.constant(image))
    assert float(tf.reduce_min(values)) == -1.0 and abs(float(tf.reduce_max(values)) - 1.0) < 1e-6
    np.testing.assert_array_equal(spec.to_edge(values), image)
    shown = spec.draw(image)
    assert shown.min() == 0 and shown.max() == 255 and len(np.unique(shown)) == levels
    (file,) = spec.to_files(tf.constant(image[None]))
    np.testing.assert_array_equal(tf.io.decode_png(file), shown)
    again = spec_from_config(spec_to_config(spec))
    assert again == spec and again.levels == levels and not spec.matches(ImageSpec((4, 64, 1)))
    with pytest.raises(UserError, match=f"from 0 to {levels - 1}"):
        spec.encode(image + np.uint8(1))
    assert f"{levels} levels" in spec.describe()


@pytest.mark.parametrize("arguments", [{"levels": 1}, {"levels": 257}, {"levels": 16, "encoding": "jpeg"}])
def test_levels_that_there_are_not(arguments):
    with pytest.raises(UserError, match="levels"):
        ImageSpec((4, 4, 1), **arguments)


def test_levels_that_came_through_floats_are_whole():
    """All of them, also the many that come back a hair too small."""
    levels = np.arange(256, dtype="uint8").reshape(16, 16, 1)
    np.testing.assert_array_equal(ImageSpec((16, 16, 1)).to_edge(ImageSpec((16, 16, 1)).to_model(levels)), levels)
