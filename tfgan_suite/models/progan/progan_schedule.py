"""When ProGAN grows: the paper's phases, counted in images, with batch size and learning rate at each resolution."""

import dataclasses
from collections.abc import Mapping

from tfgan_suite.engine.training_phase import TrainingPhase
from tfgan_suite.foundation.errors import UserError


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProGANPhase(TrainingPhase):
    """A period of training at one level.

    Attributes:
        level: Integer >= 0. Number of halvings from the full size; 0 is the full size.
        size: Integer. Height and width of the level's images, in pixels.
        fades: Boolean. Whether the level fades in during this phase.
        learning_rate: Float. Learning rate of both optimizers.
    """

    level: int
    fades: bool
    learning_rate: float

    def fade_at(self, images_seen):
        """Returns the share of the next coarser level: from 1 at the start of a fading phase to 0 at its end, else 0.

        Args:
            images_seen: Number, or an integer scalar tensor.
        """
        if not self.fades:
            return 0.0
        return (self.end_image - images_seen) / (self.end_image - self.first_image)


@dataclasses.dataclass(frozen=True)
class ProGANSchedule:
    """A stable phase at 4x4, then a fading and a stable phase for each doubling; the last phase lasts until the end.

    Attributes:
        stable_images: Integer >= 1. Number of images in a stable phase.
        fade_images: Integer >= 1. Number of images in a fading phase.
        total_images: Integer, or `None` to end with the last stable phase. Number of images in total.
        batch_size: Integer >= 1. Batch size over all replicas, at sizes that are not in `batch_sizes`.
        batch_sizes: Dict that maps a size in pixels to the batch size there.
        learning_rate: Float > 0. Learning rate of both optimizers, at sizes that are not in `learning_rates`.
        learning_rates: Dict that maps a size in pixels to the learning rate there.
        first_size: Integer. Height and width at which training starts.

    Example:

    >>> schedule = ProGANSchedule(stable_images=1000, fade_images=500, batch_sizes={4: 64})
    >>> for phase in schedule.phases(size=8):
    ...     print(phase.size, phase.fades, phase.first_image, phase.end_image, phase.batch_size)
    4 False 0 1000 64
    8 True 1000 1500 16
    8 False 1500 2500 16

    Reference: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation" (2018),
    section 2 and appendix A.1.
    """

    stable_images: int = 800_000
    fade_images: int = 800_000
    total_images: int | None = None
    batch_size: int = 16
    batch_sizes: Mapping = dataclasses.field(default_factory=dict)
    learning_rate: float = 0.001
    learning_rates: Mapping = dataclasses.field(default_factory=dict)
    first_size: int = 4

    def __post_init__(self):
        # JSON does not have integer keys.
        for name in ("batch_sizes", "learning_rates"):
            object.__setattr__(self, name, {int(size): value for size, value in getattr(self, name).items()})
        values = {name: getattr(self, name) for name in ("stable_images", "fade_images", "batch_size", "learning_rate")}
        values |= {f"batch_sizes[{size}]": value for size, value in self.batch_sizes.items()}
        values |= {f"learning_rates[{size}]": value for size, value in self.learning_rates.items()}
        for name, value in values.items():
            if value <= 0:
                raise UserError(f"`{name}` must be > 0. Received: {name}={value}")

    def phases(self, size):
        """Returns all phases of a model whose full size is `size`, in order.

        Raises:
            UserError: If `size` is not `first_size` times a power of two, or if `total_images` is reached before the
                full size.
        """
        num_doublings = (size // self.first_size).bit_length() - 1
        if num_doublings < 0 or self.first_size << num_doublings != size:
            raise UserError(f"`size` must be {self.first_size} times a power of two. Received: size={size}")
        start = 0
        phases = []
        for level in range(num_doublings, -1, -1):
            for fades in (False,) if level == num_doublings else (True, False):
                end = start + (self.fade_images if fades else self.stable_images)
                phases.append(self._phase(level, size // 2**level, fades, start, end))
                start = end
        if self.total_images is None:
            return phases
        last = phases[-1]
        if self.total_images <= last.first_image:
            raise UserError(
                f"`total_images` must be more than the {last.first_image} images until {size}x{size} pixels are "
                f"reached. Received: total_images={self.total_images}. Use smaller stable_images and fade_images."
            )
        return [*phases[:-1], dataclasses.replace(last, end_image=self.total_images)]

    def _phase(self, level, size, fades, first_image, end_image):
        return ProGANPhase(
            level=level,
            size=size,
            fades=fades,
            first_image=first_image,
            end_image=end_image,
            batch_size=self.batch_sizes.get(size, self.batch_size),
            learning_rate=self.learning_rates.get(size, self.learning_rate),
        )

    def phase_at(self, images_seen, size):
        """Returns the phase that contains `images_seen`; the last one after the end of training."""
        phases = self.phases(size)
        return next((phase for phase in phases if images_seen < phase.end_image), phases[-1])


# The schedule of the paper, and later ones of its authors with larger batches at small sizes.
SCHEDULES = {
    # Appendix A.1; the total length is that of the authors' run on one GPU, about a month.
    "paper": ProGANSchedule(
        total_images=19_000_000, batch_size=16, batch_sizes={256: 14, 512: 6, 1024: 3}, learning_rate=0.001
    ),
    # About two weeks on one GPU.
    "one_gpu": ProGANSchedule(
        stable_images=600_000,
        fade_images=600_000,
        total_images=12_000_000,
        batch_size=4,
        batch_sizes={4: 128, 8: 128, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8, 512: 4},
        learning_rates={1024: 0.0015},
    ),
    # Two days on eight GPUs.
    "eight_gpus": ProGANSchedule(
        stable_images=600_000,
        fade_images=600_000,
        total_images=12_000_000,
        batch_size=32,
        batch_sizes={4: 512, 8: 256, 16: 128, 32: 64},
        learning_rates={128: 0.0015, 256: 0.002, 512: 0.003, 1024: 0.003},
    ),
    # Appendix A.2, with a gradient penalty whose target is 750.
    "cifar10": ProGANSchedule(stable_images=400_000, fade_images=400_000, total_images=20_000_000),
}
