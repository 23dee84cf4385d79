"""Against numbers of the authors' own code: every output, penalty and gradient."""

import numpy as np
import pytest
import tensorflow as tf

from tests.golden_vectors import load_golden, part_of
from tests.models.stylegan2.scalars import (
    assert_close,
    assert_same_gradients,
    channels_first,
    discriminator_loss,
    generator_loss,
    path_length,
)
from tfgan_suite.checkpoints.stylegan2_state import stylegan2_from_state, stylegan2_to_state

SMALL = "stylegan2_16_cond4"
CASES = {
    SMALL: {"minibatch_stddev_group_size": 2},
    "stylegan2_32_cond10": {"minibatch_stddev_group_size": 4},
    "stylegan2_32_uncond": {"minibatch_stddev_group_size": 4},
}


class Golden:
    def __init__(self, name):
        self.arrays = load_golden(name)
        self.generator, self.discriminator = stylegan2_from_state(self.under("G/"), self.under("D/"), **CASES[name])
        self.latents = tf.constant(self.arrays["in/z"])
        self.labels = tf.constant(self.arrays["in/c"]) if self.generator.num_classes else None

    def under(self, prefix):
        return part_of(self.arrays, prefix)


@pytest.fixture(scope="module", params=CASES)
def golden(request):
    return Golden(request.param)


@pytest.fixture(scope="module")
def small():
    return Golden(SMALL)


def check_forward(golden, jit_compile):
    generator, out = golden.generator, golden.under("out/")
    map_latents = tf.function(generator.map, jit_compile=jit_compile, autograph=False)
    ws = map_latents(golden.latents, golden.labels)
    assert_close(ws, out["ws"])
    assert_close(map_latents(golden.latents, golden.labels, truncation=0.7), out["ws_psi0.7"])
    truncated = map_latents(golden.latents, golden.labels, truncation=tf.constant(0.5), truncation_cutoff=4)
    assert_close(truncated, out["ws_psi0.5_cutoff4"])
    synthesize = tf.function(generator.synthesize, jit_compile=jit_compile, autograph=False)
    assert_close(channels_first(synthesize(ws)), out["img_const"])
    assert_close(channels_first(synthesize(ws, noise="none")), out["img_none"])
    truncated = map_latents(golden.latents, golden.labels, truncation=0.7)
    assert_close(channels_first(synthesize(truncated)), out["img_const_psi0.7"])


def check_path_length(golden, jit_compile):
    lengths, penalties, gradients = path_length(
        golden.generator, golden.latents, golden.labels, golden.arrays["in/pl_noise"], jit_compile
    )
    assert_close(lengths, golden.arrays["out/pl_lengths"], 1e-4)
    assert_close(penalties, golden.arrays["out/pl_penalty_decay0.01_mean0"], 1e-4)
    assert_same_gradients(gradients, golden.under("grad_pl_weight2/"))


def check_discriminator(golden, jit_compile):
    real_logits, fake_logits, penalties, loss, gradients = discriminator_loss(
        golden.discriminator,
        golden.arrays["in/real"],
        golden.arrays["out/img_const"],
        golden.labels,
        jit_compile,
    )
    assert_close(real_logits[:, None], golden.arrays["out/D_real"])
    assert_close(fake_logits[:, None], golden.arrays["out/D_fake"])
    assert_close(penalties, golden.arrays["out/r1_penalty"], 1e-4)
    assert_close(loss, golden.arrays["out/D_loss_gamma10"], 1e-4)
    assert_same_gradients(gradients, golden.under("grad_D_gamma10/"))


def check_generator(golden, jit_compile):
    loss, gradients = generator_loss(golden.generator, golden.discriminator, golden.latents, golden.labels, jit_compile)
    assert_close(loss, golden.arrays["out/G_loss"], 1e-4)
    assert_same_gradients(gradients, golden.under("grad_G/"))


CHECKS = [check_forward, check_path_length, check_discriminator, check_generator]


@pytest.mark.parametrize("check", CHECKS)
def test_equals_the_reference_in_a_graph(golden, check):
    check(golden, jit_compile=False)


# XLA takes up to a minute to compile the gradients; the outputs alone are quick.
XLA_CHECKS = [check if check is check_forward else pytest.param(check, marks=pytest.mark.slow) for check in CHECKS]


@pytest.mark.parametrize("check", XLA_CHECKS)
def test_equals_the_reference_under_xla(small, check):
    check(small, jit_compile=True)


@pytest.mark.parametrize("golden", [name for name in CASES if "cond10" in name or name == SMALL], indirect=True)
def test_labels_as_numbers(golden):
    numbers = tf.argmax(golden.labels, axis=1)
    np.testing.assert_array_equal(
        golden.generator.map(golden.latents, numbers), golden.generator.map(golden.latents, golden.labels)
    )


