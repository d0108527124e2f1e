"""Values of the tuning, turned one by one."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from fractions import Fraction

import pytest

from tests.clips import pictures
from tsplat.bench.pictures import Pictures
from tsplat.bench.tune import KNOBS, against, curve, tune, turned
from tsplat.config import FitConfig, Tuning, preset
from tsplat.splats import Steps

CRFS = (14.0, 22.0, 30.0)


@pytest.fixture(scope="module")
def clip() -> Pictures:
    return Pictures(pictures(3), Fraction(30))


@pytest.fixture(scope="module")
def config():
    return replace(preset("realtime"), intra=FitConfig(60, grow=1, presolve=5))


def test_every_value_is_a_knob_that_turns_alone():
    count = len(fields(Tuning)) - 1 + len(fields(Steps))
    assert len({turned(Tuning(), knob, 1.5) for knob in KNOBS} - {Tuning()}) == count
    assert turned(Tuning(), "gaussians", 1.25) == replace(Tuning(), gaussians=469)
    assert turned(Tuning(steps=Steps(1, 2, 3, 4)), "steps.cholesky", 2).steps == Steps(1, 4, 3, 4)


def test_the_present_values_are_no_better_than_themselves(clip, config):
    present = curve(clip, config, CRFS)
    assert [len(present), present] == [3, sorted(present, reverse=True)]
    assert against([present], [curve(clip, config, CRFS)]) == pytest.approx(0, abs=1e-9)


def test_the_mean_is_over_clips():
    line = [(1000.0 * 2**k, 26.0 + 2 * k) for k in range(4)]
    half, double = ([(b * by, q) for b, q in line] for by in (0.5, 2))
    assert against([line, line], [half, double]) == pytest.approx((-0.5 + 1) / 2)
    assert math.isnan(against([line, line], [half, [(b, q + 50) for b, q in line]]))


def test_absurd_values_cost_bytes(clip, config):
    ((knob, down, up),) = tune([clip], config, CRFS, 12.0, ["steps.cholesky"])
    assert knob == "steps.cholesky"
    assert down > 0.1
    assert up > 0.5


def test_every_knob_has_its_row(clip, config):
    quick = replace(config, intra=FitConfig(2))
    small = Pictures(clip.frames[:1], clip.rate)
    assert [knob for knob, _, _ in tune([small], quick, (14.0, 30.0))] == list(KNOBS)
