import keras
import numpy as np
import pytest

import tfgan_suite as tg
from tfgan_suite import checkpoints
from tfgan_suite.checkpoints.progan_state import load_progan_state, progan_from_state, progan_state
from tfgan_suite.models.progan.progan_discriminator import ProGANDiscriminator
from tfgan_suite.models.progan.progan_generator import ProGANGenerator

SHARED = {"image_shape": (64, 64, 3), "channel_base": 128, "max_channels": 12}


def pair(**config):
    config = {**SHARED, **config}
    latent_size = config.pop("latent_size", 10)
    return ProGANGenerator(latent_size=latent_size, seed=1, **config), ProGANDiscriminator(seed=2, **config)


def states(**config):
    return [progan_state(network) for network in pair(**config)]


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"num_classes": 5},
        {"fused_scaling": False},
        {"fused_scaling": False, "num_classes": 1},
        {"image_shape": (4, 4, 1)},
        {"image_shape": (8, 8, 4), "channel_base": 1000},
        {"channel_base": 101, "max_channels": 40},  # Widths are rounded down.
    ],
)
def test_a_pair_comes_back_from_its_official_names(config):
    networks = pair(**config)
    again = progan_from_state(*(progan_state(network) for network in networks))
    for network, copy in zip(networks, again):
        for name in ("image_shape", "num_classes", "fused_scaling"):
            assert getattr(copy, name) == getattr(network, name), name
        assert [variable.shape for variable in copy.variables] == [variable.shape for variable in network.variables]
        for value, expected in zip(copy.get_weights(), network.get_weights()):
            np.testing.assert_array_equal(value, expected)
    assert again[0].latent_size == 10


def test_the_papers_widths_are_inferred():
    """Names and shapes of the paper's 1024x1024 networks give its configuration."""
    with keras.StatelessScope(initialize_variables=False):
        networks = ProGANGenerator((1024, 1024, 3)), ProGANDiscriminator((1024, 1024, 3))
        empty = [np.broadcast_to(np.float32(0), variable.shape) for variable in networks[0].trainable_variables]
        generator, _ = progan_from_state(progan_state(networks[0], empty))
        assert [v.shape for v in generator.variables] == [v.shape for v in networks[0].variables]
    assert generator.image_shape == (1024, 1024, 3) and generator.latent_size == 512
    assert generator.channel_base == 8192 and generator.max_channels == 512


def test_names_are_the_official_ones():
    generator, discriminator = states(image_shape=(8, 8, 3), num_classes=5)
    assert {name: value.shape for name, value in generator.items()} == {
        "4x4/Dense/weight": (15, 16 * 12),
        "4x4/Dense/bias": (12,),
        "4x4/Conv/weight": (3, 3, 12, 12),
        "4x4/Conv/bias": (12,),
        "ToRGB_lod1/weight": (1, 1, 12, 3),
        "ToRGB_lod1/bias": (3,),
        "8x8/Conv0_up/weight": (3, 3, 12, 12),
        "8x8/Conv0_up/bias": (12,),
        "8x8/Conv1/weight": (3, 3, 12, 12),
        "8x8/Conv1/bias": (12,),
        "ToRGB_lod0/weight": (1, 1, 12, 3),
        "ToRGB_lod0/bias": (3,),
    }
    assert set(discriminator) == {
        f"{layer}/{kind}"
        for layer in (
            *("FromRGB_lod0", "8x8/Conv0", "8x8/Conv1_down", "FromRGB_lod1"),
            *("4x4/Conv", "4x4/Dense0", "4x4/Dense1"),
        )
        for kind in ("weight", "bias")
    }
    separate = states(image_shape=(8, 8, 3), fused_scaling=False)
    assert "8x8/Conv0/weight" in separate[0] and "8x8/Conv1/weight" in separate[1]


def test_channels_come_first_in_flattened_features():
    generator = ProGANGenerator(latent_size=2, image_shape=(4, 4, 3), channel_base=6, max_channels=3)
    kernel = np.arange(2 * 48, dtype="float32").reshape([2, 4, 4, 3])
    generator.dense.kernel.assign(kernel.reshape([2, 48]))
    official = progan_state(generator)["4x4/Dense/weight"]
    np.testing.assert_array_equal(official.reshape([2, 3, 4, 4]), kernel.transpose(0, 3, 1, 2))


