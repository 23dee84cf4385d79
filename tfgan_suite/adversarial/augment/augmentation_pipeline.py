"""The augmentation pipeline: which transforms there are, and what they make of images."""

from tfgan_suite.adversarial.augment.color import COLOR, color_matrix, recolor
from tfgan_suite.adversarial.augment.corruption import add_noise, cut_out
from tfgan_suite.adversarial.augment.draws import TRANSFORMS, draw
from tfgan_suite.adversarial.augment.geometric import BLIT, GEOMETRIC, sample_positions, warp
from tfgan_suite.adversarial.augment.image_filter import amplify_bands, band_gains

_GROUPS = {"blit": BLIT, "geom": GEOMETRIC, "color": COLOR}
# Names for sets of transforms: the paper's groups and their sums.
SETS = {
    **_GROUPS,
    "bg": (*BLIT, *GEOMETRIC),
    "bgc": (*BLIT, *GEOMETRIC, *COLOR),
    "bgcf": (*BLIT, *GEOMETRIC, *COLOR, "filter"),
    "bgcfn": (*BLIT, *GEOMETRIC, *COLOR, "filter", "noise"),
    "bgcfnc": TRANSFORMS,
}


def expand_transforms(transforms):
    """Names of single transforms in their order, from the name of a set or of one transform, or a list of such names.

    Raises:
        ValueError: There is no such name.
    """
    chosen = set()
    for name in [transforms] if isinstance(transforms, str) else transforms:
        if name not in SETS and name not in TRANSFORMS:
            raise ValueError(
                f"Expected a transform or a set, of: {', '.join([*SETS, *TRANSFORMS])}. Received: {name!r}"
            )
        chosen.update(SETS.get(name, [name]))
    return tuple(name for name in TRANSFORMS if name in chosen)


class AugmentationPipeline:
    """Random transforms of image batches, each example's its own, each transform with the same probability.

    What is random is drawn first (`draw`), and what becomes of the images is a function of that (`apply`). The result
    is linear in the images but for brightness and noise, which add to them, so that it can be differentiated any number
    of times, and all shapes are static.

    Args:
        transforms: Name of a set (`"blit"`, `"geom"`, `"color"`, `"bg"`, `"bgc"`, `"bgcf"`, `"bgcfn"`, `"bgcfnc"`) or
            of one transform, or a list of such names.

    Raises:
        ValueError: There is no such name.

    Example:

    >>> pipeline = AugmentationPipeline("bgc")
    >>> images = tf.zeros([4, 16, 16, 3])
    >>> draws = pipeline.draw(images.shape[1:], batch_size=4, seed=[0, 1])
    >>> pipeline.apply(images, draws, probability=0.5).shape
    TensorShape([4, 16, 16, 3])

    Reference: Karras et al., "Training Generative Adversarial Networks with Limited Data" (2020), appendix B.
    """

    def __init__(self, transforms="bgc"):
        self.transforms = expand_transforms(transforms)

    def draw(self, image_shape, batch_size, seed):
        """`Draws` for a batch of images of `image_shape` `(height, width, channels)`; `seed` is int32 `[2]`."""
        return draw(image_shape, batch_size, seed, with_pixel_noise="noise" in self.transforms)

    def apply(self, images, draws, probability):
        """Transforms images.

        Args:
            images: float32 `[batch, height, width, channels]` in [-1, 1].
            draws: `Draws`.
            probability: Of each transform, in [0, 1]. With 0 the images come back as they are, to the bit.

        Returns:
            The same shape; values may leave [-1, 1].
        """
        _, height, width, channels = images.shape
        if self._enabled(BLIT + GEOMETRIC):
            if min(height, width) < 2:
                raise ValueError(f"Expected images of at least 2 x 2 pixels. Received: {height} x {width}")
            images = warp(images, sample_positions(draws, self.transforms, probability, height, width))
        if self._enabled(COLOR):
            if channels not in (1, 3, 4):
                raise ValueError(f"Expected images with 1, 3 or 4 channels for colour transforms. Received: {channels}")
            images = recolor(images, color_matrix(draws, self.transforms, probability))
        if self._enabled(["filter"]):
            images = amplify_bands(images, band_gains(draws, probability))
        if self._enabled(["noise"]):
            images = add_noise(images, draws, probability)
        if self._enabled(["cutout"]):
            images = cut_out(images, draws, probability)
        return images

    def _enabled(self, names):
        return any(name in self.transforms for name in names)
