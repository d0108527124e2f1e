"""A picture to fit splats to."""

from __future__ import annotations

import pytest

from tests.clips import pictures
from tsplat.kernels.canvas import Canvas


@pytest.fixture
def canvas() -> Canvas:
    canvas = Canvas(96, 54)
    canvas.set_target(pictures(1)[0])
    canvas.begin()
    return canvas
