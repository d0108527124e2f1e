"""What the networks learn from: crops in cells, and splats that a fit made better."""

from __future__ import annotations

import numpy as np
import pytest

from models.regressor import fits
from tests.clips import pictures
from tsplat.kernels.canvas import Canvas
from tsplat.paper.cells import cells


@pytest.mark.parametrize("masked", [False, True])
def test_a_fit_keeps_its_order_and_gets_better(masked):
    rng = np.random.default_rng(2)
    picture = fits.crop(pictures(1, 320, 180)[0], rng)
    weight = next(m for m in (fits.mask(rng) for _ in range(99)) if (m is not None) == masked)
    canvas = Canvas(fits.WIDTH, fits.HEIGHT)
    found = fits.fitted(canvas, picture, weight)
    count = len(found["own"])
    share = 1.0 if weight is None else weight.mean()
    assert count == int(fits.ROWS * fits.COLUMNS * share) == len(found["after"])
    assert found["image"].shape == (4, 4 * fits.ROWS, 4 * fits.COLUMNS)
    seen = cells(picture, count, weight)
    errors = []
    for own, cell in (("own", "cell"), ("after", "place")):
        canvas.load(seen.splats(found[own], found[cell]))
        errors.append(canvas.squared_error())
    assert errors[1] < 0.2 * errors[0]
    moved = np.abs(
        np.diff(
            [
                seen.splats(found["own"], found["cell"])[:, :2],
                seen.splats(found["after"], found["place"])[:, :2],
            ],
            axis=0,
        )
    )
    assert np.median(moved) < seen.size.max()
