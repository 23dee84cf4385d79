"""A made-up kind of example, points in the plane, and a model of it that has neither latents nor a discriminator."""

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.engine.trained_model import TrainedModel
from tfgan_suite.engine.update import Objective, Update
from tfgan_suite.foundation.randomness import fold, normal
from tfgan_suite.generative.sampling_options import SamplingOption, resolve_sampling
from tfgan_suite.specs.example_spec import ExampleSpec, register_example_spec

TEMPERATURE = SamplingOption("temperature", 1.0, 0.0, 2.0, "Scales the spread.")


@register_example_spec
class PointSpec(ExampleSpec):
    """Two numbers."""

    kind, unit = "plane-point", ("point", "points")

    def draw(self, example):
        picture = np.full([16, 16, 3], 255, np.uint8)
        row, column = np.clip(8 + 3 * np.asarray(example), 0, 15).astype(int)
        picture[row, column] = 0
        return picture


@keras.saving.register_keras_serializable("tests")
class Gaussian(keras.layers.Layer):
    """The mean of a Gaussian, its one network."""

    def build(self, shape):
        self.mean = self.add_weight(name="mean", shape=[shape[-1]], initializer="random_normal")

    def call(self, examples):
        return examples - self.mean


@keras.saving.register_keras_serializable("tests")
class GaussianPoints(TrainedModel):
    """A Gaussian of unit spread, fitted by its likelihood."""

    sampling_options = (TEMPERATURE,)
    presets = {
        "points_quick": {"description": "", "reference": "", "expected": "", "config": {},
                         "training": {"batch_size": 8, "total_images": 64}},
    }  # fmt: skip

    def __init__(self, spec=None, *, num_classes=None, label_weights=None, seed=0, **kwargs):
        spec = spec or PointSpec([2])
        super().__init__(spec, num_classes=num_classes, label_weights=label_weights, seed=seed, **kwargs)
        self.add_network("density", Gaussian(), keras.Input(spec.shape), averaged=True)
        self.built = True

    def updates(self):
        def objective(batch):
            squares = tf.square(self.density(batch.examples))
            return Objective({"loss": 0.5 * tf.reduce_sum(squares, axis=range(1, squares.shape.rank))})

        return [Update("density", self.density.trainable_variables, objective, logs=("loss",))]

    def sample(self, count, seed, labels=None, temperature=1.0):
        return self.ema_density.mean + temperature * normal([count, *self.spec.shape], fold(seed, "points"))

    def generate(self, count, labels=None, *, seed=0, batch_size=64, **sampling):
        return self.sample(count, seed, labels, **resolve_sampling(self, sampling)).numpy()

    def get_config(self):
        return {"name": self.name, "seed": self.seed, "num_classes": self.num_classes}


def points(count, seed=0):
    return np.random.default_rng(seed).normal([1.0, -1.0], 1.0, [count, 2]).astype("float32")


def points_dataset(batch_size=8):
    return tf.data.Dataset.from_tensor_slices(points(512)).repeat().batch(batch_size, drop_remainder=True)
