"""Arrays are what kernels say of them."""

from __future__ import annotations

import numpy as np
import pytest
import taichi as ti

from tsplat.kernels import pixels
from tsplat.kernels.arrays import V8, Array, check

PARAMETERS = {
    "out": Array(V8, "3 * length"),
    "params": Array(ti.f32, "splats", 8),
    "grads": Array(ti.f32, "splats", 8),
    "length": ti.i32,
}


def arrays(length: int, others: int, kind: type = np.float32) -> tuple:
    return ti.ndarray(V8, length), np.zeros((4, 8), kind), np.zeros((others, 8), np.float32), 5


def test_sides_are_numbers_expressions_and_names():
    check("kernel", PARAMETERS, arrays(15, 4))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((14, 4), r"kernel: out is \(14,\), expected \(3 \* length\)"),
        ((15, 3), r"kernel: grads is \(3, 8\), expected \(splats, 8\)"),
        ((15, 4, np.float64), "kernel: params is of float64, expected f32"),
    ],
)
def test_others_are_refused(given, said):
    with pytest.raises(ValueError, match=said):
        check("kernel", PARAMETERS, arrays(*given))


def test_launches_are_checked():
    with pytest.raises(ValueError, match="clear: out"):
        pixels.clear(ti.ndarray(V8, 3), 4)
