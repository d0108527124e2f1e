"""What blocks of a GPU's threads do: list splats, add them up at pixels, walk over one's pixels.

See :mod:`tsplat.kernels.gpu` for how these make pictures and gradients.
"""
# No `from __future__ import annotations`: Taichi reads the annotations of a kernel.

import taichi as ti

from tsplat.kernels.arrays import (
    V8,
)
from tsplat.kernels.splatting import (
    CUT2,
    FLOOR,
    LOG2E,
    above_floor,
    columns_of,
    lines_of,
    prepare,
)

SIDE = 16
"""Pixels along an edge of a tile; lines of a band."""
THREADS = SIDE * SIDE
GROUP = 16
"""Threads whose counts and sums one thread adds up."""
GROUPS = THREADS // GROUP
WORDS = THREADS // 32
WALKERS = 128
"""Threads that share a splat's pixels."""
STAGED = 9
"""Numbers of a splat that pixels read: mean, three of the conic, colour, weight."""
V4 = ti.types.vector(4, ti.f32)

SharedArray = ti.simt.block.SharedArray
sync = ti.simt.block.sync


def tile_count(columns: int, rows: int) -> int:
    """Tiles of a picture of so many columns of 8 pixels, and lines."""
    return -(-rows // SIDE) * -(-columns // 2)


@ti.func
def count_below(mine, lane, words: ti.template()):
    """Of the block's flags, 0 or 1, how many are set in lower lanes, and in all."""
    if lane < WORDS:
        words[lane] = 0
    sync()
    if mine != 0:
        ti.atomic_or(words[lane // 32], 1 << (lane % 32))
    sync()
    below = ti.math.popcnt(words[lane // 32] & ((1 << (lane % 32)) - 1))
    everywhere = 0
    for k in range(WORDS):
        if k == lane // 32:
            below += everywhere
        everywhere += ti.math.popcnt(words[k])
    sync()
    return below, everywhere


@ti.func
def add_up(mine, lane):
    """Sum of the block's numbers, in the order of lanes."""
    values = SharedArray((THREADS,), ti.f32)
    sums = SharedArray((GROUPS,), ti.f32)
    values[lane] = mine
    sync()
    if lane < GROUPS:
        total = 0.0
        for k in range(GROUP):
            total += values[lane * GROUP + k]
        sums[lane] = total
    sync()
    everything = 0.0
    for k in range(GROUPS):
        everything += sums[k]
    return everything


@ti.func
def reaches(i, left, top, prepared: ti.template()):
    """Whether the cut-off ellipse of splat i touches pixel centres' rows and the tile's columns."""
    g = prepared[i]
    a, b, c, ey = g[2], g[3], g[4], g[6]
    y0 = ti.cast(top, ti.f32) + 0.5 - g[1]
    low = ti.max(-ey, y0)
    high = ti.min(ey, y0 + (SIDE - 1))
    at_right = ti.max(low, ti.min(high, g[12]))
    at_left = ti.max(low, ti.min(high, -g[12]))
    disc = b * b - 2.0 * a * c
    x1 = -b * at_right - ti.sqrt(ti.max(0.0, disc * at_right * at_right - 2.0 * a * CUT2))
    x0 = -b * at_left + ti.sqrt(ti.max(0.0, disc * at_left * at_left - 2.0 * a * CUT2))
    half = 0.5 / a
    # Like the columns of 8 pixels on the CPU, widened by half a pixel: rounding costs nothing.
    return ti.cast((g[0] + x1 * half >= left) & (g[0] + x0 * half <= left + SIDE), ti.i32)


@ti.func
def list_band(
    band,
    lane,
    n,
    prepared: ti.template(),
    lists: ti.template(),
    counts: ti.template(),
):
    """lists[band, :counts[band]] = the splats that reach the band, in order."""
    words = SharedArray((WORDS,), ti.i32)
    top = ti.cast(band * SIDE, ti.f32)
    found = 0
    for chunk in range((n + THREADS - 1) // THREADS):
        i = chunk * THREADS + lane
        hit = 0
        if i < n:
            my = prepared[i][1]
            ey = prepared[i][6]
            if my + ey > top and my - ey < top + SIDE:
                hit = 1
        below, hits = count_below(hit, lane, words)
        if hit != 0:
            lists[band, found + below] = i
        found += hits
    if lane == 0:
        counts[band] = found


@ti.func
def prepare_and_list(
    n: ti.template(),
    listers: ti.template(),
    params: ti.template(),
    prepared: ti.template(),
    lists: ti.template(),
    counts: ti.template(),
):
    """The first two launches of a picture. Numbers come as templates: a copy would be another."""
    for i in range(n):
        prepare(i, params, prepared)
    ti.loop_config(block_dim=THREADS)
    for u in range(listers):
        list_band(u // THREADS, u % THREADS, n, prepared, lists, counts)


@ti.func
def sum_at_pixel(
    u,
    columns,
    prepared: ti.template(),
    lists: ti.template(),
    counts: ti.template(),
):
    """Sum of all splats at the pixel of this thread, (red, green, blue, weight)."""
    words = SharedArray((WORDS,), ti.i32)
    staged = SharedArray((THREADS, STAGED), ti.f32)
    tile, lane = u // THREADS, u % THREADS
    across = (columns + 1) // 2
    band = tile // across
    top = band * SIDE
    left = tile % across * SIDE
    x = ti.cast(left + lane % SIDE, ti.f32) + 0.5
    y = ti.cast(top + lane // SIDE, ti.f32) + 0.5
    total = V4(0.0)
    listed = counts[band]
    for chunk in range((listed + THREADS - 1) // THREADS):
        k = chunk * THREADS + lane
        i = 0
        hit = 0
        if k < listed:
            i = lists[band, k]
            hit = reaches(i, left, top, prepared)
        below, hits = count_below(hit, lane, words)
        if hit != 0:
            g = prepared[i]
            for j in ti.static(range(5)):
                staged[below, j] = g[j]
            for j in ti.static(range(3)):
                staged[below, 5 + j] = g[8 + j]
            staged[below, 8] = g[15]
        sync()
        for s in range(hits):
            dx = x - staged[s, 0]
            dy = y - staged[s, 1]
            q = (staged[s, 2] * dx + staged[s, 3] * dy) * dx + 0.5 * staged[s, 4] * dy * dy
            v = above_floor(ti.exp(q * (1.0 / LOG2E)))
            for j in ti.static(range(4)):
                total[j] += v * staged[s, 5 + j]
    return total


@ti.func
def place_of(u, columns, rows, active: ti.template()):
    """Row in a plane and lane in its block of this thread's pixel; whether it is to be drawn."""
    tile, lane = u // THREADS, u % THREADS
    across = (columns + 1) // 2
    xb = tile % across * 2 + lane % SIDE // 8
    y = tile // across * SIDE + lane // SIDE
    drawn = 0
    if xb < columns and y < rows:
        drawn = active[y // 8 * columns + xb]
    return xb * rows + y, lane % 8, drawn


@ti.func
def begun(total, p, j, keep, start: ti.template(), normalised: ti.template()):
    """Sums at a pixel, on top of what the picture starts from."""
    at = ti.static(4 if normalised else 3) * p
    out = total
    for k in ti.static(range(3)):
        out[k] += keep * start[at + k][j]
    if ti.static(normalised):
        out[3] += start[at + 3][j]
    return out


@ti.func
def weighed(total, wt, p, j, keep, target: ti.template(), normalised: ti.template()):
    """What :func:`tsplat.kernels.cpu.weigh_strip` makes of a pixel's sums; and w e^2."""
    out, square = total, 0.0
    if ti.static(normalised):
        share = 1.0 / total[3]
        out[3] = 0.0
        for k in ti.static(range(3)):
            colour = total[k] * share
            e = colour + keep * target[3 * p + k][j]
            square += wt * e * e
            out[k] = wt * e * share
            out[3] += out[k] * colour
    else:
        for k in ti.static(range(3)):
            square += wt * total[k] * total[k]
            out[k] = wt * total[k]
    return out, square


@ti.func
def own_blocks(g, lane, columns):
    """First column of blocks of this thread in a splat's pixels, and how many: every other one."""
    first, last = columns_of(g, columns)
    mine = first + ((lane // 64 - first) & 1)
    return mine, (last - mine) // 2 + 1


@ti.func
def own_lines(g, xb, lane, rows):
    """First line of this thread in one of them, and how many: every eighth one."""
    first, last = lines_of(g, xb, rows)
    mine = first + ((lane // 8 - first) & 7)
    return mine, (last - mine + 8) // 8


@ti.func
def own_falloff(g, xb, y, at):
    """dx, dy and exp(-q / 2) of a splat at pixel ``at`` of a block."""
    dx = ti.cast(xb * 8 + at, ti.f32) + 0.5 - g[0]
    dy = ti.cast(y, ti.f32) + 0.5 - g[1]
    return dx, dy, ti.exp(((g[2] * dx + g[3] * dy) * dx + 0.5 * g[4] * dy * dy) * (1.0 / LOG2E))


@ti.func
def sum_of_walk(
    i,
    lane,
    columns,
    rows,
    prepared: ti.template(),
    error: ti.template(),
    normalised: ti.template(),
):
    """:func:`tsplat.kernels.cpu.moments` of splat i, by a block of threads."""
    g = prepared[i]
    parts = SharedArray((WALKERS, 8), ti.f32)
    sums = SharedArray((WALKERS // 8, 8), ti.f32)
    m = V8(0.0)
    mine, across = own_blocks(g, lane, columns)
    for k in range(across):
        xb = mine + 2 * k
        start, down = own_lines(g, xb, lane, rows)
        for r in range(down):
            p = xb * rows + start + 8 * r
            dx, dy, w = own_falloff(g, xb, start + 8 * r, lane % 8)
            if w > FLOOR:
                at = ti.static(4 if normalised else 3) * p
                e0 = error[at][lane % 8]
                e1 = error[at + 1][lane % 8]
                e2 = error[at + 2][lane % 8]
                v = w - FLOOR
                s = e0 * g[8] + e1 * g[9] + e2 * g[10]
                if ti.static(normalised):
                    s -= error[at + 3][lane % 8]
                s *= w
                m += V8(
                    [v * e0, v * e1, v * e2, s * dx, s * dy, s * dx * dx, s * dx * dy, s * dy * dy]
                )
    for j in ti.static(range(8)):
        parts[lane, j] = m[j]
    sync()
    total = 0.0
    for k in range(8):
        total += parts[lane // 8 * 8 + k, lane % 8]
    sums[lane // 8, lane % 8] = total
    sync()
    if lane == 0:
        m = V8(0.0)
        for k in range(WALKERS // 8):
            for j in ti.static(range(8)):
                m[j] += sums[k, j]
    return m
