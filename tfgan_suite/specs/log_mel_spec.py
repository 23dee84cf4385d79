"""LogMelSpec: a clip of sound as an example, which models see as a picture: its log-mel spectrogram."""

import dataclasses

import numpy as np

from tfgan_suite.audio.log_mel import LogMel
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.specs.example_spec import register_example_spec
from tfgan_suite.specs.image_spec import ImageSpec

# Of 255: a clip whose picture spans less is silence or one steady hiss.
_QUIET_RANGE = 16


@register_example_spec
class LogMelSpec(ImageSpec):
    """A clip of sound as its log-mel spectrogram: at the edge a gray uint8 picture, as a file a WAV.

    All models of images take it. Its constants travel with the data and with the exported model: they are what makes sound
    of a picture again (`audio/griffin_lim.py`).

    Args:
        shape: Tuple of integers, `(num_bands, num_frames, 1)`. The first row is the highest band.
        log_mel: `LogMel`, or a dict of its arguments.
        encoding: String. How records store the picture, as in `ImageSpec`. They keep the sound itself besides, as FLAC.

    Raises:
        UserError: A shape that does not go with the constants.

    Example:

    >>> spec = LogMelSpec((64, 32, 1), LogMel(sample_rate_hz=8000, fft_length=256, hop_length=64))
    >>> spec.num_samples, spec.to_file(np.zeros([64, 32, 1], "uint8"))[:4]
    (2048, b'RIFF')
    """

    kind = "log_mel"
    unit = ("clip", "clips")
    file_suffix = ".wav"

    def __init__(self, shape, log_mel=None, encoding="png"):
        super().__init__(shape, encoding)
        self.log_mel = log_mel if isinstance(log_mel, LogMel) else LogMel(**(log_mel or {}))
        if self.shape[0] != self.log_mel.num_bands or self.shape[2] != 1:
            raise UserError(
                f"`shape` of a log-mel spectrogram must be ({self.log_mel.num_bands}, frames, 1), as num_bands says. Received: "
                f"shape={self.shape}"
            )
        if encoding == "jpeg":
            raise UserError("`encoding` of a log-mel spectrogram must be lossless. Received: encoding='jpeg'")

    @property
    def sample_rate_hz(self):
        """Integer. Samples of sound per second."""
        return self.log_mel.sample_rate_hz

    @property
    def num_samples(self):
        """Integer. Samples of a clip."""
        return self.shape[1] * self.log_mel.hop_length

    def from_samples(self, samples):
        """The example of a clip's samples, a float array `[num_samples]` in [-1, 1]. Needs no TensorFlow."""
        values = self.log_mel.values(samples)
        return np.rint((values + 1) * 127.5).astype(np.uint8)[..., None]  # [bands, frames, 1]

    def to_samples(self, examples):
        """Sound of a batch of examples, float32 `[batch, num_samples]` in [-1, 1]. Usable in graphs.

        Each clip is computed by itself, so that it is the same to the bit in a batch of any size.
        """
        from tfgan_suite.audio.griffin_lim import inversion_of

        return inversion_of(self.log_mel, self.shape[1])(self.to_model(examples)[..., 0])

    def to_file(self, example):
        return self.to_files(np.asarray(example)[None])[0].numpy()

    def to_files(self, examples):
        from tfgan_suite.audio.wav_files import encode_wavs

        return encode_wavs(self.to_samples(examples), self.sample_rate_hz)

    def suspicion(self, example):
        return "hardly any sound" if np.ptp(example) < _QUIET_RANGE else None

    def describe(self):
        return f"{self.num_samples / self.sample_rate_hz:.3g} s as {self.shape[0]} x {self.shape[1]}, {self.log_mel.describe()}"

    def matches(self, other):
        return super().matches(other) and self.log_mel == other.log_mel

    def get_config(self):
        return {"shape": list(self.shape), "log_mel": dataclasses.asdict(self.log_mel), "encoding": self.encoding}