def test_what_shapes_do_not_tell_can_be_said():
    generator_state, discriminator_state = states(num_classes=5)
    generator, none = progan_from_state(generator_state, num_classes=5, normalize_latents=False)
    assert none is None and generator.latent_size == 10 and generator.num_classes == 5
    assert not generator.normalize_latents
    # Without a discriminator nothing else tells labels from latents.
    assert progan_from_state(generator_state)[0].latent_size == 15
    assert progan_from_state(generator_state, latent_size=10)[0].num_classes == 5
    _, discriminator = progan_from_state(
        generator_state, discriminator_state, minibatch_stddev_group_size=16, minibatch_stddev_grouping="contiguous"
    )
    assert discriminator.minibatch_stddev.group_size == 16 and discriminator.minibatch_stddev.grouping == "contiguous"
    with pytest.raises(tg.UserError, match="Unknown override 'latents_size'. Did you mean 'latent_size'"):
        progan_from_state(generator_state, latents_size=3)


def test_minibatch_stddev_channels_are_inferred():
    generator, discriminator = pair(image_shape=(8, 8, 3))
    for channels in (0, 1, 2):
        discriminator = ProGANDiscriminator(
            **{**SHARED, "image_shape": (8, 8, 3)}, minibatch_stddev_channels=channels, minibatch_stddev_group_size=2
        )
        _, again = progan_from_state(progan_state(generator), progan_state(discriminator))
        assert again.minibatch_stddev_channels == channels


def test_the_official_level_of_detail_is_left_out():
    generator_state, discriminator_state = states(image_shape=(8, 8, 3))
    generator, _ = progan_from_state({**generator_state, "lod": np.float32(0)}, {**discriminator_state, "lod": 0.0})
    assert generator.image_shape == (8, 8, 3)


def test_the_room_names_it():
    assert checkpoints.progan_from_state is progan_from_state


def test_refuses_what_fits_no_progan():
    generator_state, discriminator_state = states(image_shape=(16, 16, 3))

    def without(state, *names):
        return {name: value for name, value in state.items() if name not in names}

    with pytest.raises(tg.UserError, match="Missing: 8x8/Conv1/bias, ToRGB_lod1/weight. Unknown: none"):
        progan_from_state(without(generator_state, "8x8/Conv1/bias", "ToRGB_lod1/weight"))
    with pytest.raises(tg.UserError, match=r"ProGANDiscriminator .* Missing: none. Unknown: 64x64/Conv0/weight, noise"):
        progan_from_state(generator_state, {**discriminator_state, "noise": 0, "64x64/Conv0/weight": np.zeros(3)})
    with pytest.raises(tg.UserError, match="official names. Missing: 4x4/Dense/weight, .* Received: no names"):
        progan_from_state({})
    with pytest.raises(tg.UserError, match="Missing: 4x4/Dense/weight.* Received: synthesis.b4.const"):
        progan_from_state({"synthesis.b4.const": np.zeros([512, 4, 4])})
    wrong = {**generator_state, "8x8/Conv1/weight": np.zeros([3, 3, 12, 7])}
    with pytest.raises(tg.UserError, match=r"Expected: 8x8/Conv1/weight \(3, 3, 12, 12\), received \(3, 3, 12, 7\)"):
        progan_from_state(wrong)
    with pytest.raises(tg.UserError, match=r"same image shape. Received: \(16, 16, 3\) and \(8, 8, 3\)"):
        progan_from_state(generator_state, states(image_shape=(8, 8, 3))[1])
    with pytest.raises(tg.UserError, match="less than the 10 inputs"):
        progan_from_state(generator_state, num_classes=10)
    with pytest.raises(tg.UserError, match=r"4x4/Dense/weight must have 2 dimensions. Received: shape \(3,\)"):
        progan_from_state({**generator_state, "4x4/Dense/weight": np.zeros([3])})
    with pytest.raises(tg.UserError, match="Received: levels .*40"):
        progan_from_state({**generator_state, "ToRGB_lod40/weight": np.zeros([1, 1, 3, 3])})


def test_weights_are_set_only_when_all_of_them_fit():
    generator, _ = pair(image_shape=(8, 8, 3))
    before = generator.get_weights()
    state = progan_state(pair(image_shape=(8, 8, 3), latent_size=11)[0])
    with pytest.raises(tg.UserError, match="4x4/Dense/weight"):
        load_progan_state(generator, state)
    for value, expected in zip(generator.get_weights(), before):
        np.testing.assert_array_equal(value, expected)
