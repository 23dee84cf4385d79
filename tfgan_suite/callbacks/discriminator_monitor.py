"""DiscriminatorMonitor: does the discriminator know its training examples by heart, or prefer samples to real ones?"""

import numpy as np
import tensorflow as tf

from tfgan_suite.callbacks.collapse_monitor import OVERFITTING
from tfgan_suite.callbacks.sample_monitor import BATCH_SIZE, SampleMonitor
from tfgan_suite.engine.alerts import Rule
from tfgan_suite.generative.abilities import Discriminates, require


def discriminator_rules():
    """The rules of `DiscriminatorMonitor`, a list of `Rule`.

    Example:

    >>> [rule.name for rule in discriminator_rules()]
    ['discriminator_overfits', 'discriminator_deceived']
    """
    return [
        Rule(
            name="discriminator_overfits",
            measurement="overfitting/train_above_held_out",
            above=0.8,
            patience=2,
            grace_images=0,
            symptom="The discriminator prefers images that it was trained on to other real ones: it has memorized them.",
            advice=OVERFITTING,
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


class DiscriminatorMonitor(SampleMonitor):
    """Looks at what a model's `discriminate` makes of training examples, of held-out ones, and of samples.

    The discriminator is asked in inference mode, without augmentation. Into the logs go:

    * `probe/real`, `probe/held_out`, `probe/fake`: mean logits, and with `_spread` their standard deviations;
    * `overfitting/r_t`: mean sign of the logits of training examples, and `overfitting/r_v`: how far held-out examples are
      from training examples towards fakes, 0 to 1, both as Karras et al. define them;
    * `overfitting/train_above_held_out`, `overfitting/real_above_fake`: probabilities that a training example's logit is
      above that of a held-out one, or of a sample. They have no unit, and are judged.

    See `SampleMonitor` and `Monitor` for the arguments.

    Raises:
        UserError: A model that cannot discriminate; examples of another kind than the model's, or labels missing.

    Example:

    >>> real = np.random.default_rng(0).integers(0, 256, [100, 8, 8, 1]).astype("uint8")
    >>> gan = DCGAN(image_shape=(8, 8, 1), base_channels=2, kernel_size=4)
    >>> gan.compile()
    >>> monitor = DiscriminatorMonitor(real, num_samples=32, every_images=8)
    >>> history = gan.fit(to_float(tf.constant(real)), batch_size=4, callbacks=[monitor], verbose=0)
    >>> 0.0 <= history.history["overfitting/real_above_fake"][0] <= 1.0
    True

    Reference: r_t and r_v, Karras et al., "Training Generative Adversarial Networks with Limited Data" (2020), equation 1.
    """

    name = "discriminator"

    def default_rules(self, model):
        return discriminator_rules()

    def on_train_begin(self, logs=None):
        require(self.model, Discriminates, "DiscriminatorMonitor")
        super().on_train_begin(logs)
        # Made again in each phase of training: a growing model's level is built into the graph.
        self._discriminate = tf.function(
            lambda examples, labels: self.model.discriminate(examples, labels, training=False), reduce_retracing=True
        )

    def look(self):
        logits = {kind: self._logits(examples, self.labels[kind]) for kind, examples in self.examples.items()}
        logits["fake"] = self._logits(self.samples(), self.sample_labels())
        return _logit_measurements(logits, self.model.logit_zero)

    def _logits(self, examples, labels):
        """Float64 `[count]`, of at most as many examples as there are samples."""
        count = min(self.num_samples, len(examples))
        batches = []
        for i in range(0, count, BATCH_SIZE):
            rows = slice(i, min(i + BATCH_SIZE, count))
            batch_labels = None if self.model.num_classes is None else tf.constant(labels[rows], tf.int32)
            batches.append(self._discriminate(self.model.spec.to_model(tf.constant(examples[rows])), batch_labels))
        return np.concatenate([np.asarray(batch, np.float64) for batch in batches])


def _logit_measurements(logits, zero):
    values = {}
    for kind, scores in logits.items():
        values[f"probe/{kind}"] = float(scores.mean())
        values[f"probe/{kind}_spread"] = float(scores.std())
    real, fake = logits["real"], logits["fake"]
    # Where only differences count, the middle between both sides stands for the zero.
    middle = (real.mean() + fake.mean()) / 2 if zero is None else zero
    values["overfitting/r_t"] = float(np.sign(real - middle).mean())
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
