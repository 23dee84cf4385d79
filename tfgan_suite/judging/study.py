"""A study: its question, its images, and the trials that each rater sees."""

import dataclasses
import hashlib
import itertools
import json
import os
import shutil
from pathlib import Path

import numpy as np

from tfgan_suite.drawing.image_grid import save_png
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.foundation.small_files import read_json, reading, typed
from tfgan_suite.foundation.versions import library_versions
from tfgan_suite.judging.pictures import PictureSet, load_pictures

FILE_NAME = "study.json"
ANSWERS_NAME = "answers.sqlite"
REAL_OR_FAKE, WHICH_IS_REAL, WHICH_IS_BETTER = QUESTIONS = ("real-or-fake", "which-is-real", "which-is-better")
DEFAULTS = {
    "question": REAL_OR_FAKE,
    "real": None,
    "fakes": (),
    "num_items": 100,
    "num_repeats": None,  # A tenth of the items.
    "num_checks": None,  # A twentieth of the items, but at least two.
    "display_milliseconds": None,
    "image_size": None,
    "split": "train",
    "truncation": 1.0,
    "seed": 0,
}
_FORMAT_VERSION = 1
# The source of images that anyone who pays attention recognizes.
CHECK_SOURCE = "attention check"


@dataclasses.dataclass(frozen=True)
class Item:
    """An image, or a pair of images, to be judged.

    Attributes:
        number: Integer. Number of the item, starting from 0. Attention checks come last.
        pictures: Tuple of one or two strings. Names of the images.
        sources: Tuple of strings. Sources of the images, in the same order.
        right: String, `"real"`, `"fake"`, or the name of the right image. `None` if there is no right answer.
        is_check: Boolean. Whether the item is an attention check.
    """

    number: int
    pictures: tuple[str, ...]
    sources: tuple[str, ...]
    right: str | None
    is_check: bool


@dataclasses.dataclass(frozen=True)
class Trial:
    """One screen shown to one rater.

    Attributes:
        number: Integer. Index of the trial within the rater's session, starting from 0.
        item: The `Item` to judge.
        pictures: Tuple of strings. Names of the images, from left to right.
        is_repeat: Boolean. Whether the item was shown to the rater before.
    """

    number: int
    item: Item
    pictures: tuple[str, ...]
    is_repeat: bool


