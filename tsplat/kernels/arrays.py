"""Arrays that kernels take, and the shape that each must have.

``Array(V8, "3 * columns * rows")`` is an argument of one side, ``Array(ti.f32, "splats", 8)`` of
two. A side is a number or an expression of the kernel's numbers; a name that is none of them, such
as ``splats``, is the side of the first array that has it. Every launch is checked where the
environment has ``TSPLAT_DEBUG``.

A picture is cut into ``columns`` of 8 pixels' width, and its height is rounded up to ``rows``; see
:mod:`tsplat.kernels.splatting`.
"""

from __future__ import annotations

import os

import numpy as np
import taichi as ti
from taichi.lang.util import to_taichi_type

CHECKED = bool(os.environ.get("TSPLAT_DEBUG"))


class Array(ti.types.ndarray):
    """The type of a kernel's argument."""

    def __init__(self, dtype, *shape: int | str):
        super().__init__(dtype=dtype, ndim=len(shape))
        self.shape = shape


V8 = ti.types.vector(8, ti.f32)
V16 = ti.types.vector(16, ti.f32)

Pixels = Array(V8, "3 * columns * rows")
Channel = Array(V8, "columns * rows")
Tiles = Array(ti.i32, "columns * rows // 8")
Losses = Array(ti.f32, "columns * rows // 8")
Sums = Array(V8, "(3 + normalised) * columns * rows")
Splats = Array(ti.f32, "splats", 9)
Gradients = Array(ti.f32, "splats", 8)
Prepared = Array(V16, "splats")
Integers = Array(ti.i32, "splats", 8)


def check(name: str, parameters: dict[str, object], given: tuple) -> None:
    """Compare a kernel's arrays with what its parameters, by name, say of them.

    Raises
    ------
    ValueError
        One has another shape, or, being NumPy's, another type.
    """
    sides = {key: value for key, value in zip(parameters, given) if np.isscalar(value)}
    for (key, kind), array in zip(parameters.items(), given):
        if not isinstance(kind, Array):
            continue
        if isinstance(array, np.ndarray) and to_taichi_type(array.dtype) != kind.dtype:
            raise ValueError(f"{name}: {key} is of {array.dtype}, expected {kind.dtype}")
        for side, length in zip(kind.shape, array.shape, strict=True):
            if isinstance(side, str) and side.isidentifier():
                sides.setdefault(side, length)
            if eval(str(side), {}, sides) != length:
                shape = ", ".join(map(str, kind.shape))
                raise ValueError(f"{name}: {key} is {array.shape}, expected ({shape}) of {sides}")
