"""Quantizers: vectors of numbers become tokens, whole numbers, and back."""

from tfgan_suite.layers.quantizers.ema_vector_quantizer import EMAVectorQuantizer
from tfgan_suite.layers.quantizers.finite_scalar_quantizer import FiniteScalarQuantizer
from tfgan_suite.layers.quantizers.quantizer import Quantized, Quantizer
from tfgan_suite.layers.quantizers.vector_quantizer import VectorQuantizer

__all__ = ["EMAVectorQuantizer", "FiniteScalarQuantizer", "Quantized", "Quantizer", "VectorQuantizer"]
