"""Checks whether a model's training step can be compiled for an accelerator, without access to one."""
