"""Iterations and time to a PSNR: what is reached, and what is not."""

from __future__ import annotations

import numpy as np
import pytest

from tests.clips import pictures
from tsplat.paper.experiments.initialisation import TARGET_DB, Course, Effort, measure, ratios

BRIEF = Effort(3000, (8, 30), 0)


def test_superpixels_get_there_first(monkeypatch):
    monkeypatch.setattr("tsplat.paper.experiments.initialisation.TARGET_DB", 20.0)
    result = measure(pictures(1, 192, 108)[0], 150, BRIEF)
    table, schedules = result.tables
    for row in table.rows[3:7]:
        assert len(row) == len(table.columns)
    ours = table.rows[3]
    assert [ours[1], ours[3]] == [result.values[f"tsplat_{k}"] for k in ("iterations", "seconds")]
    assert table.rows[-1][1] == result.values["iterations_ratio"] == BRIEF.most / ours[1]
    assert ours[1] < 0.1 * BRIEF.most
    assert len(schedules.rows) == 2
    assert all(10 < value < 60 for row in schedules.rows for value in row[2:])


def test_what_is_out_of_reach_is_said_to_be(monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)
    monkeypatch.setattr("tsplat.paper.experiments.initialisation._LONGEST", 64)
    result = measure(noise, 50, Effort(50, (8,), 0))
    assert result.values["iterations_ratio"] is None
    assert result.values["time_ratio"] is None
    assert result.tables[0].rows[3][1:] == [None, result.tables[0].rows[3][2], None, None]
    assert "not reached" in result.tables[0].note
    assert "lower bounds" not in result.tables[0].note


def test_a_baseline_that_gave_up_gives_a_lower_bound():
    ours = Course(1.0, iterations=20, seconds=0.1)
    theirs = Course(1.0, tried=12_000, spent=30.0)
    values = ratios(ours, theirs)
    assert values["lower_bound"]
    assert values["iterations_ratio"] == pytest.approx(600)
    assert values["time_ratio"] == pytest.approx(300)
    assert TARGET_DB == 30
