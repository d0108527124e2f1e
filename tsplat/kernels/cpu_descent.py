"""The descent of :mod:`tsplat.kernels.descent` as CPUs run it: one launch visits all splats.

A splat has a turn in each cell that its candidates reach, and waits until the turns before it are
over. Workers take splats by their place in one order, so whoever is waited for has been taken
already: nobody waits for ever, however few threads there are.
"""
# No `from __future__ import annotations`: Taichi reads the annotations of a kernel.

from typing import Any, NamedTuple

import taichi as ti

from tsplat.kernels.arrays import V8, Array, Channel, Integers, Pixels, Sums
from tsplat.kernels.blend import added, inverse, pull
from tsplat.kernels.cpu import TURNS, row_of
from tsplat.kernels.rates import RATES
from tsplat.kernels.splatting import (
    LANES,
    RUN,
    above_floor,
    columns_of,
    is_positive,
    is_thin,
    lines_of,
)
from tsplat.kernels.visit import LIFT, LOOK, PUT, V5, Costs, State, visit


@ti.func
def of_sums(
    what: ti.template(),
    p,
    v,
    colour,
    error: ti.template(),
    target: ti.template(),
    weight: ti.template(),
):
    """One step of a walk, of 8 pixels that are sums: what is noted of :data:`LOOK`, and the
    slope of the squared error in the falloff."""
    e0, e1, e2 = error[3 * p], error[3 * p + 1], error[3 * p + 2]
    slope = V8(0.0)
    if ti.static(what == LIFT):
        slope = e0 * colour[0] + e1 * colour[1] + e2 * colour[2]
    if ti.static(what != LOOK):
        sign = ti.static(-1.0 if what == LIFT else 1.0)
        e0 += v * (sign * colour[0])
        e1 += v * (sign * colour[1])
        e2 += v * (sign * colour[2])
        error[3 * p] = e0
        error[3 * p + 1] = e1
        error[3 * p + 2] = e2
    wv = v * weight[p]
    return wv * e0, wv * e1, wv * e2, wv * v, V8(0.0), slope


@ti.func
def of_means(
    what: ti.template(),
    p,
    v,
    colour,
    error: ti.template(),
    target: ti.template(),
    weight: ti.template(),
):
    """As :func:`of_sums`, of pixels that are means (:mod:`tsplat.kernels.blend`)."""
    n0, n1, n2, d = error[4 * p], error[4 * p + 1], error[4 * p + 2], error[4 * p + 3]
    t0, t1, t2 = target[3 * p], target[3 * p + 1], target[3 * p + 2]
    slope = V8(0.0)
    if ti.static(what == LIFT):
        slope = pull(n0, n1, n2, t0, t1, t2, inverse(d), colour)
    if ti.static(what != LOOK):
        sign = ti.static(-1.0 if what == LIFT else 1.0)
        n0 += v * (sign * colour[0])
        n1 += v * (sign * colour[1])
        n2 += v * (sign * colour[2])
        d += v * sign
        error[4 * p] = n0
        error[4 * p + 1] = n1
        error[4 * p + 2] = n2
        error[4 * p + 3] = d
    m0, m1, m2, m3, m4 = V8(0.0), V8(0.0), V8(0.0), V8(0.0), V8(0.0)
    if ti.static(what != PUT):
        both = inverse(d * (d + v))
        m0, m1, m2, m3, m4 = added(n0, n1, n2, d, t0, t1, t2, v, both, weight[p])
    return m0, m1, m2, m3, m4, slope


