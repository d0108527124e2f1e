"""Table 2's rows."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from tests.clips import pictures
from tsplat.paper.experiments.regressor import regressor
from tsplat.paper.experiments.result import Clip


def test_all_starts_are_measured():
    result = regressor(Clip("small", pictures(1), Fraction(30)), True)
    (table,) = result.tables
    assert len(table.rows) == 3
    assert all(len(row) == len(table.columns) for row in table.rows)
    for found in result.values.values():
        assert found["solved_db"] > found["psnr_db"]
        assert found["iterations_20_db"] > found["solved_db"]
        assert found["iterations_1000_db"] is None


def test_a_target_that_is_out_of_reach_is_left_empty():
    noise = np.random.default_rng(0).integers(0, 256, (40, 64, 3), np.uint8)
    result = regressor(Clip("noise", [noise], Fraction(30)), True)
    assert result.values["superpixel"]["iterations_to_30_db"] is None
    assert result.tables[0].rows[1][5] is None


def test_a_picture_of_a_few_pixels_is_not_run():
    clip = Clip("dot", [np.zeros((3, 3, 3), np.uint8)], Fraction(30))
    assert regressor(clip, True).not_run == "dot: too small"
