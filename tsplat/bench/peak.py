"""What a core of this machine can do at best, measured by two kernels that do nothing else.

Vectors are those of :mod:`tsplat.kernels.arrays`, 8 float32. One thread is measured, for which
there is a quiet moment on a busy machine, too.
"""
# No `from __future__ import annotations`: Taichi reads the annotations of a kernel.

import time
from collections.abc import Callable

import taichi as ti

from tsplat.kernels import runtime
from tsplat.kernels.arrays import V8, Array

LANES = 8
_CHAINS = 14
"""Independent sums, enough to hide how long one takes, few enough for registers."""
_ADD_TURNS = 1_000_000
_BLOCK = 512
"""Vectors: 16 KiB, half of a first-level cache."""
_COPY_TURNS = 10_000
_ROUNDS = 50


@ti.kernel
def multiply_add(out: Array(V8, 2), turns: ti.i32, y: ti.f32):
    """Chains of a = a x + y, one operation a lane each. The second of out is x."""
    for only in range(1):
        m, x = out[only], out[only + 1]
        a, b, c, d, e, f, g = m, m + 1.0, m + 2.0, m + 3.0, m + 4.0, m + 5.0, m + 6.0
        h, i, j, k, o, p, q = m + 7.0, m + 8.0, m + 9.0, m + 10.0, m + 11.0, m + 12.0, m + 13.0
        for _ in range(turns):
            a = a * x + y
            b = b * x + y
            c = c * x + y
            d = d * x + y
            e = e * x + y
            f = f * x + y
            g = g * x + y
            h = h * x + y
            i = i * x + y
            j = j * x + y
            k = k * x + y
            o = o * x + y
            p = p * x + y
            q = q * x + y
        out[only] = (a + b + c + d) + (e + f + g + h) + (i + j + k + o) + (p + q)


@ti.kernel
def add_in_place(out: Array(V8, "block"), block: ti.i32, turns: ti.i32, y: ti.f32):
    """Add to a block again and again."""
    for only in range(1):
        for _ in range(turns):
            for p in range(only, only + block):
                out[p] = out[p] + y


def operations_per_s() -> float:
    """Multiply-adds of float32 a second of one thread, lanes counted one by one."""
    out = ti.ndarray(V8, 2)
    out.fill(0.5)
    seconds = _best(lambda: multiply_add(out, _ADD_TURNS, 0.001))
    return LANES * _CHAINS * _ADD_TURNS / seconds


def bytes_per_s() -> float:
    """Bytes read and written a second, added up, by one thread in its first-level cache."""
    out = ti.ndarray(V8, _BLOCK)
    out.fill(0.0)
    seconds = _best(lambda: add_in_place(out, _BLOCK, _COPY_TURNS, 1.0))
    return 2 * 4 * LANES * _BLOCK * _COPY_TURNS / seconds


def _best(launch: Callable[[], None]) -> float:
    """Seconds of the best round: a peak is what nothing disturbs."""
    times = []
    for _ in range(_ROUNDS + 1):
        began = time.perf_counter()
        launch()
        runtime.sync()
        times.append(time.perf_counter() - began)
    return min(times[1:])
