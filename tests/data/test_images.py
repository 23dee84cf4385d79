import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfgan_suite.data.image_files import SIGNATURE_BYTES, decode_image, looks_like_image
from tfgan_suite.data.images import ImageFormat, transform_image
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.example_refused import ExampleRefused
from tfgan_suite.specs.image_spec import ImageSpec

RNG = np.random.default_rng(0)
PHOTO = np.clip(np.cumsum(RNG.normal(0, 9, [40, 60, 3]), axis=1) + 128, 0, 255).astype(np.uint8)


def file_of(image: Image.Image | np.ndarray, kind: str, **options) -> bytes:
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size, followed by a few bytes that inflate to zeros."""

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100_000))) + chunk(b"IEND", b"")


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(decode_image(data))


def refusal(data: bytes, **options) -> str:
    with pytest.raises(ExampleRefused) as error:
        decode_image(data, **options)
    assert len(str(error.value)) > 10
    return error.value.reason


@pytest.mark.parametrize("kind, options", [("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True})])
def test_lossless_formats_are_exact(kind, options):
    np.testing.assert_array_equal(pixels_of(file_of(PHOTO, kind, **options)), PHOTO)


def test_jpeg_is_close():
    assert np.abs(pixels_of(file_of(PHOTO, "JPEG", quality=98, subsampling=0)).astype(int) - PHOTO).mean() < 2


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_animation_gives_its_first_frame(kind):
    frames = [Image.new("RGB", (10, 10), color) for color in ("red", "blue", "lime")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = file_of(frames[0], kind, save_all=True, append_images=frames[1:], duration=50, **options)
    assert Image.open(io.BytesIO(data)).n_frames == 3
    np.testing.assert_array_equal(np.asarray(decode_image(data).convert("RGB"))[5, 5], [255, 0, 0])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation):
    # By the EXIF standard: where the first row and the first column of the stored picture are seen.
    views = {
        1: PHOTO,
        2: PHOTO[:, ::-1],
        3: PHOTO[::-1, ::-1],
        4: PHOTO[::-1],
        5: PHOTO.transpose(1, 0, 2),
        6: PHOTO.transpose(1, 0, 2)[:, ::-1],
        7: PHOTO.transpose(1, 0, 2)[::-1, ::-1],
        8: PHOTO.transpose(1, 0, 2)[::-1],
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(pixels_of(file_of(PHOTO, "PNG", exif=exif)), views[orientation])


def test_sixteen_bit_grey_is_scaled_not_clipped():
    values = np.array([[0, 255, 257, 32768, 65535]], np.uint16)
    np.testing.assert_array_equal(pixels_of(file_of(values, "PNG")), [[0, 1, 1, 128, 255]])


def test_one_bit_grey_palette():
    np.testing.assert_array_equal(pixels_of(file_of(Image.fromarray(np.eye(9, dtype=bool)), "PNG")), np.eye(9) * 255)
    grey = PHOTO[..., 0]
    np.testing.assert_array_equal(pixels_of(file_of(grey, "PNG")), grey)
    palette = Image.fromarray(PHOTO // 64 * 64).quantize(64, dither=Image.Dither.NONE)
    np.testing.assert_array_equal(pixels_of(file_of(palette, "PNG")), np.asarray(palette.convert("RGB")))


def test_cmyk_jpeg():
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # Magenta and yellow: red.
    red, green, blue = pixels_of(file_of(image, "JPEG", quality=98))[8, 8]
    assert red > 240 and green < 15 and blue < 15


def test_transparency_shows_the_background():
    image = np.zeros([8, 8, 4], np.uint8)
    image[:, 4:] = [10, 20, 30, 255]
    target = ImageFormat(8, 8, background="#ff8000")
    pixels = transform_image(decode_image(file_of(image, "PNG")), target)
    assert pixels[0, 0].tolist() == [255, 128, 0] and pixels[0, 7].tolist() == [10, 20, 30]
    grey = transform_image(decode_image(file_of(image, "PNG")), ImageFormat(8, 8, channels=1, background="white"))
    assert grey.shape == (8, 8, 1) and grey[0, 0] == 255


def test_palette_with_transparency_shows_the_background():
    image = Image.new("P", (4, 4), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((0, 0), 1)
    data = file_of(image, "PNG", transparency=0)
    pixels = transform_image(decode_image(data), ImageFormat(4, 4, background="lime"))
    assert pixels[0, 0].tolist() == [0, 0, 255] and pixels[3, 3].tolist() == [0, 255, 0]


def test_grey_with_one_transparent_value():
    data = file_of(np.array([[0, 9]], np.uint8), "PNG", transparency=9)
    assert transform_image(decode_image(data), ImageFormat(1, 2, channels=1, background="white"))[0, :, 0].tolist() == [
        0,
        255,
    ]


def test_hidden_colours_do_not_bleed_into_four_channels():
    image = np.zeros([8, 8, 4], np.uint8)
    image[:, :4] = [255, 0, 0, 255]  # Right half: transparent black.
    pixels = transform_image(Image.fromarray(image), ImageFormat(4, 4, channels=4, resize_filter="box"))
    assert pixels[0, 0].tolist() == [255, 0, 0, 255] and pixels[0, 3, 3] == 0
    half = transform_image(
        Image.fromarray(image[:, 1:7]), ImageFormat(1, 1, channels=4, crop="pad", resize_filter="box")
    )
    assert half[0, 0, 0] > 250, "the colour stays red where it is half transparent"


def test_hostile_files_are_refused_with_reasons():
    jpeg = file_of(PHOTO, "JPEG")
    assert refusal(b"") == "empty_file"
    assert refusal(b"just some text, named .png") == "not_an_image"
    assert refusal(jpeg[: len(jpeg) // 2]) == "truncated"
    png = file_of(PHOTO, "PNG")
    assert refusal(png[: len(png) // 2]) == "truncated"
    damaged = bytearray(png)
    damaged[len(png) // 2] ^= 0xFF
    assert refusal(bytes(damaged)) in ("corrupt", "truncated")
    assert refusal(file_of(PHOTO, "PCX")) == "not_an_image"
    assert refusal(png_header(0, 10)) in ("corrupt", "not_an_image")


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of_rows(pixels: np.ndarray, height: int, color_type: int = 2, bits: int = 8, interlace: int = 0) -> bytes:
    """A PNG of `height` rows that holds those of `pixels` only. Its data are complete as far as zlib can tell."""
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", pixels.shape[1], height, bits, color_type, 0, 0, interlace)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("color_type, channels", [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_png_data_that_end_early_are_refused(color_type, channels):
    pixels = RNG.integers(1, 256, [16, 8, channels], np.uint8)
    for rows in (0, 1, 10, 15):
        assert refusal(png_of_rows(pixels[:rows], 16, color_type)) == "truncated"
    decoded = pixels_of(png_of_rows(pixels, 16, color_type))
    np.testing.assert_array_equal(decoded.reshape(pixels.shape), pixels)
    black = np.zeros([16, 8, channels], np.uint8)
    assert not pixels_of(png_of_rows(black, 16, color_type)).any(), "black rows that are there"
    assert refusal(png_of_rows(black[:15], 16, color_type)) == "truncated"


def test_interlaced_png_data_that_end_early_are_refused():
    pixels = RNG.integers(0, 256, [13, 11], np.uint8)
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = [b"\0" + row.tobytes() for x, y, dx, dy in passes for row in pixels[y::dy, x::dx] if row.size]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 11, 13, 8, 0, 0, 0, 1))

    def png(rows):
        return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b"")

    np.testing.assert_array_equal(pixels_of(png(rows)), pixels)
    assert refusal(png(rows[:-1])) == "truncated"


def test_png_of_a_few_bytes_that_claims_many_pixels_is_refused_before_memory_is_taken(monkeypatch):
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load_prepare", lambda self: pytest.fail("took memory"))
    assert refusal(png_of_rows(np.zeros([1, 9000, 3], np.uint8), 9000)) == "truncated"


def test_sizes_are_bounded_in_all_channels():
    opaque, transparent = (file_of(np.full([40, 60, channels], 9, np.uint8), "PNG") for channels in (3, 4))
    assert decode_image(opaque, max_source_pixels=2400).size == (60, 40)
    assert refusal(transparent, max_source_pixels=2400) == "too_many_pixels"
    assert decode_image(transparent, max_source_pixels=3200).size == (60, 40)


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("kind", ["zTXt", "iTXt", "iCCP"])
def test_long_texts_of_png_files_are_passed_over(kind, place):
    packed = zlib.compress(b"node " * 400_000)
    content = {"zTXt": b"a\0\0", "iTXt": b"a\0\1\0\0\0", "iCCP": b"a\0\0"}[kind] + packed
    data = file_of(PHOTO, "PNG")
    at = 33 if place == "before" else len(data) - 12  # After the header, or before the end.
    data = data[:at] + chunk(kind.encode(), content) + data[at:]
    np.testing.assert_array_equal(pixels_of(data), PHOTO)
    assert refusal(data[: len(data) // 2]) in ("truncated", "corrupt")


@pytest.mark.parametrize("kind, options", [("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("PPM", {})])
def test_further_lossless_formats_are_exact(kind, options):
    for image in (PHOTO, PHOTO[..., 0]):
        np.testing.assert_array_equal(pixels_of(file_of(image, kind, **options)), image)
    values = np.array([[0, 255, 257, 32768, 65535]], np.uint16)
    np.testing.assert_array_equal(pixels_of(file_of(values, kind, **options)), [[0, 1, 1, 128, 255]])


@pytest.mark.parametrize("kind, options", [("JPEG2000", {}), ("AVIF", {"quality": 99, "subsampling": "4:4:4"})])
def test_further_formats_are_close(kind, options):
    assert np.abs(pixels_of(file_of(PHOTO, kind, **options)).astype(int) - PHOTO).mean() < 4


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
@pytest.mark.parametrize(
    "orientation, turned", [(1, PHOTO), (3, PHOTO[::-1, ::-1]), (6, PHOTO.transpose(1, 0, 2)[:, ::-1])]
)
def test_tiff_is_turned_once(orientation, turned, compression):
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(pixels_of(file_of(PHOTO, "TIFF", exif=exif, compression=compression)), turned)


def test_pixels_of_unknown_range_are_refused():
    assert refusal(file_of(RNG.random([4, 4]).astype(np.float32), "TIFF")) == "unknown_range"
    assert refusal(file_of(np.arange(16, dtype=np.int32).reshape(4, 4), "TIFF")) == "unknown_range"


def test_plain_text_netpbm():
    np.testing.assert_array_equal(pixels_of(b"P2\n# drawn\n2 1\n100\n0 100\n"), [[0, 255]])
    assert refusal(b"P2\n4 4\n255\n1 2 3\n") in ("truncated", "corrupt")


def test_files_are_known_by_how_they_begin():
    kinds = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")
    assert all(looks_like_image(file_of(PHOTO, kind)[:SIGNATURE_BYTES]) for kind in kinds)
    for start in (
        b"",
        b"BMW and others, a text",
        b"P2P",
        b"Python",
        b"\x93NUMPY",
        b"{}",
        b"PK\3\4",
        b"GIFT",
        bytes(32),
    ):
        assert not looks_like_image(start)


@pytest.mark.parametrize("cut", [8, 20, 33, 40])
def test_headers_cut_short_are_refused(cut):
    for kind in ("PNG", "GIF", "BMP", "JPEG", "WEBP"):
        assert refusal(file_of(PHOTO, kind)[:cut]) in ("not_an_image", "corrupt", "truncated")


@pytest.mark.parametrize("size", [(30_000, 30_000), (100_000, 2_000), (2**31 - 1, 2**31 - 1)])
def test_decompression_bomb_is_refused_from_its_header(size, monkeypatch):
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("was decoded"))
    assert refusal(png_header(*size)) == "too_many_pixels"


def test_limit_of_pixels_can_be_lowered():
    assert refusal(file_of(PHOTO, "PNG"), max_source_pixels=100) == "too_many_pixels"


@pytest.mark.parametrize("crop", ["center", "pad", "none"])
@pytest.mark.parametrize("name", ["lanczos", "bicubic", "bilinear", "hamming", "box"])
def test_resizing_is_antialiased(crop, name):
    # One-pixel stripes become flat grey; a filter that only samples would keep black or white.
    stripes = np.zeros([64, 64], np.uint8)
    stripes[:, ::2] = 255
    target = ImageFormat(16, 16, channels=1, crop=crop, resize_filter=name)
    assert np.ptp(transform_image(Image.fromarray(stripes), target)[:, 2:-2]) <= 8


def areas(pixels, sizes):
    """Exact averages by making each pixel so many that blocks of whole ones can be averaged."""
    for axis, size in enumerate(sizes):
        pixels = np.moveaxis(np.repeat(pixels, size, axis=axis), axis, 0)
        pixels = pixels.reshape(size, -1, *pixels.shape[1:]).mean(axis=1, dtype=np.float64)
        pixels = np.moveaxis(pixels, 0, axis)
    return pixels


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "sizes", [((48, 60), (32, 40)), ((33, 44), (12, 16)), ((20, 20), (30, 30)), ((64, 32), (16, 8))]
)
def test_box_averages_exactly_the_area(sizes, channels):
    """At fractions, where Pillow's copies pixels, and at whole factors, where both are the same."""
    (height, width), size = sizes
    image = np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)
    target = ImageFormat(*size, channels=channels, crop="none", resize_filter="box")
    pixels = target.prepare(image)
    assert np.abs(pixels - areas(image, size)).max() <= 0.5 + 1e-6
    found = tf.image.resize(image, size, method="area").numpy()
    assert np.abs(pixels - found).max() <= 0.5 + 1e-3
    pillow = np.asarray(Image.fromarray(image.squeeze()).resize(size[::-1], Image.Resampling.BOX), int)
    difference = np.abs(pixels.squeeze() - pillow).max()
    assert difference <= 1 if height % size[0] == 0 else difference > 20


