"""Sliced Wasserstein distance of local patches, level by level of a Laplacian pyramid."""

from collections.abc import Mapping

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.numerics.feature_checks import check_count, check_images
from tfgan_suite.metrics.protocol.activations import Activations
from tfgan_suite.metrics.protocol.metric import Metric
from tfgan_suite.specs.image_range import to_float

_PATCH_SIZE = 7
_SMALLEST_LEVEL = 16
_TAPS = np.array([1, 4, 6, 4, 1], np.float32) / 16  # Burt and Adelson's Gaussian, along each axis.
# Numbers in one block of projections: 64 MB of float32.
_BLOCK_NUMBERS = 2**24


def sliced_wasserstein_distance(
    real_images: object,
    fake_images: object,
    *,
    patches_per_image: int = 128,
    num_directions: int = 512,
    seed: int = 0,
) -> dict[int, float]:
    """Distance between the 7x7 patches of real and of fake images, at each level of a Laplacian pyramid.

    A small distance at the finest level says that details look alike, at 16 pixels that the large forms do. Patches are
    normalized by mean and deviation of each color channel over the whole set, projected on random directions, sorted and
    compared. Values are times 1,000, as in the paper. Memory is that of the patches of one level: 147 float32 each.

    Args:
        real_images: uint8 in [0, 255] or floating point in [-1, 1], `[count, height, width, 1 or 3]`, 16 pixels or more a
            side. Array or tensor.
        fake_images: Images of the same size; the count may differ. The paper takes 16,384 of each.
        patches_per_image: Integer >= 1. Patches drawn at random from each image at each level.
        num_directions: Integer >= 1. Random projections that are averaged.
        seed: Integer. The seed of patches and directions.

    Returns:
        `{height of the level in pixels: distance}`, from the finest level to that of 16 (up to 31) pixels.

    Raises:
        UserError: Images have other shapes, types or ranges, of different sizes, too small, or all of one color.

    Example:

    >>> noise = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), np.uint8)
    >>> list(sliced_wasserstein_distance(noise[:10], noise[10:], patches_per_image=8))
    [32, 16]

    Reference: Karras et al. 2018, "Progressive Growing of GANs", section 5.
    """
    check_count(num_directions, "num_directions", None)
    sides = []
    for side, (images, name) in enumerate(((real_images, "real images"), (fake_images, "fake images"))):
        patches = _PatchSet(patches_per_image, seed, side)
        patches.add(check_images(images, name, minimum_size=_SMALLEST_LEVEL))
        sides.append(patches)
    return _distances(*sides, num_directions, seed)


def laplacian_pyramid(images: np.ndarray) -> dict[int, np.ndarray]:
    """Splits images by scale, down to 16 pixels.

    Args:
        images: float32 `[count, height, width, channels]`.

    Returns:
        `{height: float32 [count, height, width, channels]}`: differences from the blurred image, the last one what is
        left. A level is halved while both sides are even and its half has 16 pixels or more.

    Reference: Burt and Adelson 1983, "The Laplacian Pyramid as a Compact Image Code".
    """
    levels = {}
    while min(images.shape[1:3]) >= 2 * _SMALLEST_LEVEL and not images.shape[1] % 2 and not images.shape[2] % 2:
        smaller = _blur(images)[:, ::2, ::2]
        spread = np.zeros_like(images)
        spread[:, ::2, ::2] = 4.0 * smaller
        levels[images.shape[1]] = images - _blur(spread)
        images = smaller
    levels[images.shape[1]] = images
    return levels


def _blur(images: np.ndarray) -> np.ndarray:
    for axis in (1, 2):
        size = images.shape[axis]
        pads = [(2, 2) if other == axis else (0, 0) for other in range(4)]
        padded = np.pad(images, pads, mode="reflect")
        images = sum(tap * padded.take(range(i, i + size), axis) for i, tap in enumerate(_TAPS))
    return images


class _PatchSet:
    """Patches of images that come batch by batch, drawn alike whatever the batches."""

    def __init__(self, patches_per_image: int, seed: int, side: int):
        self._patches_per_image = check_count(patches_per_image, "patches_per_image", None)
        self._seed = (seed, side)
        self._generators: dict[int, np.random.Generator] = {}
        self._patches: dict[int, list[np.ndarray]] = {}
        self.image_shape: tuple[int, ...] | None = None

    def add(self, images: np.ndarray) -> None:
        """Draws patches of a batch, uint8 or float32 in [-1, 1] [batch, height, width, channels]."""
        if self.image_shape not in (None, images.shape[1:]):
            raise UserError(f"Images must have the shape {self.image_shape}, as before. Received: {images.shape[1:]}")
        self.image_shape = images.shape[1:]
        if images.dtype == np.uint8:
            images = to_float(images).numpy()
        reach = np.arange(_PATCH_SIZE)
        for level, part in laplacian_pyramid(images).items():
            generator = self._generators.setdefault(level, np.random.default_rng([*self._seed, level]))
            places = generator.random((len(part), self._patches_per_image, 2))
            corners = (places * (np.array(part.shape[1:3]) - _PATCH_SIZE + 1)).astype(int)  # [batch, patches, 2]
            rows, columns = (corners[..., axis, None] + reach for axis in (0, 1))  # [batch, patches, 7]
            patches = part[np.arange(len(part))[:, None, None, None], rows[..., :, None], columns[..., None, :]]
            self._patches.setdefault(level, []).append(patches.reshape(-1, *patches.shape[2:]))

    def levels(self) -> list[int]:
        return list(self._patches)

    def descriptors(self, level: int) -> np.ndarray:
        """float32 [patches, 49 * channels], each color channel with mean 0 and deviation 1 over all of them."""
        patches = self.patches(level)
        mean = patches.mean(axis=(0, 1, 2), dtype=np.float64)
        deviation = patches.std(axis=(0, 1, 2), dtype=np.float64)
        if not (deviation > 0).all():
            raise UserError("Images must not be blank. Received: a color channel that is the same everywhere.")
        normalized = (patches - mean.astype(np.float32)) / deviation.astype(np.float32)
        return normalized.reshape(len(patches), -1)

    def patches(self, level: int) -> np.ndarray:
        """float32 [patches, 7, 7, channels]."""
        if len(self._patches[level]) > 1:
            self._patches[level] = [np.concatenate(self._patches[level])]
        return self._patches[level][0]

    def set_patches(self, image_shape: tuple[int, ...], patches: Mapping[int, np.ndarray]) -> None:
        """Takes what another set has drawn."""
        self.image_shape, self._patches = image_shape, {level: [array] for level, array in patches.items()}


