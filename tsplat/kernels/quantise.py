"""Splats to integers, on the device; ``QuantizedSplats.dequantise`` is the way back.

A splat's integers are (x, y, l11, l21, l22, Y, Cb, Cr), each in units of its step; luma and
chroma are full-range BT.601 (JFIF) of the splat's RGB colour.
"""
# No `from __future__ import annotations`: Taichi reads the annotations of a kernel.

import taichi as ti

from tsplat.kernels.arrays import Array, Integers, Splats

LARGEST = 1e9
"""Bound of a quantised value, so that wild parameters do not wrap around."""
V3 = ti.types.vector(3, ti.f32)


@ti.func
def to_ycc(r, g, b):
    return V3(
        0.299 * r + 0.587 * g + 0.114 * b,
        -0.168736 * r - 0.331264 * g + 0.5 * b,
        0.5 * r - 0.418688 * g - 0.081312 * b,
    )


@ti.kernel
def quantise(
    params: Splats,
    steps: Array(ti.f32, 8),
    reference: Integers,
    dead_zone: ti.f32,
    out: Integers,
    n: ti.i32,
):
    """out = reference where params / steps lies within the dead zone of it, else rounded.

    steps: pixels and full scale. dead_zone: steps; 0 rounds everything.
    """
    for i in range(n):
        ycc = to_ycc(params[i, 5], params[i, 6], params[i, 7])
        for k in ti.static(range(8)):
            value = params[i, k]
            if ti.static(k >= 5):
                value = ycc[k - 5]
            exact = ti.max(-LARGEST, ti.min(LARGEST, value / steps[k]))
            rounded = ti.cast(ti.floor(exact + 0.5), ti.i32)
            stays = ti.abs(exact - ti.cast(reference[i, k], ti.f32)) < dead_zone
            out[i, k] = ti.select(stays, reference[i, k], rounded)
