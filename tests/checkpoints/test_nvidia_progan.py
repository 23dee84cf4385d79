import pickle
from pathlib import Path

import numpy as np
import pytest

import tfgan_suite as tg
from tests.checkpoints.nvidia_files import EasyDict, Network, malicious_source, modules
from tfgan_suite.checkpoints.nvidia_progan import progan_from_pickle

GOLDEN = Path(__file__).parents[1] / "golden" / "progan_16.npz"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as content:
        return dict(content)


@pytest.fixture
def write(tmp_path, golden):
    """Writes the golden networks as the authors' program does; the averaged generator is twice the trained one."""

    def write_file(module="tfutil", generator_settings=(), discriminator_settings=()):
        states = {
            part: {name[2:]: value for name, value in golden.items() if name.startswith(f"{part}/")} for part in "GD"
        }
        doubled = {name: np.float32(2) * value for name, value in states["G"].items()}
        with modules(**{module: {"Network": Network}, "dnnlib__util": {"EasyDict": EasyDict}}):
            networks = [
                Network(
                    version=2,
                    name=name,
                    static_kwargs={"num_channels": 3, "resolution": 16, **dict(settings)},
                    build_module_src=malicious_source(tmp_path / "marker"),
                    build_func_name=name,
                    variables=[("lod", np.float32(0.0)), *state.items()],
                )
                for name, state, settings in (
                    ("G_paper", doubled, generator_settings),
                    ("D_paper", states["D"], discriminator_settings),
                    ("G_paper", states["G"], generator_settings),
                )
            ]
            (tmp_path / "progan.pkl").write_bytes(pickle.dumps(tuple(networks), 4))
        return tmp_path / "progan.pkl"

    yield write_file
    assert not (tmp_path / "marker").exists()  # The source text in the file was not run.


@pytest.mark.parametrize("module", ["tfutil", "network"])
def test_images_and_scores_of_the_reference(write, golden, module):
    path = write(module, {"label_size": 3, "latent_size": None, "fused_scale": True}, {"label_size": 3})
    generator, discriminator = progan_from_pickle(path)
    expected = golden["lod0/img"].transpose(0, 2, 3, 1)
    assert np.abs(generator(golden["in/z"], golden["in/labels"]) - expected).max() < 2e-4 * np.abs(expected).max()
    np.testing.assert_allclose(discriminator(expected), golden["lod0/D_fake"][:, 0], atol=2e-4)
    trained, _ = progan_from_pickle(path, averaged=False)
    np.testing.assert_array_equal(trained.dense.kernel, 2 * generator.dense.kernel)


def test_settings_are_the_files_unless_they_are_given(write):
    path = write(generator_settings={"normalize_latents": False}, discriminator_settings={"mbstd_group_size": 2})
    generator, discriminator = progan_from_pickle(path)
    assert not generator.normalize_latents and discriminator.minibatch_stddev_group_size == 2
    # The file does not state its labels; the discriminator's head shows them.
    assert generator.num_classes == discriminator.num_classes == 3 and generator.latent_size == 16
    generator, discriminator = progan_from_pickle(path, normalize_latents=True, minibatch_stddev_group_size=4)
    assert generator.normalize_latents and discriminator.minibatch_stddev_group_size == 4


def test_refuses_other_networks(write):
    progan_from_pickle(write(generator_settings={"use_wscale": True, "pixelnorm_epsilon": 1e-8, "fmap_base": 64}))
    for settings in ({"use_pixelnorm": False}, {"tanh_at_end": True}):
        (name,) = settings
        with pytest.raises(tg.UserError, match=f"'G_paper' has settings .* '{name}': {settings[name]}"):
            progan_from_pickle(write(generator_settings=settings))
