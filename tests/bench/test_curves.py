"""Curves of rate and quality, against values that are known."""

from __future__ import annotations

import pytest

from tsplat.bench.curves import bd_rate, hull

LINE = [(1000.0 * 2**k, 26.0 + 2 * k) for k in range(4)]


def test_bd_rate_of_curves_that_are_known():
    half = [(b / 2, q) for b, q in LINE]
    assert bd_rate([LINE], half, 26, 32) == pytest.approx((-0.5, 26, 32))
    assert bd_rate([half], LINE, 26, 32) == pytest.approx((1.0, 26, 32))
    shifted = [(b, q + 1) for b, q in LINE]
    change, low, high = bd_rate([LINE], shifted, 20, 40)
    assert change == pytest.approx(2**-0.5 - 1, abs=1e-3)
    assert (low, high) == pytest.approx((27, 32), abs=0.05)


def test_of_several_curves_the_best_one_counts():
    worse = [(2 * b, q) for b, q in LINE]
    for theirs in ([LINE, worse], [worse, LINE]):
        assert bd_rate(theirs, LINE, 26, 32) == pytest.approx((0, 26, 32))


def test_curves_that_do_not_meet_have_no_rate():
    assert bd_rate([LINE], [(1000.0, 40.0), (2000.0, 42.0)], 26, 32) is None


def test_points_that_give_nothing_for_their_bytes_do_not_count():
    waste = [*LINE, (9000.0, 28.5)]
    assert bd_rate([waste], LINE, 26, 32) == pytest.approx((0, 26, 32))


def test_the_hull_leaves_out_what_another_size_does_between_its_points():
    worse = [(b * 1.6, q + 1) for b, q in LINE[:3]]
    better = [(b, q + 1) for b, q in LINE[:3]]
    assert hull([LINE, worse]) == LINE
    assert hull([LINE, better]) == [*better, LINE[3]]
    assert hull([LINE]) == LINE
    assert hull([]) == []
