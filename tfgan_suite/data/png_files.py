"""What Pillow's PNG reader lets pass, and what it stops at, where this package does not: data that end early, long texts.

Portable Network Graphics Specification: https://www.w3.org/TR/png-3/
"""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tfgan_suite.foundation.example_refused import ExampleRefused

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # Per pixel, by color type.
# Adam7: first column, first row, step between columns and step between rows of each pass.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
# Deflate codes 258 bytes in two bits at best.
_MAX_RATIO = 1032


def without_texts(data: bytes) -> bytes:
    """The same picture without its texts and its color profile. Pillow refuses to read very long ones."""
    return _SIGNATURE + b"".join(data[start:end] for kind, start, end in _chunks(data) if kind not in _TEXTS)


def check_size(data: bytes) -> None:
    """Refuses a PNG file that claims more than its bytes can hold, before memory is taken for it.

    Args:
        data: Bytes of an image file. Other formats pass.

    Raises:
        ExampleRefused: With reason `truncated`.
    """
    if data.startswith(_SIGNATURE) and _num_raw_bytes(data) > _MAX_RATIO * len(data):
        raise ExampleRefused("truncated", f"The {len(data):,} bytes of the PNG file cannot hold the pixels it claims.")


def check_rows(data: bytes, image: Image.Image) -> None:
    """Refuses a PNG file whose pixels end early. Pillow leaves those that are missing black.

    Args:
        data: Bytes of an image file. Other formats pass.
        image: Pillow image. What was decoded from it.

    Raises:
        ExampleRefused: With reason `truncated`.
    """
    if not data.startswith(_SIGNATURE):
        return
    is_interlaced = data[28] == 1
    if not is_interlaced and np.asarray(image.crop((0, image.height - 1, *image.size))).any():
        return  # The last row was decoded.
    expected = _num_raw_bytes(data)
    decompressor, found = zlib.decompressobj(), 0
    for kind, start, end in _chunks(data):
        piece = data[start + 8 : end - 4] if kind == b"IDAT" else b""
        while piece and not decompressor.eof and found < expected:
            found += len(decompressor.decompress(piece, 1 << 20))
            piece = decompressor.unconsumed_tail
    if found < expected:
        raise ExampleRefused(
            "truncated", f"The PNG data end early: {found:,} of {expected:,} bytes of pixels are there."
        )


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yields the kind of each chunk, and where it starts and ends, with its length and checksum."""
    start = len(_SIGNATURE)
    while start + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        yield kind, start, start + 12 + length
        start += 12 + length


def _num_raw_bytes(data: bytes) -> int:
    """Bytes of filtered rows, of which the header tells."""
    width, height, bits, color_type, _, _, interlace = struct.unpack_from(">IIBBBBB", data, 16)
    bits *= _SAMPLES.get(color_type, 1)
    total = 0
    for column, row, step, row_step in _PASSES if interlace else ((0, 0, 1, 1),):
        columns, rows = -(-(width - column) // step), -(-(height - row) // row_step)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total
