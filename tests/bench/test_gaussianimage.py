"""The account of splats for every frame alone, with real fits."""

from __future__ import annotations

import numpy as np
import pytest

from tests.clips import pictures
from tsplat.bench.gaussianimage import BITS, bytes_at, sweep
from tsplat.config import FitConfig

QUICK = FitConfig(40, grow=3, presolve=5, solve=8)


def test_more_splats_are_better_and_all_frames_are_counted():
    found = list(sweep(pictures(7), 100.0, config=QUICK))
    assert [count for count, *_ in found] == [16, 32, 64, 128, 256]
    assert all(size == count * BITS / 8 * 7 for count, size, *_ in found)
    decibels = [quality.psnr_db for *_, quality in found]
    assert decibels == sorted(decibels)
    assert decibels[-1] > decibels[0] + 5
    assert all(quality.shimmer is None for *_, quality in found)


def test_it_ends_when_it_is_good_enough():
    *before, last = [quality.psnr_db for *_, quality in sweep(pictures(3), 20.0, config=QUICK)]
    assert last >= 20
    assert before
    assert max(before) < 20


def test_first_middle_and_last_frame_are_shown():
    frames = [np.full((48, 64, 3), level, np.uint8) for level in (40, 40, 90, 200, 200)]
    *_, quality = next(sweep(frames, 0.0, config=QUICK))
    assert quality.psnr_db > 30
    assert abs(float(quality.shown.mean()) - 90) < 5


def test_inside_a_region_splats_are_for_that_part_alone():
    frames = pictures(3)
    inside = [np.zeros(frame.shape[:2], bool) for frame in frames]
    for part in inside:
        part[20:40, 30:60] = True
    *_, within = next(sweep(frames, 0.0, inside, QUICK))
    *_, whole = next(sweep(frames, 0.0, config=QUICK))
    assert within.psnr_db > whole.psnr_db + 3
    assert within.shown[:8, :8].max() < 20


def test_bytes_beyond_the_ends_of_the_curve_are_none():
    curve = [(1000.0, 30.0), (4000.0, 32.0), (9000.0, 31.5)]
    assert bytes_at(31, curve) == pytest.approx(2000)
    assert bytes_at(29.9, curve) is None
    assert bytes_at(32.1, curve) is None
    assert bytes_at(30, []) is None
