"""What happens around the training step: checkpoints, logs, pictures, progress, scores, monitors."""

from tfgan_suite.callbacks.actions import (
    Action,
    LowerRate,
    Note,
    RaiseAugmentation,
    RollBack,
    RolledBack,
    Save,
    Stop,
    StoppedByAlert,
)
from tfgan_suite.callbacks.checkpointing import Checkpointing, TrainingInterrupted
from tfgan_suite.callbacks.collapse_monitor import CollapseMonitor, collapse_rules
from tfgan_suite.callbacks.default_callbacks import default_callbacks
from tfgan_suite.callbacks.discriminator_monitor import DiscriminatorMonitor, discriminator_rules
from tfgan_suite.callbacks.image_grid import ImageGrid
from tfgan_suite.callbacks.monitor import Monitor, read_alerts
from tfgan_suite.callbacks.progress import Progress
from tfgan_suite.callbacks.sample_monitor import SampleMonitor
from tfgan_suite.callbacks.sample_statistics import SampleStatistics
from tfgan_suite.callbacks.scores import Scores
from tfgan_suite.callbacks.sound_clips import SoundClips
from tfgan_suite.callbacks.stability_monitor import StabilityMonitor
from tfgan_suite.callbacks.stop_on_non_finite import NonFiniteError, StopOnNonFinite
from tfgan_suite.callbacks.text_samples import TextSamples
from tfgan_suite.callbacks.training_log import TrainingLog
from tfgan_suite.drawing.image_grid import make_grid
from tfgan_suite.engine.alerts import Alert, Rule

__all__ = [
    "Action",
    "Alert",
    "Checkpointing",
    "CollapseMonitor",
    "DiscriminatorMonitor",
    "ImageGrid",
    "LowerRate",
    "Monitor",
    "NonFiniteError",
    "Note",
    "Progress",
    "RaiseAugmentation",
    "RollBack",
    "RolledBack",
    "Rule",
    "SampleMonitor",
    "SampleStatistics",
    "Save",
    "Scores",
    "SoundClips",
    "StabilityMonitor",
    "Stop",
    "StopOnNonFinite",
    "StoppedByAlert",
    "TextSamples",
    "TrainingInterrupted",
    "TrainingLog",
    "collapse_rules",
    "default_callbacks",
    "discriminator_rules",
    "make_grid",
    "read_alerts",
]
