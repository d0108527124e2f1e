"""Pictures and splats in cells, and back."""

from __future__ import annotations

import numpy as np
import pytest

from tests.clips import pictures
from tests.reference import random_splats
from tsplat.paper.cells import CELL, cells


@pytest.mark.parametrize(("width", "height"), [(96, 54), (97, 13), (1, 1)])
@pytest.mark.parametrize("count", [1, 7, 300])
def test_there_are_cells_for_as_many_splats(width, height, count):
    frame = np.zeros((height, width, 3), np.uint8)
    seen = cells(frame, count)
    rows, columns = seen.shape
    assert rows * columns >= count
    assert seen.image.shape == (4, CELL * rows, CELL * columns)
    np.testing.assert_allclose(seen.size * (columns, rows), (width, height))


def test_cells_of_a_region_are_counted_inside_it():
    frame = pictures(1)[0]
    weight = np.zeros(frame.shape[:2], np.float32)
    weight[10:40, 30:70] = 1
    seen = cells(frame, 60, weight)
    assert 55 < seen.inside.sum() < 100
    outside = seen.image[3] == 0
    assert outside.any()
    assert (seen.image[:3, outside] == 0).all()


def test_a_speck_of_a_region_has_no_more_cells_than_memory():
    frame = np.zeros((540, 960, 3), np.uint8)
    weight = np.zeros(frame.shape[:2], np.float32)
    weight[:3, :3] = 1
    rows, columns = cells(frame, 2000, weight).shape
    assert rows * columns < 140_000


def test_a_picture_keeps_its_colours_and_places():
    frame = np.zeros((40, 80, 3), np.uint8)
    frame[:, 40:, 1] = 255
    green = cells(frame, 200).image[1]
    half = green.shape[1] // 2
    assert (green[:, : half - 1] == 0).all()
    assert (green[:, half + 1 :] == 1).all()


def test_splats_come_back():
    seen = cells(pictures(1)[0], 120)
    params = random_splats(50, 54, 96)
    own, cell = seen.described(params)
    np.testing.assert_allclose(seen.splats(own, cell), params, rtol=1e-4, atol=1e-4)
    inside = ((params[:, :2] > 0) & (params[:, :2] < (96, 54))).all(1)
    assert (np.abs(own[inside, :2]) <= 0.5001).all()


def test_cells_hold_the_means_of_their_splats():
    seen = cells(pictures(1)[0], 20)
    own, cell = seen.described(random_splats(90, 54, 96))
    found = seen.spread(own, cell).reshape(9, -1)
    for k in range(found.shape[1]):
        here = cell == k
        assert found[8, k] == here.sum()
        expected = own[here].mean(0) if here.any() else np.zeros(8)
        np.testing.assert_allclose(found[:8, k], expected, atol=1e-5)
