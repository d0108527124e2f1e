"""Fitted splats become integers that a decoder accepts."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import reference
from tests.reference import random_splats
from tsplat.encoding import quantise as module
from tsplat.encoding.quantise import DEAD_ZONE, quantise, within_overlap
from tsplat.kernels.canvas import Canvas
from tsplat.splats import QuantizedSplats, Splats, Steps, check, limits, overlap

STEPS = Steps(128, 128, 786, 1050)


def test_wild_splats_become_legal():
    params = random_splats(50, 30, 40)
    params[:10] *= 1e4
    params[10:20, 2:5] *= -1
    check(quantise(Canvas(40, 30), Splats(params), STEPS), 40, 30)


def test_rounding_loses_half_a_step_at_most():
    params = random_splats(50, 30, 40)
    params[:, 5:] = np.clip(params[:, 5:], -1, 1)
    back = quantise(Canvas(40, 30), Splats(params), STEPS).dequantise().params
    assert np.abs(back[:, :5] - params[:, :5]).max() <= 0.25 + 1e-4
    assert np.abs(back[:, 5:] - params[:, 5:]).max() < 0.04


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_legal_integers_survive_a_round_trip(data):
    bounds = limits(40, 30, STEPS).tolist()
    rows = st.tuples(*[st.integers(low, high) for low, high in bounds])
    values = np.array(data.draw(st.lists(rows, max_size=5)), np.int32).reshape(-1, 8)
    back = quantise(Canvas(40, 30), QuantizedSplats(values, STEPS).dequantise(), STEPS)
    assert np.array_equal(back.values, values)


def test_values_in_the_dead_zone_keep_their_reference():
    params = random_splats(50, 30, 40)
    params[:, 5:] = np.clip(params[:, 5:], -1, 1)
    exact = reference.exact_integers(params, STEPS.array())
    shift = np.random.default_rng(1).integers(-1, 2, exact.shape)
    near = (np.round(exact) + shift).astype(np.int32)
    near[:, [2, 4]] = np.maximum(near[:, [2, 4]], 0)
    got = quantise(Canvas(40, 30), Splats(params), STEPS, near).values
    away = np.abs(exact - near)
    expected = np.where(away < DEAD_ZONE, near, np.floor(exact + 0.5))
    clear = (np.abs(away - DEAD_ZONE) > 1e-3) & (np.abs(exact % 1 - 0.5) > 1e-3)
    assert np.array_equal(got[clear], expected[clear])
    assert (got != np.floor(exact + 0.5)).any()


def test_crowds_shrink_until_they_are_legal():
    fine = quantise(Canvas(40, 30), Splats(random_splats(50, 30, 40)), STEPS)
    assert within_overlap(fine, 40, 30) is fine
    values = np.repeat(np.array([[40, 40, 80, 0, 60, 9, 0, 0]], np.int32), 2000, 0)
    check(within_overlap(QuantizedSplats(values, STEPS), 40, 30), 40, 30)


def test_a_crowd_of_the_smallest_splats_does_not_shrink_for_ever(monkeypatch):
    turns = itertools.count()

    def counted(*args) -> float:
        assert next(turns) < 200
        return overlap(*args)

    monkeypatch.setattr(module, "overlap", counted)
    values = np.repeat(np.array([[10, 10, 1, 0, 1, 9, 0, 0]], np.int32), 10_000, 0)
    check(within_overlap(QuantizedSplats(values, STEPS), 16, 16), 16, 16)
