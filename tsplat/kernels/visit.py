"""One visit of a splat in a descent: what is tried in its place, and what stays there.

The error image is kept as it is: a splat is taken out of it, candidates are tried in its place,
and the best one is put back. With e the error without the splat, v a candidate's falloff and c its
colour, the distortion that it adds is ``2 c . sum(w v e) + c . c sum(w v v)`` (w: the pixels'
weights): one walk over its pixels prices every colour. Where splats are normalised, five sums do:
:func:`tsplat.kernels.blend.added`.

CPUs and GPUs walk in ways of their own. Each has a tuple ``pixels`` with two functions:
``walk(what, g, colour)`` goes over the pixels of a prepared splat, of which v is the falloff, and
``leads()`` says whether this thread notes the outcome. A walk does one of

- :data:`LOOK`: sums of w v e, three channels, of w v v, and 0; or, normalised, those five;
- :data:`LIFT`: take the splat out of the error, then the same; besides, the moments
  (:func:`tsplat.kernels.cpu.moments`) of the weighted error as it was;
- :data:`PUT`: put it into the error; what is returned means nothing.
"""
# No `from __future__ import annotations`: Taichi reads the annotations of a kernel.

from typing import Any, NamedTuple

import taichi as ti

from tsplat.kernels.quantise import to_ycc
from tsplat.kernels.rates import INTER, INTRA, rate_of
from tsplat.kernels.splatting import chain_rule, falloff_of

CANDIDATES, PROPOSED = 16, 6
"""Geometries that are tried, and how many of them are not single steps: they come first."""
LOOK, LIFT, PUT = 0, 1, 2
I8 = ti.types.vector(8, ti.i32)
V3 = ti.types.vector(3, ti.f32)
V4 = ti.types.vector(4, ti.f32)
V5 = ti.types.vector(5, ti.f32)


@ti.func
def shape_of(q, steps: ti.template()):
    """What pixels need of a splat's falloff, from its integers."""
    x, y = ti.cast(q[0], ti.f32) * steps[0], ti.cast(q[1], ti.f32) * steps[1]
    l11, l21 = ti.cast(q[2], ti.f32) * steps[2], ti.cast(q[3], ti.f32) * steps[3]
    return falloff_of(x, y, l11, l21, ti.cast(q[4], ti.f32) * steps[4])


@ti.func
def rgb_of(q, steps: ti.template()):
    y = ti.cast(q[5], ti.f32) * steps[5]
    cb = ti.cast(q[6], ti.f32) * steps[6]
    cr = ti.cast(q[7], ti.f32) * steps[7]
    return V3(y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb)


class State(NamedTuple):
    """Splats on their way down: kernels' arrays, by their names there."""

    values: Any
    reference: Any
    proposal: Any
    contexts: Any
    alive: Any
    gains: Any


class Costs(NamedTuple):
    """What integers cost, and where they may lie: kernels' arguments, by their names there."""

    steps: Any
    rates: Any
    bounds: Any
    mode: Any
    lagrange: Any
    keep_bits: Any
    drop_bits: Any

    @ti.func
    def rate(self, q, r, context):
        return rate_of(q, r, context, self.mode, self.rates)

    @ti.func
    def error(self, q, m):
        """What a splat adds to the squared error, from the sums of its walk."""
        c = rgb_of(q, self.steps)
        return 2.0 * (c[0] * m[0] + c[1] * m[1] + c[2] * m[2]) + c.dot(c) * m[3] + m[4]


@ti.func
def candidate(c, q, r, p):
    """Geometry number c, and whether it is another one than those before it: 0 as it is, 1 the
    reference's, 2 the proposal's, 3 and 4 the reference's place or shape, 5 the proposal's place
    with the reference's shape, 6.. a step down and a step up of each channel."""
    out = q
    if c == 1:
        for k in ti.static(range(5)):
            out[k] = r[k]
    elif c == 2:
        for k in ti.static(range(5)):
            out[k] = p[k]
    elif c == 3:
        for k in ti.static(range(2)):
            out[k] = r[k]
    elif c == 4:
        for k in ti.static(range(2, 5)):
            out[k] = r[k]
    elif c == 5:
        for k in ti.static(range(2)):
            out[k] = p[k]
        for k in ti.static(range(2, 5)):
            out[k] = r[k]
    elif c >= 6:
        step = 2 * ((c - 6) % 2) - 1
        for k in ti.static(range(5)):
            if (c - 6) // 2 == k:
                out[k] += step
    new = 0
    for k in ti.static(range(5)):
        if out[k] != q[k]:
            new = 1
    if out[2] < 1 or out[4] < 1:
        new = 0
    return out, new


