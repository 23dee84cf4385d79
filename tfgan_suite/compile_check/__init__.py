"""Whether a model's training step can be compiled for an accelerator that is not at hand."""