def test_box_averages_the_area_of_a_crop():
    image = np.random.default_rng(0).integers(0, 256, (31, 50, 3), np.uint8)
    pixels = ImageFormat(16, 16, resize_filter="box").prepare(image)  # From column 9.5 to column 40.5.
    middle = np.repeat(image, 2, axis=1)[:, 19:81]
    assert np.abs(pixels - areas(middle, (16, 16))).max() <= 0.5 + 1e-6
    padded = ImageFormat(16, 16, resize_filter="box", crop="pad").prepare(image)
    assert (padded[:3] == 255).all() and np.abs(padded[3:13] - areas(image, (10, 16))).max() <= 0.5 + 1e-6
    assert ImageFormat(16, 16, resize_filter="box").processing()["library"] == "exact area averages"


def test_centre_crop_keeps_the_middle_and_the_aspect_ratio():
    wide = np.zeros([20, 60, 3], np.uint8)
    wide[:, 20:40] = 200
    assert (transform_image(Image.fromarray(wide), ImageFormat(10, 10, resize_filter="box")) == 200).all()
    pixels = transform_image(Image.fromarray(wide.transpose(1, 0, 2)), ImageFormat(5, 10, resize_filter="box"))
    assert pixels.shape == (5, 10, 3) and (pixels == 200).all()


