"""The matting models that tsplat ships, and the manifest of those that it can fetch."""
