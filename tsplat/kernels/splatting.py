"""Accumulated splatting: the model, and what CPUs and GPUs compute of one splat.

The picture
-----------
``I(p) = sum_i c_i g(q_i(p))`` with ``q = d^T S^-1 d``, ``d = p - mean``, pixel centres at
+0.5 and ``S = L L^T + BLUR I`` (GaussianImage, eq. 1 and 6; the blur is a pixel's own
footprint). The falloff is a Gaussian that is let down to zero at ``CUTOFF`` standard
deviations, ``g(q) = max(exp(-q/2) - exp(-CUTOFF^2/2), 0)``: continuous, so that no splat
shows an edge, and exactly zero beyond, so that a picture does not depend on tiling. A
normalised picture is not the sum of colours but their mean: :mod:`tsplat.kernels.blend`.

Memory
------
A plane of pixels is cut into blocks of 8 pixels along x. With ``p = xb * rows + y``, items ``3 p ..
3 p + 2`` of a buffer of 8-vectors hold the channels of pixels ``8 xb .. 8 xb + 7`` of line y, or
``4 p .. 4 p + 3`` those of a normalised picture's sums, or item p alone, where there is one
channel; ``rows`` is the height rounded up to a multiple of 8. On a CPU, Taichi hands them to LLVM
as vectors (:mod:`tsplat.kernels.runtime`), which has them in AVX registers; what it cannot do with
vectors (select, abs, negation, casts) is written around.

Kernels
-------
:mod:`tsplat.kernels.cpu` and :mod:`tsplat.kernels.gpu` render, differentiate and fit, each in its
own way over the pixels.
"""
# No `from __future__ import annotations`: Taichi reads the annotations of a kernel.

import math

import taichi as ti

from tsplat.kernels.arrays import V8, V16

BLUR = 0.5
"""Variance, in square pixels, that is added to both axes of every splat. It bounds the conic,
which the recurrence below needs: a standard deviation under 0.69 would underflow in 8 rows."""
CUTOFF = 3.0
FLOOR = math.exp(-0.5 * CUTOFF * CUTOFF)
RUN = 8
"""Blocks, or pairs of rows, over which weights may follow from one another; rounding grows with
the square of it."""
PARAMETERS = 8
"""x, y, l11, l21, l22 (pixels), r, g, b (1 = full scale)."""

LOG2E = math.log2(math.e)
CUT2 = CUTOFF * CUTOFF * LOG2E
LANES = V8([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])


@ti.func
def exp2(x):
    """2**x of a vector, x <= 126; 0 below -126.5. Relative error 1e-7 (minimax of degree 5)."""
    y = ti.max(x, -127.0)
    n = ti.floor(y + 0.5)
    f = y - n
    p = f * (f * (f * (f * (f * 0.00134005 + 0.00967226) + 0.05550327) + 0.24022227) + 0.69314721)
    power = V8(0.0)
    # Vectors have no casts.
    for k in range(8):
        power[k] = ti.bit_cast((ti.cast(n[k], ti.i32) + 127) << 23, ti.f32)
    return (p + 1.0) * power


@ti.func
def above_floor(w):
    return ti.max(w - FLOOR, 0.0)


@ti.func
def is_thin(curvature):
    """Weights of a splat whose exponent falls so fast, in log2 a square pixel, must be computed
    anew every 8 pixels: further away, or 8 pixels away both ways, they underflow."""
    return curvature < -0.25


@ti.func
def is_positive(v):
    """1 where v > 0, else 0; v >= 0. Vectors have no select."""
    return ti.min(v * 1e30, 1.0)


@ti.func
def falloff_of(x, y, l11, l21, l22):
    """What pixels need of a splat's falloff, at the places of :func:`prepare`; the others are 0."""
    sxx = l11 * l11 + BLUR
    sxy = l11 * l21
    syy = l21 * l21 + l22 * l22 + BLUR
    # The determinant of S; sxx syy - sxy^2 would cancel to nothing for long needles.
    area = l11 * l22
    scale = -LOG2E / (area * area + BLUR * (l11 * l11 + l21 * l21 + l22 * l22 + BLUR))
    ex = CUTOFF * ti.sqrt(sxx)
    ey = CUTOFF * ti.sqrt(syy)
    g = V16(0.0)
    g[0] = x
    g[1] = y
    g[2] = 0.5 * syy * scale
    g[3] = -sxy * scale
    g[4] = sxx * scale
    g[5] = ex
    g[6] = ey
    g[7] = ti.exp(sxx * scale / LOG2E)
    g[11] = CUTOFF * CUTOFF * sxy / ey
    g[12] = CUTOFF * CUTOFF * sxy / ex
    return g


