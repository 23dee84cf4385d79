"""Fine-tuning: what of another model's weights is taken, what is not, and what is not trained."""

import keras
import numpy as np
import pytest

import tfgan_suite as tg
from tests.test_case import assert_same_weights
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.models.biggan.biggan_discriminator import BigGANDiscriminator


def style_gan(size=8, num_classes=None, seed=0):
    return tg.StyleGAN2(
        image_shape=(size, size, 3),
        num_classes=num_classes,
        channel_base=4096,
        max_channels=8,
        num_mapping_layers=2,
        latent_size=8,
        w_size=8,
        seed=seed,
    )


def by_path(network):
    return {variable.path.partition("/")[2]: np.asarray(variable) for variable in network.variables}


def test_the_same_architecture_is_taken_whole():
    source, target = style_gan(seed=1), style_gan(seed=2)
    transfer = target.initialize_from(source)
    assert not transfer.not_taken
    for name in ("generator", "discriminator", "ema_generator"):
        assert_same_weights(getattr(source, name), getattr(target, name))


def test_blocks_of_another_resolution_go_where_it_is():
    source, target = style_gan(8, seed=1), style_gan(16, seed=2)
    before = by_path(target.discriminator)
    transfer = target.initialize_from(source)
    for network in ("generator", "discriminator", "ema_generator"):
        theirs, ours = by_path(getattr(source, network)), by_path(getattr(target, network))
        assert set(theirs) - set(ours) <= {f"down_from_8x8/from_rgb/{name}" for name in ("kernel", "bias")}
        for path in set(theirs) & set(ours):
            np.testing.assert_array_equal(ours[path], theirs[path], err_msg=path)
    for path, value in by_path(target.discriminator).items():
        if "down_from_16x16" in path:
            np.testing.assert_array_equal(value, before[path])
    assert all("16x16" in path for path in transfer.not_taken)
    assert "discriminator/down_from_16x16/convolution: the other model has no such layer" in str(transfer)


def test_layers_of_other_classes_begin_afresh():
    source, target = style_gan(num_classes=3, seed=1), style_gan(num_classes=5, seed=2)
    before = by_path(target.generator)
    transfer = target.initialize_from(source)
    assert transfer.not_taken["generator/mapping/embedding"] == "kernel is (3, 8) there, (5, 8) here"
    path = "mapping/embedding/bias"  # Of the same shape, and of no use without its kernel.
    np.testing.assert_array_equal(by_path(target.generator)[path], before[path])


def test_numbered_blocks_of_biggan_go_by_resolution():
    places = [
        BigGANDiscriminator((size, size, 3), num_classes=2, base_channels=8, attention_resolutions=()).layer_places()
        for size in (64, 128)
    ]
    assert places[0]["block_0"] == places[1]["block_1"] == "down_from_64_0"
    assert len(set(places[1].values())) == len(places[1])


def test_networks_of_your_own_with_other_names():
    def make(seed):
        keras.utils.set_random_seed(seed)
        generator = keras.Sequential([keras.Input([4]), keras.layers.Dense(4), keras.layers.Reshape([2, 2, 1])])
        return tg.GAN(
            generator, keras.Sequential([keras.Input([2, 2, 1]), keras.layers.Flatten(), keras.layers.Dense(1)])
        )

    source, target = make(1), make(2)
    assert not target.initialize_from(source).not_taken
    assert_same_weights(source, target)


def test_nothing_in_common_is_refused():
    with pytest.raises(UserError, match="DCGAN has no layer that StyleGAN2 has"):
        style_gan().initialize_from(tg.DCGAN(image_shape=(8, 8, 3), base_channels=2, latent_size=4))


def test_frozen_layers_stay(tmp_path):
    gan = style_gan()
    frozen = gan.freeze("discriminator/down_from_8x8", "generator/mapping")
    assert "discriminator/down_from_8x8/shortcut" in frozen and "generator/mapping/dense_0" in frozen
    gan.compile()
    before = {name: by_path(network) for name, network in gan.networks.items()}
    gan.fit(np.random.default_rng(0).uniform(-1, 1, [8, 8, 8, 3]).astype("float32"), batch_size=4, verbose=0)
    for name, network in gan.networks.items():
        for path, value in by_path(network).items():
            if path.startswith(("down_from_8x8", "mapping/dense")):
                np.testing.assert_array_equal(value, before[name][path], err_msg=path)
            elif path.endswith("kernel"):
                assert not np.array_equal(value, before[name][path]), path
    gan.save(tmp_path / "gan.keras")
    loaded = tg.load_model(tmp_path / "gan.keras")
    assert loaded.frozen_layers == gan.frozen_layers
    assert_same_weights(gan, loaded)


@pytest.mark.parametrize(
    ("patterns", "message"),
    [(["discriminator/down_from_9x9"], "Did you mean"), (["discriminator"], "something of each network to train")],
)
def test_what_cannot_be_frozen(patterns, message):
    with pytest.raises(UserError, match=message):
        style_gan().freeze(*patterns)


def test_a_weights_file_of_another_architecture_is_refused(tmp_path):
    style_gan(8).save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(UserError, match="initialize_from"):
        style_gan(16).load_weights(tmp_path / "a.weights.h5", skip_mismatch=True)
