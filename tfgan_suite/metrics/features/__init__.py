"""The networks that extract features for scores."""

from tfgan_suite.metrics.features.dataset_classifier import DatasetClassifier
from tfgan_suite.metrics.features.efficientnet_lite0 import EfficientNetLite0
from tfgan_suite.metrics.features.feature_extractor import FeatureExtractor
from tfgan_suite.metrics.features.inception_2015 import Inception2015
from tfgan_suite.metrics.features.inception_2015_weights import download_inception_2015
from tfgan_suite.metrics.features.small_digits_classifier import SmallDigitsClassifier
from tfgan_suite.metrics.features.stacked_digits_classifier import StackedDigitsClassifier
from tfgan_suite.metrics.features.stacked_frames import StackedFrames

__all__ = [
    "DatasetClassifier",
    "EfficientNetLite0",
    "FeatureExtractor",
    "Inception2015",
    "SmallDigitsClassifier",
    "StackedDigitsClassifier",
    "StackedFrames",
    "download_inception_2015",
]
