"""What the numbers in a run's logs mean, in a sentence each: TensorBoard shows it above the curve."""

from tfgan_suite.metrics.protocol.score_log import describe_score

_EXACT = {
    "examples_seen": "Training examples that the model has seen, over all restarts of the run.",
    "seconds": "Seconds of training since the run began, over all its restarts.",
    "examples_per_second": "Training examples per second in this tick, without the first step, which builds the graph.",
    "loss": "Sum of all losses.",
    "loss/discriminator_size": "Absolute value of the discriminator's loss. Next to 0, the discriminator has won.",
    "logits/real": "Mean logit of the discriminator for training images.",
    "logits/fake": "Mean logit of the discriminator for generated images.",
    "logits/distance": "Absolute difference between the mean logits for real and generated images.",
    "logits/drift": "How far the middle between the logits for real and generated images is from 0, in units of their distance.",
    "augmentation/probability": "Probability with which the augmentation changes an image; adapted in training.",
    "skipped_updates/share": "Fraction of this tick's updates that a GradientGuard left out.",
    "collapse/diversity": "Mean distance between two samples, divided by that between two training images. 1 is as diverse as "
    "the data.",
    "collapse/modes": "Number of modes among the samples, divided by that among as many training images.",
    "collapse/duplicates": "Fraction of samples whose nearest other sample is unusually near.",
    "collapse/nearest_training": "Median distance from a sample to the nearest training image, divided by that from another real "
    "image. Near 0, samples are copies.",
    "overfitting/r_t": "Mean sign of the discriminator's logits for training examples (Karras et al. 2020). 0 without "
    "overfitting, 1 at full overfitting.",
    "overfitting/r_v": "How far the logits of held-out examples are from those of training examples towards those of samples "
    "(Karras et al. 2020). 0 without overfitting, 1 at full overfitting.",
    "overfitting/train_above_held_out": "Probability that the discriminator prefers a training example to a held-out one. 0.5 "
    "without overfitting.",
    "overfitting/real_above_fake": "Probability that the discriminator prefers a training example to a sample. 0.5 where it "
    "cannot tell them apart.",
}
_OF_A_KIND = {
    "loss/": "Loss of the {}, mean over the tick.",
    "penalty/": "Penalty `{}`, mean over the steps of the tick in which it is due.",
    "gradient_norm/": "Global norm of the gradients of the {}, mean over the tick.",
    "alert/": "1 while the alert `{}` stands.",
    "probe/": "Discriminator's logits for the monitor's examples, mean or standard deviation (`_spread`): `{}`.",
}


def describe_scalar(name):
    """Describes a number of a run's logs.

    Args:
        name: String. Its name, such as `"loss/generator"`.

    Returns:
        A sentence or two.

    Example:

    >>> describe_scalar("loss/generator")
    'Loss of the generator, mean over the tick.'
    """
    if name in _EXACT:
        return _EXACT[name]
    for prefix, sentence in _OF_A_KIND.items():
        if name.startswith(prefix):
            return sentence.format(name.removeprefix(prefix))
    return describe_score(name) or f"`{name}`, as the model or a callback logs it at the end of a tick."
