"""Scene cuts: what changes most of a thumbnail, of what counts."""

from __future__ import annotations

import numpy as np
import pytest

from tests.clips import HEIGHT, WIDTH, pictures
from tsplat.encoding.predict.cut import Cuts


def cut(first: np.ndarray, second: np.ndarray, inside: np.ndarray | None = None) -> bool:
    cuts = Cuts()
    assert not cuts.is_cut(first, inside)
    return cuts.is_cut(second, inside)


def part(share: float) -> np.ndarray:
    """The left of a picture, (H, W) bool."""
    return np.tile(np.arange(WIDTH) < share * WIDTH, (HEIGHT, 1))


def test_another_picture_is_a_cut_and_motion_is_none():
    first, second = pictures(2)
    assert not cut(first, first)
    assert not cut(first, second)
    assert cut(first, 255 - first)


@pytest.mark.parametrize(("share", "expected"), [(0.5, False), (0.6, True)])
def test_most_of_the_picture_has_to_change(share, expected):
    grey = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
    assert cut(grey, np.where(part(share)[..., None], 180, grey).astype(np.uint8)) == expected


@pytest.mark.parametrize(("level", "expected"), [(120, False), (130, True)])
@pytest.mark.parametrize("channel", range(3))
def test_any_channel_has_to_change_by_more_than_noise(level, expected, channel):
    grey = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
    other = grey.copy()
    other[..., channel] = level
    assert cut(grey, other) == expected


def test_only_what_is_inside_counts_if_there_is_anything():
    grey = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
    left = np.where(part(0.3)[..., None], 200, grey).astype(np.uint8)
    assert not cut(grey, left)
    assert cut(grey, left, part(0.3))
    assert not cut(grey, left, ~part(0.4))
    assert not cut(grey, left, np.zeros((HEIGHT, WIDTH), bool))


def test_each_frame_is_compared_with_the_one_before():
    first = pictures(1)[0]
    cuts = Cuts()
    assert [cuts.is_cut(f) for f in (first, 255 - first, 255 - first, first)] == [
        *(False, True, False, True)
    ]
