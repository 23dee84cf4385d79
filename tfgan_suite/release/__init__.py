"""Takes images to a pushed model in one call: prepare, check, train, score, decide, validate, push.

Each step is a separate function that other orchestrators can call.
"""

from tfgan_suite.release.data_schema import DataAnomalyError, DataSchema
from tfgan_suite.release.gate import Blessing, bless
from tfgan_suite.release.infra_validation import validate_infrastructure
from tfgan_suite.release.pipeline_config import PipelineConfig
from tfgan_suite.release.run_pipeline import PipelineResult, run_pipeline

__all__ = [
    "Blessing",
    "DataAnomalyError",
    "DataSchema",
    "PipelineConfig",
    "PipelineResult",
    "bless",
    "run_pipeline",
    "validate_infrastructure",
]
