"""Which pixels matter: the person's matte, and the region that follows it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsplat.roi.matting import Matting as Matting
    from tsplat.roi.tracker import Tracker as Tracker

_HOMES = {"Matting": "tsplat.roi.matting", "Tracker": "tsplat.roi.tracker"}
"""Where each public name is defined: it is loaded when it is first asked for (PEP 562)."""
__all__ = ["Matting", "Tracker"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'tsplat.roi' has no attribute {name!r}")
        return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
