"""One runtime a process; it says what it cannot do, and nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tsplat.errors import BackendError
from tsplat.kernels import runtime


def test_unknown_backends_are_refused():
    with pytest.raises(BackendError, match="expected one of auto, cpu"):
        runtime.start("abacus")


def test_missing_backends_name_the_ones_there_are():
    missing = next(a for a in ("metal", "cuda") if a not in runtime.available())
    with pytest.raises(BackendError, match=f"{missing} is not available here; available: cpu"):
        runtime.start(missing)
    assert runtime.current().arch == "cpu"


def test_a_failed_start_is_a_new_runtime(monkeypatch):
    """It has restarted Taichi on the CPU: what was made before is lost, and so must its serial."""
    missing = next(a for a in ("metal", "cuda") if a not in runtime.available())
    before = runtime.start("cpu")
    monkeypatch.setattr(runtime, "available", lambda: ["cpu", missing])
    with pytest.raises(BackendError, match=f"{missing} could not be started"):
        runtime.start(missing)
    assert runtime.start("cpu").serial > before.serial


def test_starting_again_is_free_and_other_threads_restart():
    first = runtime.start("cpu", 1)
    assert runtime.start("cpu", 1) is first
    assert runtime.start("cpu", 2).serial == first.serial + 1


def test_starting_prints_nothing():
    program = "from tsplat.kernels import runtime; runtime.start('auto')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