@ti.func
def slope_of(here, q, around, steps: ti.template()):
    """Gradient of half the error in a splat's parameters, from its moments."""
    return chain_rule(
        here,
        ti.cast(q[2], ti.f32) * steps[2],
        ti.cast(q[3], ti.f32) * steps[3],
        ti.cast(q[4], ti.f32) * steps[4],
        around,
    )


@ti.func
def most_to_gain(q, trial, slope, steps: ti.template()):
    """Were the error convex, this were the most that another geometry could take from it."""
    gain = 0.0
    for k in ti.static(range(5)):
        gain -= 2.0 * slope[k] * ti.cast(trial[k] - q[k], ti.f32) * steps[k]
    return gain


@ti.func
def best_colour(q, r, start, m, context, costs: ti.template()):
    """The cheapest colour near the best one, of three starts: as it is, the reference's, and the
    one of least squares, of which each channel may go towards the reference."""
    total = m[3] + 1e-6
    ycc = to_ycc(-m[0] / total, -m[1] / total, -m[2] / total)
    best, cost = q, 1e30
    other, price = q, 1e30
    # One loop, so that what is in it is compiled once.
    for t in range(12):
        trial = other
        for k in ti.static(range(5, 8)):
            low, high = costs.bounds[k, 0], costs.bounds[k, 1]
            if t == 0:
                trial[k] = start[k]
            elif t == 1:
                trial[k] = r[k]
            elif t == 2:
                exact = ti.max(low, ti.min(high, ycc[k - 5] / costs.steps[k]))
                trial[k] = ti.cast(ti.floor(exact + 0.5), ti.i32)
            elif (t - 3) // 3 == k - 5:
                towards = ti.select(other[k] > r[k], -1, 1)
                if (t - 3) % 3 == 0:
                    trial[k] += towards
                elif (t - 3) % 3 == 1:
                    trial[k] = r[k]
                else:
                    trial[k] -= towards
            trial[k] = ti.max(low, ti.min(high, trial[k]))
        now = costs.error(trial, m) + costs.lagrange * costs.rate(trial, r, context)
        if t >= 2:
            if now < price:
                price = now
                other = trial
        elif now < cost and (t == 0 or costs.mode == INTER):
            cost = now
            best = trial
    if price < cost:
        cost = price
        best = other
    return best, cost


@ti.func
def visit(i, splats: ti.template(), costs: ti.template(), pixels: ti.template()):
    """One step of splat i; ``splats`` is a :class:`State`, ``costs`` are :class:`Costs`."""
    q, r, p = I8(0), I8(0), I8(0)
    for k in ti.static(range(8)):
        q[k] = splats.values[i, k]
        r[k] = splats.reference[i, k]
        p[k] = splats.proposal[i, k]
    context = splats.contexts[i]
    here = shape_of(q, costs.steps)
    colour = rgb_of(q, costs.steps)
    without, around = pixels.walk(LIFT, here, colour)
    slope = slope_of(here, q, around, costs.steps)
    bits = costs.rate(q, r, context)
    before = costs.error(q, without) + costs.lagrange * (costs.keep_bits + bits)
    best, cost = q, 1e30
    for c in range(CANDIDATES):
        trial, new = candidate(c, q, r, p)
        for k in ti.static(range(5)):
            if trial[k] < costs.bounds[k, 0] or trial[k] > costs.bounds[k, 1]:
                new = 0
        if costs.mode == INTRA and (c == 1 or c == 3 or c == 4 or c == 5):
            new = 0
        if new != 0 and c >= PROPOSED:
            gain = most_to_gain(q, trial, slope, costs.steps)
            if gain < costs.lagrange * (costs.rate(trial, r, context) - bits):
                new = 0
        if c == 0 or new != 0:
            m = without
            if c != 0:
                m, _ = pixels.walk(LOOK, shape_of(trial, costs.steps), colour)
            found, price = best_colour(trial, r, q, m, context, costs)
            price += costs.lagrange * costs.keep_bits
            if price < cost - 1e-7:
                cost = price
                best = found
    drop_cost = costs.lagrange * costs.drop_bits
    if drop_cost >= cost:
        pixels.walk(PUT, shape_of(best, costs.steps), rgb_of(best, costs.steps))
    if pixels.leads():
        splats.gains[i] = before - ti.min(cost, drop_cost)
        if drop_cost < cost:
            splats.alive[i] = 0
        else:
            for k in ti.static(range(8)):
                splats.values[i, k] = best[k]
