"""Serving: a development server for exported models that speaks TensorFlow Serving's protocols."""

from tfgan_suite.serving.dynamic_batching import DynamicBatching
from tfgan_suite.serving.server import Server, serve

__all__ = ["DynamicBatching", "Server", "serve"]