class Study:
    """A study on disk. Its settings, images, and items never change; only answers are added.

    Args:
        directory: String or path of a directory written by `make_study`.

    Attributes:
        settings: Dict with a value for each key of `DEFAULTS`.
        items: List of all `Item`s.
        content: Dict. The content of `study.json`.

    Raises:
        UserError: If the directory does not contain a study, or one of another format version.
    """

    def __init__(self, directory):
        self.directory = local_path(directory)
        path = self.directory / FILE_NAME
        if not path.is_file():
            raise UserError(
                f"`directory` must contain a study. Received: directory={str(directory)!r}. Pass --fake and --real to "
                "create one."
            )
        self.content = read_json(path, "the description of a study", "Restore it from a copy.")
        with reading(path, "the description of a study", "Restore it from a copy."):
            if self.content["format_version"] != _FORMAT_VERSION:
                raise UserError(
                    f"{str(path)!r} was written by another version of the suite. The format version must be "
                    f"{_FORMAT_VERSION}. Received: format_version={self.content['format_version']}"
                )
            self.settings = typed(dict, self.content["settings"], "settings")
            for name in ("seed", "num_repeats"):
                typed(int, self.settings[name], name)
            if self.settings["question"] not in QUESTIONS:
                raise unknown_name("question", self.settings["question"], QUESTIONS)
            self.items = typed(list[Item], self.content["items"], "items")
            self.trials("")  # They can be laid out.

    @property
    def question(self) -> str:
        return self.settings["question"]

    @property
    def has_sounds(self) -> bool:
        """Whether each picture, a spectrogram, can be heard."""
        return self.content.get("has_sounds", False)  # Studies of earlier versions have none.

    def picture_path(self, name: str, suffix: str = ".png") -> Path | None:
        """Returns the file of an image, or of its sound (`".wav"`), or `None` if the study has no image with this name."""
        known = {picture for item in self.items for picture in item.pictures}
        is_there = name in known and (suffix == ".png" or self.has_sounds)
        return self.directory / "pictures" / f"{name}{suffix}" if is_there else None

    def trials(self, rater: str) -> list[Trial]:
        """Returns a rater's trials: all items in random order, interspersed with attention checks and repeats.

        The order depends only on the study's seed and the rater's name. The images of a pair are on random sides, and
        swap sides in a repeat. A repeat follows at least a quarter of the study later.

        Args:
            rater: String. Name of the rater.

        Returns:
            List of `Trial`.
        """
        digest = hashlib.sha256(rater.encode()).digest()
        generator = np.random.default_rng([self.settings["seed"], *np.frombuffer(digest, np.uint32)])
        items = [item for item in self.items if not item.is_check]
        checks = [item for item in self.items if item.is_check]
        count = len(items)
        order = [items[row] for row in generator.permutation(count)]
        sides = {item.number: int(side) for item, side in zip(self.items, generator.integers(0, 2, len(self.items)))}
        places = [(place, item, False) for place, item in enumerate(order)]
        places += [(place, item, False) for place, item in zip(generator.uniform(0, count, len(checks)), checks)]
        for place in generator.choice(-(-count // 2), self.settings["num_repeats"], replace=False):
            places.append((generator.uniform(place + count / 4, count), order[place], True))
        places.sort(key=lambda entry: entry[0])
        return [
            Trial(number, item, item.pictures[:: -1 if sides[item.number] ^ is_repeat else 1], is_repeat)
            for number, (_, item, is_repeat) in enumerate(places)
        ]


def make_study(directory, **settings) -> Study:
    """Selects images and writes a study. An error or interruption leaves no incomplete study behind.

    Args:
        directory: String or path of the directory to write, which must be empty or not exist.
        **settings: Values for the keys of `DEFAULTS`: `question` (one of `QUESTIONS`); `real` and `fakes` (a path and a
            list of paths, as accepted by `load_pictures`); `num_items` (number of items that everyone judges);
            `num_repeats` (number of items shown twice, by default a tenth); `num_checks` (number of images or pairs
            with an obvious answer, by default a twentieth, but at least two); `display_milliseconds` (how long images
            are shown, `None` for unlimited); `image_size` (to which all images are cropped and scaled); `split`,
            `truncation`, and `seed` (see `load_pictures`).

    Returns:
        The `Study`.

    Raises:
        UserError: If a setting is out of range, there are too few images, the images differ in size, or the directory
            is not empty.

    Example:

    >>> make_study("studies/digits", real="data/digits", fakes=["runs/digits"])  # doctest: +SKIP
    """
    directory = local_path(directory)
    for name in settings:
        if name not in DEFAULTS:
            raise unknown_name("setting", name, DEFAULTS)
    settings = {**DEFAULTS, **settings}
    settings["fakes"] = [str(path) for path in settings["fakes"]]
    settings["real"] = None if settings["real"] is None else str(settings["real"])
    if settings["num_repeats"] is None:
        settings["num_repeats"] = settings["num_items"] // 10
    if settings["num_checks"] is None:
        settings["num_checks"] = max(2, settings["num_items"] // 20)
    _check(settings)
    if directory.exists() and any(directory.iterdir()):
        raise UserError(
            "`directory` must be a study, a new directory, or an empty one, but is not empty. Received: "
            f"directory={str(directory)!r}"
        )
    pictures = _load_all(settings)
    directory.parent.mkdir(parents=True, exist_ok=True)
    unfinished = directory.with_name(f".{directory.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # Left over from a call that was killed.
    items = _Items(settings, pictures, unfinished / "pictures").make()
    content = {
        "format_version": _FORMAT_VERSION,
        "settings": settings,
        "sources": {name: picture_set.origin for name, picture_set in pictures.items()},
        "has_sounds": _have_sounds(pictures),
        "items": [dataclasses.asdict(item) for item in items],
        "versions": library_versions(),
    }
    write_atomically(unfinished / FILE_NAME, json.dumps(content, indent=1) + "\n")
    os.replace(unfinished, directory)
    return Study(directory)


def _check(settings):
    question, fakes = settings["question"], settings["fakes"]
    if question not in QUESTIONS:
        raise unknown_name("question", question, QUESTIONS)
    if question == WHICH_IS_BETTER and (settings["real"] is not None or len(fakes) < 2):
        raise UserError(
            f"The question {question} needs two or more --fake and no --real. Received: --real={settings['real']}, "
            f"--fake={fakes}"
        )
    if question != WHICH_IS_BETTER and (settings["real"] is None or not fakes):
        raise UserError(
            f"The question {question} needs --real and one or more --fake. Received: --real={settings['real']}, "
            f"--fake={fakes}"
        )
    if len({settings["real"], *fakes}) <= len(fakes):
        raise UserError(
            f"--real and all --fake must be different sources. Received: --real={settings['real']}, --fake={fakes}"
        )
    if settings["num_items"] < 2 * max(1, len(fakes)):
        raise UserError(f"`num_items` must be >= {2 * max(1, len(fakes))}. Received: num_items={settings['num_items']}")
    if settings["num_repeats"] > settings["num_items"] // 2:
        raise UserError(
            f"`num_repeats` must be at most half of `num_items`. Received: num_repeats={settings['num_repeats']}, "
            f"num_items={settings['num_items']}"
        )
    duration = settings["display_milliseconds"]
    if duration is not None and not 16 <= duration <= 60_000:
        raise UserError(
            f"`display_milliseconds` must be in [16, 60000] or `None`. Received: display_milliseconds={duration}"
        )


def _load_all(settings) -> dict[str, PictureSet]:
    """Returns the images of each source by its path, real images first."""
    paths = [*([settings["real"]] if settings["real"] is not None else []), *settings["fakes"]]
    options = {name: settings[name] for name in ("split", "truncation", "image_size")}
    found = {}
    for number, path in enumerate(paths):
        # Each source has its own seed, because two copies of a model would generate the same images.
        found[path] = load_pictures(path, settings["num_items"], seed=settings["seed"] + number, **options)
    shapes = {image.shape[:2] for picture_set in found.values() for image in picture_set.images}
    if len(shapes) > 1:
        raise UserError(
            f"All images must have the same size, which could otherwise reveal their source. Received: {len(shapes)} "
            f"sizes, such as {', '.join(f'{height}x{width}' for height, width in sorted(shapes)[:4])}. "
            "Set --image-size."
        )
    if len({picture_set.sounds is None for picture_set in found.values()}) > 1:
        raise UserError("All sources must be of sound, or none. Received: " + ", ".join(map(repr, paths)))
    if _have_sounds(found) and settings["display_milliseconds"] is not None:
        raise UserError(
            "`display_milliseconds` must be `None` for sounds, which take their own time. Received: "
            f"display_milliseconds={settings['display_milliseconds']}"
        )
    return found


def _have_sounds(pictures: dict[str, PictureSet]) -> bool:
    return all(picture_set.sounds is not None for picture_set in pictures.values())


class _Items:
    """Makes the items of a study and writes their images under names that reveal nothing."""

    def __init__(self, settings, pictures: dict[str, PictureSet], directory: Path):
        self._settings = settings
        self._pictures = pictures
        self._directory = directory
        self._generator = np.random.default_rng([settings["seed"], 1])
        self._names = {}
        self._unused = {path: list(range(settings["num_items"])) for path in pictures}
        self._items = []

    def make(self) -> list[Item]:
        count, real, fakes = (self._settings[name] for name in ("num_items", "real", "fakes"))
        for number in range(count):
            fake = fakes[number // 2 % len(fakes)] if real else None
            if self._settings["question"] == REAL_OR_FAKE:
                source = fake if number % 2 else real
                self._add([self._take(source)], "fake" if number % 2 else "real")
            elif self._settings["question"] == WHICH_IS_REAL:
                fake_picture = self._take(fakes[number % len(fakes)])
                real_picture = self._take(real, self._label(fake_picture))
                self._add([real_picture, fake_picture], real_picture)
            else:
                pairs = list(itertools.combinations(fakes, 2))
                one, other = pairs[number % len(pairs)]
                picture = self._take(one)
                self._add([picture, self._take(other, self._label(picture))], None)
        for number in range(self._settings["num_checks"]):
            self._add_check(number)
        return self._items

    def _add(self, keys, right, is_check=False):
        # In random order, because agreement compares first and second images, and the real one must not always be
        # first.
        keys = [keys[row] for row in self._generator.permutation(len(keys))]
        names = tuple(self._name(key) for key in keys)
        right = self._name(right) if isinstance(right, tuple) else right
        self._items.append(Item(len(self._items), names, tuple(source for source, _ in keys), right, is_check))

    def _add_check(self, number):
        """Adds an attention check with noise as the image that is obviously fake, or worse."""
        noise = (CHECK_SOURCE, number)
        if self._settings["question"] == REAL_OR_FAKE:
            self._add([noise], "fake", is_check=True)
            return
        source = self._settings["real"] or self._settings["fakes"][0]
        picture = (source, int(self._generator.integers(self._settings["num_items"])))
        self._add([picture, noise], picture, is_check=True)

    def _take(self, source, label=None):
        """Returns (source, row) of the next unused image, preferring the class `label`."""
        unused, labels = self._unused[source], self._pictures[source].labels
        of_class = [] if label is None or labels is None else [row for row in unused if labels[row] == label]
        row = (of_class or unused)[0]
        unused.remove(row)
        return source, row

    def _label(self, key):
        labels = self._pictures[key[0]].labels
        return None if labels is None else labels[key[1]]

    def _name(self, key):
        if key not in self._names:
            name = hashlib.sha256(f"{self._settings['seed']} {key}".encode()).hexdigest()[:20]
            source, row = key
            first, sound = next(iter(self._pictures.values())), None
            if source == CHECK_SOURCE:
                image = self._generator.integers(0, 256, first.images[0].shape, np.uint8)
                if first.sounds is not None:
                    sound = _as_noise(first.sounds[0], self._generator)
            else:
                image = self._pictures[source].images[row]
                sound = first.sounds and self._pictures[source].sounds[row]
            save_png(image, self._directory / f"{name}.png")
            if sound is not None:
                (self._directory / f"{name}.wav").write_bytes(sound)
            self._names[key] = name
        return self._names[key]


def _as_noise(wav: bytes, generator) -> bytes:
    """White noise as long as a WAV file of 16 bits, with its header."""
    start = wav.index(b"data") + 8
    noise = generator.integers(-8192, 8192, (len(wav) - start) // 2, np.int16)
    return wav[:start] + noise.astype("<i2").tobytes()
