"""Video: clips of frames, the files that hold them, and GIF files written inside a graph."""
