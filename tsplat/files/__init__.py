"""Whole clips from file to file: frames, encoder or decoder, and what they report."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, "int | None"], None]
"""Called with frames done and, where known, frames in all."""
Announce = Callable[[str], None]
"""Called with a line of text for the user."""
