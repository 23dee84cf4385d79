"""CollapseMonitor: are the samples still varied?"""

from tfgan_suite.callbacks.sample_monitor import SampleMonitor
from tfgan_suite.callbacks.sample_statistics import SampleStatistics
from tfgan_suite.engine.alerts import Rule
from tfgan_suite.foundation.errors import UserError

_COLLAPSED = (
    "go back to a checkpoint before it, and from there, for a GAN: an R1 penalty (penalties.R1), or a larger weight of it; "
    "lower learning rates; a larger batch; minibatch statistics or spectral normalization in the discriminator."
)
OVERFITTING = "more images; augment.AdaptiveAugmentation(), or mirroring them; a larger R1 weight; stop here."


def collapse_rules(grace_images=50_000):
    """The rules of `CollapseMonitor`, a list of `Rule`.

    Args:
        grace_images: Integer. Images after which samples are expected to be varied. A run whose samples have been varied
            once is judged from then on.

    Example:

    >>> [rule.name for rule in collapse_rules()][:2]
    ['low_diversity', 'modes_lost']
    """
    return [
        Rule(
            name="low_diversity",
            measurement="collapse/diversity",
            below=0.5,
            patience=2,
            grace_images=grace_images,
            symptom="The samples are less than half as varied as real images.",
            advice=_COLLAPSED,
            reason="Runs that went well never fell below 0.6 again once they had reached it; collapsed ones fell to 0.05 "
            "to 0.5.",
        ),
        Rule(
            name="modes_lost",
            measurement="collapse/modes",
            below=0.5,
            patience=2,
            grace_images=grace_images,
            symptom="More than half of the kinds of real images no longer occur among the samples.",
            advice=_COLLAPSED,
            reason="Runs that went well never fell below 0.53 again once they had reached 0.6; collapsed ones fell to 0.03 "
            "to 0.4.",
        ),
        Rule(
            name="duplicates",
            measurement="collapse/duplicates",
            above=0.1,
            patience=2,
            grace_images=grace_images,
            symptom="Many samples are the same image again.",
            advice=_COLLAPSED,
            reason="Among real images, and in runs that went well, there were none; noise does not make one in ten.",
        ),
        Rule(
            name="copies_of_training_images",
            measurement="collapse/nearest_training",
            below=0.4,
            patience=2,
            grace_images=0,
            symptom="The samples are much nearer to training images than images that were held out: they are copies.",
            advice=OVERFITTING,
            reason="Runs that went well stayed above 1, since samples are no better than real images. 0.4 is far from "
            "that even for small sets.",
        ),
    ]


class CollapseMonitor(SampleMonitor):
    """Looks at how varied samples of a fixed seed are, for any model of images.

    Into the logs go `collapse/diversity`, `/modes`, `/duplicates` and `/nearest_training`, see `SampleStatistics`. See
    `SampleMonitor` and `Monitor` for the arguments that are not listed here.

    Args:
        real_images: Some training images, uint8 `[count, height, width, channels]`; a few thousand are enough.
        real_labels: Their labels, int32 `[count]`, for a conditional model.
        held_out_images: Real images that are not trained on, or `None`.
        held_out_labels: Their labels.
        extractor: As in `SampleStatistics`: by default cheap, and blind to fine detail.
        perceptual_distance: As in `SampleStatistics`: `metrics.LPIPS()` for a diversity as people see it. A look then costs
            200 passes of AlexNet more.
        grace_images: Integer. See `collapse_rules`.

    Raises:
        UserError: Images of another kind than the model's, or labels missing; or a model that does not make images.

    Example:

    >>> real = np.random.default_rng(0).integers(0, 256, [100, 8, 8, 1]).astype("uint8")
    >>> gan = DCGAN(image_shape=(8, 8, 1), base_channels=2, kernel_size=4)
    >>> gan.compile()
    >>> monitor = CollapseMonitor(real, num_samples=32, every_images=8)
    >>> history = gan.fit(to_float(tf.constant(real)), batch_size=4, callbacks=[monitor], verbose=0)
    >>> 0.0 <= history.history["collapse/diversity"][0] <= 2.0
    True
    """

    name = "collapse"

    def __init__(
        self, real_images, real_labels=None, held_out_images=None, held_out_labels=None, *, extractor=None,
        perceptual_distance=None, grace_images=50_000, rules=None, **options,
    ):  # fmt: skip
        rules = collapse_rules(grace_images) if rules is None else rules
        super().__init__(real_images, real_labels, held_out_images, held_out_labels, rules=rules, **options)
        self.extractor = extractor
        self.perceptual_distance = perceptual_distance
        self._statistics = {}

    def on_train_begin(self, logs=None):
        if not self.model.spec.is_picture:
            raise UserError(
                f"CollapseMonitor needs a model of images. {type(self.model).__name__} makes {self.model.spec.unit[1]}: "
                "leave the monitor out."
            )
        super().on_train_begin(logs)

    def look(self):
        return {f"collapse/{name}": value for name, value in self._statistics_now()(self.samples()).items()}

    def _statistics_now(self):
        """Made again when a model that grows shows its images at another size."""
        halvings = self.model.halvings()
        if halvings not in self._statistics:
            self._statistics[halvings] = SampleStatistics(
                self.examples["real"],
                self.examples.get("held_out"),
                extractor=self.extractor,
                perceptual_distance=self.perceptual_distance,
                pixel_size=max(2, self.model.image_shape[0] >> halvings),
                seed=self.seed,
            )
        return self._statistics[halvings]
