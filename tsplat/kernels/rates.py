"""What a splat's integers cost, in bits, on the device.

Rates come as one table: :data:`RATE_FLAG` the flag that nothing changes, and that
something does, for each of sixteen contexts; :data:`RATE_GROUPS` which of place, shape and colour
change (1 + 2 + 4); :data:`RATE_NONZERO` that a channel's difference from the reference is 0, and
that it is not: after one that is 0, after one that is not, and where it must not be 0;
:data:`RATE_SIZE` its size, up to :data:`LARGEST`, its sign included, for each channel, and once
more for the colours of middling and of large splats. A splat's ``context`` is that of its flag,
and sixteen times the class of its area.
"""
# No `from __future__ import annotations`: Taichi reads the annotations of a kernel.

import taichi as ti

from tsplat.kernels.splatting import LOG2E

LARGEST = 63
RATE_FLAG, RATE_GROUPS, RATE_NONZERO = 0, 32, 40
RATE_SIZE = RATE_NONZERO + 8 * 3 * 2
RATES = RATE_SIZE + (8 + 2 * 3) * (LARGEST + 1)
INTRA, INTER = 0, 1


@ti.func
def size_rate(k, d, rates: ti.template()):
    n = ti.abs(d)
    bits = rates[RATE_SIZE + k * (LARGEST + 1) + ti.min(n, LARGEST)]
    if n > LARGEST:
        bits += 2.0 * ti.log(ti.cast(n, ti.f32) / LARGEST) * LOG2E
    return bits


@ti.func
def group_rate(first: ti.template(), last: ti.template(), q, r, area, rates: ti.template()):
    """Bits of a group's differences, of which one at least is not 0."""
    bits = 0.0
    before, any_before = 0, 0
    for k in ti.static(range(first, last)):
        row = k
        if ti.static(first == 5):
            row += 3 * area
        d = q[k] - r[k]
        nonzero = ti.cast(d != 0, ti.i32)
        after = before
        if ti.static(k == last - 1):
            after = ti.select(any_before != 0, before, 2)
        bits += rates[RATE_NONZERO + 6 * k + 2 * after + nonzero] + size_rate(row, d, rates)
        before = nonzero
        any_before |= nonzero
    return bits


@ti.func
def rate_of(q, r, context, mode, rates: ti.template()):
    """Bits of integers q given the reference r."""
    bits = 0.0
    if mode == INTRA:
        for k in ti.static(range(2, 8)):
            bits += size_rate(k, q[k] - r[k], rates)
    else:
        place = ti.cast((q[0] != r[0]) | (q[1] != r[1]), ti.i32)
        shape = ti.cast((q[2] != r[2]) | (q[3] != r[3]) | (q[4] != r[4]), ti.i32)
        colour = ti.cast((q[5] != r[5]) | (q[6] != r[6]) | (q[7] != r[7]), ti.i32)
        changes = place | shape | colour
        bits += rates[RATE_FLAG + 2 * (context & 15) + changes]
        if changes != 0:
            bits += rates[RATE_GROUPS + place + 2 * shape + 4 * colour]
            if place != 0:
                bits += group_rate(0, 2, q, r, 0, rates)
            if shape != 0:
                bits += group_rate(2, 5, q, r, 0, rates)
            if colour != 0:
                bits += group_rate(5, 8, q, r, context >> 4, rates)
    return bits
