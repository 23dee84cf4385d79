"""What a GAN declares about its training: rules on its stability, what they measure, and the charts of its report."""

from tfgan_suite.engine.alerts import Rule
from tfgan_suite.engine.chart import Chart
from tfgan_suite.engine.stability_rules import gradient_explodes, gradient_vanishes, updates_left_out

_LONG = "half the learning rate of that network; an R1 penalty (penalties.R1); a larger batch; a GradientGuard."
_WON = (
    "an R1 penalty (penalties.R1), or a larger weight of it; AdaptiveAugmentation if the set has less than some ten "
    "thousand images; a lower rate for the discriminator; spectral normalization, as BigGAN has it."
)


def adversarial_rules():
    """The rules of `StabilityMonitor` for a GAN, a list of `Rule`."""
    return [
        gradient_explodes("generator", _LONG),
        gradient_explodes("discriminator", _LONG),
        gradient_vanishes("generator", f"losses.NonSaturating, if the loss is another; {_WON}"),
        Rule(
            name="discriminator_loss_vanishes",
            measurement="loss/discriminator_size",
            below=0.001,
            patience=3,
            grace_images=0,
            symptom="The discriminator's loss is next to nothing: it has won, and learns nothing more.",
            advice=_WON,
            reason="Finished runs with a logistic loss stayed at 0.01 or above. Below 0.001 the logits of real and fake images "
            "lie 15 apart; a hinge or least-squares loss of 0 likewise means that all images are distinguished.",
        ),
        Rule(
            name="scores_run_apart",
            measurement="logits/distance",
            above=10.0,
            times_usual=True,
            patience=2,
            symptom="The discriminator's logits of real and fake images run apart, ten times as far as before.",
            advice=_WON,
            reason="Logits of a Wasserstein critic have no unit, so that only their growth can be judged; a critic held "
            "by a gradient penalty keeps to one order of magnitude.",
        ),
        Rule(
            name="scores_drift",
            measurement="logits/drift",
            above=10.0,
            patience=2,
            grace_images=0,
            symptom="The discriminator's logits of real and fake images drift away from 0 together.",
            advice="penalties.Drift(), or a larger weight of it; a lower rate for the discriminator.",
            reason="Logits around 0 drift by at most half their distance. Wasserstein's loss does not mind a drift, "
            "but numbers of few digits do: at ten times the distance float16 has two left for what matters.",
        ),
        updates_left_out(
            "half the learning rates; an R1 penalty (penalties.R1); a larger batch; float32 instead of mixed precision."
        ),
    ]


def adversarial_measurements(logs):
    """What the rules measure besides the logs themselves, a dict of name to float.

    `logits/distance` is the difference of the mean logits of real and fake images, `logits/drift` how far their middle is
    from 0, in distances of at least 1, and `loss/discriminator_size` the size of the discriminator's loss.

    Args:
        logs: Dict of name to number. The means of a tick.
    """
    values = {}
    if "logits/real" in logs and "logits/fake" in logs:
        real, fake = float(logs["logits/real"]), float(logs["logits/fake"])
        values["logits/distance"] = abs(real - fake)
        values["logits/drift"] = abs(real + fake) / 2 / max(1.0, abs(real - fake))
    if "loss/discriminator" in logs:
        values["loss/discriminator_size"] = abs(float(logs["loss/discriminator"]))
    return values


def adversarial_charts():
    """The charts of a GAN's report, a list of `Chart`."""

    def of_both(prefix):
        return {name: f"{prefix}/{name}" for name in ("generator", "discriminator")}

    note = "In a healthy game neither loss goes to zero: each network has an opponent that keeps up."
    return [
        Chart("Losses", of_both("loss"), "loss", note),
        Chart("What the discriminator says", {"real": "logits/real", "fake": "logits/fake"}, "logit"),
        Chart("Length of the gradients", of_both("gradient_norm"), "norm"),
    ]
