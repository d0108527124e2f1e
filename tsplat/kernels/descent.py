"""Coordinate descent over a splat's integers on D + lambda R.

The error image is kept as it is: a splat is taken out of it, candidates are tried in its place,
and the best one is put back. With e the error without the splat, v a candidate's falloff and c its
colour, the distortion that it adds is ``2 c . sum(w v e) + c . c sum(w v v)`` (w: the pixels'
weights): one walk over its pixels prices every colour.

Rates, in bits, come as one table: :data:`RATE_FLAG` the flag that nothing changes, and that
something does, for each of four histories; :data:`RATE_GROUPS` which of place, shape and colour
change (1 + 2 + 4); :data:`RATE_VALUE` the size of a channel's difference from the reference, its
sign included, up to :data:`LARGEST`.

A launch works on splats whose candidates touch none of the same blocks of pixels: they are
independent, and results depend on no order.
"""
# No `from __future__ import annotations`: Taichi reads the annotations of a kernel.

import taichi as ti

from tsplat.kernels.quantise import Integers, to_ycc
from tsplat.kernels.splatting import (
    BLUR,
    CUT2,
    CUTOFF,
    LANES,
    LOG2E,
    V8,
    V16,
    Floats,
    Ints,
    Pixels,
    above_floor,
    exp2,
)

LARGEST = 63
RATE_FLAG, RATE_GROUPS, RATE_VALUE = 0, 8, 16
RATES = RATE_VALUE + 8 * (LARGEST + 1)
PROPOSED, ALL = 6, 16
"""Numbers of candidates: those that were named, and single steps besides."""
INTRA, INTER = 0, 1
I8 = ti.types.vector(8, ti.i32)
V3 = ti.types.vector(3, ti.f32)
V4 = ti.types.vector(4, ti.f32)


@ti.func
def shape_of(q, steps: ti.template()):
    """Integers to what pixels need of a splat, as in :func:`tsplat.kernels.splatting.prepare`."""
    l11 = ti.cast(q[2], ti.f32) * steps[2]
    l21 = ti.cast(q[3], ti.f32) * steps[3]
    l22 = ti.cast(q[4], ti.f32) * steps[4]
    sxx = l11 * l11 + BLUR
    sxy = l11 * l21
    syy = l21 * l21 + l22 * l22 + BLUR
    area = l11 * l22
    scale = -LOG2E / (area * area + BLUR * (l11 * l11 + l21 * l21 + l22 * l22 + BLUR))
    ex = CUTOFF * ti.sqrt(sxx)
    g = V16(0.0)
    g[0] = ti.cast(q[0], ti.f32) * steps[0]
    g[1] = ti.cast(q[1], ti.f32) * steps[1]
    g[2] = 0.5 * syy * scale
    g[3] = -sxy * scale
    g[4] = sxx * scale
    g[5] = ex
    g[7] = ti.exp(sxx * scale / LOG2E)
    g[11] = CUTOFF * CUTOFF * sxy / (CUTOFF * ti.sqrt(syy))
    g[12] = CUTOFF * CUTOFF * sxy / ex
    return g


@ti.func
def rgb_of(q, steps: ti.template()):
    y = ti.cast(q[5], ti.f32) * steps[5]
    cb = ti.cast(q[6], ti.f32) * steps[6]
    cr = ti.cast(q[7], ti.f32) * steps[7]
    return V3(y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb)


