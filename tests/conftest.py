"""Backends: tests run on the CPU; those marked ``gpu`` on Vulkan, where there is a driver."""

from __future__ import annotations

import os

import pytest

from tests.clips import pictures
from tsplat.errors import BackendError
from tsplat.kernels import runtime
from tsplat.kernels.canvas import Canvas


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


@pytest.fixture(scope="session", params=[False, True], ids=["sum", "normalised"])
def normalised(request: pytest.FixtureRequest) -> bool:
    """Whether a pixel is the mean of its splats' colours, or their sum."""
    return request.param


@pytest.fixture
def canvas(normalised: bool) -> Canvas:
    """With a small picture to fit splats to."""
    canvas = Canvas(96, 54, normalised=normalised)
    canvas.set_target(pictures(1)[0])
    canvas.begin()
    return canvas
