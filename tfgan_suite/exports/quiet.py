"""Converters log their own progress, deprecations that they use, and gradients that no export has."""

import contextlib
import logging
import warnings


@contextlib.contextmanager
def only_errors():
    """Within the block, the converters and TensorFlow log only errors, and no warning is shown."""
    loggers = [logging.getLogger(name) for name in ("tf2onnx", "tensorflow", "absl")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)
