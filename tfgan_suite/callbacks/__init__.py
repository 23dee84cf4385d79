"""What happens around the training step: checkpoints, logs, pictures, progress, scores."""

from tfgan_suite.callbacks.checkpointing import Checkpointing, TrainingInterrupted
from tfgan_suite.callbacks.default_callbacks import default_callbacks
from tfgan_suite.callbacks.image_grid import ImageGrid, make_grid
from tfgan_suite.callbacks.progress import Progress
from tfgan_suite.callbacks.scores import Scores
from tfgan_suite.callbacks.stop_on_non_finite import NonFiniteError, StopOnNonFinite
from tfgan_suite.callbacks.training_log import TrainingLog

__all__ = [
    "Checkpointing",
    "ImageGrid",
    "NonFiniteError",
    "Progress",
    "Scores",
    "StopOnNonFinite",
    "TrainingInterrupted",
    "TrainingLog",
    "default_callbacks",
    "make_grid",
]
