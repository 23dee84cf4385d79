import numpy as np
import pytest
import tensorflow as tf

from tfgan_suite.layers.modulated_convolution import ModulatedConvolution
from tfgan_suite.layers.resample import resample

NUMBERS = np.random.default_rng(0)
IMAGES = NUMBERS.normal(size=[3, 6, 4, 5]).astype("float32")
STYLE_SOURCES = NUMBERS.normal(size=[3, 7]).astype("float32")


def made(**config):
    layer = ModulatedConvolution(6, **config)
    layer.build(IMAGES.shape, STYLE_SOURCES.shape)
    layer.bias.assign(NUMBERS.normal(size=[6]))
    if layer.use_noise:
        layer.noise_strength.assign(0.7)
    return layer


def by_hand(layer, noise):
    """An own kernel for every example, normalised as equation 3 says."""
    styles = STYLE_SOURCES @ np.asarray(layer.affine.kernel) / np.sqrt(7) + 1.0
    outputs = []
    for image, style in zip(IMAGES, styles):
        if layer.up:
            kernel = np.asarray(layer.kernel) * style  # [size, size, out, in]
            norms = np.sqrt((kernel**2).sum(axis=(0, 1, 3)) + 1e-8)[:, None]
        else:
            kernel = np.asarray(layer.kernel) * style[:, None]  # [size, size, in, out]
            norms = np.sqrt((kernel**2).sum(axis=(0, 1, 2)) + 1e-8)
        kernel = kernel / norms if layer.demodulate else kernel / np.sqrt(layer.fan_in)
        if layer.up:
            full = tf.nn.conv2d_transpose(image[None], kernel, [1, 13, 9, 6], strides=2, padding="VALID")
            outputs.append(resample(full, layer.resample_filter, padding=(1, 1), gain=4.0)[0])
        else:
            outputs.append(tf.nn.conv2d(image[None], kernel, 1, "SAME")[0])
    outputs = np.stack(outputs) + np.asarray(layer.bias)
    if noise is not None:
        outputs = outputs + 0.7 * noise
    outputs = layer.activation_gain * (np.where(outputs > 0, outputs, 0.2 * outputs) if layer.activation else outputs)
    return outputs if layer.clamp is None else np.clip(outputs, -layer.clamp, layer.clamp)


@pytest.mark.parametrize("noise_batch", [None, 1, 3])
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"up": True, "clamp": 1.0},
        {"kernel_size": 1, "activation_gain": 1.0},
        {"kernel_size": 1, "demodulate": False, "use_noise": False, "activation": None, "clamp": 0.5},
        {"demodulate": False, "activation": None},
    ],
)
def test_equals_an_own_kernel_for_every_example(config, noise_batch):
    layer = made(**config)
    size = (12, 8) if layer.up else (6, 4)
    noise = None
    if noise_batch is not None:
        noise = NUMBERS.normal(size=[noise_batch, *size, 1]).astype("float32")
    if noise is not None and not layer.use_noise:
        with pytest.raises(ValueError, match="use_noise=False"):
            layer(IMAGES, STYLE_SOURCES, noise)
        return
    outputs = layer(IMAGES, STYLE_SOURCES, noise)
    assert tuple(outputs.shape) == layer.compute_output_shape(IMAGES.shape, STYLE_SOURCES.shape)
    np.testing.assert_allclose(outputs, by_hand(layer, noise), atol=1e-5)


def test_one_image_for_all_styles():
    layer = made()
    repeated = np.repeat(IMAGES[:1], 3, axis=0)
    np.testing.assert_allclose(layer(IMAGES[:1], STYLE_SOURCES), layer(repeated, STYLE_SOURCES), atol=1e-6)


@pytest.mark.parametrize("config", [{}, {"up": True}, {"kernel_size": 1, "demodulate": False, "use_noise": False}])
def test_contract(config):
    """Gradients reach every weight; the config makes the same layer; narrow types come out as such."""
    layer = made(**config)
    noise = layer.noise_constant[None, :, :, None] if layer.use_noise else None
    with tf.GradientTape() as tape:
        outputs = layer(IMAGES, STYLE_SOURCES, noise)
        loss = tf.reduce_sum(outputs * NUMBERS.normal(size=outputs.shape))
    for variable, gradient in zip(layer.trainable_variables, tape.gradient(loss, layer.trainable_variables)):
        assert gradient is not None and np.abs(gradient).max() > 0, variable.path
    again = ModulatedConvolution.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    for policy in ("mixed_bfloat16", "mixed_float16"):
        mixed = ModulatedConvolution.from_config({**layer.get_config(), "dtype": policy})
        mixed.build(IMAGES.shape, STYLE_SOURCES.shape)
        mixed.set_weights(layer.get_weights())
        narrow = mixed(tf.cast(IMAGES, mixed.compute_dtype), STYLE_SOURCES, noise)
        assert narrow.dtype == mixed.compute_dtype
        np.testing.assert_allclose(tf.cast(narrow, "float32"), outputs, atol=0.05 * np.abs(outputs).max())


def test_bad_arguments():
    with pytest.raises(ValueError, match="Received: kernel_size=4"):
        ModulatedConvolution(5, kernel_size=4)
    with pytest.raises(ValueError, match="Received: activation='relu'"):
        ModulatedConvolution(5, activation="relu")
