"""Exports for other engines than TensorFlow: ONNX and LiteRT files, each compared with the model it was made of."""
