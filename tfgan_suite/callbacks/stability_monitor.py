"""StabilityMonitor: gradients, scores and skipped updates of each tick."""

import numpy as np

from tfgan_suite.callbacks.alerts import Rule
from tfgan_suite.callbacks.monitor import Monitor
from tfgan_suite.callbacks.stop_on_non_finite import guards, skipped_updates

_LONG = "half the learning rate of that network; an R1 penalty (penalties.R1); a larger batch; a GradientGuard."
_WON = (
    "an R1 penalty (penalties.R1), or a larger weight of it; AdaptiveAugmentation if the set has less than some ten "
    "thousand images; a lower rate for the discriminator; spectral normalisation, as BigGAN has it."
)


def stability_rules():
    """The rules of `StabilityMonitor`, a list of `Rule`.

    Example:

    >>> [rule.name for rule in stability_rules()][:2]
    ['generator_gradient_explodes', 'discriminator_gradient_explodes']
    """
    explosions = [
        Rule(
            name=f"{network}_gradient_explodes",
            measurement=f"gradient_norm/{network}",
            above=10.0,
            times_usual=True,
            symptom=f"The {network}'s gradients have become ten times as long as in the ticks before.",
            advice=_LONG,
            reason="In ten finished runs a tick's mean was at most 4.4 times the median of the ten before it.",
        )
        for network in ("generator", "discriminator")
    ]
    return [
        *explosions,
        Rule(
            name="generator_gradient_vanishes",
            measurement="gradient_norm/generator",
            below=0.02,
            times_usual=True,
            patience=2,
            symptom="The generator's gradients have become fifty times shorter: it learns hardly anything.",
            advice=f"losses.NonSaturating, if the loss is another; {_WON}",
            reason="In finished runs a tick's mean was at least 0.41 of the median of the ten before it.",
        ),
        Rule(
            name="discriminator_loss_vanishes",
            measurement="loss/discriminator_size",
            below=0.001,
            patience=3,
            grace_images=0,
            symptom="The discriminator's loss is next to nothing: it has won, and learns nothing more.",
            advice=_WON,
            reason="Finished runs with a logistic loss stayed at 0.01 or above. Below 0.001 the scores of real and fake images "
            "lie 15 apart; a hinge or least-squares loss of 0 likewise says that all images are told apart.",
        ),
        Rule(
            name="scores_run_apart",
            measurement="logits/distance",
            above=10.0,
            times_usual=True,
            patience=2,
            symptom="The discriminator's scores of real and fake images run apart, ten times as far as before.",
            advice=_WON,
            reason="Scores of a Wasserstein critic have no unit, so that only their growth can be judged; a critic held "
            "by a gradient penalty keeps to one order of magnitude.",
        ),
        Rule(
            name="scores_drift",
            measurement="logits/drift",
            above=10.0,
            patience=2,
            grace_images=0,
            symptom="The discriminator's scores of real and fake images drift away from 0 together.",
            advice="penalties.Drift(), or a larger weight of it; a lower rate for the discriminator.",
            reason="Scores around 0 drift by at most half their distance. Wasserstein's loss does not mind a drift, "
            "but numbers of few digits do: at ten times the distance float16 has two left for what matters.",
        ),
        Rule(
            name="updates_left_out",
            measurement="skipped_updates/share",
            above=0.01,
            grace_images=0,
            symptom="More than one update in a hundred was left out for its broken or exploding gradients.",
            advice="half the learning rates; an R1 penalty (penalties.R1); a larger batch; float32 instead of mixed "
            "precision.",
            reason="Left out now and then, an update is missed by none; Keras's loss scaling skips one in 2,000.",
        ),
    ]


class StabilityMonitor(Monitor):
    """Watches the means of each tick that the training step tracks anyway: it costs nothing.

    Into the logs go, beside the gradient norms and losses that are there: `logits/distance` (mean logit of real images
    less that of fakes, its size), `logits/drift` (how far their middle is from 0, in distances of at least 1),
    `loss/discriminator_size` and, with a `GradientGuard`, `skipped_updates/share` of the tick. See `Monitor` for
    the arguments, `stability_rules` for limits and their reasons.

    Example:

    >>> gan = DCGAN(image_shape=(8, 8, 1), base_channels=2, kernel_size=4)
    >>> gan.compile()
    >>> monitor = StabilityMonitor()
    >>> history = gan.fit(np.zeros([8, 8, 8, 1], "float32"), batch_size=4, callbacks=[monitor], verbose=0)
    >>> monitor.alerts
    []

    Reference: drift of a Wasserstein critic's scores, Karras et al., "Progressive Growing of GANs" (2018), appendix A.1;
    gradient norms and discriminator loss as first signs, Brock et al. (2019), section 4.
    """

    name = "stability"

    def __init__(self, rules=None, actions=None, log_dir=None, alerts_path=None, stream=None):
        super().__init__(stability_rules() if rules is None else rules, actions, log_dir, alerts_path, stream)
        self._before = None

    def on_epoch_begin(self, epoch, logs=None):
        self._before = self._before or self._counts()
        super().on_epoch_begin(epoch, logs)

    def on_train_begin(self, logs=None):
        self._before = None
        super().on_train_begin(logs)

    def _counts(self):
        """Updates left out, and steps, both since training began."""
        return sum(skipped_updates(self.model).values()), int(np.asarray(self.model.steps))

    def measure(self, logs):
        values = {}
        if "logits/real" in logs and "logits/fake" in logs:
            real, fake = float(logs["logits/real"]), float(logs["logits/fake"])
            values["logits/distance"] = abs(real - fake)
            values["logits/drift"] = abs(real + fake) / 2 / max(1.0, abs(real - fake))
        if "loss/discriminator" in logs:
            values["loss/discriminator_size"] = abs(float(logs["loss/discriminator"]))
        skipped, steps = self._counts()
        if guards(self.model) and steps > self._before[1]:
            values["skipped_updates/share"] = (skipped - self._before[0]) / (steps - self._before[1])
        self._before = (skipped, steps)
        # The gradient norms are in the logs already; judged with the rest.
        return {**{name: float(logs[name]) for name in logs if name.startswith("gradient_norm/")}, **values}
