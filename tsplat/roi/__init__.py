"""Which pixels matter: the person's matte, and the region that follows it."""

from __future__ import annotations

import importlib

_HOMES = {"Matting": "tsplat.roi.matting", "Tracker": "tsplat.roi.tracker"}
__all__ = ["Matting", "Tracker"]


def __getattr__(name: str):
    """Load a public name when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'tsplat.roi' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
