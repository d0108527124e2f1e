"""Between pictures as the world has them and the blocks of 8 pixels that kernels work on.

Layout: see :mod:`tsplat.kernels.splatting`.
"""
# No `from __future__ import annotations`: Taichi reads the annotations of a kernel.

import taichi as ti

from tsplat.kernels.arrays import V8, Array, Channel, Pixels, Sums, Tiles
from tsplat.kernels.blend import EMPTY, inverse
from tsplat.kernels.splatting import is_positive


@ti.kernel
def clear(out: Array(V8, "items"), items: ti.i32):
    """out = 0. Taichi's own ``fill`` compiles a kernel for every vector that it is given."""
    for p in range(items):
        out[p] = V8(0.0)


@ti.kernel
def put_empty(out: Array(V8, "4 * length"), length: ti.i32):
    """A picture of no splats, as sums of colours and of weights."""
    for p in range(length):
        out[4 * p + 3] = V8(EMPTY)


@ti.kernel
def differences(
    image: Array(V8, "4 * length"),
    target: Array(V8, "3 * length"),
    weight: Array(V8, "length"),
    out: Array(V8, "3 * length"),
    length: ti.i32,
):
    """out = weight * (mean - target)."""
    for p in range(length):
        share = weight[p] * inverse(image[4 * p + 3])
        for k in ti.static(range(3)):
            out[3 * p + k] = image[4 * p + k] * share + target[3 * p + k] * weight[p]


@ti.kernel
def put_frame(
    frame: Array(ti.u8, "height", "width", 3),
    out: Array(V8, "3 * length"),
    scale: ti.f32,
    rows: ti.i32,
    length: ti.i32,
):
    """out = scale * frame; 0 beyond the picture's edge. length: columns * rows."""
    for p in range(length):
        x0 = p // rows * 8
        y = p % rows
        for k in ti.static(range(3)):
            v = V8(0.0)
            if y < frame.shape[0]:
                for j in ti.static(range(8)):
                    if x0 + j < frame.shape[1]:
                        v[j] = scale * ti.cast(frame[y, x0 + j, k], ti.f32)
            out[3 * p + k] = v


@ti.kernel
def put_plane(
    plane: Array(ti.f32, "height", "width"),
    out: Array(V8, "length"),
    rows: ti.i32,
    length: ti.i32,
):
    """out = plane; 0 beyond the picture's edge."""
    for p in range(length):
        x0 = p // rows * 8
        y = p % rows
        v = V8(0.0)
        if y < plane.shape[0]:
            for j in ti.static(range(8)):
                if x0 + j < plane.shape[1]:
                    v[j] = plane[y, x0 + j]
        out[p] = v


@ti.func
def levels(v):
    """In grey levels and a half: a cast rounds it to the nearest one."""
    return ti.max(0.0, ti.min(255.0, v * 255.0 + 0.5))


@ti.kernel
def get_frame(
    image: Sums,
    frame: Array(ti.u8, "height * width * 3"),
    height: ti.i32,
    width: ti.i32,
    rows: ti.i32,
    columns: ti.i32,
    normalised: ti.template(),
):
    """frame = image in 8 bits, rounded to nearest, clipped."""
    for u in range(height * columns):
        y = u // columns
        xb = u % columns
        p = xb * rows + y
        start = (y * width + xb * 8) * 3
        at = ti.static(4 if normalised else 3) * p
        share = V8(1.0)
        if ti.static(normalised):
            share = inverse(image[at + 3])
        red = levels(image[at] * share)
        green = levels(image[at + 1] * share)
        blue = levels(image[at + 2] * share)
        if xb * 8 + 8 <= width:
            for j in ti.static(range(8)):
                frame[start + 3 * j] = ti.cast(red[j], ti.u8)
                frame[start + 3 * j + 1] = ti.cast(green[j], ti.u8)
                frame[start + 3 * j + 2] = ti.cast(blue[j], ti.u8)
        else:
            for j in ti.static(range(8)):
                if xb * 8 + j < width:
                    frame[start + 3 * j] = ti.cast(red[j], ti.u8)
                    frame[start + 3 * j + 1] = ti.cast(green[j], ti.u8)
                    frame[start + 3 * j + 2] = ti.cast(blue[j], ti.u8)


@ti.kernel
def get_planes(
    image: Pixels,
    out: Array(ti.f32, "height", "width", 3),
    rows: ti.i32,
    columns: ti.i32,
):
    """out = image."""
    for u in range(out.shape[0] * columns):
        y = u // columns
        x0 = u % columns * 8
        p = u % columns * rows + y
        for k in ti.static(range(3)):
            v = image[3 * p + k]
            for j in ti.static(range(8)):
                if x0 + j < out.shape[1]:
                    out[y, x0 + j, k] = v[j]


@ti.func
def largest(r, g, b):
    """Largest size of three numbers; vectors have neither abs nor a sign."""
    low = ti.min(r, ti.min(g, b))
    return ti.max(ti.max(r, ti.max(g, b)), 0.0 - low)


@ti.kernel
def changed(
    error: Pixels,
    settled: Channel,
    weight: Channel,
    indicator: Pixels,
    active: Tiles,
    threshold: ti.f32,
    rows: ti.i32,
    columns: ti.i32,
):
    """Where the error exceeds by more than a threshold what the last fit left there.

    The excess counts times the root of the weight, as it does in the loss.

    indicator[:, 0] = 1 where it does, else 0; indicator[:, 1] = the error's size, its largest
    channel; active[tile] = number of such pixels.
    """
    for tile in range(columns * (rows // 8)):
        strip = tile // columns
        start = tile % columns * rows + strip * 8
        count = V8(0.0)
        for p in range(start, start + 8):
            size = largest(error[3 * p], error[3 * p + 1], error[3 * p + 2])
            excess = (size - settled[p]) * ti.sqrt(weight[p])
            v = is_positive(ti.max(excess - threshold, 0.0))
            indicator[3 * p] = v
            indicator[3 * p + 1] = size
            indicator[3 * p + 2] = V8(0.0)
            count += v
        active[tile] = ti.cast(count.sum(), ti.i32)


@ti.kernel
def settle(
    error: Pixels,
    settled: Channel,
    weight: Channel,
    active: Tiles,
    slack: ti.f32,
    rows: ti.i32,
    columns: ti.i32,
):
    """settled = the error's size, in active tiles, but at most slack more than it was.

    Where the weight is 0, settled = 0: what enters the region later has changed.
    """
    for tile in range(columns * (rows // 8)):
        start = tile % columns * rows + tile // columns * 8
        for p in range(start, start + 8):
            if active[tile] != 0:
                size = largest(error[3 * p], error[3 * p + 1], error[3 * p + 2])
                settled[p] = ti.min(settled[p] + slack, size)
            settled[p] = settled[p] * is_positive(weight[p])
