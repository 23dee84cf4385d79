"""Scores of generative models, as functions of features and as objects for `tfgan_suite.evaluate`."""

from tfgan_suite.metrics.bits_per_byte import BitsPerByte
from tfgan_suite.metrics.bits_per_dimension import BitsPerDimension, bits_per_dimension, dequantize
from tfgan_suite.metrics.classification_accuracy import (
    ClassificationAccuracy,
    classification_accuracy,
    evaluate_classification_accuracy,
)
from tfgan_suite.metrics.classifier_scores import ClassAgreement, ConfidentShare, class_agreement, confident_share
from tfgan_suite.metrics.density_coverage import DensityCoverage, density_coverage
from tfgan_suite.metrics.different_bins import NumberOfDifferentBins, number_of_different_bins
from tfgan_suite.metrics.features import (
    DatasetClassifier,
    EfficientNetLite0,
    FeatureExtractor,
    Inception2015,
    SmallDigitsClassifier,
    StackedDigitsClassifier,
    StackedFrames,
    download_inception_2015,
)
from tfgan_suite.metrics.frechet_distance import FrechetDistance, frechet_distance, frechet_distance_from_statistics
from tfgan_suite.metrics.inception_score import InceptionScore, inception_score
from tfgan_suite.metrics.intra_class_frechet_distance import IntraClassFrechetDistance, intra_class_frechet_distance
from tfgan_suite.metrics.kernel_distance import KernelDistance, kernel_distance, kernel_distance_subsets
from tfgan_suite.metrics.lpips import LPIPS, lpips
from tfgan_suite.metrics.lpips_diversity import LPIPSDiversity, lpips_diversity
from tfgan_suite.metrics.mode_coverage import ModeCoverage, mode_coverage
from tfgan_suite.metrics.moving_digits import MovingDigits
from tfgan_suite.metrics.ms_ssim import MultiScaleSimilarity, ms_ssim, ms_ssim_diversity
from tfgan_suite.metrics.numerics.neighbours import nearest_neighbours
from tfgan_suite.metrics.perceptual_path_length import (
    PerceptualPathLength,
    evaluate_perceptual_path_length,
    perceptual_path_length,
)
from tfgan_suite.metrics.precision_recall import PrecisionRecall, precision_recall
from tfgan_suite.metrics.protocol.activations import Activations
from tfgan_suite.metrics.protocol.metric import Metric
from tfgan_suite.metrics.protocol.model_metric import ModelMetric
from tfgan_suite.metrics.protocol.results import Comparison, Evaluation, EvaluationRow, compare
from tfgan_suite.metrics.reconstruction_error import ReconstructionError, reconstruction_errors
from tfgan_suite.metrics.sliced_wasserstein import SlicedWassersteinDistance, sliced_wasserstein_distance
from tfgan_suite.metrics.streaming import StreamingFrechetDistance, StreamingInceptionScore

__all__ = [
    "Activations",
    "BitsPerByte",
    "BitsPerDimension",
    "ClassAgreement",
    "ClassificationAccuracy",
    "Comparison",
    "ConfidentShare",
    "DatasetClassifier",
    "DensityCoverage",
    "EfficientNetLite0",
    "Evaluation",
    "EvaluationRow",
    "FeatureExtractor",
    "FrechetDistance",
    "Inception2015",
    "InceptionScore",
    "IntraClassFrechetDistance",
    "KernelDistance",
    "LPIPS",
    "LPIPSDiversity",
    "Metric",
    "ModeCoverage",
    "ModelMetric",
    "MovingDigits",
    "MultiScaleSimilarity",
    "NumberOfDifferentBins",
    "PerceptualPathLength",
    "PrecisionRecall",
    "ReconstructionError",
    "SlicedWassersteinDistance",
    "SmallDigitsClassifier",
    "StackedDigitsClassifier",
    "StackedFrames",
    "StreamingFrechetDistance",
    "StreamingInceptionScore",
    "bits_per_dimension",
    "class_agreement",
    "classification_accuracy",
    "compare",
    "confident_share",
    "density_coverage",
    "dequantize",
    "download_inception_2015",
    "evaluate_classification_accuracy",
    "evaluate_perceptual_path_length",
    "frechet_distance",
    "frechet_distance_from_statistics",
    "inception_score",
    "intra_class_frechet_distance",
    "kernel_distance",
    "kernel_distance_subsets",
    "lpips",
    "lpips_diversity",
    "mode_coverage",
    "ms_ssim",
    "ms_ssim_diversity",
    "nearest_neighbours",
    "number_of_different_bins",
    "perceptual_path_length",
    "precision_recall",
    "reconstruction_errors",
    "sliced_wasserstein_distance",
]
