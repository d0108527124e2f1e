"""A pixel of normalised splats: the mean of their colours, weighed by their falloffs.

``I(p) = sum_i c_i g_i(p) / (EMPTY + sum_i g_i(p))``, falloffs g_i times their splats' weights: a
steered mixture of experts, constant ones. Planes hold numerator and denominator, four items a pixel
in place of the three of sums. Without a splat of falloff v, both are known; with it, the error is
linear in its colour, as for sums. The functions take numbers or vectors of 8 pixels; n, d: the
pixel's sums; t: minus the target.

References
----------
Verhack et al., Steered mixture-of-experts for light field images and video, IEEE TMM 2020.
"""
# No `from __future__ import annotations`: Taichi reads the annotations of a kernel.

import taichi as ti

from tsplat.kernels.arrays import V8

EMPTY = 1 / 1000
"""Weight of black, so that a pixel without splats has a colour."""


@ti.func
def inverse(v):
    """1 / v of a vector. Vectors have no division."""
    out = V8(0.0)
    for k in ti.static(range(8)):
        out[k] = 1.0 / v[k]
    return out


@ti.func
def pull(n0, n1, n2, t0, t1, t2, share, colour):
    """Half the derivative of the squared error in a splat's falloff; share: 1 / d."""
    i0, i1, i2 = n0 * share, n1 * share, n2 * share
    total = (i0 + t0) * (colour[0] - i0)
    total += (i1 + t1) * (colour[1] - i1)
    total += (i2 + t2) * (colour[2] - i2)
    return total * share


@ti.func
def added(n0, n1, n2, d, t0, t1, t2, v, both, weight):
    """What a splat adds to the squared error: 2 c . (first three) + c . c (fourth) + (fifth).

    v: its falloff; both: 1 / (d (d + v)), d without it; weight: of the pixel's error.
    """
    share_with, share = both * d, both * (d + v)
    k = weight * share_with * share_with
    # The error before, times d; with a black splat, times d + v.
    e0, e1, e2 = n0 + t0 * d, n1 + t1 * d, n2 + t2 * d
    f0, f1, f2 = e0 + t0 * v, e1 + t1 * v, e2 + t2 * v
    kv = k * v
    rest = k * (f0 * f0 + f1 * f1 + f2 * f2)
    rest = rest - weight * share * share * (e0 * e0 + e1 * e1 + e2 * e2)
    return kv * f0, kv * f1, kv * f2, kv * v, rest
