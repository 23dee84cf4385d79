"""The networks that scores look through."""

from tfgan_suite.metrics.features.dataset_classifier import DatasetClassifier
from tfgan_suite.metrics.features.efficientnet_lite0 import EfficientNetLite0
from tfgan_suite.metrics.features.feature_extractor import FeatureExtractor

__all__ = ["DatasetClassifier", "EfficientNetLite0", "FeatureExtractor"]
