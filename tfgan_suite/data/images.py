"""ImageFormat: what prepared images look like, and how pictures of any size come to it. Pillow does the work.

An image that cannot be used raises `ExampleRefused` with a machine-readable reason; nothing is quietly repaired.
"""

import dataclasses

import numpy as np
import PIL
from PIL import Image, ImageColor

from tfgan_suite.data.area_average import area_average
from tfgan_suite.data.example_format import ExampleFormat
from tfgan_suite.data.image_files import EXTENT, MAX_SOURCE_PIXELS, decode_image, to_mode
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.example_refused import ExampleRefused
from tfgan_suite.foundation.number_kinds import is_count
from tfgan_suite.specs.image_spec import ENCODINGS, MODES, ImageSpec

# All of them antialiased: Pillow widens the filter's support by the factor of reduction, and areas are averaged exactly.
RESIZE_FILTERS = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "box": None,  # `area_average`; Pillow's copies pixels at fractions.
}
CROPS = ("center", "pad", "border", "none")
DECODINGS = ("exact", "scaled")
# Pixels that a scaled decoding leaves for each one needed on a side, at least: the resize filter then smooths the rest.
_SCALED_MARGIN = 2


@dataclasses.dataclass(frozen=True)
class ImageFormat(ExampleFormat):
    """How every prepared image looks, and how it comes to: decoded, cropped and resized.

    Args:
        height: Integer in [1, 4096]. Pixels.
        width: Integer in [1, 4096]. Pixels.
        channels: Integer. 1 (gray), 3 (RGB) or 4 (RGBA).
        crop: String. How another aspect ratio is brought to this one. `"center"`: scale until the image covers the target
            and cut the middle out. `"pad"`: scale until it fits inside and fill with the background. `"border"`: never
            scale, set the image in the middle of the background; a larger one is refused. `"none"`: scale only; an
            image of another aspect ratio (more than one target pixel off) is refused.
        resize_filter: String. `"lanczos"`, `"bicubic"`, `"bilinear"` or `"hamming"`: Pillow's, all antialiased. Or `"box"`:
            averages of exactly the area that a pixel covers.
        background: String. Color behind transparent pixels and padding, as CSS writes it (`"white"`, `"#20304f"`).
        encoding: String. `"png"` (lossless, optimized), `"jpeg"`, `"webp"` (lossless) or `"raw"`.
        jpeg_quality: Integer in [1, 100]. Only for `"jpeg"`, which keeps full color resolution (4:4:4).
        max_source_pixels: Integer. An image that claims more is refused from its header, before anything is decoded; of
            four channels, three quarters of it.
        decoding: String. `"exact"` decodes whole images. `"scaled"` lets the decoder return JPEG files at a half, a quarter
            or an eighth of their size where that leaves two pixels or more for each target pixel and side: less work, and
            pixels that differ by a few steps of 255.
        levels: Integer in [2, 256]. Whole levels of a value, 0 to `levels - 1`: each of 0 to 255 becomes the nearest one of
            them, evenly spaced. 2 makes binary images. Fewer than 256 are for models with a likelihood, and need a lossless
            encoding.

    Example:

    >>> ImageFormat(2, 2, channels=1).prepare(np.zeros([4, 4, 1], "uint8")).shape
    (2, 2, 1)
    """

    height: int
    width: int
    channels: int = 3
    crop: str = "center"
    resize_filter: str = "lanczos"
    background: str = "white"
    encoding: str = "png"
    jpeg_quality: int = 95
    max_source_pixels: int = MAX_SOURCE_PIXELS
    decoding: str = "exact"
    levels: int = 256

    def __post_init__(self):
        for name in ("height", "width"):
            size = getattr(self, name)
            if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= 4096:
                raise UserError(f"`{name}` of images must be an integer in [1, 4096]. Received: {name}={size!r}")
        if not is_count(self.channels) or self.channels not in MODES:
            raise UserError(f"`channels` must be 1 (gray), 3 (RGB) or 4 (RGBA). Received: channels={self.channels!r}")
        if self.crop not in CROPS:
            raise unknown_name("crop", self.crop, CROPS)
        if self.resize_filter not in tuple(RESIZE_FILTERS):  # Of which a list is none, and has no hash.
            raise unknown_name("resize filter", self.resize_filter, RESIZE_FILTERS)
        if self.encoding not in ENCODINGS:
            raise unknown_name("encoding", self.encoding, ENCODINGS)
        if self.decoding not in DECODINGS:
            raise unknown_name("decoding", self.decoding, DECODINGS)
        if self.encoding == "jpeg" and self.channels == 4:
            raise UserError(
                "`encoding` must be 'png', 'webp' or 'raw' for channels=4, since JPEG stores no transparency. Received: "
                "encoding='jpeg'"
            )
        if not is_count(self.jpeg_quality) or self.jpeg_quality > 100:
            raise UserError(
                f"`jpeg_quality` must be an integer in [1, 100]. Received: jpeg_quality={self.jpeg_quality!r}"
            )
        if not is_count(self.max_source_pixels):
            raise UserError(
                f"`max_source_pixels` must be an integer >= 1. Received: max_source_pixels={self.max_source_pixels!r}"
            )
        ImageSpec((1, 1, self.channels), self.encoding, levels=self.levels)  # Which refuses levels that there are not.
        try:
            ImageColor.getrgb(self.background)
        except (ValueError, AttributeError, TypeError) as error:
            raise UserError(
                f"`background` must be a color such as 'white' or '#20304f'. Received: background={self.background!r}"
            ) from error

    @property
    def spec(self) -> ImageSpec:
        return ImageSpec(self.shape, self.encoding, self.jpeg_quality, self.levels)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    @property
    def scaled_side(self) -> int | None:
        """Pixels that the decoder has to leave on each side; `None` where it has to decode the whole image."""
        if self.decoding == "exact" or self.crop == "border":  # Which never scales.
            return None
        return _SCALED_MARGIN * max(self.height, self.width)

    def prepare(self, raw) -> np.ndarray:
        """Makes pixels of an image file's bytes, of uint8 pixels, or of a Pillow image."""
        if isinstance(raw, bytes):
            raw = decode_image(raw, self.max_source_pixels, self.scaled_side)
        elif isinstance(raw, np.ndarray):
            raw = Image.fromarray(raw[..., 0] if raw.shape[-1] == 1 else raw)
        return transform_image(raw, self)

    def settings(self) -> dict:
        settings = dataclasses.asdict(self)
        if self.levels == 256:  # Sets of 256 levels are described as they always were.
            del settings["levels"]
        return settings

    def processing(self) -> dict[str, str]:
        name = "none" if self.crop == "border" else self.resize_filter
        processing = {
            "filter": name,
            # Filters of the same name differ between libraries.
            "library": "exact area averages" if name == "box" else f"Pillow {PIL.__version__}",
        }
        if self.scaled_side is not None:
            processing["decoder"] = f"JPEG scaled to {self.scaled_side} pixels or more"
        if self.levels < 256:
            processing["levels"] = f"0 to 255 at the nearest of {self.levels} levels"
        return processing


