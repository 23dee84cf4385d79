"""Serving: what an exported model contains, and a development server that speaks TensorFlow Serving's protocols."""
