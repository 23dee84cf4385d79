"""WaveformSpec: a clip of sound as an example, sample by sample."""

import numpy as np

from tfgan_suite.audio import sound_files
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.number_kinds import is_count
from tfgan_suite.specs.example_spec import ExampleSpec, register_example_spec

# Of drawings: the columns are this many equal parts of the clip.
_DRAWN_SIZE = (64, 128)


@register_example_spec
class WaveformSpec(ExampleSpec):
    """A clip of sound as samples: int16 at every edge, float32 in [-1, 1] inside of models, one channel last.

    Records hold the clip as FLAC, with its rate.

    Args:
        shape: Tuple of integers, `(num_samples, 1)`.
        sample_rate_hz: Integer in [1000, 768000]. Samples per second.

    Raises:
        UserError: A shape or a rate that sound does not have.

    Example:

    >>> spec = WaveformSpec((16384, 1), sample_rate_hz=16000)
    >>> spec.to_edge(np.array([-1.0, 0.5])).numpy().tolist()
    [-32768, 16384]
    """

    kind = "waveform"
    unit = ("clip", "clips")
    edge_dtype = "int16"
    file_suffix = ".wav"
    model_range = (-1.0, 1.0)
    is_compressed = True

    def __init__(self, shape, sample_rate_hz=16_000):
        super().__init__(shape)
        if len(self.shape) != 2 or self.shape[1] != 1:
            raise UserError(f"`shape` of a waveform must be (num_samples, 1). Received: shape={self.shape}")
        if not is_count(sample_rate_hz) or not 1000 <= sample_rate_hz <= 768_000:
            raise UserError(
                f"`sample_rate_hz` must be an integer in [1000, 768000]. Received: sample_rate_hz={sample_rate_hz!r}"
            )
        self.sample_rate_hz = int(sample_rate_hz)

    @property
    def num_samples(self):
        """Integer. Samples of a clip."""
        return self.shape[0]

    # === Inside and at the edge ===

    def to_model(self, examples):
        import tensorflow as tf

        return tf.cast(examples, tf.float32) / 32768.0

    def to_edge(self, values):
        import tensorflow as tf

        values = tf.round(tf.cast(values, tf.float32) * 32768.0)
        return tf.cast(tf.clip_by_value(values, -32768.0, 32767.0), tf.int16)

    def from_samples(self, samples):
        """The example of a clip's samples, a float array `[num_samples]` in [-1, 1]. Needs no TensorFlow."""
        return sound_files.to_int16(samples)[:, None]

    def to_samples(self, examples):
        """Sound of a batch of examples, float32 `[batch, num_samples]` in [-1, 1]. Usable in graphs."""
        return self.to_model(examples)[..., 0]

    # === Stored and parsed ===

    def encode(self, example):
        return {
            "flac": sound_files.encode_flac(example[:, 0], self.sample_rate_hz),
            "sample_rate_hz": self.sample_rate_hz,
        }

    def constants(self):
        return {"sample_rate_hz": self.sample_rate_hz}

    def features(self):
        import tensorflow as tf

        return {"flac": tf.io.FixedLenFeature([], tf.string), "sample_rate_hz": tf.io.FixedLenFeature([], tf.int64)}

    def decode(self, features):
        import tensorflow as tf

        # TensorFlow has no decoder for FLAC.
        samples = tf.numpy_function(sound_files.decode_flac, [features["flac"]], tf.int16, stateful=False)
        return tf.reshape(samples, self.shape)

    # === Shown ===

    def draw(self, example):
        """The waveform: in each column the range between the lowest and the highest sample of its part of the clip."""
        height, width = _DRAWN_SIZE
        parts = np.array_split(np.asarray(example, np.float64)[:, 0] / 32768, min(width, self.num_samples))
        rows = np.arange(height)[:, None]

        def row_of(value):
            return np.rint((1 - np.array(value)) / 2 * (height - 1))

        inside = (rows >= row_of([part.max() for part in parts])) & (rows <= row_of([part.min() for part in parts]))
        return np.where(inside, 255, 16).astype(np.uint8)[..., None]

    def to_file(self, example):
        return self.to_files(np.asarray(example)[None])[0].numpy()

    def to_files(self, examples):
        from tfgan_suite.audio.wav_files import encode_wavs

        return encode_wavs(self.to_samples(examples), self.sample_rate_hz)

    # === Suspicious ===

    def suspicion(self, example):
        return "silent" if np.ptp(np.asarray(example, np.int32)) <= 4 else None

    # === Described ===

    def describe(self):
        return f"{self.num_samples / self.sample_rate_hz:.3g} s at {self.sample_rate_hz / 1000:g} kHz"

    def matches(self, other):
        return super().matches(other) and self.sample_rate_hz == other.sample_rate_hz

    def get_config(self):
        return {**super().get_config(), "sample_rate_hz": self.sample_rate_hz}