@ti.func
def prepare(i, params: ti.template(), prepared: ti.template()):
    """What pixels need of splat i.

    0-1 mean; 2-4 -log2(e) times (a/2, b, c) of the conic [[a, b], [b, c]]; 5-6 half extents of
    the cut-off ellipse; 7 ratio of row ratios; 8-10 colour; 11 dx of its lowest, 12 dy of its
    rightmost point; 13 ratio of row ratios in neighbouring blocks, 14 of block ratios; 15 the
    weight, which the colour is multiplied by.
    """
    g = falloff_of(params[i, 0], params[i, 1], params[i, 2], params[i, 3], params[i, 4])
    g[15] = params[i, 8]
    g[8] = params[i, 5] * g[15]
    g[9] = params[i, 6] * g[15]
    g[10] = params[i, 7] * g[15]
    g[13] = ti.exp(8.0 * g[3] / LOG2E)
    g[14] = ti.exp(128.0 * g[2] / LOG2E)
    prepared[i] = g


@ti.func
def columns_of(g, columns):
    """First and last column of blocks that a prepared splat reaches."""
    first = ti.max(0, ti.cast(ti.floor((g[0] - g[5]) * 0.125), ti.i32))
    last = ti.min(columns - 1, ti.cast(ti.floor((g[0] + g[5]) * 0.125), ti.i32))
    return first, last


@ti.func
def lines_of(g, xb, rows):
    """First and last line that it reaches in one of them, the last less where there is none."""
    mx, my, a, b, c, ex = g[0], g[1], g[2], g[3], g[4], g[5]
    disc = b * b - 2.0 * a * c
    low = ti.max(-ex, xb * 8 + 0.5 - mx)
    high = ti.min(ex, xb * 8 + 7.5 - mx)
    at_bottom = ti.max(low, ti.min(high, g[11]))
    at_top = ti.max(low, ti.min(high, -g[11]))
    y1 = -b * at_bottom - ti.sqrt(ti.max(0.0, disc * at_bottom * at_bottom - c * CUT2))
    y0 = -b * at_top + ti.sqrt(ti.max(0.0, disc * at_top * at_top - c * CUT2))
    first = ti.max(0, ti.cast(ti.floor(my + y0 / c), ti.i32))
    last = ti.min(rows - 1, ti.cast(ti.floor(my + y1 / c), ti.i32))
    return first, last


@ti.func
def chain(i, m, params: ti.template(), prepared: ti.template()):
    """Moments to the gradient of 1/2 sum e^2 in the order of the parameters."""
    return chain_rule(prepared[i], params[i, 2], params[i, 3], params[i, 4], m)


@ti.func
def chain_rule(g, l11, l21, l22, m):
    """As :func:`chain`, of one prepared splat and its Cholesky vector."""
    a, b, c = -2.0 / LOG2E * g[2], -g[3] / LOG2E, -g[4] / LOG2E
    # d/dS = 1/2 S^-1 M S^-1 with M the second moments; d/dL = 2 (d/dS) L.
    k11, k12 = a * m[5] + b * m[6], a * m[6] + b * m[7]
    k21, k22 = b * m[5] + c * m[6], b * m[6] + c * m[7]
    g11, g12, g22 = k11 * a + k12 * b, k11 * b + k12 * c, k21 * b + k22 * c
    return V8(
        [
            a * m[3] + b * m[4],
            b * m[3] + c * m[4],
            g11 * l11 + g12 * l21,
            g12 * l11 + g22 * l21,
            g22 * l22,
            m[0],
            m[1],
            m[2],
        ]
    )


@ti.func
def adam_step(i, grad, params: ti.template(), state: ti.template(), rate, colour_rate, t, largest):
    """Adam in whitened coordinates: mean += L u, L += L D with D lower triangular.

    One learning rate so fits splats of every size; betas 0.9 and 0.99.
    """
    l11, l21, l22 = params[i, 2], params[i, 3], params[i, 4]
    white = V8(
        [
            l11 * grad[0] + l21 * grad[1],
            l22 * grad[1],
            l11 * grad[2] + l21 * grad[3],
            l22 * grad[3],
            l22 * grad[4],
            grad[5],
            grad[6],
            grad[7],
        ]
    )
    correct1 = 1.0 / (1.0 - ti.pow(0.9, t))
    correct2 = 1.0 / (1.0 - ti.pow(0.99, t))
    u = V8(0.0)
    for k in ti.static(range(8)):
        first = 0.9 * state[i, k] + 0.1 * white[k]
        second = 0.99 * state[i, 8 + k] + 0.01 * white[k] * white[k]
        state[i, k] = first
        state[i, 8 + k] = second
        size = ti.select(k < 5, rate, colour_rate)
        u[k] = -size * first * correct1 / (ti.sqrt(second * correct2) + 1e-10)
    params[i, 0] += l11 * u[0]
    params[i, 1] += l21 * u[0] + l22 * u[1]
    params[i, 2] = ti.max(0.4, ti.min(largest, l11 * (1.0 + u[2])))
    params[i, 3] = ti.max(-largest, ti.min(largest, l21 * (1.0 + u[2]) + l22 * u[3]))
    params[i, 4] = ti.max(0.4, ti.min(largest, l22 * (1.0 + u[4])))
    for k in ti.static(range(5, 8)):
        params[i, k] += u[k]
