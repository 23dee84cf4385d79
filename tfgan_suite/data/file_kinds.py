"""Kinds of files that folders and archives hold: how they are named and recognized."""

import re
from typing import NamedTuple

from tfgan_suite.audio import sound_files
from tfgan_suite.data import image_files
from tfgan_suite.video import clip_files

SIGNATURE_BYTES = image_files.SIGNATURE_BYTES


class FileKind(NamedTuple):
    """A kind of files.

    Args:
        one: String. One of them in words, with its article.
        several: String. Several of them in words.
        suffixes: Tuple of strings. Suffixes of those that are read, in lower case.
        other_suffixes: Tuple of strings. Suffixes of the same kind which are not read: refused, not passed over.
        signatures: Compiled pattern. How files that are read begin.
    """

    one: str
    several: str
    suffixes: tuple[str, ...]
    other_suffixes: tuple[str, ...]
    signatures: re.Pattern


IMAGES = FileKind("an image", "images", image_files.SUFFIXES, image_files.OTHER_IMAGE_SUFFIXES, image_files.SIGNATURES)
SOUNDS = FileKind("a sound", "sounds", sound_files.SUFFIXES, sound_files.OTHER_SUFFIXES, sound_files.SIGNATURES)
# Files of clips, and of frames.
CLIPS = FileKind(
    "a clip",
    "clips",
    tuple(dict.fromkeys(clip_files.SUFFIXES + image_files.SUFFIXES)),
    clip_files.OTHER_SUFFIXES + image_files.OTHER_IMAGE_SUFFIXES,
    re.compile(b"(?:%s)|(?:%s)" % (clip_files.SIGNATURES.pattern, image_files.SIGNATURES.pattern), re.DOTALL),
)
# Of files that tables may name.
SUFFIXES = IMAGES.suffixes + SOUNDS.suffixes + tuple(set(clip_files.SUFFIXES) - set(IMAGES.suffixes))
