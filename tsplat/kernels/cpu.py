"""Render, gradient and iteration as CPUs run them: a worker a thread.

A *worker* takes every ``workers``-th splat, or strip of 8 lines: Taichi gives each thread one
contiguous part of a loop of at least :data:`TURNS` turns, so a worker is as many turns, of which
the first one works. Sums run in an order that depends on neither threads nor workers: results are
reproducible.
"""
# No `from __future__ import annotations`: Taichi reads the annotations of a kernel.

import taichi as ti

from tsplat.kernels.arrays import (
    V8,
    Array,
    Channel,
    Gradients,
    Losses,
    Pixels,
    Prepared,
    Splats,
    Sums,
    Tiles,
)
from tsplat.kernels.blend import inverse
from tsplat.kernels.splatting import (
    CUT2,
    LANES,
    RUN,
    above_floor,
    adam_step,
    chain,
    columns_of,
    exp2,
    is_positive,
    is_thin,
    lines_of,
    prepare,
)

TURNS = 512


@ti.func
def share_of(u, n, workers):
    """How many of n items are left to turn u: those of its worker, u // TURNS, or none."""
    share = 0
    if u % TURNS == 0:
        share = (n - u // TURNS + workers - 1) // workers
    return share


@ti.func
def row_of(a, b, c, dx, dy):
    """Weights of a row of a block, and their ratios to those of the row above it."""
    w = exp2((a * dx + b * dy) * dx + 0.5 * c * dy * dy)
    r = exp2(b * dx + c * (dy + 0.5))
    return w, r


@ti.func
def accumulate(
    strip,
    n,
    columns,
    rows,
    prepared: ti.template(),
    active: ti.template(),
    out: ti.template(),
    normalised: ti.template(),
):
    """Add n splats to the active blocks of lines 8 strip .. 8 strip + 7.

    The weight of a row follows from the one above: w(y+1) = w(y) r(y), r(y+1) = r(y) q. So do the
    first row's of a block from those of the block before, for at most :data:`RUN` blocks.
    """
    top = ti.cast(8 * strip, ti.f32)
    for i in range(n):
        my = prepared[i][1]
        ey = prepared[i][6]
        if my + ey > top and my - ey < top + 8.0:
            g = prepared[i]
            mx, a, b, c, q = g[0], g[2], g[3], g[4], g[7]
            red, green, blue = g[8], g[9], g[10]
            y0 = top + 0.5 - my
            low = ti.max(-ey, y0)
            high = ti.min(ey, y0 + 7.0)
            at_right = ti.max(low, ti.min(high, g[12]))
            at_left = ti.max(low, ti.min(high, -g[12]))
            disc = b * b - 2.0 * a * c
            x1 = -b * at_right - ti.sqrt(ti.max(0.0, disc * at_right * at_right - 2.0 * a * CUT2))
            x0 = -b * at_left + ti.sqrt(ti.max(0.0, disc * at_left * at_left - 2.0 * a * CUT2))
            half = 0.5 / a
            first = ti.max(0, ti.cast(ti.floor((mx + x0 * half) * 0.125), ti.i32))
            last = ti.min(columns - 1, ti.cast(ti.floor((mx + x1 * half) * 0.125), ti.i32))
            row_step, block_step = g[13], g[14]
            w0, r0, across = V8(0.0), V8(0.0), V8(0.0)
            run = ti.select(is_thin(ti.min(a, 0.5 * c)), 1, RUN)
            ahead = 0
            for xb in range(first, last + 1):
                if active[strip * columns + xb] == 0:
                    ahead = 0
                else:
                    if ahead == 0:
                        dx = LANES + (xb * 8 + 0.5 - mx)
                        w0, r0 = row_of(a, b, c, dx, y0)
                        across = exp2(16.0 * a * dx + (64.0 * a + 8.0 * b * y0))
                        ahead = run
                    else:
                        w0 *= across
                        across *= block_step
                        r0 *= row_step
                    ahead -= 1
                    w, r = w0, r0
                    start = xb * rows + strip * 8
                    for p in range(start, start + 8):
                        v = above_floor(w)
                        at = ti.static(4 if normalised else 3) * p
                        out[at] = out[at] + v * red
                        out[at + 1] = out[at + 1] + v * green
                        out[at + 2] = out[at + 2] + v * blue
                        if ti.static(normalised):
                            out[at + 3] = out[at + 3] + v * g[15]
                        w *= r
                        r *= q


@ti.func
def moments(
    i, columns, rows, prepared: ti.template(), error: ti.template(), normalised: ti.template()
):
    """Sums over the pixels of splat i, of weight 1.

    (g e_r, g e_g, g e_b, s dx, s dy, s dx dx, s dx dy, s dy dy); e is the error,
    s = w sum_c colour_c e_c, normalised w times that sum less the fourth of e. A chain rule once a
    splat turns them into the gradient, so that a pixel costs no more than this.
    """
    g = prepared[i]
    mx, my, a, b, c, q = g[0], g[1], g[2], g[3], g[4], g[7]
    red, green, blue = g[8], g[9], g[10]
    er, eg, eb = V8(0.0), V8(0.0), V8(0.0)
    sx, sy, sxx, sxy, syy = V8(0.0), V8(0.0), V8(0.0), V8(0.0), V8(0.0)
    run = ti.select(is_thin(0.5 * c), 8, 2 * RUN)
    first, last = columns_of(g, columns)
    for xb in range(first, last + 1):
        dx = LANES + (xb * 8 + 0.5 - mx)
        ya, yb = lines_of(g, xb, rows)
        s0, s1, s2 = V8(0.0), V8(0.0), V8(0.0)
        for k in range((yb - ya + run) // run):
            yk = ya + run * k
            w, r = row_of(a, b, c, dx, yk + 0.5 - my)
            for y in range(yk, ti.min(yk + run, yb + 1)):
                p = xb * rows + y
                dy = y + 0.5 - my
                v = above_floor(w)
                at = ti.static(4 if normalised else 3) * p
                e0 = error[at]
                e1 = error[at + 1]
                e2 = error[at + 2]
                er += v * e0
                eg += v * e1
                eb += v * e2
                s = e0 * red + e1 * green + e2 * blue
                if ti.static(normalised):
                    s = s - error[at + 3]
                s *= w * is_positive(v)
                s0 += s
                s1 += s * dy
                s2 += s * (dy * dy)
                w *= r
                r *= q
        sx += s0 * dx
        sxx += s0 * dx * dx
        sy += s1
        sxy += s1 * dx
        syy += s2
    return V8([er.sum(), eg.sum(), eb.sum(), sx.sum(), sy.sum(), sxx.sum(), sxy.sum(), syy.sum()])


@ti.func
def weigh_strip(
    strip,
    columns,
    rows,
    out: ti.template(),
    target: ti.template(),
    keep,
    weight: ti.template(),
    active: ti.template(),
    normalised: ti.template(),
):
    """Weigh the error of a strip in place, ``keep`` of the target in it; return sum w e^2.

    Normalised, sums become w e / d, three channels, and the sum of that times the picture: the
    derivatives of half the squared error in the numerators, and minus that in the denominator d.
    """
    total = V8(0.0)
    for xb in range(columns):
        if active[strip * columns + xb] != 0:
            start = xb * rows + strip * 8
            for p in range(start, start + 8):
                wt = weight[p]
                if ti.static(normalised):
                    share = inverse(out[4 * p + 3])
                    pull = V8(0.0)
                    for k in ti.static(range(3)):
                        colour = out[4 * p + k] * share
                        e = colour + keep * target[3 * p + k]
                        total += wt * e * e
                        e *= wt * share
                        out[4 * p + k] = e
                        pull += e * colour
                    out[4 * p + 3] = pull
                else:
                    for k in ti.static(range(3)):
                        e = out[3 * p + k]
                        total += wt * e * e
                        out[3 * p + k] = wt * e
    return total.sum()


@ti.func
def draw_strip(
    strip,
    n,
    columns,
    rows,
    prepared: ti.template(),
    start: ti.template(),
    keep,
    active: ti.template(),
    out: ti.template(),
    normalised: ti.template(),
):
    """out = start + sum of n splats, in the active tiles of a strip; ``keep`` of its colours."""
    for xb in range(columns):
        if active[strip * columns + xb] != 0:
            first = xb * rows + strip * 8
            for p in range(first, first + 8):
                at = ti.static(4 if normalised else 3) * p
                for k in ti.static(range(3)):
                    out[at + k] = keep * start[at + k]
                if ti.static(normalised):
                    out[at + 3] = start[at + 3]
    accumulate(strip, n, columns, rows, prepared, active, out, normalised)


@ti.func
def prepare_all(
    params: ti.template(), prepared: ti.template(), n: ti.template(), workers: ti.template()
):
    """A loop of its own. Numbers come as templates: a copy would take a launch."""
    for u in range(TURNS * workers):
        for k in range(share_of(u, n, workers)):
            prepare(u // TURNS + k * workers, params, prepared)


@ti.kernel
def render(
    params: Splats,
    prepared: Prepared,
    start: Sums,
    keep: ti.f32,
    out: Sums,
    active: Tiles,
    n: ti.i32,
    columns: ti.i32,
    rows: ti.i32,
    normalised: ti.template(),
    workers: ti.i32,
):
    """out = start + sum of n splats, in active tiles only; ``keep`` of its colours."""
    prepare_all(params, prepared, n, workers)
    for u in range(TURNS * workers):
        for k in range(share_of(u, rows // 8, workers)):
            strip = u // TURNS + k * workers
            draw_strip(strip, n, columns, rows, prepared, start, keep, active, out, normalised)


@ti.kernel
def weigh(
    out: Sums,
    target: Pixels,
    keep: ti.f32,
    weight: Channel,
    active: Tiles,
    losses: Losses,
    columns: ti.i32,
    rows: ti.i32,
    normalised: ti.template(),
    workers: ti.i32,
):
    """:func:`weigh_strip` of every strip; losses[strip] = sum of weight * error^2."""
    for u in range(TURNS * workers):
        for k in range(share_of(u, rows // 8, workers)):
            strip = u // TURNS + k * workers
            losses[strip] = weigh_strip(
                strip, columns, rows, out, target, keep, weight, active, normalised
            )


@ti.kernel
def gradient(
    params: Splats,
    prepared: Prepared,
    error: Sums,
    grads: Gradients,
    n: ti.i32,
    columns: ti.i32,
    rows: ti.i32,
    normalised: ti.template(),
    workers: ti.i32,
):
    """Gradient of 1/2 sum error^2, one splat at a time: no atomics, reproducible sums."""
    for u in range(TURNS * workers):
        for k in range(share_of(u, n, workers)):
            i = u // TURNS + k * workers
            g = chain(i, moments(i, columns, rows, prepared, error, normalised), params, prepared)
            for j in ti.static(range(8)):
                grads[i, j] = g[j]


@ti.kernel
def iterate(
    params: Splats,
    prepared: Prepared,
    state: Array(ti.f32, "splats", 16),
    start: Sums,
    error: Sums,
    target: Pixels,
    weight: Channel,
    active: Tiles,
    losses: Losses,
    n: ti.i32,
    columns: ti.i32,
    rows: ti.i32,
    normalised: ti.template(),
    workers: ti.i32,
    rate: ti.f32,
    colour_rate: ti.f32,
    t: ti.f32,
    largest: ti.f32,
    # Numbers in a ti.types.struct: a launch takes 4 times as long; in a kept argpack, twice.
):
    """One iteration of the fit in one launch: prepare, render, residual, backward, Adam."""
    prepare_all(params, prepared, n, workers)
    for u in range(TURNS * workers):
        for k in range(share_of(u, rows // 8, workers)):
            strip = u // TURNS + k * workers
            draw_strip(strip, n, columns, rows, prepared, start, 1.0, active, error, normalised)
            losses[strip] = weigh_strip(
                strip, columns, rows, error, target, 1.0, weight, active, normalised
            )
    for u in range(TURNS * workers):
        for k in range(share_of(u, n, workers)):
            i = u // TURNS + k * workers
            g = chain(i, moments(i, columns, rows, prepared, error, normalised), params, prepared)
            adam_step(i, g, params, state, rate, colour_rate, t, largest)
