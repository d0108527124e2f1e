"""The descent of :mod:`tsplat.kernels.descent` as GPUs run it: a block of threads a splat.

The threads share the walks over the splat's pixels, as in :mod:`tsplat.kernels.gpu`; of what
follows, each does all, on the same sums and so with the same outcome. A thread reads and changes
the error of its own pixels only: no barrier needs to order the picture's memory.
"""
# No `from __future__ import annotations`: Taichi reads the annotations of a kernel.

import taichi as ti

from tsplat.kernels.descent import (
    CANDIDATES,
    I8,
    INTRA,
    LIFT,
    LOOK,
    PROPOSED,
    PUT,
    V4,
    added_error,
    best_colour,
    candidate,
    most_to_gain,
    rate_of,
    rgb_of,
    shape_of,
    slope_of,
)
from tsplat.kernels.gpu import WALKERS, SharedArray, sync
from tsplat.kernels.quantise import Integers
from tsplat.kernels.splatting import (
    FLOOR,
    LOG2E,
    V8,
    Floats,
    Ints,
    Pixels,
    above_floor,
    columns_of,
    lines_of,
)

GROUP = 32
GROUPS = WALKERS // GROUP


@ti.func
def own_walk(
    what: ti.template(),
    g,
    colour,
    lane,
    columns,
    rows,
    error: ti.template(),
    weight: ti.template(),
):
    """:func:`tsplat.kernels.descent.walk` over this thread's pixels alone."""
    sums, around = V4(0.0), V8(0.0)
    mx, my, a, b, c = g[0], g[1], g[2], g[3], g[4]
    first, last = columns_of(g, columns)
    mine = first + ((lane // 64 - first) & 1)
    for k in range((last - mine) // 2 + 1):
        xb = mine + 2 * k
        top, bottom = lines_of(g, xb, rows)
        start = top + ((lane // 8 - top) & 7)
        dx = ti.cast(xb * 8 + lane % 8, ti.f32) + 0.5 - mx
        for r in range((bottom - start + 8) // 8):
            y = start + 8 * r
            p = xb * rows + y
            dy = ti.cast(y, ti.f32) + 0.5 - my
            w = ti.exp(((a * dx + b * dy) * dx + 0.5 * c * dy * dy) * (1.0 / LOG2E))
            v = above_floor(w)
            if ti.static(what == LIFT):
                s = 0.0
                for j in ti.static(range(3)):
                    e = error[3 * p + j][lane % 8]
                    s += e * colour[j]
                    error[3 * p + j][lane % 8] = e - v * colour[j]
                s *= ti.select(w > FLOOR, w, 0.0) * weight[p][lane % 8]
                around += V8([0.0, 0.0, 0.0, s * dx, s * dy, s * dx * dx, s * dx * dy, s * dy * dy])
            if ti.static(what == PUT):
                for j in ti.static(range(3)):
                    error[3 * p + j][lane % 8] = error[3 * p + j][lane % 8] + v * colour[j]
            else:
                wv = v * weight[p][lane % 8]
                for j in ti.static(range(3)):
                    sums[j] += wv * error[3 * p + j][lane % 8]
                sums[3] += wv * v
    return sums, around


@ti.func
def block_sum(m, lane, parts: ti.template(), sums: ti.template()):
    """Sum of the block's vectors of 4, for every thread, in the order of lanes.

    Parts are read before the second barrier, sums before the first one of the next call.
    """
    for j in ti.static(range(4)):
        parts[lane, j] = m[j]
    sync()
    if lane < 4 * GROUPS:
        total = 0.0
        for k in range(GROUP):
            total += parts[lane // 4 * GROUP + k, lane % 4]
        sums[lane // 4, lane % 4] = total
    sync()
    out = V4(0.0)
    for k in range(GROUPS):
        for j in ti.static(range(4)):
            out[j] += sums[k, j]
    return out


@ti.func
def descend_one(
    i,
    lane,
    values: ti.template(),
    reference: ti.template(),
    proposal: ti.template(),
    contexts: ti.template(),
    alive: ti.template(),
    gains: ti.template(),
    steps: ti.template(),
    rates: ti.template(),
    bounds: ti.template(),
    error: ti.template(),
    weight: ti.template(),
    parts: ti.template(),
    block: ti.template(),
    columns,
    rows,
    mode,
    lagrange,
    keep_bits,
    drop_bits,
):
    q, r, p = I8(0), I8(0), I8(0)
    for k in ti.static(range(8)):
        q[k] = values[i, k]
        r[k] = reference[i, k]
        p[k] = proposal[i, k]
    context = contexts[i]
    here, colour = shape_of(q, steps), rgb_of(q, steps)
    own, around = own_walk(LIFT, here, colour, lane, columns, rows, error, weight)
    without = block_sum(own, lane, parts, block)
    some = block_sum(V4([around[3], around[4], around[5], around[6]]), lane, parts, block)
    last = block_sum(V4([around[7], 0.0, 0.0, 0.0]), lane, parts, block)
    moments = V8([0.0, 0.0, 0.0, some[0], some[1], some[2], some[3], last[0]])
    slope = slope_of(here, q, moments, steps)
    bits = rate_of(q, r, context, mode, rates)
    before = added_error(q, without, steps) + lagrange * (keep_bits + bits)
    best, cost = q, 1e30
    for c in range(CANDIDATES):
        trial, new = candidate(c, q, r, p)
        for k in ti.static(range(5)):
            if trial[k] < bounds[k, 0] or trial[k] > bounds[k, 1]:
                new = 0
        if mode == INTRA and (c == 1 or c == 3 or c == 4 or c == 5):
            new = 0
        if new != 0 and c >= PROPOSED:
            gain = most_to_gain(q, trial, slope, steps)
            if gain < lagrange * (rate_of(trial, r, context, mode, rates) - bits):
                new = 0
        if c == 0 or new != 0:
            m = without
            if c != 0:
                g = shape_of(trial, steps)
                own, around = own_walk(LOOK, g, colour, lane, columns, rows, error, weight)
                m = block_sum(own, lane, parts, block)
            found, price = best_colour(trial, r, q, m, context, mode, lagrange, steps, rates)
            price += lagrange * keep_bits
            if price < cost - 1e-7:
                cost = price
                best = found
    dropped = lagrange * drop_bits < cost
    if not dropped:
        own_walk(
            PUT, shape_of(best, steps), rgb_of(best, steps), lane, columns, rows, error, weight
        )
    if lane == 0:
        if dropped:
            alive[i] = 0
            gains[i] = before - lagrange * drop_bits
        else:
            gains[i] = before - cost
            for k in ti.static(range(8)):
                values[i, k] = best[k]


@ti.kernel
def descend(
    values: Integers,
    reference: Integers,
    proposal: Integers,
    contexts: Ints,
    alive: Ints,
    gains: Floats,
    order: Ints,
    start: ti.i32,
    count: ti.i32,
    steps: Floats,
    rates: Floats,
    bounds: Integers,
    error: Pixels,
    weight: Pixels,
    columns: ti.i32,
    rows: ti.i32,
    mode: ti.i32,
    lagrange: ti.f32,
    keep_bits: ti.f32,
    drop_bits: ti.f32,
):
    """One step of each splat ``order[start .. start + count - 1]``; they share no pixels.

    values, reference, proposal: (n, 8). contexts, alive: (n,). gains: (n,), how much less each
    costs now. bounds: (8, 2). error: raw, values - target. keep_bits, drop_bits: what every splat
    costs besides its channels, and what it costs to drop one.
    """
    ti.loop_config(block_dim=WALKERS)
    for u in range(count * WALKERS):
        parts = SharedArray((WALKERS, 4), ti.f32)
        sums = SharedArray((GROUPS, 4), ti.f32)
        i, lane = order[start + u // WALKERS], u % WALKERS
        if lane == 0:
            gains[i] = 0.0
        if alive[i] != 0:
            descend_one(
                i,
                lane,
                values,
                reference,
                proposal,
                contexts,
                alive,
                gains,
                steps,
                rates,
                bounds,
                error,
                weight,
                parts,
                sums,
                columns,
                rows,
                mode,
                lagrange,
                keep_bits,
                drop_bits,
            )
