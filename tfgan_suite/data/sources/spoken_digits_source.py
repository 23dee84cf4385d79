"""The demo set of sound: spoken digits in many synthetic voices of eSpeak NG, any number of them. The class is the digit."""

import hashlib
import json
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from tfgan_suite.audio.recording import Recording
from tfgan_suite.audio.sound_files import import_soundfile
from tfgan_suite.data.audio_format import AudioFormat
from tfgan_suite.data.sources import espeak
from tfgan_suite.data.sources.source import Source, SourceItem, SourceListing, SourceReader
from tfgan_suite.foundation.errors import MissingExtraError
from tfgan_suite.foundation.example_refused import ExampleRefused

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DEFAULT_COUNT = 6000
ACCENTS = (*("en-us", "en-us-nyc", "en", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029"),)
# Variants that sound like a person: no whisperers, robots and demons.
VARIANTS = (
    *(
        "Alex",
        "Alicia",
        "Andrea",
        "Andy",
        "Annie",
        "Denis",
        "Diogo",
        "Gene",
        "Gene2",
        "Henrique",
        "Hugo",
        "Jacky",
        "Lee",
    ),
    *(
        "Marco",
        "Mario",
        "Michael",
        "Mike",
        "Nguyen",
        "Reed",
        "adam",
        "anika",
        "antonio",
        "aunty",
        "belinda",
        "benjamin",
    ),
    *(
        "boris",
        "caleb",
        "david",
        "ed",
        "edward",
        "edward2",
        "f1",
        "f2",
        "f3",
        "f4",
        "f5",
        "grandma",
        "grandpa",
        "gustave",
    ),
    *(
        "ian",
        "iven",
        "iven2",
        "iven3",
        "iven4",
        "john",
        "kaukovalta",
        "linda",
        "m1",
        "m2",
        "m3",
        "m4",
        "m5",
        "m6",
        "m7",
    ),
    *(
        "m8",
        "marcelo",
        "max",
        "michel",
        "miguel",
        "mike2",
        "norbert",
        "pablo",
        "paul",
        "pedro",
        "quincy",
        "rob",
        "robert",
    ),
    *("sandro", "shelby", "steph", "steph2", "steph3", "travis", "victor", "zac"),
)
_WORDS_PER_MINUTE = (170, 260)
_PITCH = (25, 75)
# Half a second at the rate of a telephone, as a square picture.
_FORMAT = {
    "sample_rate_hz": 8000,
    "num_frames": 64,
    "fft_length": 256,
    "hop_length": 64,
    "num_bands": 64,
    "lowest_hz": 60.0,
}
# 72 dB below the 99.95th percentile of the set.
_RANGE_DB = {"floor_db": -81.0, "ceiling_db": -9.0}


class SpokenDigitsSource(Source):
    """Spoken digits; number `i` is a function of `i`, the seed and the version of eSpeak NG. Synthetic speech, not people's.

    Args:
        count: Integer. How many to speak, each digit in turn.
        seed: Integer. Seed of voices, speeds and pitches.

    Raises:
        MissingExtraError: Neither the package espeakng-loader nor the program espeak-ng is installed, or soundfile is not.
    """

    kind = "spoken_digits"
    name = "spoken_digits"
    license = "synthetic speech of eSpeak NG (program: GPL-3.0-or-later; what it speaks is not covered by its license)"
    format_class = AudioFormat
    is_cpu_bound = True

    def __init__(self, count: int = DEFAULT_COUNT, seed: int = 0):
        import_soundfile()
        if not espeak.is_available():
            raise MissingExtraError(
                "The demo set of spoken digits needs eSpeak NG, which is not installed. Install its library with: pip install "
                '"tfgan-suite[audio]", or the program espeak-ng.'
            )
        self.count = count
        self.seed = seed
        self.format = self.make_format()

    @property
    def spec(self):
        return self.format.spec

    def make_format(self, **chosen):
        return AudioFormat(**{**_FORMAT, **_RANGE_DB, **chosen})

    def list_items(self, use_labels, limit):
        items = []
        for number in range(limit or self.count):
            label = number % len(WORDS)
            items.append(SourceItem(f"{WORDS[label]} {number}", label if use_labels else None, [label, number]))
        notes = ("The voices are synthetic (eSpeak NG), not people's.",)
        return SourceListing(items, [], WORDS if use_labels else (), "", notes)

    def fingerprint(self):
        content = [self.count, self.seed, _espeak_version(), ACCENTS, VARIANTS, _WORDS_PER_MINUTE, _PITCH]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    def make_reader(self, work_dir, example_format):
        return SpokenDigitsReader(self.seed)


class SpokenDigitsReader(SourceReader):
    """Speaks digits, each in a voice that follows from its number and the seed."""

    def __init__(self, seed: int):
        self._seed = seed
        self._speaker = espeak.Speaker()

    def read(self, item):
        label, number = item.address
        digest = hashlib.sha256(f"{self._seed}:{number}".encode()).digest()
        draws = np.frombuffer(digest, "<u4").tolist()
        voice = f"{ACCENTS[draws[0] % len(ACCENTS)]}+{VARIANTS[draws[1] % len(VARIANTS)]}"
        try:
            samples, rate = self._speaker.speak(
                WORDS[label], voice, _between(draws[2], _WORDS_PER_MINUTE), _between(draws[3], _PITCH)
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise ExampleRefused("not_spoken", str(error)) from error
        return Recording(np.frombuffer(samples, np.int16)[:, None].astype(np.float32) / 32768, rate)


def _between(draw, limits):
    low, high = limits
    return low + draw % (high - low + 1)


def _espeak_version() -> str:
    try:
        return f"espeakng-loader {version('espeakng-loader')}"
    except PackageNotFoundError:
        program = shutil.which(espeak.PROGRAM)
        return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