@pytest.mark.parametrize("crop", ["center", "pad", "none"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
@pytest.mark.parametrize("size, reduced", [((256, 256), (64, 64)), ((203, 201), (102, 101)), ((333, 341), (84, 86))])
def test_scaled_decoding_gives_nearly_the_same_pixels(size, reduced, orientation, crop):
    """Also where the sides are no multiples, and the last pixels lie half outside of the picture."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    noise = Image.fromarray(np.random.default_rng(5).integers(0, 256, [12, 12, 3], np.uint8))
    picture = noise.resize(size, Image.Resampling.BICUBIC)
    data = file_of(picture, "JPEG", quality=92, exif=exif)
    whole, scaled = (ImageFormat(31, 31, crop=crop, decoding=decoding) for decoding in ("exact", "scaled"))
    assert scaled.scaled_side == 62 and whole.scaled_side is None
    smaller = decode_image(data, scaled_side=scaled.scaled_side)
    if orientation == 1 or size == (256, 256):  # Turned pictures of odd sizes are decoded whole.
        assert smaller.size == reduced
    error = transform_image(smaller, scaled).astype(int) - transform_image(decode_image(data), whole)
    assert np.abs(error).mean() < 0.5 and np.abs(error).max() <= 6
    assert np.abs(error).any() == (smaller.size != decode_image(data).size)


def test_scaled_decoding_leaves_all_else_as_it_is():
    assert ImageFormat(8, 8, crop="border", decoding="scaled").scaled_side is None
    np.testing.assert_array_equal(np.asarray(decode_image(file_of(PHOTO, "PNG"), scaled_side=4)), PHOTO)
    data = file_of(PHOTO, "JPEG")
    assert decode_image(data, scaled_side=30).size == (60, 40), "Half of it would be too small."
    assert decode_image(data, scaled_side=20).size == (30, 20)
    assert refusal(data[:-200], scaled_side=20) == "truncated"
    assert refusal(data, max_source_pixels=1000, scaled_side=20) == "too_many_pixels"


def test_pad_keeps_everything():
    wide = np.full([20, 40, 3], 200, np.uint8)
    pixels = transform_image(Image.fromarray(wide), ImageFormat(40, 40, crop="pad", background="black"))
    assert (pixels[10:30] == 200).all() and (pixels[:10] == 0).all() and (pixels[30:] == 0).all()


def test_border_never_scales():
    image = RNG.integers(0, 256, [28, 28], np.uint8)
    target = ImageFormat(32, 32, channels=1, crop="border", background="black")
    pixels = transform_image(Image.fromarray(image), target)[..., 0]
    np.testing.assert_array_equal(pixels, np.pad(image, 2))
    with pytest.raises(ExampleRefused) as error:
        transform_image(Image.fromarray(np.zeros([33, 20], np.uint8)), target)
    assert error.value.reason == "larger_than_target"


def test_crop_none_refuses_another_aspect_ratio():
    target = ImageFormat(10, 20, crop="none")
    assert transform_image(Image.fromarray(PHOTO[:30]), target).shape == (10, 20, 3)
    assert transform_image(Image.fromarray(PHOTO[:29]), target).shape == (10, 20, 3), "rounding is allowed"
    with pytest.raises(ExampleRefused) as error:
        transform_image(Image.fromarray(PHOTO), target)
    assert error.value.reason == "aspect_ratio"


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("encoding", ["png", "webp", "raw"])
def test_lossless_encodings_round_trip_and_repeat(channels, encoding):
    target = ImageFormat(16, 24, channels=channels, encoding=encoding)
    pixels = RNG.integers(0, 256, target.shape, np.uint8)
    data = target.spec.encode_pixels(pixels)
    assert data == target.spec.encode_pixels(pixels)
    if encoding == "raw":
        decoded = np.frombuffer(data, np.uint8).reshape(target.shape)
    else:
        decoded = np.asarray(Image.open(io.BytesIO(data)).convert({1: "L", 3: "RGB", 4: "RGBA"}[channels])).reshape(
            target.shape
        )
    np.testing.assert_array_equal(decoded, pixels)


def test_jpeg_quality_counts():
    small, large = (
        ImageFormat(40, 60, encoding="jpeg", jpeg_quality=quality).spec.encode_pixels(PHOTO) for quality in (50, 95)
    )
    assert len(small) < len(large)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"height": 0}, "`height` of images must be"),
        ({"width": 2.5}, "`width` of images must be"),
        ({"channels": 2}, "`channels` must be 1"),
        ({"crop": "centre"}, "Did you mean 'center'"),
        ({"resize_filter": "nearest"}, "Unknown resize filter"),
        ({"decoding": "fast"}, "Unknown decoding"),
        ({"encoding": "pgn"}, "Did you mean 'png'"),
        ({"encoding": "jpeg", "channels": 4}, "no transparency"),
        ({"jpeg_quality": 0}, "jpeg_quality"),
        ({"background": "whitish"}, "`background` must be a color"),
    ],
)
def test_wrong_settings_are_user_errors(settings, message):
    with pytest.raises(UserError, match=message):
        ImageFormat(**{"height": 8, "width": 8, **settings})


def test_few_levels():
    """Each value at the nearest level; said in the settings only where there are fewer than 256."""
    values = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    for levels in (2, 5, 256):
        made = ImageFormat(16, 16, channels=1, levels=levels).prepare(values)
        np.testing.assert_array_equal(made, np.round(values * ((levels - 1) / 255)))
        assert len(np.unique(made)) == levels and made.max() == levels - 1
    binary = ImageFormat(16, 16, channels=1, levels=2)
    assert binary.spec == ImageSpec((16, 16, 1), levels=2) and binary.settings()["levels"] == 2
    assert binary.processing()["levels"] == "0 to 255 at the nearest of 2 levels"
    assert "levels" not in {**ImageFormat(16, 16).settings(), **ImageFormat(16, 16).processing()}
    for levels in (1, 257, 2.0, True):
        with pytest.raises(UserError, match=r"`levels` must be an integer in \[2, 256\]"):
            ImageFormat(16, 16, levels=levels)
    with pytest.raises(UserError, match="`encoding` of images of 2 levels must be lossless. Received: encoding='jpeg'"):
        ImageFormat(16, 16, levels=2, encoding="jpeg")
