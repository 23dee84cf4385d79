"""A study: its question, its pictures, and which trials in which order each rater sees."""

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
    "num_checks": None,  # A twentieth, two or more.
    "display_milliseconds": None,
    "image_size": None,
    "split": "train",
    "truncation": 1.0,
    "seed": 0,
}
_FORMAT_VERSION = 1
# The source of pictures that are made to be recognised by everyone who looks.
CHECK_SOURCE = "attention check"


@dataclasses.dataclass(frozen=True)
class Item:
    """What is asked: a picture, or two.

    Attributes:
        number: From 0; checks come last.
        pictures: Their names.
        sources: Where they come from, as many.
        right: `"real"`, `"fake"` or the right picture; `None` where there is no right answer.
        is_check: Whether it only shows that the rater looks.
    """

    number: int
    pictures: tuple[str, ...]
    sources: tuple[str, ...]
    right: str | None
    is_check: bool


@dataclasses.dataclass(frozen=True)
class Trial:
    """One screen of one rater: the item, its pictures from left to right, and whether it was shown before."""

    number: int
    item: Item
    pictures: tuple[str, ...]
    is_repeat: bool


class Study:
    """A study in its directory. Its settings, pictures and items never change; answers come in.

    Args:
        directory: What `make_study` wrote.

    Attributes:
        settings: A value for each key of `DEFAULTS`.
        items: All `Item`s.
        content: The whole of `study.json`.

    Raises:
        UserError: The directory holds no study of this version.
    """

    def __init__(self, directory):
        self.directory = Path(directory)
        path = self.directory / FILE_NAME
        if not path.is_file():
            raise UserError(f"{str(directory)!r} holds no study. Expected --fake, and --real, to make one.")
        self.content = json.loads(path.read_text("utf-8"))
        if self.content.get("format_version") != _FORMAT_VERSION:
            raise UserError(f"{str(path)!r} was written by another version. Expected format version {_FORMAT_VERSION}.")
        self.settings = self.content["settings"]
        self.items = [
            Item(item["number"], tuple(item["pictures"]), tuple(item["sources"]), item["right"], item["is_check"])
            for item in self.content["items"]
        ]

    @property
    def question(self) -> str:
        return self.settings["question"]

    def picture_path(self, name: str) -> Path | None:
        """The file of a picture, `None` for any name that is not one of the study's."""
        known = {picture for item in self.items for picture in item.pictures}
        return self.directory / "pictures" / f"{name}.png" if name in known else None

    def trials(self, rater: str) -> list[Trial]:
        """A rater's trials: all items in random order with checks and repeats among them, always the same.

        Pictures of a pair stand on random sides; in a repeat on the other ones. A repeat comes a quarter of the study
        later, or after it.
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
    """Draws pictures and writes a study, whole or not at all.

    Args:
        directory: To write; must not exist, or be empty.
        **settings: Of `DEFAULTS`: `question`, one out of `QUESTIONS`; `real` and `fakes`, what `load_pictures` takes;
            `num_items` that everyone judges, of them `num_repeats` twice (a tenth); `num_checks`, pictures or pairs whose
            answer is plain (a twentieth, at least two); `display_milliseconds`, `None` without end; `image_size`, to which all pictures are cut and scaled;
            `split`, `truncation`, `seed`.

    Raises:
        UserError: A setting is out of range, pictures are too few or of several sizes, or the directory is in use.

    Example:

    >>> make_study("studies/digits", real="data/digits", fakes=["runs/digits"])  # doctest: +SKIP
    """
    directory = Path(directory)
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
        raise UserError(f"{str(directory)!r} is not empty and holds no study. Expected a new directory.")
    pictures = _load_all(settings)
    directory.parent.mkdir(parents=True, exist_ok=True)
    unfinished = directory.with_name(f".{directory.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # Of a call that was killed.
    items = _Items(settings, pictures, unfinished / "pictures").make()
    content = {
        "format_version": _FORMAT_VERSION,
        "settings": settings,
        "sources": {name: picture_set.origin for name, picture_set in pictures.items()},
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
        raise UserError(f"{question} compares two or more --fake, without --real. Received: {len(fakes)} of them.")
    if question != WHICH_IS_BETTER and (settings["real"] is None or not fakes):
        raise UserError(f"{question} needs --real and one or more --fake.")
    if len({settings["real"], *fakes}) <= len(fakes):
        raise UserError(f"Expected different pictures to judge. Received: {settings['real']}, {', '.join(fakes)}.")
    if settings["num_items"] < 2 * max(1, len(fakes)):
        raise UserError(f"Expected at least {2 * max(1, len(fakes))} items. Received: {settings['num_items']}.")
    if settings["num_repeats"] > settings["num_items"] // 2:
        raise UserError(f"At most half of the items can come twice. Received: {settings['num_repeats']} repeats.")
    duration = settings["display_milliseconds"]
    if duration is not None and not 16 <= duration <= 60_000:
        raise UserError(f"Expected 16 to 60,000 milliseconds to look. Received: {duration}.")


def _load_all(settings) -> dict[str, PictureSet]:
    """The pictures of each source, by its path; real ones first."""
    paths = [*([settings["real"]] if settings["real"] is not None else []), *settings["fakes"]]
    options = {name: settings[name] for name in ("split", "truncation", "image_size")}
    found = {}
    for number, path in enumerate(paths):
        # Seeds of their own: two copies of one model would make the same pictures.
        found[path] = load_pictures(path, settings["num_items"], seed=settings["seed"] + number, **options)
    shapes = {image.shape[:2] for picture_set in found.values() for image in picture_set.images}
    if len(shapes) > 1:
        raise UserError(
            f"Pictures of {len(shapes)} sizes could be told apart by their size: "
            f"{', '.join(f'{height}x{width}' for height, width in sorted(shapes)[:4])}. Expected --image-size."
        )
    return found


class _Items:
    """Makes the items of a study, and writes their pictures under names that say nothing."""

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
        # In random order: agreement is about first and second pictures, and must not see the real one always first.
        keys = [keys[row] for row in self._generator.permutation(len(keys))]
        names = tuple(self._name(key) for key in keys)
        right = self._name(right) if isinstance(right, tuple) else right
        self._items.append(Item(len(self._items), names, tuple(source for source, _ in keys), right, is_check))

    def _add_check(self, number):
        """Noise is no picture: it is fake, and the worse one."""
        noise = (CHECK_SOURCE, number)
        if self._settings["question"] == REAL_OR_FAKE:
            self._add([noise], "fake", is_check=True)
            return
        source = self._settings["real"] or self._settings["fakes"][0]
        picture = (source, int(self._generator.integers(self._settings["num_items"])))
        self._add([picture, noise], picture, is_check=True)

    def _take(self, source, label=None):
        """(source, row) of the next picture that was not taken, of the class `label` if there still is one."""
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
            if source == CHECK_SOURCE:
                shape = next(iter(self._pictures.values())).images[0].shape
                image = self._generator.integers(0, 256, shape, np.uint8)
            else:
                image = self._pictures[source].images[row]
            save_png(image, self._directory / f"{name}.png")
            self._names[key] = name
        return self._names[key]
