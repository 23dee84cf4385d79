"""The networks that scores look through."""

from tfgan_suite.metrics.features.efficientnet_lite0 import EfficientNetLite0
from tfgan_suite.metrics.features.feature_extractor import FeatureExtractor

__all__ = ["EfficientNetLite0", "FeatureExtractor"]
