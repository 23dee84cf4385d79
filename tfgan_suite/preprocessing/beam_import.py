"""Imports Apache Beam for this room, or says which extra brings it."""

import logging
import types

from tfgan_suite.foundation.errors import import_extra


def _import_beam() -> types.ModuleType:
    """Imports Beam without its remark, at warning level, that the clients of BigQuery are not installed."""
    root = logging.getLogger()

    def is_wanted(record: logging.LogRecord) -> bool:
        return "apitools not found" not in record.getMessage()

    root.addFilter(is_wanted)
    try:
        return import_extra("apache_beam", "beam", "Preparing a data set")
    finally:
        root.removeFilter(is_wanted)


beam = _import_beam()
