"""Render, gradient and iteration as GPUs run them: a block of threads a tile, or a splat.

The model, the memory and the arithmetic of a splat are those of
:mod:`tsplat.kernels.splatting`; the names of the kernels are, too.

Work
----
Each step is a loop of one launch; the host waits for none of them.

1. A thread a splat: what pixels need of it.
2. A block a *band* of 16 lines: the splats that reach it, listed in order. 256 threads look at
   256 splats, count those that do, take the sum of those before them, and fill the list. A band
   has room for every splat, so that nothing can overflow.
3. A block a *tile* of 16x16 pixels, a thread a pixel. Of its band's list, 256 splats at a time,
   the threads find those that reach the tile in the same way, but fill shared memory; then every
   pixel adds them up.
4. A block a splat: its pixels are dealt out to 128 threads, whose sums meet in shared memory. A
   thread has its place in every 16x8 pixels of the picture, and so always the same pixels.

Lists are in the order of splats and sums in the order of threads, with no atomics: results are
reproducible. Loops over blocks have a multiple of a block's threads as their length, so that all of
them meet at barriers. Between any read of shared memory and the next write to it lies a barrier,
also across the turns of a loop, since a block takes several tiles or splats where there are more of
them than blocks: what is read behind the last barrier of a function is written behind the first
barrier of its next call.
"""
# No `from __future__ import annotations`: Taichi reads the annotations of a kernel.

import taichi as ti

from tsplat.kernels.arrays import (
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
from tsplat.kernels.gpu_blocks import (
    SIDE,
    THREADS,
    V4,
    WALKERS,
    add_up,
    begun,
    place_of,
    prepare_and_list,
    sum_at_pixel,
    sum_of_walk,
    weighed,
)
from tsplat.kernels.splatting import (
    adam_step,
    chain,
)


@ti.kernel
def render(
    params: Splats,
    prepared: Prepared,
    lists: Array(ti.i32, "bands", "splats"),
    counts: Array(ti.i32, "bands"),
    start: Sums,
    keep: ti.f32,
    out: Sums,
    active: Tiles,
    n: ti.i32,
    columns: ti.i32,
    rows: ti.i32,
    normalised: ti.template(),
):
    """out = start + sum of n splats, in active tiles of 8x8 only; ``keep`` of its colours."""
    # Bounds stand above the first loop: each one below would take a launch of its own.
    listers = (rows + SIDE - 1) // SIDE * THREADS
    painters = listers * ((columns + 1) // 2)
    prepare_and_list(n, listers, params, prepared, lists, counts)
    ti.loop_config(block_dim=THREADS)
    for u in range(painters):
        total = sum_at_pixel(u, columns, prepared, lists, counts)
        p, j, drawn = place_of(u, columns, rows, active)
        if drawn != 0:
            total = begun(total, p, j, keep, start, normalised)
            for k in ti.static(range(4 if normalised else 3)):
                out[ti.static(4 if normalised else 3) * p + k][j] = total[k]


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
):
    """As :func:`tsplat.kernels.cpu.weigh`; losses[tile of 16x16] = sum of w e^2 of the tile."""
    ti.loop_config(block_dim=THREADS)
    for u in range((rows + SIDE - 1) // SIDE * ((columns + 1) // 2) * THREADS):
        p, j, drawn = place_of(u, columns, rows, active)
        square = 0.0
        if drawn != 0:
            at = ti.static(4 if normalised else 3) * p
            total = V4(0.0)
            for k in ti.static(range(4 if normalised else 3)):
                total[k] = out[at + k][j]
            total, square = weighed(total, weight[p][j], p, j, keep, target, normalised)
            for k in ti.static(range(4 if normalised else 3)):
                out[at + k][j] = total[k]
        everything = add_up(square, u % THREADS)
        if u % THREADS == 0:
            losses[u // THREADS] = everything


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
):
    """Gradient of 1/2 sum error^2."""
    ti.loop_config(block_dim=WALKERS)
    for u in range(n * WALKERS):
        i, lane = u // WALKERS, u % WALKERS
        m = sum_of_walk(i, lane, columns, rows, prepared, error, normalised)
        if lane == 0:
            g = chain(i, m, params, prepared)
            for j in ti.static(range(8)):
                grads[i, j] = g[j]


@ti.kernel
def iterate(
    params: Splats,
    prepared: Prepared,
    lists: Array(ti.i32, "bands", "splats"),
    counts: Array(ti.i32, "bands"),
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
    rate: ti.f32,
    colour_rate: ti.f32,
    t: ti.f32,
    largest: ti.f32,
):
    """One iteration of the fit in one launch: prepare, list, render, residual, backward, Adam.

    losses: (tiles of 16x16,), the sum of weight * error^2 of each.
    """
    listers = (rows + SIDE - 1) // SIDE * THREADS
    painters = listers * ((columns + 1) // 2)
    walkers = n * WALKERS
    prepare_and_list(n, listers, params, prepared, lists, counts)
    ti.loop_config(block_dim=THREADS)
    for u in range(painters):
        total = sum_at_pixel(u, columns, prepared, lists, counts)
        p, j, drawn = place_of(u, columns, rows, active)
        square = 0.0
        if drawn != 0:
            total = begun(total, p, j, 1.0, start, normalised)
            total, square = weighed(total, weight[p][j], p, j, 1.0, target, normalised)
            for k in ti.static(range(4 if normalised else 3)):
                error[ti.static(4 if normalised else 3) * p + k][j] = total[k]
        everything = add_up(square, u % THREADS)
        if u % THREADS == 0:
            losses[u // THREADS] = everything
    ti.loop_config(block_dim=WALKERS)
    for u in range(walkers):
        i, lane = u // WALKERS, u % WALKERS
        m = sum_of_walk(i, lane, columns, rows, prepared, error, normalised)
        if lane == 0:
            g = chain(i, m, params, prepared)
            adam_step(i, g, params, state, rate, colour_rate, t, largest)
