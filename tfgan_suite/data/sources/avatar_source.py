"""The color demo set: drawn avatars, any number of them, in ten CC0 styles of DiceBear. The class is the style."""

import functools
import hashlib
import importlib.resources
import json
from importlib.metadata import PackageNotFoundError, version

from tfgan_suite.data.sources.source import Source, SourceItem, SourceListing, SourceReader
from tfgan_suite.foundation.errors import UserError, import_extra, unknown_name

# Figures without text (text would need fonts, which differ between machines), quick to draw and easy to tell apart.
DEFAULT_STYLES = (
    "clay",
    "critters",
    "cutouts",
    "moods",
    "open-peeps",
    "pixel-art",
    "planets",
    "sprouts",
    "thumbs",
    "voxel-art",
)
DEFAULT_COUNT = 5000
PACKAGES = ("dicebear-core", "dicebear-styles", "resvg-py")


class AvatarSource(Source):
    """Avatars drawn in the workers; number `i` is a function of `i`, the seed and the versions of the packages.

    Args:
        count: Integer. How many to draw, in turn from each style.
        styles: Tuple of strings. Names of DiceBear styles whose own metadata says CC0.
        seed: Integer. Seed of the drawings.

    Raises:
        MissingExtraError: DiceBear or resvg is not installed.
        UserError: A style does not exist or is not CC0.
    """

    kind = "avatars"
    name = "avatars"
    is_cpu_bound = True

    def __init__(self, count: int = DEFAULT_COUNT, styles: tuple[str, ...] = DEFAULT_STYLES, seed: int = 0):
        for module in ("dicebear", "dicebear_styles", "resvg_py"):
            import_extra(module, "avatars", "The avatars demo set")
        self.count = count
        self.styles = tuple(styles)
        self.seed = seed
        credits = []
        for style in self.styles:
            meta = _read_style(style).get("meta", {})
            license = meta.get("license", {}).get("name", "not stated")
            if not license.startswith("CC0"):
                raise UserError(
                    f"The style {style!r} is licensed {license!r}. Only CC0 styles are drawn, such as: {', '.join(DEFAULT_STYLES)}."
                )
            credits.append(f"{style} by {meta.get('creator', {}).get('name', 'unknown')}")
        self.license = f"CC0 1.0 (DiceBear styles: {'; '.join(credits)})"

    def default_settings(self, image_size):
        return {"image_size": (64, 64), "channels": 3, "crop": "center"}

    def list_items(self, use_labels, limit):
        items = []
        for number in range(limit or self.count):
            label = number % len(self.styles)
            address = (self.styles[label], f"{self.seed}:{number}")
            items.append(SourceItem(f"{self.styles[label]} {number}", label if use_labels else None, address))
        return SourceListing(items, [], self.styles if use_labels else ())

    def fingerprint(self):
        content = [self.count, self.styles, self.seed, [_version(package) for package in PACKAGES]]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    def make_reader(self, work_dir, example_format):
        return AvatarReader(max(example_format.height, example_format.width))


class AvatarReader(SourceReader):
    """Draws avatars of a given size in pixels."""

    def __init__(self, size: int):
        self._size = size

    def read(self, item):
        import resvg_py
        from dicebear import Avatar

        style, seed = item.address
        svg = Avatar(_open_style(style), {"seed": seed, "size": self._size}).to_string()
        return bytes(resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=True))


@functools.cache
def _open_style(style: str):
    """Once a process: DiceBear checks a style against its schema, which takes up to two seconds."""
    from dicebear import Style

    return Style(_read_style(style))


def _read_style(style: str) -> dict:
    root = importlib.resources.files("dicebear_styles")
    path = root.joinpath(f"{style}.json")
    if not path.is_file():
        names = [entry.name.removesuffix(".json") for entry in root.iterdir() if entry.name.endswith(".json")]
        raise unknown_name("avatar style", style, names)
    return json.loads(path.read_text("utf-8"))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
