"""The experiment on motion: its rows, and a clip that is too short."""

from __future__ import annotations

from fractions import Fraction

from tests.clips import pictures
from tsplat.paper.experiments.motion import motion
from tsplat.paper.experiments.result import Clip


def test_each_way_is_encoded_at_each_quality():
    """On a picture that slides by two pixels a frame, which nothing but vectors follows."""
    wide = pictures(1, 256, 72)[0]
    frames = [wide[:, 2 * k : 2 * k + 128].copy() for k in range(13)]
    result = motion(Clip("small", frames, Fraction(30)), True)
    (table,) = result.tables
    assert len(table.rows) == 8
    assert all(len(row) == len(table.columns) for row in table.rows)
    for key in ("flow", "grid", "grid_longer", "none"):
        (most, least), (best, worst) = result.values[key]["bytes"], result.values[key]["psnr_db"]
        assert most > least
        assert best > worst
    assert result.values["flow"]["bytes"] < result.values["none"]["bytes"]


def test_a_few_frames_are_not_run():
    assert motion(Clip("short", pictures(3), Fraction(30)), True).not_run == (
        "short: fewer than 7 frames"
    )
