"""The textures set: patches of photographs that scikit-image and scikit-learn ship. The class is the photograph.

Neither package is imported: the files are found in them and read.
"""

import functools
import hashlib
import importlib.util
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from tfgan_suite.data.sources.source import Source, SourceItem, SourceListing, SourceReader
from tfgan_suite.foundation.errors import MissingExtraError, UserError, unknown_name


class Photograph(NamedTuple):
    """A file that a package ships, and what may be done with it."""

    package: str
    path: str
    license: str


# Licenses as the packages state them: the docstrings of `skimage.data`, `sklearn/datasets/images/README.txt`.
PHOTOGRAPHS = {
    "brick": Photograph("skimage", "data/brick.png", "CC0 (CC0Textures, Bricks25)"),
    "grass": Photograph("skimage", "data/grass.png", "CC0 (DeviantArt, linolafett, Grass 01)"),
    "gravel": Photograph("skimage", "data/gravel.png", "CC0 (CC0Textures, Gravel04)"),
    "tissue": Photograph("skimage", "data/ihc.png", "no known copyright restrictions (CMMI, immunohistochemistry)"),
    "galaxies": Photograph("skimage", "data/hubble_deep_field.jpg", "public domain (NASA, Hubble eXtreme Deep Field)"),
    "coffee": Photograph("skimage", "data/coffee.png", "CC0 (Rachel Michetti)"),
    "cat": Photograph("skimage", "data/chelsea.png", "CC0 (Stefan van der Walt)"),
    "rocket": Photograph("skimage", "data/rocket.jpg", "public domain (SpaceX)"),
    "china": Photograph("sklearn", "datasets/images/china.jpg", "CC BY 2.0 (danielbuechele)"),
    "flower": Photograph("sklearn", "datasets/images/flower.jpg", "CC BY 2.0 (danielbuechele, vultilion)"),
}
DEFAULT_COUNT = 5000
DEFAULT_PATCH_SIZE = 128


class TextureSource(Source):
    """Patches cut at random places; number `i` is a function of `i`, the seed, the photographs and the patch size.

    Args:
        photographs: Sequence of strings. Names out of `PHOTOGRAPHS`, or `None` for all.
        count: Integer. How many patches, from each photograph in turn.
        patch_size: Integer. Height and width of a patch in pixels of the photograph, before it is resized.
        seed: Integer. Seed of the places.

    Raises:
        MissingExtraError: A package whose photograph is asked for is not installed.
        UserError: There is no such photograph, or it is smaller than a patch.
    """

    kind = "textures"
    name = "textures"

    def __init__(self, photographs=None, count=DEFAULT_COUNT, patch_size=DEFAULT_PATCH_SIZE, seed=0):
        self.photographs = tuple(PHOTOGRAPHS if photographs is None else photographs)
        for name in self.photographs:
            if name not in PHOTOGRAPHS:
                raise unknown_name("photograph", name, PHOTOGRAPHS)
        if len(set(self.photographs)) != len(self.photographs) or not self.photographs:
            raise UserError(
                "`photographs` must be different names, at least one. Received: "
                f"photographs={', '.join(self.photographs)}"
            )
        self.count = count
        self.patch_size = patch_size
        self.seed = seed
        self._paths = {name: _find(PHOTOGRAPHS[name]) for name in self.photographs}
        self._sizes = {name: _size(path) for name, path in self._paths.items()}
        for name, size in self._sizes.items():
            if not 1 <= patch_size <= min(size):
                raise UserError(
                    f"`patch_size` must be in [1, {min(size)}], since {name!r} has a side of {min(size)} pixels. Received: "
                    f"patch_size={patch_size}"
                )
        self.license = "; ".join(f"{name}: {PHOTOGRAPHS[name].license}" for name in self.photographs)

    def default_settings(self, image_size):
        return {"image_size": (64, 64), "channels": 3, "crop": "center"}

    def list_items(self, use_labels, limit):
        items = []
        for number in range(limit or self.count):
            label = number % len(self.photographs)
            name = self.photographs[label]
            top, left = self._place(number, self._sizes[name])
            address = (str(self._paths[name]), top, left)
            items.append(SourceItem(f"{name} {number}", label if use_labels else None, address))
        return SourceListing(items, [], self.photographs if use_labels else ())

    def _place(self, number, size):
        """Row and column of the first pixel, each place as likely as any other."""
        digest = hashlib.sha256(f"{self.seed}:{number}".encode()).digest()
        return tuple(
            int.from_bytes(half, "big") % (extent - self.patch_size + 1)
            for half, extent in zip((digest[:16], digest[16:]), size)
        )

    def fingerprint(self):
        digest = hashlib.sha256(repr((self.photographs, self.count, self.patch_size, self.seed)).encode())
        for path in self._paths.values():
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]

    def make_reader(self, work_dir, example_format):
        return PatchReader(self.patch_size)


class PatchReader(SourceReader):
    """Cuts patches; each photograph is decoded once a process."""

    def __init__(self, patch_size: int):
        self._patch_size = patch_size

    def read(self, item):
        path, top, left = item.address
        return _decode(path)[top : top + self._patch_size, left : left + self._patch_size]


@functools.cache
def _decode(path: str) -> np.ndarray:
    """uint8 `[height, width, 3]`."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.height, image.width


def _find(photograph: Photograph) -> Path:
    spec = importlib.util.find_spec(photograph.package)
    for root in spec.submodule_search_locations or () if spec else ():
        if (path := Path(root, photograph.path)).is_file():
            return path
    raise MissingExtraError(
        f"The textures set needs the file {photograph.path!r} of the package {photograph.package!r}, which is not "
        'installed. Install it with: pip install "tfgan-suite[textures]"'
    )
