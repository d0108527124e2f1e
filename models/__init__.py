"""The networks that tsplat ships: matting, first splats; and the manifest of those it can fetch."""
