"""The descent of :mod:`tsplat.kernels.descent` as GPUs run it: a block of threads a splat.

The threads share the walks over the splat's pixels, as in :mod:`tsplat.kernels.gpu`; of what
follows, each does all, on the same sums and so with the same outcome. A thread reads and changes
the error of its own pixels only: no barrier needs to order the picture's memory.
"""
# No `from __future__ import annotations`: Taichi reads the annotations of a kernel.

from typing import Any, NamedTuple

import taichi as ti

from tsplat.kernels.arrays import V8, Array, Channel, Integers, Pixels, Sums
from tsplat.kernels.blend import added, pull
from tsplat.kernels.gpu_blocks import (
    WALKERS,
    SharedArray,
    own_blocks,
    own_falloff,
    own_lines,
    sync,
)
from tsplat.kernels.rates import RATES
from tsplat.kernels.splatting import FLOOR, above_floor
from tsplat.kernels.visit import LIFT, LOOK, PUT, V5, Costs, State, visit

GROUP = 32
GROUPS = WALKERS // GROUP


class Block(NamedTuple):
    """A thread of a block that walks together; see :mod:`tsplat.kernels.visit`.

    parts, sums: shared memory, (WALKERS, 5) and (GROUPS, 5).
    """

    error: Any
    target: Any
    normalised: Any
    weight: Any
    columns: Any
    rows: Any
    lane: Any
    parts: Any
    sums: Any

    @ti.func
    def leads(self):
        return self.lane == 0

    @ti.func
    def walk(self, what: ti.template(), g, colour):
        sums, around = self.own_walk(what, g, colour)
        if ti.static(what != PUT):
            sums = self.total(sums)
        if ti.static(what == LIFT):
            m = self.total(V5([around[3], around[4], around[5], around[6], around[7]]))
            around = V8([0.0, 0.0, 0.0, m[0], m[1], m[2], m[3], m[4]])
        return sums, around

    @ti.func
    def own_walk(self, what: ti.template(), g, colour):
        """Over this thread's pixels alone."""
        sums, around = V5(0.0), V8(0.0)
        at = self.lane % 8
        mine, across = own_blocks(g, self.lane, self.columns)
        for k in range(across):
            xb = mine + 2 * k
            start, down = own_lines(g, xb, self.lane, self.rows)
            for r in range(down):
                p = xb * self.rows + start + 8 * r
                dx, dy, w = own_falloff(g, xb, start + 8 * r, at)
                v = above_floor(w)
                wt = self.weight[p][at]
                first = ti.static(4 if self.normalised else 3) * p
                n0, n1, n2 = (
                    self.error[first][at],
                    self.error[first + 1][at],
                    self.error[first + 2][at],
                )
                t0, t1, t2 = (
                    self.target[3 * p][at],
                    self.target[3 * p + 1][at],
                    self.target[3 * p + 2][at],
                )
                d = 1.0
                if ti.static(self.normalised):
                    d = self.error[first + 3][at]
                if ti.static(what == LIFT):
                    s = n0 * colour[0] + n1 * colour[1] + n2 * colour[2]
                    if ti.static(self.normalised):
                        s = pull(n0, n1, n2, t0, t1, t2, 1.0 / d, colour)
                    s *= ti.select(w > FLOOR, w, 0.0) * wt
                    x, y = s * dx, s * dy
                    around += V8([0.0, 0.0, 0.0, x, y, x * dx, x * dy, y * dy])
                if ti.static(what != LOOK):
                    u = v * ti.static(-1.0 if what == LIFT else 1.0)
                    n0, n1, n2, d = (
                        n0 + u * colour[0],
                        n1 + u * colour[1],
                        n2 + u * colour[2],
                        d + u,
                    )
                    self.error[first][at] = n0
                    self.error[first + 1][at] = n1
                    self.error[first + 2][at] = n2
                    if ti.static(self.normalised):
                        self.error[first + 3][at] = d
                if ti.static(what != PUT):
                    if ti.static(self.normalised):
                        m = added(n0, n1, n2, d, t0, t1, t2, v, 1.0 / (d * (d + v)), wt)
                        for j in ti.static(range(5)):
                            sums[j] += m[j]
                    else:
                        wv = v * wt
                        sums += V5([wv * n0, wv * n1, wv * n2, wv * v, 0.0])
        return sums, around

    @ti.func
    def total(self, m):
        """Sum of the block's vectors of 5, for every thread, in the order of lanes.

        Parts are read before the second barrier, sums before the first one of the next call.
        """
        for j in ti.static(range(5)):
            self.parts[self.lane, j] = m[j]
        sync()
        if self.lane < 5 * GROUPS:
            total = 0.0
            for k in range(GROUP):
                total += self.parts[self.lane // 5 * GROUP + k, self.lane % 5]
            self.sums[self.lane // 5, self.lane % 5] = total
        sync()
        out = V5(0.0)
        for k in range(GROUPS):
            for j in ti.static(range(5)):
                out[j] += self.sums[k, j]
        return out


@ti.kernel
def descend(
    values: Integers,
    reference: Integers,
    proposal: Integers,
    contexts: Array(ti.i32, "splats"),
    alive: Array(ti.i32, "splats"),
    gains: Array(ti.f32, "splats"),
    order: Array(ti.i32, "splats"),
    start: ti.i32,
    count: ti.i32,
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
):
    """One step of each splat ``order[start .. start + count - 1]``; they share no pixels.

    gains: how much less each costs now. error: raw, values - target, or a normalised picture's
    sums. keep_bits, drop_bits: what every splat costs besides its channels, and what it costs to
    drop one.
    """
    splats = ti.static(State(values, reference, proposal, contexts, alive, gains))
    costs = ti.static(Costs(steps, rates, bounds, mode, lagrange, keep_bits, drop_bits))
    ti.loop_config(block_dim=WALKERS)
    for u in range(count * WALKERS):
        parts = SharedArray((WALKERS, 5), ti.f32)
        sums = SharedArray((GROUPS, 5), ti.f32)
        i, lane = order[start + u // WALKERS], u % WALKERS
        if lane == 0:
            gains[i] = 0.0
        if alive[i] != 0:
            block = ti.static(
                Block(error, target, normalised, weight, columns, rows, lane, parts, sums)
            )
            visit(i, splats, costs, block)
