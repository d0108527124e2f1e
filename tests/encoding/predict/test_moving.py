"""A region that moves: which splats stay, and which pixels need new ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference import covariance, random_splats
from tsplat.encoding.predict.moving import Uncovered, reaching


def oracle(params: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Pixel by pixel: one of them lies in the box of two standard deviations."""
    out = []
    for splat in params.astype(np.float64):
        ex, ey = 2 * np.sqrt(np.diagonal(covariance(splat[None])[0]))
        found = False
        for y, x in np.argwhere(inside):
            across = x < splat[0] + ex and x + 1 > splat[0] - ex
            found |= across and y < splat[1] + ey and y + 1 > splat[1] - ey
        out.append(found)
    return np.array(out, bool)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.02, 0.2, 1.0]), st.floats(0.5, 9))
def test_splats_that_reach_into_the_region_equal_the_oracle(seed, density, size):
    rng = np.random.default_rng(seed)
    inside = rng.random((17, 23)) < density
    params = random_splats(40, 17, 23, seed, size)
    params[:6, :2] += rng.normal(0, 40, (6, 2))
    assert np.array_equal(reaching(params, inside), oracle(params, inside))


def test_splats_far_away_reach_nothing_and_giants_everything():
    inside = np.zeros((40, 60), bool)
    inside[20, 30] = True
    far = np.array([[-500, 20, 2, 0, 2], [30, 1e6, 2, 0, 2], [10, 10, 1, 0, 1]], np.float32)
    giant = np.array([[-500, 20, 400, 0, 2], [30.5, 20.5, 0, 0, 0]], np.float32)
    params = np.zeros((5, 8), np.float32)
    params[:, :5] = np.concatenate([far, giant])
    assert reaching(params, inside).tolist() == [False, False, False, True, True]


@pytest.mark.parametrize("inside", [np.zeros((5, 7), bool), np.ones((5, 7), bool)])
def test_no_splats_are_no_answer(inside):
    assert reaching(np.zeros((0, 8), np.float32), inside).shape == (0,)


def test_all_of_the_picture_is_reached_by_all_that_touch_it():
    params = random_splats(50, 30, 40, 1)
    params[:, :2] = np.abs(params[:, :2])
    assert reaching(params, np.ones((30, 40), bool)).all()
    assert not reaching(params, np.zeros((30, 40), bool)).any()


def box(left: int, right: int) -> np.ndarray:
    out = np.zeros((10, 20), bool)
    out[2:8, left:right] = True
    return out


def test_pixels_are_uncovered_from_when_they_enter_until_splats_come():
    uncovered = Uncovered((10, 20))
    assert uncovered.share(box(0, 9)) == 0
    uncovered.update(box(2, 10), box(4, 12))
    assert uncovered.share(box(4, 12)) == 12 / 48
    uncovered.update(box(4, 12), box(5, 13))
    assert uncovered.share(box(5, 13)) == 18 / 48
    pixels, count = uncovered.take(5.0)
    assert np.array_equal(pixels, box(10, 13))
    assert count == 3
    assert uncovered.share(box(5, 13)) == 0
    assert uncovered.take(1.0)[1] == 0


def test_pixels_that_leave_again_need_no_splats():
    uncovered = Uncovered((10, 20))
    uncovered.update(box(2, 10), box(4, 12))
    uncovered.update(box(4, 12), box(2, 11))
    assert np.array_equal(uncovered.take(1.0)[0], box(10, 11) | box(2, 4))
    uncovered.update(box(2, 11), box(0, 0))
    assert uncovered.share(box(0, 0)) == 0


def test_few_pixels_are_remembered_until_they_are_enough_for_two():
    uncovered = Uncovered((10, 20))
    uncovered.update(box(2, 10), box(3, 11))
    for _ in range(2):
        pixels, count = uncovered.take(3.01)
        assert (count, pixels.any()) == (0, False)
    assert uncovered.share(box(3, 11)) == 6 / 48
    assert uncovered.take(3.0)[1] == 2


def test_pixels_that_have_splats_already_need_none():
    uncovered = Uncovered((10, 20))
    uncovered.update(box(2, 10), box(4, 12))
    uncovered.cover(box(0, 11))
    assert uncovered.share(box(4, 12)) == 6 / 48
    assert np.array_equal(uncovered.take(1.0)[0], box(11, 12))


def test_an_i_frame_covers_everything():
    uncovered = Uncovered((10, 20))
    uncovered.update(box(2, 10), box(4, 12))
    uncovered.clear()
    assert uncovered.share(box(4, 12)) == 0
    assert uncovered.take(1.0)[1] == 0


def test_nothing_to_cover_takes_no_splats_whatever_their_area():
    """A region that has vanished has none."""
    pixels, count = Uncovered((10, 20)).take(0.0)
    assert (count, pixels.any()) == (0, False)


def test_what_was_taken_is_the_caller_s():
    uncovered = Uncovered((10, 20))
    uncovered.update(box(2, 10), box(4, 12))
    pixels, _ = uncovered.take(1.0)
    uncovered.update(box(4, 12), box(6, 14))
    assert np.array_equal(pixels, box(10, 12))
