"""Image files: which there are, how they are recognized, and their pixels. Pillow does the work.

A file that cannot be used raises `ExampleRefused` with a machine-readable reason; nothing is quietly repaired.
"""

import io
import re

import numpy as np
import PIL
from PIL import Image

from tfgan_suite.data import png_files
from tfgan_suite.foundation.example_refused import ExampleRefused

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")
FORMAT_NAMES = "JPEG, PNG, WebP, GIF, BMP, TIFF, PBM, PGM, PPM, JPEG 2000 or AVIF"
SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib", ".apng", ".tif", ".tiff", ".pbm",
            ".pgm", ".ppm", ".pnm", ".jp2", ".j2k", ".j2c", ".jpx", ".jpf", ".avif", ".avifs")  # fmt: skip
# Pictures too, which are not read: they are refused, not passed over.
OTHER_IMAGE_SUFFIXES = (".heic", ".heif", ".jxl", ".psd", ".svg", ".tga", ".exr", ".hdr", ".pfm", ".dng", ".cr2", ".cr3",
                        ".nef", ".arw", ".raf", ".orf", ".rw2", ".dcm")  # fmt: skip
# How files of these formats begin.
SIGNATURES = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF....WEBP|GIF8[79]a|BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"
    rb"|II[*+]\0|MM\0[*+]|P[1-6][\s#]|\0\0\0\x0cjP  |\xff\x4f\xff\x51|....ftypavi[fs]",
    re.DOTALL,
)
SIGNATURE_BYTES = 32
# In the `info` of an image that the decoder made smaller: its size in the file.
EXTENT = "extent of the image in pixels"
_EIGHT_BITS = ((np.arange(65536) * 255 + 32767) // 65535).astype(np.uint8)
EXIF_ORIENTATION = 0x0112
EXIF_ROTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow's own limit against decompression bombs: a quarter of a gigabyte of RGB.
MAX_SOURCE_PIXELS = 89_478_485
MAX_SOURCE_BYTES = 256 * 2**20


def looks_like_image(start: bytes) -> bool:
    """Whether a file that starts with these bytes (`SIGNATURE_BYTES` of them) is of a format that is read."""
    return SIGNATURES.match(start) is not None


def decode_image(
    data: bytes, max_source_pixels: int = MAX_SOURCE_PIXELS, scaled_side: int | None = None
) -> Image.Image:
    """Decodes an image file (its first frame or page), turned upright as its EXIF data says.

    JPEG, PNG, WebP, GIF, BMP, TIFF, PBM, PGM, PPM, JPEG 2000 and AVIF are read. 16-bit gray is scaled to 8 bits, CMYK is
    converted without its color profile, palettes are resolved.

    Args:
        data: Bytes. The content of the file.
        max_source_pixels: Integer. An image that claims more is refused from its header; of four channels, three quarters of
            it.
        scaled_side: Integer, or `None`. A JPEG file may be decoded at a half, a quarter or an eighth of its size, as long as both sides keep
            this many pixels.

    Returns:
        A Pillow image of mode L, LA, RGB or RGBA.

    Raises:
        ExampleRefused: With reason `empty_file`, `not_an_image`, `too_many_pixels`, `truncated`, `corrupt` or
            `unknown_range`.
    """
    if not data:
        raise ExampleRefused("empty_file", "The file is empty (0 bytes).")
    try:
        return _decode(data, max_source_pixels, scaled_side)
    except ExampleRefused as refusal:
        if "PngImagePlugin.MAX_TEXT" not in str(refusal) and "MAX_TEXT_MEMORY" not in str(refusal):
            raise
    return _decode(png_files.without_texts(data), max_source_pixels, scaled_side)


def _decode(data: bytes, max_source_pixels: int, scaled_side: int | None) -> Image.Image:
    image = _open(data, max_source_pixels)
    kind = image.format or "image"
    try:
        png_files.check_size(data)
        if scaled_side is not None:
            _allow_scaled(image, scaled_side)
        image.load()
        png_files.check_rows(data, image)
        upright = EXIF_ROTATIONS.get(image.getexif().get(EXIF_ORIENTATION))
        image = _to_eight_bits(image)
        return image if upright is None else image.transpose(upright)
    except ExampleRefused:
        raise
    except MemoryError as error:
        raise ExampleRefused("too_many_pixels", f"Not enough memory to decode {image.size}.") from error
    # A hostile file makes the decoders raise nearly anything (struct.error, SyntaxError, EOFError, zlib.error, ...).
    except Exception as error:
        reason = "truncated" if "truncated" in str(error).lower() else "corrupt"
        raise ExampleRefused(reason, f"The {kind} data is {reason}: {error}") from error


def _open(data: bytes, max_source_pixels: int) -> Image.Image:
    """Reads the header only."""
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ExampleRefused("too_many_pixels", f"{error}") from error
    except PIL.UnidentifiedImageError as error:
        raise ExampleRefused("not_an_image", f"Not a {FORMAT_NAMES} file, whatever its name says.") from error
    except Exception as error:
        raise ExampleRefused("corrupt", f"The image header is corrupt: {error}") from error
    width, height = image.size
    num_channels = len(image.getbands())
    if width * height > max_source_pixels or width * height * num_channels > 3 * max_source_pixels:
        raise ExampleRefused(
            "too_many_pixels",
            f"The header claims {width} x {height} pixels of {num_channels} channels; the limit is {max_source_pixels:,} "
            "pixels of three channels in all.",
        )
    if not width or not height:
        raise ExampleRefused("corrupt", f"The header claims a size of {width} x {height}.")
    return image


def _allow_scaled(image: Image.Image, side: int) -> None:
    """Has a JPEG file decoded smaller, both sides `side` or more; does nothing to other formats.

    The last column or row of pixels may then lie half outside of the image: the true extent is noted for `_fit`.
    """
    sizes = image.size
    is_turned = image.getexif().get(EXIF_ORIENTATION) in EXIF_ROTATIONS
    if is_turned and any(size % 8 for size in sizes):
        return  # The columns and rows that lie half outside would come to be elsewhere.
    drafted = image.draft(None, (side, side))
    if drafted is not None and not is_turned:
        image.info[EXTENT] = drafted[1][2:]


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """To L, LA, RGB or RGBA."""
    transparency = image.info.get("transparency")
    if image.mode == "F" or image.mode == "I" and image.format == "TIFF":
        raise ExampleRefused(
            "unknown_range",
            "Its pixels are floats or 32-bit integers, whose black and white are not known. Save it with 8 or 16 bits.",
        )
    if image.mode.startswith("I"):  # 16-bit gray: `convert("L")` would clip at 255 instead of scaling.
        values = np.clip(np.asarray(image), 0, 65535).astype(np.uint16)
        result = Image.fromarray(_EIGHT_BITS[values])
        if isinstance(transparency, int):
            result.putalpha(Image.fromarray(np.where(values == transparency, 0, 255).astype(np.uint8)))
    elif image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or transparency is not None:
        result = image.convert("LA" if image.mode in ("LA", "La") else "RGBA")
    elif image.mode in ("1", "L"):
        result = to_mode(image, "L")
    else:  # P, RGB, CMYK, YCbCr, ...
        result = to_mode(image, "RGB")
    result.info.pop("transparency", None)
    return result


def to_mode(image: Image.Image, mode: str) -> Image.Image:
    """Pillow's `convert` copies an image that has the mode already."""
    return image if image.mode == mode else image.convert(mode)
