"""Coordinate descent over a splat's integers on D + lambda R.

The error image is kept as it is: a splat is taken out of it, candidates are tried in its place,
and the best one is put back. With e the error without the splat, v a candidate's falloff and c its
colour, the distortion that it adds is ``2 c . sum(w v e) + c . c sum(w v v)`` (w: the pixels'
weights): one walk over its pixels prices every colour.

Rates, in bits, come as one table: :data:`RATE_FLAG` the flag that nothing changes, and that
something does, for each of sixteen contexts; :data:`RATE_GROUPS` which of place, shape and colour
change (1 + 2 + 4); :data:`RATE_NONZERO` that a channel's difference from the reference is 0, and
that it is not: after one that is 0, after one that is not, and where it must not be 0;
:data:`RATE_SIZE` its size, up to :data:`LARGEST`, its sign included, for each channel, and once
more for the colours of middling and of large splats. A splat's ``context`` is that of its flag,
and sixteen times the class of its area.

Splats whose candidates reach the same pixels must be visited in one order, the same on every
machine. On a GPU, a launch works on a batch of splats of which no two do. On a CPU, one launch
visits all of them: the picture is cut into cells of :data:`CELL` pixels, a splat has a turn in each
cell that its candidates reach, and waits until the turns before it are over. Workers take splats
by their place in one order, so whoever is waited for has been taken already: nobody waits for
ever, however few threads there are.
"""
# No `from __future__ import annotations`: Taichi reads the annotations of a kernel.

import taichi as ti

from tsplat.kernels.cpu import TURNS
from tsplat.kernels.quantise import Integers, to_ycc
from tsplat.kernels.splatting import (
    LANES,
    LOG2E,
    RUN,
    V8,
    Floats,
    Ints,
    Pixels,
    above_floor,
    chain_rule,
    columns_of,
    exp2,
    falloff_of,
    is_positive,
    is_thin,
    lines_of,
)

CELL = 16
"""Side of a cell, pixels; a multiple of 8, since a splat's pixels come in blocks of 8."""
LARGEST = 63
RATE_FLAG, RATE_GROUPS, RATE_NONZERO = 0, 32, 40
RATE_SIZE = RATE_NONZERO + 8 * 3 * 2
RATES = RATE_SIZE + (8 + 2 * 3) * (LARGEST + 1)
CANDIDATES, PROPOSED = 16, 6
"""Geometries that are tried, and how many of them are not single steps: they come first."""
INTRA, INTER = 0, 1
LOOK, LIFT, PUT = 0, 1, 2
I8 = ti.types.vector(8, ti.i32)
V3 = ti.types.vector(3, ti.f32)
V4 = ti.types.vector(4, ti.f32)


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


