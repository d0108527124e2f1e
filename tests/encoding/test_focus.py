"""Where an encoder looks: what is tried leaves no trace."""

from __future__ import annotations

import numpy as np
import pytest

from tests.clips import HEIGHT, WIDTH, pictures
from tests.reference import random_splats
from tsplat.encoding.focus import Focus
from tsplat.kernels.canvas import Canvas
from tsplat.region import Region, default_cell, grid

CELL = default_cell(WIDTH, HEIGHT)


def disc(x: float) -> Region:
    """A region about a place."""
    v, u = (np.indices(grid(WIDTH, HEIGHT, CELL)) + 0.5) * CELL
    return Region(np.hypot(u - x, v - 30) < 17)


@pytest.mark.parametrize("tried", [[], [60], [60, 50], [55, 30, 52]])
def test_what_was_tried_covers_nothing(tried):
    """Of a frame further on, with splats for what enters the region there; and taken back."""
    frame, canvas = pictures(1)[0], Canvas(WIDTH, HEIGHT, normalised=True)
    focus = Focus(WIDTH, HEIGHT, "none")
    nothing = random_splats(0, HEIGHT, WIDTH)
    focus.turn(disc(40), frame, canvas)
    focus.covered()
    before = focus.inside
    for x in tried:
        focus.turn(disc(x), frame, canvas)
        assert len(focus.newcomers(canvas, 100, nothing, frame))
        assert focus.uncovered == 0
    focus.turn(disc(52), frame, canvas)
    entered = focus.inside & ~before
    assert focus.uncovered == entered.sum() / focus.inside.sum() > 0.2
    focus.newcomers(canvas, 100, nothing, frame)
    focus.coded()
    focus.turn(disc(52), frame, canvas)
    assert focus.uncovered == 0
