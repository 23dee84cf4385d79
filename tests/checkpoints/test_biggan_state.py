import numpy as np
import pytest

from tests.golden_vectors import assert_near, load_golden, part_of
from tfgan_suite.checkpoints.biggan_state import biggan_from_state, biggan_state
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.models.biggan.biggan_discriminator import BigGANDiscriminator
from tfgan_suite.models.biggan.biggan_generator import BigGANGenerator


def randomized(network, seed=0):
    """Built, with every weight and buffer drawn anew, variances positive."""
    network.build()
    generator = np.random.default_rng(seed)
    for variable in network.variables:
        values = generator.normal(size=variable.shape)
        if variable.name == "standing_pass":
            continue
        variable.assign(np.abs(values) + 0.5 if "variance" in variable.name else 0.3 * values)
    return network


GENERATORS = {
    "128, attention at 64": dict(latent_size=24, base_channels=4, shared_size=6),
    "128, no attention": dict(latent_size=30, base_channels=2, shared_size=4, attention_resolutions=()),
    "128, attention twice": dict(latent_size=12, base_channels=4, shared_size=5, attention_resolutions=(32, 64)),
    "128, latents in the first layer alone": dict(latent_size=10, base_channels=4, shared_size=6, hierarchical=False),
    "128, gains of classes": dict(latent_size=10, base_channels=4, shared_size=None, hierarchical=False),
    "128, grey": dict(image_shape=(128, 128, 1), latent_size=24, base_channels=4, shared_size=6),
    "256": dict(
        image_shape=(256, 256, 3), latent_size=28, base_channels=4, shared_size=6, attention_resolutions=(128,)
    ),
    "deep 128": dict(latent_size=9, base_channels=8, shared_size=6, variant="deep"),
    "deep 128, three blocks": dict(latent_size=9, base_channels=8, shared_size=6, variant="deep", depth=3),
    "deep 32, one block": dict(
        image_shape=(32, 32, 3),
        latent_size=9,
        base_channels=8,
        shared_size=6,
        attention_resolutions=(8, 32),
        variant="deep",
        depth=1,
    ),
    "deep 64, latents in the first layer alone": dict(
        image_shape=(64, 64, 3), latent_size=6, base_channels=8, shared_size=6, hierarchical=False, variant="deep"
    ),
}
DISCRIMINATORS = {
    "128": dict(base_channels=8, attention_resolutions=(64,)),
    "128, no attention": dict(base_channels=2, attention_resolutions=()),
    "256": dict(image_shape=(256, 256, 1), base_channels=4, attention_resolutions=(64,)),
    "256, equal shortcuts without weights": dict(
        image_shape=(256, 256, 3), base_channels=4, convolve_equal_shortcuts=False
    ),
    "32": dict(image_shape=(32, 32, 3), base_channels=4, attention_resolutions=(16,)),
    "deep 128": dict(base_channels=8, variant="deep"),
    "deep 128, three blocks": dict(base_channels=8, variant="deep", depth=3),
    "deep 32": dict(image_shape=(32, 32, 3), base_channels=4, attention_resolutions=(16,), variant="deep"),
}
# What weights do not tell.
NOT_TOLD = ("name", "seed", "initializer", "dtype")


def assert_same_architecture(network, other):
    config, other_config = network.get_config(), other.get_config()
    assert {name: config[name] for name in config if name not in NOT_TOLD} == {
        name: other_config[name] for name in other_config if name not in NOT_TOLD
    }


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_are_read_from_names_and_shapes(name):
    generator = randomized(BigGANGenerator(num_classes=7, **GENERATORS[name]))
    state = biggan_state(generator)
    again, nothing = biggan_from_state(state)
    assert nothing is None
    assert_same_architecture(generator, again)
    for official, array in biggan_state(again).items():
        np.testing.assert_array_equal(array, state[official], err_msg=official)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_discriminators_are_read_from_names_and_shapes(name):
    discriminator = randomized(BigGANDiscriminator(num_classes=7, **DISCRIMINATORS[name]))
    latents = {"latent_size": 8 * 7 * 6 * 5, "shared_size": 4, "num_classes": 7, "base_channels": 2}
    generator = randomized(BigGANGenerator(discriminator.image_shape, attention_resolutions=(), **latents))
    state = biggan_state(discriminator)
    _, again = biggan_from_state(biggan_state(generator), state)
    assert_same_architecture(discriminator, again)
    for official, array in biggan_state(again).items():
        np.testing.assert_array_equal(array, state[official], err_msg=official)


