"""Likelihood models in bfloat16 and compiled by XLA: the same numbers, within a hundredth of a bit and within rounding."""

import numpy as np
import pytest

import tfgan_suite as tg

IMAGES = np.random.default_rng(0).integers(0, 256, [24, 8, 8, 1]).astype("uint8")
IMAGES[:, :, :4] //= 16
VAE = {"image_shape": (8, 8, 1), "latent_size": 3, "base_channels": 8, "dense_units": 16}
VDVAE = {"image_shape": (8, 8, 1), "width": 8, "latent_channels": 2, "components": 2}
VDVAE |= {"encoder": "8x1,8d2,4d4,1x1", "decoder": "1x1,4m1,8m4"}
TARFLOW = {"image_shape": (8, 8, 1), "width": 32, "num_blocks": 2, "layers_per_block": 1, "head_size": 16}
PIXELCNN = {"image_shape": (8, 8, 1), "blocks": 1, "filters": 6}
MODELS = [
    (tg.VAE, VAE),
    pytest.param(tg.VDVAE, VDVAE, marks=pytest.mark.slow),
    pytest.param(tg.PixelCNN, PIXELCNN, marks=pytest.mark.slow),
    pytest.param(tg.TarFlow, TARFLOW, marks=pytest.mark.slow),
]


@pytest.mark.parametrize("kind, arguments", MODELS[:2])
def test_bfloat16(kind, arguments):
    model = kind(**arguments, seed=1)
    model.compile(optimizer=tg.Adam(1e-2))
    model.fit(tg.to_float(IMAGES), batch_size=8, epochs=10, verbose=0)
    reduced = kind(**arguments, seed=2, dtype="mixed_bfloat16")
    for name, network in [*reduced.networks.items(), *reduced.averages.items()]:
        network.set_weights({**model.networks, **model.averages}[name].get_weights())
    # Samples are of the same seeds.
    np.testing.assert_allclose(
        reduced.bits_per_dimension(IMAGES).mean(), model.bits_per_dimension(IMAGES).mean(), atol=0.01
    )
    assert reduced.log_prob(IMAGES).dtype == "float64"
    reduced.compile(optimizer=tg.Adam(1e-2))
    history = reduced.fit(tg.to_float(IMAGES), batch_size=8, epochs=3, verbose=0).history
    assert history["bits_per_dimension"][-1] < model.history.history["bits_per_dimension"][0]


@pytest.mark.parametrize("kind, arguments", MODELS)
def test_jit(kind, arguments):
    trained = []
    for jit_compile in (False, True):
        model = kind(**arguments, seed=1)
        model.compile(optimizer=tg.Adam(1e-3), jit_compile=jit_compile)
        model.fit(tg.to_float(IMAGES[:8]), batch_size=8, epochs=2, shuffle=False, verbose=0)
        trained.append(model)
    for plain, compiled in zip(*(model.get_weights() for model in trained)):
        # Adam's first steps are of a weight's sign, which rounding may turn where a gradient is 0.
        assert np.mean(np.abs(plain - compiled) > 1e-5) < 0.02
