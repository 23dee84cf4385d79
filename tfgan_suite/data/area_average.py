"""Exact averages over areas: the resize filter "box"."""

import math

import numpy as np
from PIL import Image


def area_average(image: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]) -> Image.Image:
    """Resizes an image so that each pixel is the average of what it covers, shares of pixels by their area.

    Pillow's own `BOX` takes a pixel wholly or not at all, by its center: from 48 to 32 pixels it averages two pixels here and
    copies one there. Where the sides are whole multiples, both are the same but for Pillow's rounding after each axis.

    Args:
        image: Pillow image of 8 bits a channel.
        size: Tuple of integers, `(width, height)`.
        box: Tuple of floats, `(left, top, right, bottom)`. The part of the image to take, in pixels.

    Example:

    >>> image = Image.fromarray(np.array([[0, 60, 120]], "uint8"))
    >>> np.asarray(area_average(image, (2, 1), (0, 0, 3, 1))).tolist()
    [[20, 100]]
    """
    left, top, right, bottom = box
    width, height = size
    factors = (right - left) / width, (bottom - top) / height
    # Pillow's fixed point is exact where its 2^24 can be divided by the pixels of an area, a hundred times as fast.
    if all(float(number).is_integer() for number in (left, top, *factors)) and 2**24 % (factors[0] * factors[1]) == 0:
        return image.reduce((int(factors[0]), int(factors[1])), (int(left), int(top), int(right), int(bottom)))
    pixels = _average_rows(np.asarray(image), top, bottom, height)
    pixels = _average_rows(np.ascontiguousarray(pixels.swapaxes(0, 1)), left, right, width).swapaxes(0, 1)
    pixels = np.floor(pixels + (0.5 + 1e-9)).astype(np.uint8)  # A half is rounded up, although its sum may be below.
    return Image.frombytes(image.mode, size, pixels.tobytes())


def _average_rows(pixels: np.ndarray, start: float, end: float, count: int) -> np.ndarray:
    """Averages of `count` equal stretches of the rows from `start` to `end`, float64 `[count, ...]`."""
    edges = np.minimum(start + (end - start) * np.arange(count + 1) / count, len(pixels))
    rows = []
    for low, high in zip(edges[:-1], edges[1:]):
        numbers = np.arange(math.floor(low), math.ceil(high))
        shares = np.minimum(numbers + 1, high) - np.maximum(numbers, low)
        rows.append(np.tensordot(shares / shares.sum(), pixels[numbers[0] : numbers[-1] + 1], axes=1))
    return np.stack(rows)
