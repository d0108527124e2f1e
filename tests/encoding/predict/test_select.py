"""What changed, and which splats reach it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.clips import pictures
from tests.reference import covariance, random_splats
from tsplat.config import FitConfig
from tsplat.encoding.fit.loop import fit
from tsplat.encoding.init.superpixel import superpixel
from tsplat.encoding.predict.select import select, tiles_of
from tsplat.kernels.canvas import Canvas
from tsplat.splats import Splats


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    return pictures(1)[0]


@pytest.fixture
def canvas_and_splats(frame):
    canvas = Canvas(96, 54)
    canvas.set_target(frame)
    canvas.begin()
    splats = fit(canvas, superpixel(frame, 150), FitConfig(40))
    canvas.settle(splats.params)
    return canvas, splats


def test_nothing_changed_selects_nothing(canvas_and_splats):
    canvas, splats = canvas_and_splats
    selection = select(canvas, splats, threshold=0.5, pixels=96 * 54)
    assert not selection.splats.any()
    assert not selection.tiles.any()
    assert selection.changed == 0
    assert not selection.scene_cut


def test_a_changed_patch_selects_what_reaches_it(canvas_and_splats, frame):
    canvas, splats = canvas_and_splats
    patch = frame.copy()
    patch[20:32, 40:56] = 255 - patch[20:32, 40:56]
    canvas.set_target(patch)
    selection = select(canvas, splats, threshold=20, pixels=96 * 54)
    x, y = splats.params[:, :2].T
    inside = (x > 42) & (x < 54) & (y > 22) & (y < 30)
    far = (np.abs(x - 48) > 40) | (np.abs(y - 26) > 40)
    assert selection.splats[inside].all()
    assert not selection.splats[far].any()
    assert 0 < selection.changed < 0.05
    few = select(canvas, splats, threshold=20, pixels=16 * 12)
    assert few.changed == pytest.approx(selection.changed * 96 * 54 / (16 * 12))
    assert few.scene_cut
    assert not selection.scene_cut


def test_another_scene_is_a_cut(canvas_and_splats, frame):
    canvas, splats = canvas_and_splats
    canvas.set_target(255 - frame)
    assert select(canvas, splats, threshold=10, pixels=96 * 54).scene_cut


def test_no_pixels_that_count_are_no_scene_cut(canvas_and_splats, frame):
    canvas, splats = canvas_and_splats
    canvas.set_weight(np.zeros((54, 96), np.float32))
    canvas.set_target(255 - frame)
    selection = select(canvas, splats, threshold=10, pixels=0)
    assert selection.changed == 0
    assert not selection.splats.any()


def test_tiles_cover_every_box():
    canvas = Canvas(96, 54)
    params = random_splats(40, 54, 96, size=9)
    for splat in params:
        tiles = tiles_of(canvas, splat[None]).reshape(canvas.rows // 8, canvas.columns)
        extent = 3 * np.sqrt(np.diagonal(covariance(splat[None].astype(float))[0]))
        y, x = np.mgrid[: canvas.rows, : canvas.columns * 8] + 0.5
        box = (np.abs(x - splat[0]) < extent[0]) & (np.abs(y - splat[1]) < extent[1])
        assert tiles.repeat(8, 0).repeat(8, 1)[box].all()
    union = np.any([tiles_of(canvas, s[None]) for s in params], axis=0)
    assert np.array_equal(tiles_of(canvas, params), union)
    assert not tiles_of(canvas, Splats(params[:0]).params).any()
