"""The augmentation pipeline: the available transforms, and how they are applied to images."""

from tfgan_suite.adversarial.augment.color import COLOR, color_matrix, recolor
from tfgan_suite.adversarial.augment.corruption import add_noise, cut_out
from tfgan_suite.adversarial.augment.draws import TRANSFORMS, draw
from tfgan_suite.adversarial.augment.geometric import BLIT, GEOMETRIC, sample_positions, warp
from tfgan_suite.adversarial.augment.image_filter import amplify_bands, band_gains
from tfgan_suite.foundation.number_kinds import is_number

_GROUPS = {"blit": BLIT, "geom": GEOMETRIC, "color": COLOR}
# Names of sets of transforms: the paper's groups and their unions.
SETS = {
    **_GROUPS,
    "bg": (*BLIT, *GEOMETRIC),
    "bgc": (*BLIT, *GEOMETRIC, *COLOR),
    "bgcf": (*BLIT, *GEOMETRIC, *COLOR, "filter"),
    "bgcfn": (*BLIT, *GEOMETRIC, *COLOR, "filter", "noise"),
    "bgcfnc": TRANSFORMS,
}


def expand_transforms(transforms):
    """Expands the name of a set or a transform, or a list of such names, to names of single transforms, in order.

    Raises:
        ValueError: If a name is unknown.
    """
    chosen = set()
    for name in [transforms] if isinstance(transforms, str) else transforms:
        if name not in SETS and name not in TRANSFORMS:
            raise ValueError(f"`transforms` must be names from: {', '.join([*SETS, *TRANSFORMS])}. Received: {name!r}")
        chosen.update(SETS.get(name, [name]))
    return tuple(name for name in TRANSFORMS if name in chosen)


class AugmentationPipeline:
    """Random transforms of a batch of images, different for each example, each applied with the same probability.

    The random numbers are drawn first (`draw`), and the result is a function of them and of the images (`apply`).
    Except for brightness and noise, which add to the images, it is linear in the images, so it can be differentiated
    any number of times. All shapes are static.

    Args:
        transforms: String, or list of strings. Names of transforms or of sets of transforms (`"blit"`, `"geom"`,
            `"color"`, `"bg"`, `"bgc"`, `"bgcf"`, `"bgcfn"`, `"bgcfnc"`). Or a dict that maps such names to the factor in
            (0, 1] of their probability.

    Raises:
        ValueError: If a name is unknown, or a factor is out of range.

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
        self.weights = {}
        for name, weight in transforms.items() if isinstance(transforms, dict) else ():
            if not is_number(weight) or not 0.0 < weight <= 1.0:
                raise ValueError(f"`transforms` must map names to factors in (0, 1]. Received: {name!r}: {weight!r}")
            self.weights.update(dict.fromkeys(expand_transforms(name), float(weight)))

    def draw(self, image_shape, batch_size, seed):
        """Returns the `Draws` for a batch of images of shape `image_shape`, `(height, width, channels)`.

        Args:
            image_shape: Tuple `(height, width, channels)`.
            batch_size: Integer >= 1, or an integer scalar tensor. Number of examples on this replica.
            seed: An int32 tensor of shape `[2]`.

        Returns:
            The `Draws`, for `apply`.
        """
        return draw(image_shape, batch_size, seed, with_pixel_noise="noise" in self.transforms, weights=self.weights)

    def apply(self, images, draws, probability):
        """Transforms images.

        Args:
            images: A float32 tensor of shape `[batch, height, width, channels]`, in [-1, 1].
            draws: The `Draws` for this batch.
            probability: Float in [0, 1], or a scalar tensor. Probability of each transform. With 0, the images are
                returned unchanged, bit for bit.

        Returns:
            A tensor with the shape of `images`. Its values may exceed [-1, 1].
        """
        _, height, width, channels = images.shape
        if self._enabled(BLIT + GEOMETRIC):
            if min(height, width) < 2:
                raise ValueError(f"`images` must have at least 2 x 2 pixels. Received: {height} x {width}")
            images = warp(images, sample_positions(draws, self.transforms, probability, height, width))
        if self._enabled(COLOR):
            if channels not in (1, 3, 4):
                raise ValueError(
                    f"`images` must have 1, 3, or 4 channels for color transforms. Received: {channels} channels"
                )
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
