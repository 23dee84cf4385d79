"""A made-up kind of example, a wave, with a source and a model of its own: no file of the package knows of it."""

import hashlib

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.data.example_format import ExampleFormat
from tfgan_suite.data.sources.source import Source, SourceItem, SourceListing, SourceReader
from tfgan_suite.engine.trained_model import TrainedModel
from tfgan_suite.engine.update import Objective, Update
from tfgan_suite.foundation.example_refused import ExampleRefused
from tfgan_suite.specs.example_spec import ExampleSpec, register_example_spec


@register_example_spec
class WaveSpec(ExampleSpec):
    """A row of int16 samples at the edge, float32 in [-1, 1] inside of models; stored as their differences."""

    kind = "wave"
    unit = ("wave", "waves")
    edge_dtype = "int16"

    def __init__(self, shape, rate=8000):
        super().__init__(shape)
        self.rate = rate

    def to_model(self, examples):
        return tf.cast(examples, tf.float32) / 32767.0

    def to_edge(self, values):
        return tf.cast(tf.round(tf.clip_by_value(values, -1.0, 1.0) * 32767.0), tf.int16)

    def encode(self, example):
        return {**self.constants(), "differences": np.diff(example, prepend=0).astype("<i2").tobytes()}

    def constants(self):
        return {"rate": self.rate}

    def features(self):
        return {"differences": tf.io.FixedLenFeature([], tf.string), "rate": tf.io.FixedLenFeature([], tf.int64)}

    def decode(self, features):
        return tf.reshape(tf.cumsum(tf.io.decode_raw(features["differences"], tf.int16)), self.shape)

    def suspicion(self, example):
        return None if example.any() else "silent"

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}


SPEC = WaveSpec([16])
COUNT = 40


def wave(number: int) -> np.ndarray:
    """Wave `number`, whose first sample is the number; number 7 is silent but for that, number 0 entirely."""
    samples = np.random.default_rng(number).integers(-3000, 3000, SPEC.shape, np.int16)
    samples[0] = number
    return samples if number not in (0, 7) else np.where(np.arange(16) == 0, samples, 0).astype(np.int16)


class WaveFormat(ExampleFormat):
    """Makes waves of text."""

    def prepare(self, raw):
        if not raw:
            raise ExampleRefused("empty_text", "There is no text.")
        return super().prepare(np.array(raw.split(), np.int16))


class WaveReader(SourceReader):
    def read(self, item):
        return " ".join(map(str, wave(item.address))) if item.address >= 0 else ""


class WaveSource(Source):
    """Waves as text, with two classes; one more text is empty."""

    kind, name, license, spec = "texts", "waves", "CC0", SPEC

    def __init__(self, count: int = COUNT):
        self.count = count

    def make_format(self):
        return WaveFormat(self.spec)

    def list_items(self, use_labels, limit):
        numbers = [*range(limit or self.count), -1]
        items = [SourceItem(f"wave {number}", number % 2 if use_labels else None, number) for number in numbers]
        return SourceListing(items, [], ("even", "odd") if use_labels else ())

    def fingerprint(self):
        return hashlib.sha256(f"waves {self.count}".encode()).hexdigest()[:16]

    def make_reader(self, work_dir, example_format):
        return WaveReader()


@keras.saving.register_keras_serializable("tests")
class WaveModel(TrainedModel):
    """Learns the mean wave."""

    def __init__(self, shape=SPEC.shape, **kwargs):
        super().__init__(WaveSpec(shape), **kwargs)
        self.add_network("mean", keras.layers.Dense(shape[0]), keras.Input([1]))

    def updates(self):
        def objective(batch):
            mean = self.mean(tf.ones([tf.shape(batch.examples)[0], 1]))
            return Objective({"loss": tf.reduce_mean(tf.square(batch.examples - mean), axis=-1)})

        return [Update("mean", self.mean.trainable_variables, objective, logs=("loss",))]

    def sample(self, count, seed, labels=None):
        return self.spec.to_edge(self.mean(tf.ones([count, 1])))
