"""Sweeps over what a frame's cost depends on."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tests.clips import pictures
from tsplat.bench import cost
from tsplat.bench.pictures import Pictures


def test_a_share_of_the_picture_moves_and_the_rest_does_not():
    (picture,) = pictures(1)
    for share, lines in ((0.0, 0), (0.5, 27), (1.0, 54)):
        first, second, *_ = cost.moving(picture, share, 3)
        np.testing.assert_array_equal(first, picture)
        changed = (first != second).any((1, 2))
        assert changed[:lines].all()
        assert not changed[lines:].any()


def test_growth_is_the_slope_over_logarithms():
    rows = [{"pixels": n, "ms": 2.5 * n**0.8} for n in (10, 100, 500)]
    assert cost.growth(rows, "pixels", "ms") == pytest.approx(0.8)
    assert cost.growth(rows[:1], "pixels", "ms") is None
    assert cost.growth([{"pixels": n, "ms": None} for n in (1, 2)], "pixels", "ms") is None


def test_sweeps_and_their_drawing(monkeypatch, tmp_path):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(cost, "LINES", (27, 54))
    monkeypatch.setattr(cost, "SPLATS", (20, 60))
    monkeypatch.setattr(cost, "SHARES", (0.0, 1.0))
    monkeypatch.setattr(cost, "_SPLATS", 60)
    found = cost.sweeps(Pictures(pictures(3), Fraction(30)))
    assert [(row["width"], row["height"]) for row in found["pixels"]] == [(48, 27), (96, 54)]
    few, many = found["splats"]
    assert few["splats"] <= 20 < many["splats"] <= 60
    still, drifting = found["changed"]
    assert still["changed"] < drifting["changed"]
    for rows in found.values():
        assert all(row[name] > 0 for row in rows for name in cost.COSTS)
    cost.plot(tmp_path / "cost.svg", found)
    assert "</svg>" in (tmp_path / "cost.svg").read_text()
