"""What errors weigh where people look: more in flat parts."""

from __future__ import annotations

import numpy as np

from tests.clips import pictures
from tests.encoding.scene import scene_of
from tsplat.config import preset
from tsplat.encoding.predict.masking import visibility
from tsplat.region import Region, default_cell, grid


def test_errors_weigh_more_in_flat_parts():
    rng = np.random.default_rng(0)
    picture = np.full((64, 96, 3), 128, np.uint8)
    picture[:, 48:] = rng.integers(0, 256, (64, 48, 1))
    weight = visibility(picture)
    assert weight.shape == (64, 96)
    assert weight.dtype == np.float32
    assert abs(weight.mean() - 1) < 1e-5
    assert weight[:, :30].min() > 2 * weight[:, 66:].max()


def test_all_alike_in_a_picture_of_one_colour():
    assert np.allclose(visibility(np.full((16, 16, 3), 7, np.uint8)), 1, atol=1e-3)


def test_a_scene_tuned_so_weighs_them_inside_its_region():
    picture = pictures(1)[0]
    height, width = picture.shape[:2]
    rows, columns = grid(width, height, default_cell(width, height))
    cells = np.zeros((rows, columns), bool)
    cells[:, : columns // 2] = True
    plain, _ = scene_of(picture, preset("fast"), Region(cells))
    seen, _ = scene_of(picture, preset("fast", tune="ssim"), Region(cells))
    expected = plain.focus.weight * visibility(picture)
    assert np.array_equal(seen.focus.weight, expected)
    assert np.array_equal(seen.canvas.weight, expected)
    assert seen.focus.total == expected.sum(dtype=np.float64)
