"""Exports: SavedModels with signatures for servers, ONNX and LiteRT files, each compared with the model it was made of."""