@pytest.mark.parametrize("name", ["biggan_32_cls5", "biggandeep_32_cls5"])
def test_official_names_and_layouts_are_those_of_the_reference(name):
    golden = load_golden(name)
    networks = biggan_from_state(part_of(golden, "G/"), part_of(golden, "D/"))
    for network, prefix in zip(networks, ("G/", "D/")):
        official = part_of(golden, prefix)
        state = biggan_state(network)
        assert set(state) == set(official)
        for key, array in official.items():
            np.testing.assert_array_equal(state[key], array, err_msg=key)


def test_overrides_change_what_is_computed():
    golden = load_golden("biggan_32_cls5")
    state = part_of(golden, "G/")
    generator, _ = biggan_from_state(state, batch_norm_epsilon=0.3, spectral_norm_epsilon=1e-4, seed=3)
    assert (generator.batch_norm_epsilon, generator.spectral_norm_epsilon, generator.seed) == (0.3, 1e-4, 3)
    assert generator.blocks[0].normalize_1.epsilon == 0.3 and generator.linear.epsilon == 1e-4
    images = generator(golden["in/z"], golden["in/y"])
    with pytest.raises(AssertionError):
        assert_near(images, golden["out/img_eval"].transpose(0, 2, 3, 1))
    with pytest.raises(UserError, match="batch_norm_epsilon"):
        biggan_from_state(state, batch_norm_eps=1e-4)


def change(state, remove=(), **add):
    return {name: array for name, array in state.items() if name not in remove} | add


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda state: change(state, ["blocks.1.1.theta.u0"]), r"Missing: blocks\.1\.1\.theta\.u0\. Unknown: none"),
        (lambda state: change(state, surprise=np.zeros(3)), "Missing: none. Unknown: surprise"),
        (lambda state: change(state, ["linear.weight"]), "Missing: linear.weight"),
        (lambda state: {"mapping.fc0.weight": np.zeros(3)}, "names of BigGAN-PyTorch.*Received: mapping.fc0.weight"),
        (lambda state: {}, "Received: no names"),
        (lambda state: change(state, **{"linear.bias": np.zeros(4)}), r"linear.bias \(256,\), received \(4,\)"),
        (lambda state: change(state, **{"shared.weight": np.zeros([5, 9])}), "must have 13 inputs"),
        (lambda state: change(state, **{"linear.weight": np.zeros([5])}), "linear.weight must have 2 dimensions"),
        (
            lambda state: change(state, **{"blocks.2.0.conv1.weight": np.zeros([7, 16, 3, 3])}),
            "Received: blocks of 16->16, 16->16, 16->7",
        ),
    ],
)
def test_what_does_not_fit_is_named(make, message):
    with pytest.raises(UserError, match=message):
        biggan_from_state(make(part_of(load_golden("biggan_32_cls5"), "G/")))


def test_both_networks_must_be_of_the_same_images_and_classes():
    golden, other = load_golden("biggan_32_cls5"), BigGANDiscriminator((64, 64, 3), num_classes=5, base_channels=2)
    other.build()
    with pytest.raises(UserError, match="same image_shape"):
        biggan_from_state(part_of(golden, "G/"), biggan_state(other))
    other = BigGANDiscriminator((32, 32, 3), num_classes=6, base_channels=2)
    other.build()
    with pytest.raises(UserError, match="same num_classes. Received: 5 and 6"):
        biggan_from_state(part_of(golden, "G/"), biggan_state(other))