def test_round_trip(golden):
    for network, prefix in ((golden.generator, "G/"), (golden.discriminator, "D/")):
        state, official = stylegan2_to_state(network), golden.under(prefix)
        for name, array in state.items():
            if name.endswith("resample_filter"):
                np.testing.assert_allclose(array, official[name], rtol=1e-6)
            else:
                np.testing.assert_array_equal(array, official[name], err_msg=name)
        assert set(official) - set(state) <= {name for name in official if name.endswith("resample_filter")}


def test_architecture_is_read(golden):
    generator, discriminator = golden.generator, golden.discriminator
    assert (generator.latent_size, generator.w_size) == (64, 48)
    assert generator.architecture == "skip" and discriminator.architecture == "resnet"
    assert (
        generator.image_shape
        == discriminator.image_shape
        == tuple(golden.arrays["in/real"].shape[i] for i in (2, 3, 1))
    )
    assert generator.channels is discriminator.channels is None
    assert generator.resample_filter == (1.0, 3.0, 3.0, 1.0)


def test_widths_that_follow_no_rule(small):
    """Slices of the weights: 12 channels at 8x8, where the rule would have 16."""
    state = small.under("G/")
    for name in ("conv0.weight", "conv0.bias", "conv1.weight", "conv1.bias"):
        state[f"synthesis.b8.{name}"] = state[f"synthesis.b8.{name}"][:12]
    for name in ("b8.conv1", "b8.torgb", "b16.conv0"):
        state[f"synthesis.{name}.weight"] = state[f"synthesis.{name}.weight"][:, :12]
        for kind in ("weight", "bias"):
            state[f"synthesis.{name}.affine.{kind}"] = state[f"synthesis.{name}.affine.{kind}"][:12]
    generator, discriminator = stylegan2_from_state(state)
    assert discriminator is None and generator.channels == (16, 12, 8)
    assert generator(small.latents, small.labels).shape == (4, 16, 16, 3)
    again = type(generator).from_config(generator.get_config())
    again.build()
    assert [v.shape for v in again.variables] == [v.shape for v in generator.variables]


def test_no_noise_inputs(small):
    state = {name: array for name, array in small.under("G/").items() if "noise" not in name}
    generator, _ = stylegan2_from_state(state)
    assert not generator.use_noise
    full, _ = stylegan2_from_state(small.under("G/"))
    images = [network(small.latents, small.labels, noise="none") for network in (generator, full)]
    np.testing.assert_allclose(*images, atol=1e-5)


def test_overrides(small):
    generator, discriminator = stylegan2_from_state(
        small.under("G/"),
        small.under("D/"),
        minibatch_stddev_group_size=None,
        conv_clamp=256,
        generator_conv_clamp=128,
        label_size=4,
        dtype="mixed_bfloat16",
        num_mixed_precision_resolutions=1,
    )
    assert (generator.conv_clamp, discriminator.conv_clamp) == (128, 256)
    assert (generator.num_classes, generator.label_size) == (None, 4)
    assert discriminator.minibatch_stddev.group_size is None
    assert [block.compute_dtype for block in generator.blocks] == ["float32", "float32", "bfloat16"]
    with pytest.raises(ValueError, match="Received: group_size=4"):
        stylegan2_from_state(small.under("G/"), small.under("D/"), group_size=4)


def test_wrong_names_and_shapes(small):
    state = small.under("G/")
    missing = {name: array for name, array in state.items() if name != "synthesis.b8.conv0.noise_strength"}
    with pytest.raises(ValueError, match=r"Missing: synthesis\.b8\.conv0\.noise_strength\. Unknown: none"):
        stylegan2_from_state(missing)
    with pytest.raises(ValueError, match=r"Missing: none\. Unknown: synthesis\.input\.freqs"):
        stylegan2_from_state({**state, "synthesis.input.freqs": np.zeros([3])})
    with pytest.raises(ValueError, match="must contain a weight 'synthesis.b4.const'"):
        stylegan2_from_state({name: array for name, array in state.items() if "const" not in name})
    with pytest.raises(ValueError, match="must have official names such as"):
        stylegan2_from_state({"conv.weight": np.zeros([1])})
    with pytest.raises(ValueError, match=r"'mapping.fc1.bias' must have shape \(48,\). Received: shape \(3,\)"):
        stylegan2_from_state({**state, "mapping.fc1.bias": np.zeros([3])})
    with pytest.raises(ValueError, match="the same separable filter"):
        stylegan2_from_state({**state, "synthesis.b4.conv1.resample_filter": np.eye(4)})
