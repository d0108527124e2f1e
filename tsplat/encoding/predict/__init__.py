"""What changed since the last frame."""