def transform_image(image: Image.Image, target: ImageFormat) -> np.ndarray:
    """Brings a decoded image to the target's size and channels.

    Args:
        image: Pillow image of mode L, LA, RGB or RGBA.
        target: `ImageFormat`.

    Returns:
        uint8 array `[height, width, channels]` of the target's levels.

    Raises:
        ExampleRefused: With reason `aspect_ratio` (crop "none") or `larger_than_target` (crop "border").
    """
    mode = MODES[target.channels]
    background = ImageColor.getcolor(target.background, mode)
    if target.channels == 4:
        image = image.convert("RGBA").convert("RGBa")  # Premultiplied, so that hidden colors do not bleed in.
        if len(background) == 4:
            background = tuple(round(value * background[3] / 255) for value in background[:3]) + (background[3],)
    else:
        image = to_mode(_flatten(image, target.background), mode)
    image = _fit(image, target, background)
    if target.channels == 4:
        image = image.convert("RGBA")
    pixels = np.asarray(image, np.uint8).reshape(target.shape)  # [height, width, channels]
    return pixels if target.levels == 256 else _nearest_levels(target.levels)[pixels]


def _nearest_levels(levels: int) -> np.ndarray:
    """The nearest of so many levels for each of 0 to 255, uint8 `[256]`; none lies in the middle of two."""
    return np.rint(np.arange(256) * ((levels - 1) / 255)).astype(np.uint8)


def _flatten(image: Image.Image, background: str) -> Image.Image:
    """Lays a transparent image over the background."""
    if image.mode not in ("LA", "RGBA"):
        return image
    backdrop = Image.new("RGBA", image.size, ImageColor.getcolor(background, "RGB"))
    return Image.alpha_composite(backdrop, image.convert("RGBA")).convert("RGB")


def _fit(image: Image.Image, target: ImageFormat, background: int | tuple) -> Image.Image:
    width, height = image.info.get(EXTENT, image.size)
    size = (target.width, target.height)
    if image.size == size:
        return image
    if target.crop == "center":
        # The largest box of the target's aspect ratio in the middle, resampled in one pass with sub-pixel borders.
        scale = min(width / target.width, height / target.height)
        left, top = (width - target.width * scale) / 2, (height - target.height * scale) / 2
        box = (max(left, 0.0), max(top, 0.0), min(width - left, width), min(height - top, height))
        return _resize(image, size, target, box)
    if target.crop == "none":
        # One side scaled to the target, the other may be at most one target pixel off.
        if (
            abs(height * target.width / width - target.height) > 1
            and abs(width * target.height / height - target.width) > 1
        ):
            raise ExampleRefused(
                "aspect_ratio",
                f"{width} x {height} does not have the aspect ratio of {target.width} x {target.height}. "
                "Use crop='center' or crop='pad'.",
            )
        return _resize(image, size, target, (0, 0, width, height))
    if target.crop == "pad":
        scale = min(target.width / width, target.height / height)
        inner = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = _resize(image, inner, target, (0, 0, width, height))
    elif width > target.width or height > target.height:
        raise ExampleRefused(
            "larger_than_target",
            f"{width} x {height} is larger than {target.width} x {target.height}, and crop='border' never scales.",
        )
    canvas = Image.new(image.mode, size, background)
    canvas.paste(image, ((target.width - image.width) // 2, (target.height - image.height) // 2))
    return canvas


def _resize(image: Image.Image, size: tuple[int, int], target: ImageFormat, box: tuple) -> Image.Image:
    if target.resize_filter == "box":
        return area_average(image, size, box)
    return image.resize(size, RESIZE_FILTERS[target.resize_filter], box=box)


def reduce_image(pixels: np.ndarray, factor: int) -> np.ndarray:
    """Averages squares of `factor` x `factor` pixels of uint8 `[height, width, channels]`, each channel by itself.

    Averages are rounded, a half to the even neighbor.

    Args:
        pixels: uint8 `[height, width, channels]`, both sides multiples of `factor`.
        factor: Integer >= 1.

    Reference: Karras et al., "Progressive Growing of GANs" (2018), section 2: real images at lower resolutions.
    """
    height, width, channels = pixels.shape
    squares = pixels.reshape(height // factor, factor, width // factor, factor, channels)
    return np.rint(squares.mean(axis=(1, 3), dtype=np.float64)).astype(np.uint8)
