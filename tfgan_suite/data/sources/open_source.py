"""What a user passes to `prepare_dataset`, and the source that it becomes:

| passed                                      | source                                             |
|---------------------------------------------|----------------------------------------------------|
| `"digits"`, `"avatars"`                     | the two demo sets                                  |
| `"stacked-digits"`                          | three digits each in red, green and blue           |
| `"textures"`, `"textures:NAME,NAME"`        | patches of photographs that packages ship          |
| `"audio:PATH"`                              | sound files in a directory or a `.zip` file        |
| `"spoken_digits"`                           | spoken digits, of synthetic voices                 |
| `"video:PATH"`                              | GIF and MP4 files and folders of frames, in a directory or a `.zip` file |
| `"moving_digits"`                           | digits that move and bounce, drawn while preparing |
| `"text:PATH"`, a `.txt` or `.md` file       | text of a directory, a `.zip` file or a single file |
| `"moby-dick"`, `"moby-dick:PATH"`           | a book that a package ships, in PATH               |
| `"tfds:NAME"`, `"tfds:NAME:SPLIT"`          | TensorFlow Datasets; NAME may have a version       |
| `"tfds:PATH"`, a builder                    | the same, prepared already                         |
| a name registered with `register_source`    | what it was registered for                         |
| a directory, a `.zip` file                  | image files                                        |
| a `.npz` file, an array, `(images, labels)` | arrays                                             |
"""

import os
import re
from collections.abc import Callable

import numpy as np

from tfgan_suite.data.sources.source import Source
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.paths import local_path


# Each family is imported when it is asked for: none should need the packages of the others.
def _digits() -> Source:
    from tfgan_suite.data.sources.array_source import open_digits

    return open_digits()


def _stacked_digits() -> Source:
    from tfgan_suite.data.sources.stacked_digits_source import StackedDigitsSource

    return StackedDigitsSource()


def _avatars() -> Source:
    from tfgan_suite.data.sources.avatar_source import AvatarSource

    return AvatarSource()


def _textures(names: str = "") -> Source:
    from tfgan_suite.data.sources.texture_source import TextureSource

    return TextureSource(names.split(",") if names else None)


def _audio(path: str) -> Source:
    from tfgan_suite.data.sources.audio_source import AudioSource

    return AudioSource(path)


def _spoken_digits() -> Source:
    from tfgan_suite.data.sources.spoken_digits_source import SpokenDigitsSource

    return SpokenDigitsSource()


def _video(path: str) -> Source:
    from tfgan_suite.data.sources.video_source import VideoSource

    return VideoSource(path)


def _moving_digits() -> Source:
    from tfgan_suite.data.sources.moving_digits_source import MovingDigitsSource

    return MovingDigitsSource()


def _text(path: str = "") -> Source:
    from tfgan_suite.data.sources.file_sources import FolderSource, ZipSource
    from tfgan_suite.data.sources.text_source import SingleFile, TextSource

    path = local_path(path)
    if not path.exists() or str(path) == ".":
        raise UserError(f"`source` must be text:PATH of a directory or a file of text. Received: {str(path)!r}")
    if path.is_dir():
        return TextSource(FolderSource(path))
    return TextSource(ZipSource(path) if path.suffix.lower() == ".zip" else SingleFile(path))


def _moby_dick(path: str = "") -> Source:
    from tfgan_suite.data.sources.moby_dick import open_moby_dick

    return open_moby_dick(path or None)


def _tfds(text: str) -> Source:
    """NAME, NAME:SPLIT, NAME:VERSION, NAME:VERSION:SPLIT, where a directory may stand for the name and version."""
    from tfgan_suite.data.sources.tfds_source import TfdsSource

    version = r"\d+\.(\d+|\*)\.(\d+|\*)"
    found = re.fullmatch(rf"(?P<name>[^:]*(:{version})?)(:(?P<split>.+))?", text)
    return TfdsSource(found["name"], found["split"] or "train") if found else TfdsSource(text)


_NAMED = {
    "digits": _digits,
    "stacked-digits": _stacked_digits,
    "avatars": _avatars,
    "textures": _textures,
    "spoken_digits": _spoken_digits,
    "audio": _audio,
    "video": _video,
    "moving_digits": _moving_digits,
    "tfds": _tfds,
    "text": _text,
    "moby-dick": _moby_dick,
}
# What stands for them in messages.
_SPELLINGS = {"audio": "audio:PATH", "text": "text:PATH", "tfds": "tfds:NAME", "video": "video:PATH"}