@ti.func
def walk(
    g,
    stamp: ti.template(),
    colour,
    columns,
    rows,
    error: ti.template(),
    weight: ti.template(),
):
    """Over the pixels of a splat: sums of w v e, three channels, and of w v v; or, where ``stamp``
    is true, error += colour v."""
    mx, my, a, b, c, q, ex = g[0], g[1], g[2], g[3], g[4], g[7], g[5]
    er, eg, eb, vv = V8(0.0), V8(0.0), V8(0.0), V8(0.0)
    disc = b * b - 2.0 * a * c
    first = ti.max(0, ti.cast(ti.floor((mx - ex) * 0.125), ti.i32))
    last = ti.min(columns - 1, ti.cast(ti.floor((mx + ex) * 0.125), ti.i32))
    for xb in range(first, last + 1):
        dx = LANES + (xb * 8 + 0.5 - mx)
        low = ti.max(-ex, xb * 8 + 0.5 - mx)
        high = ti.min(ex, xb * 8 + 7.5 - mx)
        at_bottom = ti.max(low, ti.min(high, g[11]))
        at_top = ti.max(low, ti.min(high, -g[11]))
        y1 = -b * at_bottom - ti.sqrt(ti.max(0.0, disc * at_bottom * at_bottom - c * CUT2))
        y0 = -b * at_top + ti.sqrt(ti.max(0.0, disc * at_top * at_top - c * CUT2))
        ya = ti.max(0, ti.cast(ti.floor(my + y0 / c), ti.i32))
        yb = ti.min(rows - 1, ti.cast(ti.floor(my + y1 / c), ti.i32))
        for k in range((yb - ya + 8) // 8):
            yk = ya + 8 * k
            dy0 = yk + 0.5 - my
            w = exp2((a * dx + b * dy0) * dx + 0.5 * c * dy0 * dy0)
            r = exp2(b * dx + c * (dy0 + 0.5))
            for y in range(yk, ti.min(yk + 8, yb + 1)):
                p = xb * rows + y
                v = above_floor(w)
                if ti.static(stamp):
                    error[p, 0] = error[p, 0] + v * colour[0]
                    error[p, 1] = error[p, 1] + v * colour[1]
                    error[p, 2] = error[p, 2] + v * colour[2]
                else:
                    wv = v * weight[p, 0]
                    er += wv * error[p, 0]
                    eg += wv * error[p, 1]
                    eb += wv * error[p, 2]
                    vv += wv * v
                w *= r
                r *= q
    return V4(er.sum(), eg.sum(), eb.sum(), vv.sum())


@ti.func
def size_rate(k, d, rates: ti.template()):
    n = ti.abs(d)
    bits = rates[RATE_VALUE + k * (LARGEST + 1) + ti.min(n, LARGEST)]
    if n > LARGEST:
        bits += 2.0 * ti.log(ti.cast(n - LARGEST + 1, ti.f32)) * LOG2E
    return bits


@ti.func
def rate_of(q, r, history, mode, rates: ti.template()):
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
        bits += rates[RATE_FLAG + 2 * history + changes]
        if changes != 0:
            bits += rates[RATE_GROUPS + place + 2 * shape + 4 * colour]
            if place != 0:
                for k in ti.static(range(0, 2)):
                    bits += size_rate(k, q[k] - r[k], rates)
            if shape != 0:
                for k in ti.static(range(2, 5)):
                    bits += size_rate(k, q[k] - r[k], rates)
            if colour != 0:
                for k in ti.static(range(5, 8)):
                    bits += size_rate(k, q[k] - r[k], rates)
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
def best_colour(
    q,
    r,
    start,
    m,
    history,
    mode,
    lagrange,
    steps: ti.template(),
    rates: ti.template(),
):
    """The cheapest colour near the best one, of three starts: as it is, the reference's, and the
    one of least squares, of which each channel may go towards the reference."""
    best = q
    for k in ti.static(range(5, 8)):
        best[k] = start[k]
    cost = added_error(best, m, steps) + lagrange * rate_of(best, r, history, mode, rates)
    if mode == INTER:
        other = q
        for k in ti.static(range(5, 8)):
            other[k] = r[k]
        price = added_error(other, m, steps) + lagrange * rate_of(other, r, history, mode, rates)
        if price < cost:
            cost = price
            best = other
    total = m[3] + 1e-6
    ycc = to_ycc(-m[0] / total, -m[1] / total, -m[2] / total)
    other = q
    for k in ti.static(range(5, 8)):
        exact = ti.max(-1e6, ti.min(1e6, ycc[k - 5] / steps[k]))
        other[k] = ti.cast(ti.floor(exact + 0.5), ti.i32)
    price = added_error(other, m, steps) + lagrange * rate_of(other, r, history, mode, rates)
    for k in ti.static(range(5, 8)):
        for t in range(3):
            nearer = other
            towards = ti.select(other[k] > r[k], -1, 1)
            if t == 0:
                nearer[k] += towards
            elif t == 1:
                nearer[k] = r[k]
            else:
                nearer[k] -= towards
            again = added_error(nearer, m, steps) + lagrange * rate_of(
                nearer, r, history, mode, rates
            )
            if again < price:
                price = again
                other = nearer
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
    histories: ti.template(),
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
    candidates,
    lagrange,
    keep_bits,
    drop_bits,
):
    q, r, p = I8(0), I8(0), I8(0)
    for k in ti.static(range(8)):
        q[k] = values[i, k]
        r[k] = reference[i, k]
        p[k] = proposal[i, k]
    history = histories[i]
    old = rgb_of(q, steps)
    walk(shape_of(q, steps), True, -old, columns, rows, error, weight)
    best, cost, before = q, 1e30, 0.0
    for c in range(candidates):
        trial, new = candidate(c, q, r, p)
        for k in ti.static(range(5)):
            if trial[k] < bounds[k, 0] or trial[k] > bounds[k, 1]:
                new = 0
        if mode == INTRA and (c == 1 or c == 3 or c == 4 or c == 5):
            new = 0
        if c == 0 or new != 0:
            m = walk(shape_of(trial, steps), False, old, columns, rows, error, weight)
            if c == 0:
                before = added_error(q, m, steps) + lagrange * (
                    keep_bits + rate_of(q, r, history, mode, rates)
                )
            found, price = best_colour(trial, r, q, m, history, mode, lagrange, steps, rates)
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
        walk(shape_of(best, steps), True, rgb_of(best, steps), columns, rows, error, weight)


@ti.kernel
def descend(
    values: Integers,
    reference: Integers,
    proposal: Integers,
    histories: Ints,
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
    candidates: ti.i32,
    lagrange: ti.f32,
    keep_bits: ti.f32,
    drop_bits: ti.f32,
    lanes: ti.i32,
    workers: ti.i32,
):
    """One step of each splat ``order[start .. start + count - 1]``; they share no pixels.

    values, reference, proposal: (n, 8). histories, alive: (n,). gains: (n,), how much less each
    costs now. bounds: (8, 2). error: raw, values - target. keep_bits, drop_bits: what every splat
    costs besides its channels, and what it costs to drop one.
    """
    for u in range(lanes * workers):
        if u % lanes == 0:
            worker = u // lanes
            for k in range((count - worker + workers - 1) // workers):
                i = order[start + worker + k * workers]
                if alive[i] != 0:
                    descend_one(
                        i,
                        values,
                        reference,
                        proposal,
                        histories,
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
                        candidates,
                        lagrange,
                        keep_bits,
                        drop_bits,
                    )
