"""Fitted splats become integers that a decoder accepts."""

from __future__ import annotations

import numpy as np

from tests.reference import random_splats
from tsplat.code.quantise import quantise, within_overlap
from tsplat.kernels.canvas import Canvas
from tsplat.splats import QuantizedSplats, Splats, Steps, check

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


def test_crowds_shrink_until_they_are_legal():
    fine = quantise(Canvas(40, 30), Splats(random_splats(50, 30, 40)), STEPS)
    assert within_overlap(fine, 40, 30) is fine
    values = np.repeat(np.array([[40, 40, 80, 0, 60, 9, 0, 0]], np.int32), 2000, 0)
    check(within_overlap(QuantizedSplats(values, STEPS), 40, 30), 40, 30)
