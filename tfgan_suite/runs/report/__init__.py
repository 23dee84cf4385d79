"""A run as one HTML file that needs nothing else: samples, how they developed, curves, scores, data, next steps."""

from tfgan_suite.runs.report.html_pieces import encode_png
from tfgan_suite.runs.report.write_report import write_report

__all__ = ["encode_png", "write_report"]