def _distances(real: _PatchSet, fake: _PatchSet, num_directions: int, seed: int) -> dict[int, float]:
    if real.image_shape != fake.image_shape:
        raise UserError(f"Images must have one size. Received: {real.image_shape} and {fake.image_shape}")
    distances = {}
    for level in real.levels():
        sides = [patches.descriptors(level) for patches in (real, fake)]
        directions = np.random.default_rng([seed, 2, level]).normal(size=(sides[0].shape[1], num_directions))
        directions = (directions / np.linalg.norm(directions, axis=0)).astype(np.float32)
        distances[level] = 1e3 * _sliced_distance(*sides, directions)
    return distances


def _sliced_distance(first: np.ndarray, second: np.ndarray, directions: np.ndarray) -> float:
    """Mean Wasserstein-1 distance of the projections of two sets [rows, dimensions] on `directions` [dimensions, count]."""
    # Quantile functions of both sets are constant between these points.
    points = np.union1d(np.arange(1, len(first) + 1) / len(first), np.arange(1, len(second) + 1) / len(second))
    widths = np.diff(points, prepend=0.0)
    middles = points - widths / 2
    indices = [np.minimum((middles * len(side)).astype(int), len(side) - 1) for side in (first, second)]
    block = max(_BLOCK_NUMBERS // len(points), 1)
    total = 0.0
    for start in range(0, directions.shape[1], block):
        quantiles = [
            np.sort(directions[:, start : start + block].T @ side.T, axis=1)[:, index]  # [block, points]
            for side, index in zip((first, second), indices)
        ]
        total += float((np.abs(quantiles[0] - quantiles[1]) @ widths).sum())
    return total / directions.shape[1]


class SlicedWassersteinDistance(Metric):
    """`sliced_wasserstein_distance` for `evaluate`: its mean over the levels of the pyramid.

    Keeps the patches (float32) until the result: 588 bytes each in color, `patches_per_image` for each image and level.
    The paper's count of patches for each of 16,384 images would be 1.2 GB a level, so the default here is fewer.

    Args:
        patches_per_image: Integer >= 1. As in `sliced_wasserstein_distance`.
        num_directions: Integer >= 1. As in `sliced_wasserstein_distance`.

    Example:

    >>> metric = SlicedWassersteinDistance()
    >>> images = np.random.default_rng(0).integers(0, 256, (10, 16, 16, 1), np.uint8)
    >>> metric.update_real(Activations(examples=images))
    >>> metric.update_fake(Activations(examples=images))
    >>> value, _ = metric.result()
    """

    name = "sliced_wasserstein_distance"
    inputs = frozenset({"examples"})
    kinds = ("image",)

    def __init__(self, patches_per_image: int = 16, num_directions: int = 512):
        self.patches_per_image = patches_per_image
        self.num_directions = check_count(num_directions, "num_directions", None)
        self._real, self._fake = (_PatchSet(patches_per_image, seed=0, side=side) for side in (0, 1))

    @property
    def settings(self) -> dict[str, int]:
        return {"patches_per_image": self.patches_per_image, "num_directions": self.num_directions}

    def update_real(self, activations: Activations) -> None:
        self._real.add(check_images(activations.examples, "real images", minimum_size=_SMALLEST_LEVEL))

    def update_fake(self, activations: Activations) -> None:
        self._fake.add(check_images(activations.examples, "fake images", minimum_size=_SMALLEST_LEVEL))

    def result(self) -> tuple[float, None]:
        return float(np.mean(list(_distances(self._real, self._fake, self.num_directions, seed=0).values()))), None

    def real_arrays(self) -> dict[str, np.ndarray]:
        levels = {str(level): self._real.patches(level) for level in self._real.levels()}
        return {"image_shape": np.array(self._real.image_shape), **levels}

    def set_real_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        patches = {int(level): array for level, array in arrays.items() if level != "image_shape"}
        self._real.set_patches(tuple(arrays["image_shape"].tolist()), patches)
