"""Spoken digits: the same again in another process, labels, and what is said where there are no voices."""

import pickle

import numpy as np
import pytest

from tfgan_suite.data.sources import espeak
from tfgan_suite.data.sources.spoken_digits_source import SpokenDigitsSource
from tfgan_suite.foundation.errors import MissingExtraError

pytestmark = pytest.mark.skipif(not espeak.is_available(), reason="needs eSpeak NG")


def test_digits_are_a_function_of_their_number():
    source = SpokenDigitsSource()
    listing = source.list_items(True, 12)
    assert [item.label for item in listing.items] == [*range(10), 0, 1] and "synthetic" in listing.notes[0]
    reader = source.make_reader(None, source.format)
    forwards = [reader.read(item) for item in listing.items]
    other = pickle.loads(pickle.dumps(reader))
    backwards = [other.read(item) for item in listing.items[::-1]][::-1]
    for first, second in zip(forwards, backwards):
        np.testing.assert_array_equal(first.samples, second.samples)
    lengths = {len(recording.samples) for recording in forwards}
    assert len(lengths) > 6 and forwards[0].sample_rate_hz == 22050
    pictures = [source.format.prepare(recording) for recording in forwards]
    assert pictures[0].shape == (64, 64, 1) and np.ptp(pictures[0]) > 200
    assert source.fingerprint() != SpokenDigitsSource(seed=1).fingerprint()


def test_an_unknown_voice_is_told_and_the_speaker_goes_on():
    speaker = espeak.Speaker()
    with pytest.raises(OSError, match="no voice 'no-such-voice'"):
        speaker.speak("one", "no-such-voice", 175, 50)
    samples, rate = speaker.speak("one", "en-us", 175, 50)
    assert len(samples) > rate // 4
    speaker.close()


def test_without_voices_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(espeak, "is_available", lambda: False)
    with pytest.raises(MissingExtraError, match=r"needs eSpeak NG.*tfgan-suite\[audio\]"):
        SpokenDigitsSource()