@ti.func
def walk(
    what: ti.template(), g, colour, columns, rows, error: ti.template(), weight: ti.template()
):
    """Go over the pixels of a splat, of which v is the falloff.

    :data:`LOOK`: sums of w v e, three channels, and of w v v. :data:`LIFT`: take the splat out of
    the error, then the same; besides, the moments (:func:`tsplat.kernels.cpu.moments`) of
    the weighted error as it was. :data:`PUT`: put it into the error; the sums are 0.
    """
    mx, my, a, b, c, q = g[0], g[1], g[2], g[3], g[4], g[7]
    er, eg, eb, vv = V8(0.0), V8(0.0), V8(0.0), V8(0.0)
    sx, sy, sxx, sxy, syy = V8(0.0), V8(0.0), V8(0.0), V8(0.0), V8(0.0)
    run = ti.select(is_thin(0.5 * c), 8, 2 * RUN)
    first, last = columns_of(g, columns)
    for xb in range(first, last + 1):
        dx = LANES + (xb * 8 + 0.5 - mx)
        ya, yb = lines_of(g, xb, rows)
        s0, s1, s2 = V8(0.0), V8(0.0), V8(0.0)
        for k in range((yb - ya + run) // run):
            yk = ya + run * k
            dy0 = yk + 0.5 - my
            w = exp2((a * dx + b * dy0) * dx + 0.5 * c * dy0 * dy0)
            r = exp2(b * dx + c * (dy0 + 0.5))
            for y in range(yk, ti.min(yk + run, yb + 1)):
                p = xb * rows + y
                v = above_floor(w)
                e0, e1, e2 = error[3 * p], error[3 * p + 1], error[3 * p + 2]
                if ti.static(what == LIFT):
                    dy = y + 0.5 - my
                    s = w * is_positive(v) * weight[p]
                    s *= e0 * colour[0] + e1 * colour[1] + e2 * colour[2]
                    s0 += s
                    s1 += s * dy
                    s2 += s * (dy * dy)
                if ti.static(what != LOOK):
                    sign = 1.0
                    if ti.static(what == LIFT):
                        sign = -1.0
                    e0 += v * (sign * colour[0])
                    e1 += v * (sign * colour[1])
                    e2 += v * (sign * colour[2])
                    error[3 * p] = e0
                    error[3 * p + 1] = e1
                    error[3 * p + 2] = e2
                if ti.static(what != PUT):
                    wv = v * weight[p]
                    er += wv * e0
                    eg += wv * e1
                    eb += wv * e2
                    vv += wv * v
                w *= r
                r *= q
        if ti.static(what == LIFT):
            sx += s0 * dx
            sxx += s0 * dx * dx
            sy += s1
            sxy += s1 * dx
            syy += s2
    sums = V4(er.sum(), eg.sum(), eb.sum(), vv.sum())
    zero = 0.0
    around = V8([zero, zero, zero, sx.sum(), sy.sum(), sxx.sum(), sxy.sum(), syy.sum()])
    return sums, around


@ti.func
def size_rate(k, d, rates: ti.template()):
    n = ti.abs(d)
    bits = rates[RATE_SIZE + k * (LARGEST + 1) + ti.min(n, LARGEST)]
    if n > LARGEST:
        bits += 2.0 * ti.log(ti.cast(n - LARGEST + 1, ti.f32)) * LOG2E
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


@ti.func
def added_error(q, m, steps: ti.template()):
    c = rgb_of(q, steps)
    return 2.0 * (c[0] * m[0] + c[1] * m[1] + c[2] * m[2]) + c.dot(c) * m[3]


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
def best_colour(
    q,
    r,
    start,
    m,
    context,
    mode,
    lagrange,
    steps: ti.template(),
    rates: ti.template(),
):
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
            if t == 0:
                trial[k] = start[k]
            elif t == 1:
                trial[k] = r[k]
            elif t == 2:
                exact = ti.max(-1e6, ti.min(1e6, ycc[k - 5] / steps[k]))
                trial[k] = ti.cast(ti.floor(exact + 0.5), ti.i32)
            elif (t - 3) // 3 == k - 5:
                towards = ti.select(other[k] > r[k], -1, 1)
                if (t - 3) % 3 == 0:
                    trial[k] += towards
                elif (t - 3) % 3 == 1:
                    trial[k] = r[k]
                else:
                    trial[k] -= towards
        now = added_error(trial, m, steps) + lagrange * rate_of(trial, r, context, mode, rates)
        if t >= 2:
            if now < price:
                price = now
                other = trial
        elif now < cost and (t == 0 or mode == INTER):
            cost = now
            best = trial
    if price < cost:
        cost = price
        best = other
    return best, cost


@ti.func
def descend_one(
    i,
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
    here = shape_of(q, steps)
    colour = rgb_of(q, steps)
    sums, around = walk(LIFT, here, colour, columns, rows, error, weight)
    slope = slope_of(here, q, around, steps)
    bits = rate_of(q, r, context, mode, rates)
    before = added_error(q, sums, steps) + lagrange * (keep_bits + bits)
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
            m = sums
            if c != 0:
                m, _ = walk(LOOK, shape_of(trial, steps), colour, columns, rows, error, weight)
            found, price = best_colour(trial, r, q, m, context, mode, lagrange, steps, rates)
            price += lagrange * keep_bits
            if price < cost - 1e-7:
                cost = price
                best = found
    if lagrange * drop_bits < cost:
        alive[i] = 0
        gains[i] = before - lagrange * drop_bits
    else:
        gains[i] = before - cost
        for k in ti.static(range(8)):
            values[i, k] = best[k]
        walk(PUT, shape_of(best, steps), rgb_of(best, steps), columns, rows, error, weight)


@ti.kernel
def descend_in_turn(
    values: Integers,
    reference: Integers,
    proposal: Integers,
    contexts: Ints,
    alive: Ints,
    gains: Floats,
    order: Ints,
    first: Ints,
    cells: Ints,
    turns: Ints,
    over: Ints,
    n: ti.i32,
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
    workers: ti.i32,
):
    """One step of each of n splats, in ``order``.

    values, reference, proposal: (n, 8). contexts, alive: (n,). gains: (n,), how much less each
    costs now. bounds: (8, 2). error: raw, values - target. keep_bits, drop_bits: what every splat
    costs besides its channels, and what it costs to drop one.

    The k-th one has turn ``turns[j]`` in cell ``cells[j]`` for j in ``first[k] .. first[k + 1] -
    1``. over: turns that are over in each cell, and, last, how many splats were taken; all 0.
    """
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
                    descend_one(
                        i,
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
                        columns,
                        rows,
                        mode,
                        lagrange,
                        keep_bits,
                        drop_bits,
                    )
                for j in range(first[k], first[k + 1]):
                    ti.atomic_add(over[cells[j]], 1)
                k = ti.atomic_add(over[taken], 1)
