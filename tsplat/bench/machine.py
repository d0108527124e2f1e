"""What measurements were made on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

from tsplat.kernels.runtime import Backend

_BUSY = 0.5
"""Processes a core that want to run, from which on a machine is called busy."""


def machine(backend: Backend) -> dict:
    """Of this machine ``cpu``, ``cores``, ``load`` (processes that want to run, mean of the last
    minute, or None), ``busy`` (that is much for so many cores) and ``system``; of the backend
    ``kernels`` and ``threads``; and versions."""
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "cpu": _cpu(),
        "cores": cores,
        "load": load,
        "busy": load is not None and load > _BUSY * cores,
        "system": f"{platform.system()} {platform.machine()}",
        "kernels": backend.arch,
        "threads": backend.threads,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("tsplat", "taichi", "av")},
    }


def _cpu() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
