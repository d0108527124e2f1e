"""The first splats of a frame."""
