"""Sounds with a known answer, and files of them."""

import io

import numpy as np
import soundfile


def tone(hertz=440.0, seconds=0.5, sample_rate_hz=8000, amplitude=0.5):
    """A sine, float32 `[count]`, which fades in and out within 20 milliseconds."""
    time = np.arange(round(seconds * sample_rate_hz)) / sample_rate_hz
    edge = np.minimum(1, np.minimum(time, time[::-1]) / 0.02)
    return (amplitude * edge * np.sin(2 * np.pi * hertz * time)).astype("float32")


def sweep(count=4096, sample_rate_hz=8000):
    """Two voices that glide, and a click: something in every band."""
    time = np.arange(count) / sample_rate_hz
    samples = 0.4 * np.sin(2 * np.pi * (200 + 1500 * time) * time) + 0.2 * np.sin(
        2 * np.pi * (2500 - 2000 * time) * time
    )
    samples[count // 2] += 0.3
    return samples.astype("float32")


def file_of(samples, sample_rate_hz=8000, kind="WAV", subtype=None):
    """The bytes of a sound file."""
    file = io.BytesIO()
    soundfile.write(file, samples, sample_rate_hz, format=kind, subtype=subtype)
    return file.getvalue()
