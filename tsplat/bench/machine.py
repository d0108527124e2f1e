"""What measurements were made on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

from tsplat.kernels.runtime import Backend


def machine(backend: Backend) -> dict:
    """Of this machine ``cpu``, ``cores``, ``load`` (processes that want to run, mean of the last
    minute, or None) and ``system``; of the backend ``kernels`` and ``threads``; and versions."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
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
