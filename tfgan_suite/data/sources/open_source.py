"""What a user passes to `prepare_dataset`, and the source that it becomes:

| passed                                   | source                                             |
|------------------------------------------|----------------------------------------------------|
| `"digits"`, `"avatars"`                  | the two demo sets                                  |
| `"stacked-digits"`                       | three digits each in red, green and blue           |
| `"textures"`, `"textures:NAME,NAME"`     | patches of photographs that packages ship          |
| `"tfds:NAME"`, `"tfds:NAME:SPLIT"`       | TensorFlow Datasets                                |
| a directory, a `.zip` file               | image files                                        |
| a `.npz` file, an array, `(images, labels)` | arrays                                          |
"""

import os
from pathlib import Path

import numpy as np

from tfgan_suite.data.sources.source import Source
from tfgan_suite.foundation.errors import UserError, unknown_name


def open_source(source) -> Source:
    """Makes a source of what the user passed: a name, a path, arrays, or a `Source` itself.

    Raises:
        UserError: It is none of them.
    """
    # Each family is imported when it is asked for: none should need the packages of the others.
    if isinstance(source, Source):
        return source
    if isinstance(source, np.ndarray) or isinstance(source, tuple) and len(source) == 2:
        from tfgan_suite.data.sources.array_source import ArraySource

        return ArraySource(*source) if isinstance(source, tuple) else ArraySource(source)
    if not isinstance(source, str | os.PathLike):
        raise UserError(
            "source should be a directory, a .zip or .npz file, an array, a tuple (images, labels), 'digits', "
            f"'stacked-digits', 'avatars', 'textures' or 'tfds:NAME'. Received: {type(source).__name__}."
        )
    if source == "digits":
        from tfgan_suite.data.sources.array_source import open_digits

        return open_digits()
    if source == "stacked-digits":
        from tfgan_suite.data.sources.stacked_digits_source import StackedDigitsSource

        return StackedDigitsSource()
    if source == "avatars":
        from tfgan_suite.data.sources.avatar_source import AvatarSource

        return AvatarSource()
    if isinstance(source, str) and source.partition(":")[0] == "textures":
        from tfgan_suite.data.sources.texture_source import TextureSource

        return TextureSource(source.partition(":")[2].split(",") if ":" in source else None)
    if isinstance(source, str) and source.startswith("tfds:"):
        from tfgan_suite.data.sources.tfds_source import TfdsSource

        return TfdsSource(*source.removeprefix("tfds:").split(":", 1))
    path = Path(source)
    if path.is_dir():
        from tfgan_suite.data.sources.file_sources import FolderSource

        return FolderSource(path)
    if not path.exists():
        if isinstance(source, str) and os.sep not in source and not path.suffix:
            raise unknown_name(
                "source (no such directory either)",
                source,
                ["digits", "stacked-digits", "avatars", "textures", "tfds:NAME"],
            )
        raise UserError(f"There is no {str(path)!r}. Expected a directory, a .zip or a .npz file of images.")
    if path.suffix.lower() == ".zip":
        from tfgan_suite.data.sources.file_sources import ZipSource

        return ZipSource(path)
    if path.suffix.lower() == ".npz":
        from tfgan_suite.data.sources.array_source import open_npz

        return open_npz(path)
    raise UserError(f"{str(path)!r} is neither a directory nor a .zip or .npz file.")
