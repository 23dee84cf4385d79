"""Augmentation of the images that the discriminator sees, for training with few images; passed to `compile`."""

from tfgan_suite.adversarial.augment.adaptive import AdaptiveAugmentation
from tfgan_suite.adversarial.augment.augmentation_pipeline import AugmentationPipeline
from tfgan_suite.adversarial.augment.diff_augment import DiffAugment

__all__ = ["AdaptiveAugmentation", "AugmentationPipeline", "DiffAugment"]
