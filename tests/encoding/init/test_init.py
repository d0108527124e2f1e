"""First splats: as many as asked, where they are wanted."""

from __future__ import annotations

import numpy as np
import pytest

from tests.clips import pictures
from tsplat.encoding.init.superpixel import superpixel
from tsplat.paper.scatter import scatter


@pytest.mark.parametrize(
    ("width", "height"), [(96, 54), (16, 16), (1, 1), (300, 8), (8, 300), (9, 200)]
)
@pytest.mark.parametrize("count", [1, 7, 200])
def test_there_are_as_many_as_asked(width, height, count):
    frame = pictures(1, width, height)[0] if min(width, height) > 8 else _noise(width, height)
    params = superpixel(frame, count).params
    assert params.shape == (count, 8)
    assert np.isfinite(params).all()
    assert (params[:, 2] > 0).all()
    assert (params[:, 4] > 0).all()


@pytest.mark.parametrize("count", [1, 50, 400])
def test_a_flat_picture_is_no_exception(count):
    params = superpixel(np.zeros((40, 60, 3), np.uint8), count).params
    assert params.shape == (count, 8)
    assert np.isfinite(params).all()


@pytest.mark.parametrize("count", [1, 2, 3, 60])
@pytest.mark.parametrize(
    "region",
    [
        pytest.param(np.s_[:, :], id="everything"),
        pytest.param(np.s_[10:40, 30:70], id="box"),
        pytest.param(np.s_[20:21, :], id="line"),
        pytest.param(np.s_[20, 30], id="pixel"),
    ],
)
def test_a_region_gets_as_many_as_asked(region, count):
    frame = pictures(1)[0]
    weight = np.zeros(frame.shape[:2], np.float32)
    weight[region] = 1
    params = superpixel(frame, count, weight).params
    assert params.shape == (count, 8)
    assert np.isfinite(params).all()


def test_splats_lie_where_the_weight_is():
    frame = pictures(1)[0]
    weight = np.zeros(frame.shape[:2], np.float32)
    weight[10:40, 30:70] = 1
    for splats in (superpixel(frame, 60, weight), scatter(frame, 60, 0, weight)):
        x, y = splats.params[:, :2].T
        inside = (x > 28) & (x < 72) & (y > 8) & (y < 42)
        assert len(splats) == 60
        assert inside.mean() > 0.95


def test_an_empty_region_has_no_splats():
    frame = pictures(1)[0]
    nothing = np.zeros(frame.shape[:2], np.float32)
    assert len(superpixel(frame, 60, nothing)) == len(scatter(frame, 60, 0, nothing)) == 0


def test_a_region_and_its_surroundings_share_the_splats_between_them():
    """What an I-frame starts from: both parts filled, each from its own pixels."""
    frame = np.zeros((60, 96, 3), np.uint8)
    inside = np.zeros((60, 96), bool)
    inside[10:50, 30:70] = True
    frame[inside] = (200, 0, 0)
    frame[~inside] = (0, 0, 200)
    within, without = superpixel(frame, 90, inside).params, superpixel(frame, 40, ~inside).params
    assert (len(within), len(without)) == (90, 40)
    assert (np.abs(within[:, 7]) < 0.02).mean() > 0.9
    assert (np.abs(without[:, 5]) < 0.02).mean() > 0.8


@pytest.mark.parametrize("size", [(96, 54), (640, 360), (641, 359)])
def test_a_region_is_placed_where_it_is_at_any_size(size):
    """Large pictures are cut into superpixels at a smaller scale."""
    width, height = size
    frame = pictures(1, width, height)[0]
    inside = np.zeros((height, width), bool)
    inside[height // 4 : height // 2, width // 2 : 3 * width // 4] = True
    params = superpixel(frame, 50, inside).params
    x, y = params[:, 0] / width, params[:, 1] / height
    assert ((x > 0.48) & (x < 0.77) & (y > 0.23) & (y < 0.52)).all()
    assert x.std() > 0.04
    assert y.std() > 0.04


def test_slivers_of_segments_are_no_splats():
    """A thin diagonal region: no splat is much smaller than the others."""
    frame = pictures(1)[0]
    y, x = np.mgrid[:54, :96]
    params = superpixel(frame, 30, np.abs(y - x) < 6).params
    area = params[:, 2] * params[:, 4]
    assert len(params) == 30
    assert area.min() > 0.02 * np.median(area)


def test_busy_parts_get_more_splats():
    frame = np.full((64, 128, 3), 100, np.uint8)
    frame[:, 64:] = pictures(1, 128, 72)[0][8:, 32:96]
    x = superpixel(frame, 200).params[:, 0]
    assert (x > 64).mean() > 0.55


def test_colours_and_places_follow_the_picture():
    frame = np.zeros((40, 80, 3), np.uint8)
    frame[:, 40:] = (200, 0, 0)
    params = superpixel(frame, 40).params
    right = params[:, 0] > 44
    assert (params[right, 5] > 0.1).all()
    assert (np.abs(params[params[:, 0] < 36, 5:]) < 1e-3).all()


def test_scattering_repeats_with_its_seed():
    frame = pictures(1)[0]
    assert np.array_equal(scatter(frame, 30, 5).params, scatter(frame, 30, 5).params)
    assert not np.array_equal(scatter(frame, 30, 5).params, scatter(frame, 30, 6).params)


def test_scattering_is_in_proportion_to_the_weight():
    weight = np.array([[3, 0, 1, -1]], np.float32).repeat(9, 0)
    columns = scatter(_noise(4, 9), 4000, 0, weight).params[:, 0].astype(int)
    share = np.bincount(columns, minlength=4) / 4000
    np.testing.assert_allclose(share, [0.75, 0, 0.25, 0], atol=0.03)


def _noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
