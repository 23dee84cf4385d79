"""Scores of generated images, as functions of features and as objects for `tfgan_suite.evaluate`."""

from tfgan_suite.metrics.features import EfficientNetLite0, FeatureExtractor
from tfgan_suite.metrics.frechet_distance import FrechetDistance, frechet_distance, frechet_distance_from_statistics

__all__ = [
    "EfficientNetLite0",
    "FeatureExtractor",
    "FrechetDistance",
    "frechet_distance",
    "frechet_distance_from_statistics",
]
