"""SampleStatistics: how varied samples are compared with real images, cheap enough to measure every few thousand images."""

import numpy as np

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.lpips_diversity import lpips_diversity
from tfgan_suite.metrics.numerics.clustering import move_centres, nearest_centres
from tfgan_suite.metrics.numerics.neighbours import mean_distance, nearest_distances

# Beyond this, images of one motif differ in their grain rather than in what they show.
_PIXEL_SIZE = 16
_MAX_COMPONENTS = 64
_CLUSTER_ROUNDS = 20
# Used for each measurement: pairs for a perceptual distance, rows for the distance of features.
_PERCEPTUAL_PAIRS = 100
_MAX_ROWS = 1000
# Nearer than this share of what is usual among as many real images, two samples are the same image.
_DUPLICATE_SHARE = 0.1


class SampleStatistics:
    """Compares samples with real images by a few numbers, each 1 or 0 for samples as good as real images.

    * `diversity`: mean distance of two samples / that of two real images. 0: all are the same image.
    * `modes`: modes among the samples / modes among as many real images. A mode is one of the clusters of the real
      images' features, or, if the extractor gives logits, a class.
    * `duplicates`: share of samples whose nearest other sample is nearer than a tenth of what is usual among as many
      real images.
    * `nearest_training`: median distance of a sample from the nearest training image / that of a held-out image (without
      held-out images: of a training image from the nearest other one). Near 0: copies.

    A number that real images make meaningless is left out: `nearest_training` where most held-out images are copies of
    training images, `diversity` where all real images are the same.

    Args:
        real_images: Training images, uint8 `[count, height, width, channels]`, at least 64. A few thousand are enough;
            `nearest_training` considers only these.
        held_out_images: Real images that are not trained on, or `None`.
        extractor: Function from uint8 images to features `[batch, dimensions]`, or to features and logits, such as a
            `metrics.FeatureExtractor`. By default the principal components of the pixels at 16 x 16.
        perceptual_distance: A `metrics.LPIPS` with which `diversity` is measured, on 100 random pairs; by default the
            distance of the features. The other numbers use the features in any case.
        num_modes: Integer. Clusters of the real images' features.
        pixel_size: Integer. Height to which the default features reduce the images, at most 16.
        seed: Integer. Seed of the clusters' first centers and the pairs.

    Raises:
        UserError: Too few images, or of other shapes.

    Example:

    >>> real = np.random.default_rng(0).integers(0, 256, [200, 8, 8, 1]).astype("uint8")
    >>> statistics = SampleStatistics(real, num_modes=4)
    >>> one_picture = statistics(np.repeat(real[:1], 50, axis=0))
    >>> round(one_picture["diversity"], 3), one_picture["duplicates"]
    (0.0, 1.0)

    Reference: duplicates after Arora and Zhang, "Do GANs actually learn the distribution?" (2017); modes as bins after
    Richardson and Weiss, "On GANs and GMMs" (2018), section 3.
    """

    def __init__(
        self,
        real_images,
        held_out_images=None,
        *,
        extractor=None,
        perceptual_distance=None,
        num_modes=32,
        pixel_size=_PIXEL_SIZE,
        seed=0,
    ):
        if len(real_images) < 64:
            raise UserError(f"`real_images` must be at least 64 images. Received: {len(real_images)}")
        self.extractor = extractor or _PixelComponents(real_images, pixel_size)
        self.perceptual_distance = perceptual_distance
        self.seed = seed
        real, classes = self._features(real_images)
        self._real = real
        if classes is None:
            num_modes = min(num_modes, len(real) // 8)
            first = real[np.random.default_rng(seed).choice(len(real), num_modes, replace=False)]
            self._centres = move_centres(real, first, _CLUSTER_ROUNDS)
            classes, _ = nearest_centres(real, self._centres)
        else:
            self._centres, num_modes = None, int(classes.max()) + 1
        self._mode_shares = np.bincount(classes, minlength=num_modes) / len(classes)
        self._pairwise = self._mean_distance(real_images, real)
        self._nearest_real = {}
        if held_out_images is not None:
            held_out, _ = self._features(held_out_images)
            self._usual_nearest = np.median(nearest_distances(held_out, real))
        else:
            self._usual_nearest = np.median(nearest_distances(real))

    def __call__(self, images):
        """Measures samples.

        Args:
            images: uint8 `[count, height, width, channels]`.

        Returns:
            A dict of at most four floats, as described above.
        """
        features, classes = self._features(images)
        count = len(features)
        if classes is None:
            classes, _ = nearest_centres(features, self._centres)
        expected_modes = np.sum(1.0 - (1.0 - self._mode_shares) ** count)
        values = {
            "modes": float(len(np.unique(classes)) / expected_modes),
            "duplicates": float(
                np.mean(nearest_distances(features) < _DUPLICATE_SHARE * self._nearest_among_real(count))
            ),
        }
        if self._pairwise > 0:
            values["diversity"] = self._mean_distance(images, features) / self._pairwise
        if self._usual_nearest > 0:
            values["nearest_training"] = float(np.median(nearest_distances(features, self._real)) / self._usual_nearest)
        return values

    def _features(self, images):
        """Float64 features `[count, dimensions]`, and int classes `[count]` or `None`."""
        batches = [self.extractor(images[i : i + 256]) for i in range(0, len(images), 256)]
        if not isinstance(batches[0], tuple):
            batches = [(batch, None) for batch in batches]
        features = np.concatenate([np.asarray(batch[0], np.float64) for batch in batches])
        if batches[0][1] is None:
            return features, None
        return features, np.argmax(np.concatenate([np.asarray(batch[1]) for batch in batches]), axis=1)

    def _mean_distance(self, images, features):
        """Mean distance of two images, by the perceptual distance or by the features."""
        if self.perceptual_distance is None:
            return mean_distance(features[:_MAX_ROWS])
        return lpips_diversity(images, _PERCEPTUAL_PAIRS, seed=self.seed, distance=self.perceptual_distance)[0]

    def _nearest_among_real(self, count):
        """Median distance from a real image to the nearest of `count` real ones: it falls as they become more."""
        if count not in self._nearest_real:
            self._nearest_real[count] = np.median(nearest_distances(self._real[:count]))
        return self._nearest_real[count]


class _PixelComponents:
    """Pixels averaged to a small size, by their first principal components among real images."""

    def __init__(self, real_images, pixel_size):
        self.pixel_size = min(pixel_size, _PIXEL_SIZE)
        pixels = self._pixels(real_images)
        self._mean = pixels.mean(axis=0)
        _, vectors = np.linalg.eigh(np.cov(pixels, rowvar=False))
        self._vectors = vectors[:, ::-1][:, :_MAX_COMPONENTS]  # [pixels, components], the largest first

    def __call__(self, images):
        return (self._pixels(images) - self._mean) @ self._vectors

    def _pixels(self, images):
        """Float64 `[count, pixels]` in [-1, 1]."""
        count, height, width, channels = images.shape
        factor = max(1, height // self.pixel_size)
        rows, columns = height // factor, width // factor
        squares = images[:, : rows * factor, : columns * factor].astype(np.float64)
        squares = squares.reshape(count, rows, factor, columns, factor, channels)
        return squares.mean(axis=(2, 4)).reshape(count, -1) / 127.5 - 1.0
