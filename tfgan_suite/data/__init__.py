"""Data: the record schema, the description of a prepared set, decoding, sources, and reading for training."""
