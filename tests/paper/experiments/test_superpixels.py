"""The experiment on superpixels: rows that are whole, and a clip that is too small."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from tests.clips import pictures
from tsplat.paper.experiments.result import Clip
from tsplat.paper.experiments.superpixels import superpixels


def test_all_starts_are_measured_with_as_many_splats():
    result = superpixels(Clip("small", pictures(2), Fraction(30)), True)
    (table,) = result.tables
    assert [row[0] for row in table.rows] == ["SLIC superpixels", "LSC superpixels", "random"]
    assert all(len(row) == len(table.columns) for row in table.rows)
    for key in ("slic", "lsc", "random"):
        assert result.values[key]["psnr_db"] == sorted(result.values[key]["psnr_db"])
    assert result.values["slic"]["psnr_db"][0] > result.values["random"]["psnr_db"][0]


def test_a_picture_of_a_few_pixels_is_not_run():
    clip = Clip("dot", [np.zeros((3, 3, 3), np.uint8)], Fraction(30))
    assert superpixels(clip, True).not_run == "dot: too small"
