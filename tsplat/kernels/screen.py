"""A screen: the buffers that rendering needs, for pictures of one size."""

from __future__ import annotations

import numpy as np
import taichi as ti

from tsplat.kernels import cpu, gpu, gpu_blocks, pixels, runtime
from tsplat.kernels.arrays import V8, V16


class Screen:
    """Shows splats.

    Parameters
    ----------
    width, height : int
        Size of the picture, pixels.
    backend : Backend, optional
        The running one by default.
    normalised : bool
        A pixel is the mean of its splats' colours (:mod:`tsplat.kernels.blend`), not their sum.

    Notes
    -----
    Splat parameters are ``(n, 8) float32``: x, y, l11, l21, l22 (pixels; pixel centres at
    +0.5), r, g, b (1 = full scale). Pictures are ``(height, width, 3) uint8`` RGB.
    """

    def __init__(
        self,
        width: int,
        height: int,
        backend: runtime.Backend | None = None,
        normalised: bool = False,
    ):
        self.width, self.height = width, height
        self.backend = backend or runtime.current()
        self.columns, self.rows = -(-width // 8), -(-height // 8) * 8
        self.tiles = self.columns * (self.rows // 8)
        self._length = self.columns * self.rows
        self.normalised, self._planes = normalised, 4 if normalised else 3
        self._image = self._plane(self._planes)
        self._black = self._plane(self._planes)
        if normalised:
            pixels.put_empty(self._black, self._length)
        self._everywhere = self._tile_map(None)
        self._n = self._capacity = 0
        self._reserve(256)

    def picture(self, params: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """Render splats to (height, width, 3) uint8. params: (n, 8) float32."""
        self.load(params, weights)
        self._render(self._black, self._image, self._everywhere)
        out = np.empty(self.height * self.width * 3, np.uint8)
        pixels.get_frame(
            self._image, out, self.height, self.width, self.rows, self.columns, self.normalised
        )
        return out.reshape(self.height, self.width, 3)

    def load(self, params: np.ndarray, weights: np.ndarray | None = None) -> None:
        """Put splats on the device. params: (n, 8) float32; weights: (n,), or None for 1."""
        self._n = len(params)
        self._reserve(self._n)
        padded = np.zeros((self._capacity, 9), np.float32)
        padded[: self._n, :8] = params
        padded[: self._n, 8] = 1 if weights is None else weights
        self._params.from_numpy(padded)

    def params(self) -> np.ndarray:
        """The splats as they are now, (n, 8) float32."""
        return self._params.to_numpy()[: self._n, :8]

    def _plane(self, channels: int) -> ti.Ndarray:
        plane = ti.ndarray(V8, self._length * channels)
        pixels.clear(plane, self._length * channels)
        return plane

    def _tile_map(self, tiles: np.ndarray | None) -> ti.Ndarray:
        out = ti.ndarray(ti.i32, self.tiles)
        out.from_numpy(np.ones(self.tiles, np.int32) if tiles is None else tiles.astype(np.int32))
        return out

    def _reserve(self, n: int) -> None:
        if n > self._capacity:
            self._capacity = 1 << max(8, (n - 1).bit_length())
            self._allocate(self._capacity)

    def _allocate(self, capacity: int) -> None:
        """Make the buffers of which a splat has a row."""
        self._params = ti.ndarray(ti.f32, (capacity, 9))
        self._prepared = ti.ndarray(V16, capacity)
        if not self.backend.on_cpu:
            bands = -(-self.rows // gpu_blocks.SIDE)
            self._lists = ti.ndarray(ti.i32, (bands, capacity))
            self._counts = ti.ndarray(ti.i32, bands)

    def _write(self, array: ti.Ndarray, values: np.ndarray) -> None:
        padded = np.zeros((self._capacity, 8), values.dtype)
        padded[: len(values)] = values
        array.from_numpy(padded)

    def _render(
        self, start: ti.Ndarray, out: ti.Ndarray, active: ti.Ndarray, keep: float = 1.0
    ) -> None:
        picture = (start, keep, out, active, self._n, self.columns, self.rows, self.normalised)
        if self.backend.on_cpu:
            cpu.render(self._params, self._prepared, *picture, self.backend.threads)
        else:
            gpu.render(self._params, self._prepared, self._lists, self._counts, *picture)
