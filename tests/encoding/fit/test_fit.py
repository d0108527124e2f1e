"""Fits get better, and grow where the error is."""

from __future__ import annotations

import numpy as np
import pytest

from tests import reference
from tests.clips import pictures
from tests.reference import random_splats
from tsplat.config import FitConfig
from tsplat.encoding.fit.colours import RIDGE, _diagonal, solve
from tsplat.encoding.fit.grow import START, fit_growing, peaks
from tsplat.encoding.fit.loop import fit
from tsplat.encoding.init.superpixel import superpixel
from tsplat.kernels.canvas import Canvas
from tsplat.splats import Splats


def fitted_error(canvas: Canvas, splats: Splats) -> float:
    """Weighted squared error of splats over what the canvas has begun."""
    canvas.load(splats.params)
    return canvas.squared_error()


def test_a_fit_gains_decibels(canvas):
    start = superpixel(pictures(1)[0], 150)
    before = fitted_error(canvas, start)
    after = [fitted_error(canvas, fit(canvas, start, FitConfig(n))) for n in (10, 60)]
    assert after[0] < 0.5 * before
    assert after[1] < 0.6 * after[0]


def test_no_splats_are_no_exception(canvas):
    assert len(fit(canvas, Splats(np.zeros((0, 8), np.float32)), FitConfig(5))) == 0


@pytest.mark.parametrize("count", [0, 9])
def test_solved_colours_are_the_least_squares_solution(normalised, count):
    """Over pixels' weights and tiles, and beside splats that stay."""
    height, width = 24, 40
    rng = np.random.default_rng(5)
    frozen, params = random_splats(count, height, width, 6), random_splats(12, height, width, 7)
    target = rng.integers(0, 256, (height, width, 3), np.uint8)
    weight = rng.uniform(0, 1, (height, width)).astype(np.float32)
    tiles = np.arange(15).reshape(3, 5) % 5 > 0
    canvas = Canvas(width, height, normalised=normalised)
    canvas.set_target(target)
    canvas.set_weight(weight)
    canvas.begin(frozen, tiles.ravel())
    got = solve(canvas, params, 80)[:, 5:]
    share = reference.falloff(params.astype(float), height, width).reshape(12, -1)
    start = reference.sums(frozen, height, width).reshape(-1, 4)
    if normalised:
        total = reference.EMPTY + share.sum(0) + start[:, 3]
        share, start = share / total, start / total[:, None]
    counts = share * (weight * np.kron(tiles, np.ones((8, 8)))).ravel()
    gram = counts @ share.T
    ridge = RIDGE * np.diag(gram.sum(1) + 1e-6 if normalised else _diagonal(params))
    right = counts @ (target.reshape(-1, 3) / 255 - start[:, :3]) + ridge @ params[:, 5:]
    np.testing.assert_allclose(got, np.linalg.solve(gram + ridge, right), atol=0.02)


def test_a_few_steps_of_solving_never_hurt(canvas):
    start = superpixel(pictures(1)[0], 150)
    errors = [fitted_error(canvas, Splats(solve(canvas, start.params, n))) for n in (0, 2, 6)]
    assert errors[0] > errors[1] > errors[2]


def test_growing_beats_starting_with_all_splats(canvas):
    frame = pictures(1)[0]
    all_at_once = fit(canvas, superpixel(frame, 120), FitConfig(120, presolve=5))
    start = superpixel(frame, round(120 * START))
    grown = fit_growing(canvas, start, 120, FitConfig(120, grow=3, presolve=5))
    assert len(start) < len(grown) <= 120
    assert fitted_error(canvas, grown) < fitted_error(canvas, all_at_once)


def test_new_splats_lie_on_the_peaks_of_the_error():
    frame = np.zeros((60, 90, 3), np.uint8)
    frame[25:35, 55:65] = (255, 0, 0)
    frame[10:16, 10:16] = (0, 0, 255)
    canvas = Canvas(90, 60)
    canvas.set_target(frame)
    canvas.begin()
    nothing = np.zeros((0, 8), np.float32)
    new = peaks(canvas, nothing, 2, 3.0)
    assert np.abs(new[0, :2] - (60, 30)).max() < 2
    assert np.abs(new[1, :2] - (13, 13)).max() < 2
    assert new[0, 5] > 0.8 > 0.1 > new[0, 7]
    assert fitted_error(canvas, Splats(new)) < fitted_error(canvas, Splats(nothing))
    assert len(peaks(canvas, nothing, 1, 3.0)) == 1


def test_pixels_without_weight_do_not_matter():
    frame = pictures(1)[0]
    weight = np.zeros(frame.shape[:2], np.float32)
    weight[:, :48] = 1
    other = frame.copy()
    other[:, 48:] = 0
    results = []
    for picture in (frame, other):
        canvas = Canvas(96, 54)
        canvas.set_weight(weight)
        canvas.set_target(picture)
        canvas.begin()
        start = superpixel(frame, 80, weight)
        results.append(fit(canvas, start, FitConfig(8, presolve=2)).params)
    assert np.array_equal(*results)
