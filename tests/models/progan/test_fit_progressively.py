"""Growing by ordinary calls of `fit`: phases, traces, and restarts to the same bits."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.test_case import assert_same_weights
from tfgan_suite.models.progan.fit_progressively import fit_progressively
from tfgan_suite.models.progan.progan import ProGAN
from tfgan_suite.models.progan.progan_schedule import ProGANSchedule

# The first phase's last step goes past its end: 24 images, then a fade to 40, and 56 in all.
SCHEDULE = ProGANSchedule(stable_images=20, fade_images=20, total_images=56, batch_size=8, learning_rates={8: 0.002})
IMAGES = np.random.default_rng(0).uniform(-1, 1, [64, 8, 8, 3]).astype("float32")


def make():
    gan = ProGAN(image_shape=(8, 8, 3), latent_size=6, channel_base=16, max_channels=8, schedule=SCHEDULE, seed=3)
    gan.compile()
    return gan


def data_of(gan, asked=None):
    """`dataset_at`: image number n is `IMAGES[n % 64]` at the size asked for."""

    def dataset_at(size, batch_size):
        seen, factor = int(gan.examples_seen.numpy()), 8 // size
        images = IMAGES.reshape([64, size, factor, size, factor, 3]).mean(axis=(2, 4))
        if asked is not None:
            asked.append((size, batch_size, seen))
        return tf.data.Dataset.from_tensor_slices(np.roll(images, -seen, axis=0)).repeat().batch(batch_size, True)

    return dataset_at


class Stop(keras.callbacks.Callback):
    """Saves the model after so many images, and stops as a kill would."""

    def __init__(self, images, path):
        super().__init__()
        self.images, self.path = images, path

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.examples_seen.numpy()) == self.images:
            self.model.save(self.path)
            raise KeyboardInterrupt


def test_stops_in_a_fade_and_between_phases(tmp_path):
    whole = make()
    fit_progressively(whole, data_of(whole), images_per_tick=8)
    assert int(whole.examples_seen.numpy()) == 56 and float(whole.level_of_detail.numpy()) == 0.0

    gan = make()
    for images in (32, 40):
        path = tmp_path / f"{images}.keras"
        with pytest.raises(KeyboardInterrupt):
            fit_progressively(gan, data_of(gan), images_per_tick=16, callbacks=[Stop(images, path)])
        gan = keras.models.load_model(path)
        assert int(gan.examples_seen.numpy()) == images
    fit_progressively(gan, data_of(gan))
    assert_same_weights(gan, whole)
    for optimizer in ("generator_optimizer", "discriminator_optimizer"):
        for a, b in zip(getattr(whole, optimizer).variables, getattr(gan, optimizer).variables):
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    np.testing.assert_array_equal(gan.generate(2), whole.generate(2))

    assert fit_progressively(gan, data_of(gan)) == []  # All done.


def test_phases_are_traced_once_each(monkeypatch):
    traces, asked = [], []
    monkeypatch.setattr(ProGAN, "end_step", lambda self, end=ProGAN.end_step: (traces.append(1), end(self)))
    gan = make()
    histories = fit_progressively(gan, data_of(gan, asked), images_per_tick=8)
    # The fade's first step is at 24 images already, four fifths of it left; after its last, 40, nothing is.
    assert asked == [(4, 8, 0), (8, 8, 24), (8, 8, 40)]
    levels = [np.round(history.history["level_of_detail"], 6).tolist() for history in histories]
    assert levels == [[1.0, 1.0, 1.0], [0.4, 0.0], [0.0, 0.0]]
    assert len(traces) == 3
