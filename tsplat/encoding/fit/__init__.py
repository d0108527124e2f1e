"""Splats to better splats."""