def register_source(name: str, make_source: Callable[..., Source]) -> None:
    """Gives a source a name that `prepare_dataset` and `tfgan-suite prepare` understand.

    Args:
        name: String without a colon. `"NAME"` and `"NAME:REST"` stand for the source from now on.
        make_source: Function that makes a `Source`, without arguments, or of the string `REST`.

    Raises:
        ValueError: The name has a colon.

    Example:

    >>> from tfgan_suite.data.sources.array_source import ArraySource
    >>> register_source("gray", lambda: ArraySource(np.full([2, 8, 8], 127, "uint8"), name="gray"))
    >>> open_source("gray").name
    'gray'
    """
    if ":" in name:
        raise ValueError(f"`name` must not contain a colon. Received: name={name!r}")
    _NAMED[name] = make_source


def open_source(source) -> Source:
    """Makes a source of what the user passed: a name, a path, arrays, or a `Source` itself.

    Raises:
        UserError: It is none of them.
    """
    if isinstance(source, Source):
        return source
    is_pair = isinstance(source, tuple) and len(source) == 2 and not _is_load_data(source)
    if isinstance(source, np.ndarray) or is_pair:
        from tfgan_suite.data.sources.array_source import ArraySource

        return ArraySource(*source) if isinstance(source, tuple) else ArraySource(source)
    if _is_load_data(source):
        raise UserError(
            f"`source` must be one pair (images, labels). Received: {len(source)} pairs, as Keras's load_data() returns "
            "them. Pass the first, load_data()[0], to prepare the images to train on."
        )
    if type(source).__module__.startswith("tensorflow_datasets.") or hasattr(source, "download_and_prepare"):
        from tfgan_suite.data.sources.tfds_source import TfdsSource

        return TfdsSource(source)
    names = [_SPELLINGS.get(name, name) for name in _NAMED]
    if not isinstance(source, str | os.PathLike):
        raise UserError(
            "`source` must be a directory, a .zip or .npz file, an array, a tuple (images, labels), a `Source`, or one of "
            f"{', '.join(names)}. Received: {type(source).__name__}"
        )
    if isinstance(source, str):
        name, colon, rest = source.partition(":")
        if name in _NAMED and (colon or name not in _SPELLINGS):
            return _NAMED[name](rest) if colon else _NAMED[name]()
    path = local_path(source)
    if path.is_dir():
        from tfgan_suite.data.sources.tfds_source import TfdsSource, is_tfds_directory

        if is_tfds_directory(path):
            return TfdsSource(path)
        from tfgan_suite.data.sources.file_sources import FolderSource

        return FolderSource(path)
    if not path.exists():
        if isinstance(source, str) and os.sep not in source and not path.suffix:
            raise unknown_name("source (no such directory either)", source, names)
        raise UserError(
            f"`source` must be a directory, a .zip or a .npz file of images. Received: {str(path)!r}, which does not exist"
        )
    if path.suffix.lower() == ".zip":
        from tfgan_suite.data.sources.file_sources import ZipSource

        return ZipSource(path)
    if path.suffix.lower() == ".npz":
        from tfgan_suite.data.sources.array_source import open_npz

        return open_npz(path)
    if names_text(path.name):
        return _text(str(path))
    raise UserError(f"`source` must be a directory, or a .zip, .npz or .txt file. Received: {str(path)!r}")


def names_text(source: str) -> bool:
    """Whether a name or path of a source stands for text.

    Example:

    >>> names_text("text:books"), names_text("notes.md"), names_text("digits")
    (True, True, False)
    """
    return source.partition(":")[0] in ("text", "moby-dick") or source.lower().endswith((".txt", ".md"))


def _is_load_data(source) -> bool:
    """Whether this is `((x_train, y_train), (x_test, y_test))`."""
    is_sequence = isinstance(source, tuple | list) and 2 <= len(source) <= 3
    return is_sequence and all(isinstance(pair, tuple | list) and _is_pair_of_arrays(pair) for pair in source)


def _is_pair_of_arrays(pair) -> bool:
    return len(pair) == 2 and all(hasattr(array, "shape") for array in pair)