class Walker(NamedTuple):
    """A thread that walks alone; see :mod:`tsplat.kernels.visit`. step: of its pixels' blend."""

    step: Any
    error: Any
    target: Any
    weight: Any
    columns: Any
    rows: Any

    @ti.func
    def leads(self):
        return True

    @ti.func
    def walk(self, what: ti.template(), g, colour):
        mx, my, a, b, c, q = g[0], g[1], g[2], g[3], g[4], g[7]
        er, eg, eb, vv, rest = V8(0.0), V8(0.0), V8(0.0), V8(0.0), V8(0.0)
        sx, sy, sxx, sxy, syy = V8(0.0), V8(0.0), V8(0.0), V8(0.0), V8(0.0)
        run = ti.select(is_thin(0.5 * c), 8, 2 * RUN)
        first, last = columns_of(g, self.columns)
        for xb in range(first, last + 1):
            dx = LANES + (xb * 8 + 0.5 - mx)
            ya, yb = lines_of(g, xb, self.rows)
            s0, s1, s2 = V8(0.0), V8(0.0), V8(0.0)
            for k in range((yb - ya + run) // run):
                yk = ya + run * k
                w, r = row_of(a, b, c, dx, yk + 0.5 - my)
                for y in range(yk, ti.min(yk + run, yb + 1)):
                    p = xb * self.rows + y
                    v = above_floor(w)
                    m0, m1, m2, m3, m4, slope = self.step(
                        what, p, v, colour, self.error, self.target, self.weight
                    )
                    if ti.static(what == LIFT):
                        dy = y + 0.5 - my
                        s = w * is_positive(v) * self.weight[p] * slope
                        s0 += s
                        s1 += s * dy
                        s2 += s * (dy * dy)
                    if ti.static(what != PUT):
                        er += m0
                        eg += m1
                        eb += m2
                        vv += m3
                        rest += m4
                    w *= r
                    r *= q
            if ti.static(what == LIFT):
                sx += s0 * dx
                sxx += s0 * dx * dx
                sy += s1
                sxy += s1 * dx
                syy += s2
        sums = V5([er.sum(), eg.sum(), eb.sum(), vv.sum(), rest.sum()])
        zero = 0.0
        around = V8([zero, zero, zero, sx.sum(), sy.sum(), sxx.sum(), sxy.sum(), syy.sum()])
        return sums, around


@ti.kernel
def descend(
    values: Integers,
    reference: Integers,
    proposal: Integers,
    contexts: Array(ti.i32, "splats"),
    alive: Array(ti.i32, "splats"),
    gains: Array(ti.f32, "splats"),
    order: Array(ti.i32, "splats"),
    first: Array(ti.i32, "splats + 1"),
    cells: Array(ti.i32, "reached"),
    turns: Array(ti.i32, "reached"),
    over: Array(ti.i32, "over"),
    n: ti.i32,
    steps: Array(ti.f32, 8),
    rates: Array(ti.f32, RATES),
    bounds: Array(ti.i32, 8, 2),
    error: Sums,
    target: Pixels,
    normalised: ti.template(),
    weight: Channel,
    columns: ti.i32,
    rows: ti.i32,
    mode: ti.i32,
    lagrange: ti.f32,
    keep_bits: ti.f32,
    drop_bits: ti.f32,
    workers: ti.i32,
):
    """One step of each of n splats, in ``order``.

    gains: how much less each costs now. error: raw, values - target, or a normalised picture's
    sums. keep_bits, drop_bits: what every splat costs besides its channels, and what it costs to
    drop one.

    The k-th one has turn ``turns[j]`` in cell ``cells[j]`` for j in ``first[k] .. first[k + 1] -
    1``. over: turns that are over in each cell, and, last, how many splats were taken; all 0.
    """
    splats = ti.static(State(values, reference, proposal, contexts, alive, gains))
    costs = ti.static(Costs(steps, rates, bounds, mode, lagrange, keep_bits, drop_bits))
    step = ti.static(of_means if normalised else of_sums)
    pixels = ti.static(Walker(step, error, target, weight, columns, rows))
    for u in range(TURNS * workers):
        if u % TURNS == 0:
            taken = over.shape[0] - 1
            k = ti.atomic_add(over[taken], 1)
            while k < n:
                i = order[k]
                for j in range(first[k], first[k + 1]):
                    # A plain load could be kept in a register for ever.
                    while ti.atomic_or(over[cells[j]], 0) < turns[j]:
                        pass
                gains[i] = 0.0
                if alive[i] != 0:
                    visit(i, splats, costs, pixels)
                for j in range(first[k], first[k + 1]):
                    ti.atomic_add(over[cells[j]], 1)
                k = ti.atomic_add(over[taken], 1)
