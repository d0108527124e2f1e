"""The descent of :mod:`tsplat.kernels.descent` as GPUs run it: a block of threads a splat.

The threads share the walks over the splat's pixels, as in :mod:`tsplat.kernels.gpu`; of what
follows, each does all, on the same sums and so with the same outcome. A thread reads and changes
the error of its own pixels only: no barrier needs to order the picture's memory.
"""
# No `from __future__ import annotations`: Taichi reads the annotations of a kernel.

from typing import Any, NamedTuple

import taichi as ti

from tsplat.kernels.arrays import V8, Array, Channel, Integers, Pixels
from tsplat.kernels.gpu import (
    WALKERS,
    SharedArray,
    own_blocks,
    own_falloff,
    own_lines,
    sync,
)
from tsplat.kernels.rates import RATES
from tsplat.kernels.splatting import FLOOR, above_floor
from tsplat.kernels.visit import LIFT, PUT, V4, Costs, State, visit

GROUP = 32
GROUPS = WALKERS // GROUP


class Block(NamedTuple):
    """A thread of a block that walks together; see :mod:`tsplat.kernels.visit`.

    parts, sums: shared memory, (WALKERS, 4) and (GROUPS, 4).
    """

    error: Any
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
            some = self.total(V4([around[3], around[4], around[5], around[6]]))
            last = self.total(V4([around[7], 0.0, 0.0, 0.0]))
            around = V8([0.0, 0.0, 0.0, some[0], some[1], some[2], some[3], last[0]])
        return sums, around

    @ti.func
    def own_walk(self, what: ti.template(), g, colour):
        """Over this thread's pixels alone."""
        sums, around = V4(0.0), V8(0.0)
        at = self.lane % 8
        mine, across = own_blocks(g, self.lane, self.columns)
        for k in range(across):
            xb = mine + 2 * k
            start, down = own_lines(g, xb, self.lane, self.rows)
            for r in range(down):
                p = xb * self.rows + start + 8 * r
                dx, dy, w = own_falloff(g, xb, start + 8 * r, at)
                v = above_floor(w)
                if ti.static(what == LIFT):
                    s = 0.0
                    for j in ti.static(range(3)):
                        e = self.error[3 * p + j][at]
                        s += e * colour[j]
                        self.error[3 * p + j][at] = e - v * colour[j]
                    s *= ti.select(w > FLOOR, w, 0.0) * self.weight[p][at]
                    x, y = s * dx, s * dy
                    around += V8([0.0, 0.0, 0.0, x, y, x * dx, x * dy, y * dy])
                if ti.static(what == PUT):
                    for j in ti.static(range(3)):
                        self.error[3 * p + j][at] = self.error[3 * p + j][at] + v * colour[j]
                else:
                    wv = v * self.weight[p][at]
                    for j in ti.static(range(3)):
                        sums[j] += wv * self.error[3 * p + j][at]
                    sums[3] += wv * v
        return sums, around

    @ti.func
    def total(self, m):
        """Sum of the block's vectors of 4, for every thread, in the order of lanes.

        Parts are read before the second barrier, sums before the first one of the next call.
        """
        for j in ti.static(range(4)):
            self.parts[self.lane, j] = m[j]
        sync()
        if self.lane < 4 * GROUPS:
            total = 0.0
            for k in range(GROUP):
                total += self.parts[self.lane // 4 * GROUP + k, self.lane % 4]
            self.sums[self.lane // 4, self.lane % 4] = total
        sync()
        out = V4(0.0)
        for k in range(GROUPS):
            for j in ti.static(range(4)):
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
    error: Pixels,
    weight: Channel,
    columns: ti.i32,
    rows: ti.i32,
    mode: ti.i32,
    lagrange: ti.f32,
    keep_bits: ti.f32,
    drop_bits: ti.f32,
):
    """One step of each splat ``order[start .. start + count - 1]``; they share no pixels.

    gains: how much less each costs now. error: raw, values - target. keep_bits, drop_bits: what
    every splat costs besides its channels, and what it costs to drop one.
    """
    splats = ti.static(State(values, reference, proposal, contexts, alive, gains))
    costs = ti.static(Costs(steps, rates, bounds, mode, lagrange, keep_bits, drop_bits))
    ti.loop_config(block_dim=WALKERS)
    for u in range(count * WALKERS):
        parts = SharedArray((WALKERS, 4), ti.f32)
        sums = SharedArray((GROUPS, 4), ti.f32)
        i, lane = order[start + u // WALKERS], u % WALKERS
        if lane == 0:
            gains[i] = 0.0
        if alive[i] != 0:
            block = ti.static(Block(error, weight, columns, rows, lane, parts, sums))
            visit(i, splats, costs, block)
