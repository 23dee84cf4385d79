"""TextFormat: how text becomes windows of bytes."""

import dataclasses
import functools

import numpy as np

from tfgan_suite.data.example_format import ExampleFormat
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.number_kinds import is_count
from tfgan_suite.specs.text_spec import TextSpec

SPLITS_BY = ("auto", "document", "position")


@dataclasses.dataclass(frozen=True)
class TextFormat(ExampleFormat):
    """Windows of the bytes of documents, one after the other; the last one of a document ends with it.

    Args:
        window_bytes: Integer >= 2. Bytes of a window, which is one example.
        split_by: String. `"document"`: all of a document goes to one split, about as many bytes as the split has a share.
            `"position"`: documents lie one after the other, and each split is a stretch of them, the last one the end.
            `"auto"`: by document where there are two or more.

    Raises:
        UserError: A setting out of its range.

    Example:

    >>> TextFormat(window_bytes=4).prepare(b"Call").tolist()
    [67, 97, 108, 108]
    """

    window_bytes: int = 256
    split_by: str = "auto"

    def __post_init__(self):
        if not is_count(self.window_bytes) or self.window_bytes < 2:
            raise UserError(f"`window_bytes` must be an integer >= 2. Received: window_bytes={self.window_bytes!r}")
        if self.split_by not in SPLITS_BY:
            raise unknown_name("`split_by`", str(self.split_by), SPLITS_BY)

    @functools.cached_property
    def spec(self):
        return TextSpec((int(self.window_bytes),))

    def prepare(self, raw):
        return super().prepare(np.frombuffer(raw, np.uint8))

    def settings(self):
        return {**super().settings(), "split_by": self.split_by}

    def processing(self):
        return {
            "bytes": "as in the files, which are UTF-8",
            "windows": "one after the other; the last one of a document ends with it",
        }
