"""CollapseMonitor: are the samples still varied, and does the discriminator know its images by heart?"""

import contextlib
import math

import numpy as np
import tensorflow as tf

from tfgan_suite.callbacks.alerts import Rule
from tfgan_suite.callbacks.monitor import Monitor
from tfgan_suite.callbacks.sample_statistics import SampleStatistics
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.specs.image_range import to_float

_BATCH_SIZE = 64
_COLLAPSED = (
    "go back to a checkpoint before it, and from there: an R1 penalty (penalties.R1), or a larger weight of it; lower "
    "learning rates; a larger batch; minibatch statistics or spectral normalisation in the discriminator."
)
_OVERFITTING = "more images; augment.AdaptiveAugmentation(), or mirroring them; a larger R1 weight; stop here."


def collapse_rules(grace_images=50_000):
    """The rules of `CollapseMonitor`, a list of `Rule`.

    Args:
        grace_images: Images after which samples are expected to be varied. A run whose samples have been varied once is
            judged from then on.

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
            symptom="Many samples are the same picture again.",
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
            advice=_OVERFITTING,
            reason="Runs that went well stayed above 1, since samples are no better than real images. 0.4 is far from "
            "that even for small sets.",
        ),
        Rule(
            name="discriminator_overfits",
            measurement="overfitting/train_above_held_out",
            above=0.8,
            patience=2,
            grace_images=0,
            symptom="The discriminator prefers images that it was trained on to other real ones: it knows them by heart.",
            advice=_OVERFITTING,
            reason="0.5 without overfitting; by chance, with 256 images each, 0.58 in one of a thousand cases.",
        ),
        Rule(
            name="discriminator_deceived",
            measurement="overfitting/real_above_fake",
            below=0.1,
            patience=3,
            grace_images=0,
            symptom="The discriminator prefers samples to real images, and so leads the generator astray.",
            advice="a lower rate for the generator, or a higher one for the discriminator; more discriminator_steps; "
            "a larger batch.",
            reason="0.5 where samples and real images cannot be told apart; runs that went well stayed above 0.3.",
        ),
    ]


class CollapseMonitor(Monitor):
    """Looks at samples of fixed latents, and at what the discriminator makes of real images and of them.

    Into the logs go `collapse/diversity`, `/modes`, `/duplicates`, `/nearest_training` (see `SampleStatistics`), and of the
    discriminator, asked in inference mode without augmentation:

    * `probe/real`, `probe/held_out`, `probe/fake`: mean logits, and with `_spread` their standard deviations;
    * `overfitting/r_t`: mean sign of the logits of training images, and `overfitting/r_v`: how far held-out images are from
      training images towards fakes, 0 to 1, both as Karras et al. define them;
    * `overfitting/train_above_held_out`, `overfitting/real_above_fake`: probabilities that a training image's logit is above
      that of a held-out one, or of a sample. They have no unit, and are judged.

    The samples are those of the generator in training, not of its average, which shows a collapse thousands of images
    later. See `Monitor` for the arguments that are not listed here.

    Args:
        real_images: Some training images, uint8 `[count, height, width, channels]`; a few thousand are enough.
        real_labels: Their labels, int32 `[count]`, for a conditional model.
        held_out_images: Real images that are not trained on, or `None`: then there is no `r_v`.
        held_out_labels: Their labels.
        extractor: As in `SampleStatistics`: by default cheap, and blind to fine detail.
        perceptual_distance: As in `SampleStatistics`: `metrics.LPIPS()` for a diversity as people see it. A look then costs
            200 passes of AlexNet more.
        num_samples: Samples of one look, >= 32.
        every_images: Images from one look to the next, at ends of ticks; by default 40 times `num_samples`, so that looking
            costs about two percent of training.
        grace_images: See `collapse_rules`.
        seed: Of the latents and of the modes.

    Raises:
        UserError: Images of another kind than the model's, or labels missing.

    Example:

    >>> real = np.random.default_rng(0).integers(0, 256, [100, 8, 8, 1]).astype("uint8")
    >>> gan = DCGAN(image_shape=(8, 8, 1), base_channels=2, kernel_size=4)
    >>> gan.compile()
    >>> monitor = CollapseMonitor(real, num_samples=32, every_images=8)
    >>> history = gan.fit(to_float(tf.constant(real)), batch_size=4, callbacks=[monitor], verbose=0)
    >>> 0.0 <= history.history["collapse/diversity"][0] <= 2.0
    True

    Reference: r_t and r_v, Karras et al., "Training Generative Adversarial Networks with Limited Data" (2020), equation 1.
    """

    name = "collapse"

    def __init__(
        self, real_images, real_labels=None, held_out_images=None, held_out_labels=None, *, extractor=None,
        perceptual_distance=None, num_samples=256, every_images=None, grace_images=50_000, rules=None, actions=None,
        log_dir=None, alerts_path=None, stream=None, seed=0,
    ):  # fmt: skip
        rules = collapse_rules(grace_images) if rules is None else rules
        super().__init__(rules, actions, log_dir, alerts_path, stream)
        if num_samples < 32:
            raise UserError(f"Expected num_samples >= 32. Received: num_samples={num_samples}")
        self.num_samples = num_samples
        self.every_images = every_images or 40 * num_samples
        self.extractor = extractor
        self.perceptual_distance = perceptual_distance
        self.seed = seed
        self._images = {"real": np.asarray(real_images)}
        self._labels = {"real": real_labels}
        if held_out_images is not None:
            self._images["held_out"], self._labels["held_out"] = np.asarray(held_out_images), held_out_labels
        self._statistics = {}
        self._looked_images = 0

    def get_state(self):
        return {**super().get_state(), "looked_images": self._looked_images}

    def set_state(self, state):
        super().set_state(state)
        self._looked_images = state["looked_images"]

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        # Anew in each phase of training: a growing model's level is built into the graph.
        self._discriminate = tf.function(
            lambda images, labels: self.model.discriminate(images, labels, training=False), reduce_retracing=True
        )
        for kind, images in self._images.items():
            if images.dtype != np.uint8 or images.shape[1:] != tuple(self.model.image_shape):
                raise UserError(
                    f"Expected {kind}_images uint8 {self.model.image_shape}, as the model makes them. Received: "
                    f"{images.dtype} {images.shape[1:]}"
                )
            if self.model.num_classes is not None and self._labels[kind] is None:
                raise UserError(f"Expected {kind}_labels, since the model has classes. Received: None")

    def measure(self, logs):
        images_seen = int(np.asarray(self.model.examples_seen))
        if images_seen - self._looked_images < self.every_images:
            return None
        self._looked_images = images_seen
        return self.look()

    def look(self):
        """All measurements now, a dict of floats."""
        model = self.model
        labels = None
        if model.num_classes is not None:
            labels = np.arange(self.num_samples) % model.num_classes
        with _network_in_training(model):
            samples = model.generate(self.num_samples, labels, seed=self.seed, batch_size=_BATCH_SIZE)
        statistics = {f"collapse/{name}": value for name, value in self._statistics_now()(samples).items()}
        logits = {kind: self._logits(images, self._labels[kind]) for kind, images in self._images.items()}
        logits["fake"] = self._logits(samples, labels)
        return {**statistics, **_logit_measurements(logits)}

    def _statistics_now(self):
        """Made anew when a model that grows shows its images at another size."""
        level = math.ceil(float(np.asarray(getattr(self.model, "level_of_detail", 0.0))))
        if level not in self._statistics:
            self._statistics[level] = SampleStatistics(
                self._images["real"],
                self._images.get("held_out"),
                extractor=self.extractor,
                perceptual_distance=self.perceptual_distance,
                pixel_size=max(2, self.model.image_shape[0] >> level),
                seed=self.seed,
            )
        return self._statistics[level]

    def _logits(self, images, labels):
        """Float64 `[count]`, of at most as many images as there are samples."""
        count = min(self.num_samples, len(images))
        batches = []
        for i in range(0, count, _BATCH_SIZE):
            rows = slice(i, min(i + _BATCH_SIZE, count))
            batch_labels = None if self.model.num_classes is None else tf.constant(labels[rows], tf.int32)
            batches.append(self._discriminate(to_float(tf.constant(images[rows])), batch_labels))
        return np.concatenate([np.asarray(batch, np.float64) for batch in batches])


@contextlib.contextmanager
def _network_in_training(model):
    """Within, the model generates with the generator that is trained, in place of its average."""
    averaged = [np.asarray(variable) for variable in model.ema_generator.variables]
    try:
        for variable, trained in zip(model.ema_generator.variables, model.generator.variables):
            variable.assign(trained)
        yield
    finally:
        for variable, value in zip(model.ema_generator.variables, averaged):
            variable.assign(value)


def _logit_measurements(logits):
    values = {}
    for kind, scores in logits.items():
        values[f"probe/{kind}"] = float(scores.mean())
        values[f"probe/{kind}_spread"] = float(scores.std())
    real, fake = logits["real"], logits["fake"]
    values["overfitting/r_t"] = float(np.sign(real).mean())
    values["overfitting/real_above_fake"] = _probability_above(real, fake)
    if "held_out" in logits:
        held_out = logits["held_out"]
        distance = real.mean() - fake.mean()
        if distance != 0.0:
            values["overfitting/r_v"] = float((real.mean() - held_out.mean()) / distance)  # Equation 1, left.
        values["overfitting/train_above_held_out"] = _probability_above(real, held_out)
    return values


def _probability_above(one, other):
    """That a random element of `one` is above one of `other`; equal ones count half."""
    differences = np.sign(one[:, None] - other[None])
    return float(0.5 + 0.5 * differences.mean())
