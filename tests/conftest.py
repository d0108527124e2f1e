"""Backends: tests run on the CPU; those marked ``gpu`` on Vulkan, where there is a driver."""

from __future__ import annotations

import os

import pytest

from tsplat.errors import BackendError
from tsplat.kernels import runtime


@pytest.fixture(autouse=True)
def _cpu(request: pytest.FixtureRequest):
    """Every test starts on the CPU with all threads; restarting is free if it runs already."""
    if "vulkan" not in request.fixturenames:
        runtime.start("cpu")


@pytest.fixture(scope="module")
def vulkan():
    """The Vulkan backend, for tests marked ``gpu``."""
    try:
        backend = runtime.start("vulkan")
    except BackendError as error:
        if os.environ.get("TSPLAT_REQUIRE_GPU_TESTS"):
            pytest.fail(f"GPU tests must run here, but {error}")
        pytest.skip(str(error))
    yield backend
    runtime.start("cpu")
