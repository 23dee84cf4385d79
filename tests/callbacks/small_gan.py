"""A GAN and a set of images that are learned within seconds: a spot at one of nine places."""

import keras
import numpy as np
import tensorflow as tf

import tfgan_suite as tg
from tfgan_suite.specs.image_range import to_uint8

SIZE = 12
BATCH_SIZE = 64


def spots(count, seed=0):
    """Float32 images `[count, 12, 12, 1]` in [-1, 1]: a bell at one of nine places, moved and sized a little."""
    generator = np.random.default_rng(seed)
    places = np.array([[row, column] for row in (2, 5.5, 9) for column in (2, 5.5, 9)])
    centres = places[generator.integers(0, 9, count)] + generator.normal(0, 0.4, [count, 2])
    widths = generator.uniform(1.0, 1.6, [count, 1, 1])
    rows, columns = np.mgrid[:SIZE, :SIZE]
    squares = (rows - centres[:, 0, None, None]) ** 2 + (columns - centres[:, 1, None, None]) ** 2
    return (2 * np.exp(-squares / (2 * widths**2)) - 1).astype("float32")[..., None]


def spots_uint8(count, seed=0):
    return to_uint8(tf.constant(spots(count, seed))).numpy()


def spots_dataset(seed=0, start_image=0):
    """Endless batches, a function of the seed and the image number."""
    images = spots(4096, seed)
    start = start_image // BATCH_SIZE
    return tf.data.Dataset.from_tensor_slices(images).repeat().batch(BATCH_SIZE).skip(start)


def make_gan(seed=0, width=96, **choices):
    """Dense networks; `choices` go to `compile`."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    generator = keras.Sequential(
        [
            keras.Input([8]),
            layers.Dense(width, activation="relu"),
            layers.Dense(width, activation="relu"),
            layers.Dense(SIZE * SIZE, activation="tanh"),
            layers.Reshape([SIZE, SIZE, 1]),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input([SIZE, SIZE, 1]),
            layers.Flatten(),
            layers.Dense(width, activation="leaky_relu"),
            layers.Dense(width, activation="leaky_relu"),
            layers.Dense(1),
        ]
    )
    gan = tg.GAN(generator, discriminator, seed=seed)
    gan.compile(**choices)
    return gan


def healthy_choices():
    return {
        "generator_optimizer": tg.Adam(1e-3, beta_1=0.5, beta_2=0.99),
        "discriminator_optimizer": tg.Adam(1e-3, beta_1=0.5, beta_2=0.99),
        "discriminator_penalties": [tg.penalties.R1(1.0)],
    }


def collapsing_choices():
    """A generator that is fifty times as quick as the discriminator runs from one weak spot of it to the next."""
    return {
        "generator_optimizer": tg.Adam(5e-3, beta_1=0.5, beta_2=0.99),
        "discriminator_optimizer": tg.Adam(1e-4, beta_1=0.5, beta_2=0.99),
    }
