"""Iterations and time to a PSNR: what is reached, and what is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.clips import pictures
from tsplat.encoding.fit.colours import solve
from tsplat.encoding.fit.grow import START, fit_growing
from tsplat.encoding.init.superpixel import superpixel
from tsplat.kernels.canvas import Canvas
from tsplat.paper.experiments.initialisation import (
    AT_ONCE,
    GROWING,
    TARGET_DB,
    Course,
    Effort,
    measure,
    ratios,
    solving,
)

BRIEF = Effort(3000, (8, 30), 0)


def test_superpixels_get_there_first(monkeypatch):
    monkeypatch.setattr("tsplat.paper.experiments.initialisation.TARGET_DB", 20.0)
    result = measure(pictures(1, 192, 108)[0], 150, BRIEF)
    table, schedules = result.tables
    assert all(len(row) == len(table.columns) for row in table.rows)
    assert result.values["both_ratio"] > 5
    assert result.values["start_ratio"] > 1
    assert result.values["optimizer_ratio"] > 1
    assert 0 < result.values["oracle_ratio"] < result.values["iterations_ratio"]
    ours = table.rows[3]
    assert [ours[1], ours[5]] == [result.values[f"tsplat_{k}"] for k in ("iterations", "seconds")]
    assert ours[1] < 0.1 * BRIEF.most
    assert len(schedules.rows) == 2
    assert all(10 < value < 60 for row in schedules.rows for value in row[2:])


def test_what_is_out_of_reach_is_said_to_be(monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)
    monkeypatch.setattr("tsplat.paper.experiments.initialisation._LONGEST", 64)
    result = measure(noise, 50, Effort(50, (8,), 0))
    assert result.values["iterations_ratio"] is None
    assert result.values["time_ratio"] is None
    _, iterations, fits, evaluations, _, seconds, cpu = result.tables[0].rows[3]
    assert (iterations, seconds, cpu) == (None, None, None)
    # Horizons of 8, 16, 32 and 64, and what a fit needs besides.
    assert (fits, evaluations) == (4, 120 + 4 * solving(GROWING))
    assert "not reached" in result.tables[0].note
    assert "lower bounds" not in result.tables[0].note


def test_a_baseline_that_gave_up_gives_a_lower_bound():
    ours = Course(1.0, iterations=20, seconds=0.1, evaluations=200)
    theirs = Course(1.0, tried=12_000, spent=30.0)
    values = ratios(ours, theirs)
    assert values["lower_bound"]
    assert values["iterations_ratio"] == pytest.approx(600)
    assert values["oracle_ratio"] == pytest.approx(60)
    assert values["time_ratio"] == pytest.approx(300)
    assert TARGET_DB == 30


@pytest.mark.parametrize("config", [GROWING, AT_ONCE])
def test_every_rendering_of_a_fit_is_counted(config, monkeypatch):
    """Those that a fit asks for, but the pictures that it is judged by."""
    frame, counted = pictures(1, 192, 108)[0], []

    def counting(method):
        def count(*given):
            counted.append(method)
            return method(*given)

        return count

    for name in ("iterate", "gradient", "apply_normal", "squared_error"):
        monkeypatch.setattr(Canvas, name, counting(getattr(Canvas, name)))
    canvas = Canvas(192, 108)
    canvas.set_target(frame)
    canvas.begin()
    config = replace(config, iterations=20)
    fitted = fit_growing(canvas, superpixel(frame, round(150 * START)), 150, config)
    solve(canvas, fitted.params, config.solve)
    assert len(counted) == config.iterations + solving(config)
