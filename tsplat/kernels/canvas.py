"""A canvas: a screen on which splats are fitted to a picture."""

from __future__ import annotations

import numpy as np
import taichi as ti

from tsplat.kernels import adan, cpu, gpu, gpu_blocks, pixels, runtime
from tsplat.kernels import quantise as quantisation
from tsplat.kernels.descent import Descent
from tsplat.kernels.screen import Screen
from tsplat.kernels.splatting import BLUR, CUTOFF


class Canvas(Screen):
    """Splats, the picture that they are fitted to, and the error between the two.

    Parameters and conventions are those of :class:`~tsplat.kernels.screen.Screen`.
    """

    def __init__(
        self,
        width: int,
        height: int,
        backend: runtime.Backend | None = None,
        normalised: bool = False,
    ):
        super().__init__(width, height, backend, normalised)
        self._largest = float(max(width, height))
        self._target = self._plane(3)
        self._base = self._plane(self._planes)
        self._error = self._plane(self._planes)
        self._weight = self._plane(1)
        self._settled = self._plane(1)
        self._settled3 = self._plane(3)
        self._active = self._tile_map(None)
        self._losses = ti.ndarray(ti.f32, self.tiles)
        self._steps = ti.ndarray(ti.f32, 8)
        self._half: Canvas | None = None
        self.set_weight(None)

    # -- what to fit -----------------------------------------------------------------------

    def set_target(self, frame: np.ndarray) -> None:
        """The picture to fit. frame: (height, width, 3) uint8."""
        self._frame = frame = np.ascontiguousarray(frame)
        self._stale = True
        pixels.put_frame(frame, self._target, -1.0 / 255.0, self.rows, self._length)

    def set_weight(self, weight: np.ndarray | None) -> None:
        """Weight of each pixel's squared error. (height, width) float32, or None for 1."""
        self._stale = True
        self._weights = None if weight is None or (weight == 1).all() else weight
        if weight is None:
            weight = np.ones((self.height, self.width), np.float32)
        weight = np.ascontiguousarray(weight, np.float32)
        pixels.put_plane(weight, self._weight, self.rows, self._length)

    def half(self) -> Canvas:
        """A canvas of half the width and height, after :meth:`begin`, with the same picture and
        weight: a rough fit costs a quarter there."""
        if self._half is None:
            self._half = Canvas(
                (self.width + 1) // 2, (self.height + 1) // 2, self.backend, self.normalised
            )
        if self._stale:
            small = _halved(self._frame.astype(np.float32)) + np.float32(0.5)
            self._half.set_target(small.astype(np.uint8))
            self._half.set_weight(None if self._weights is None else _halved(self._weights))
            self._stale = False
        self._half.begin()
        return self._half

    # -- splats to integers ----------------------------------------------------------------

    def quantise(
        self,
        params: np.ndarray,
        steps: np.ndarray,
        reference: np.ndarray | None = None,
        dead_zone: float = 0.0,
    ) -> np.ndarray:
        """Round splats to integers.

        Parameters
        ----------
        params : (n, 8) float32
        steps : (8,) float32
            Units of x, y, l11, l21, l22, Y, Cb, Cr.
        reference : (n, 8) int32, optional
            Integers that a value keeps while it is nearer than the dead zone.
        dead_zone : float
            In steps.

        Returns
        -------
        (n, 8) int32
        """
        self.load(params)
        if reference is not None:
            self._write(self._reference, reference)
        self._steps.from_numpy(np.asarray(steps, np.float32))
        zone = dead_zone if reference is not None else 0.0
        quantisation.quantise(
            self._params, self._steps, self._reference, zone, self._integers, self._n
        )
        return self._integers.to_numpy()[: self._n]

    # -- fitting ---------------------------------------------------------------------------

    def begin(self, frozen: np.ndarray | None = None, tiles: np.ndarray | None = None) -> None:
        """Set what a fit starts from: the target, less the splats that stay as they are.

        Parameters
        ----------
        frozen : (m, 8) float32, optional
            Splats that are rendered but not fitted.
        tiles : (strips * columns,) bool, optional
            Tiles of 8x8 pixels in which the error counts; all by default.
        """
        self._active = self._tile_map(tiles)
        if tiles is not None:
            pixels.clear(self._error, self._planes * self._length)
        self.load(np.zeros((0, 8), np.float32) if frozen is None else frozen)
        self._render(self._black if self.normalised else self._target, self._base, self._everywhere)

    def iterate(self, rate: float, colour_rate: float, t: int) -> None:
        """Iteration t = 1, 2, ... of the fit of the loaded splats to what :meth:`begin` set; the
        first one forgets the optimiser's state."""
        if t == 1:
            self._state.fill(0.0)
        picture = (
            self._state,
            self._base,
            self._error,
            self._target,
            self._weight,
            self._active,
            self._losses,
        )
        size: tuple[int, ...] = (self._n, self.columns, self.rows, self.normalised)
        step = (rate, colour_rate, float(t), self._largest)
        if self.backend.on_cpu:
            size += (self.backend.threads,)
            cpu.iterate(self._params, self._prepared, *picture, *size, *step)
        else:
            lists = (self._lists, self._counts)
            gpu.iterate(self._params, self._prepared, *lists, *picture, *size, *step)

    def loss(self) -> float:
        """Weighted squared error, summed, that the last :meth:`iterate` started from."""
        return self._summed_losses()

    def squared_error(self) -> float:
        """Weighted squared error, summed, of the loaded splats over what :meth:`begin` set."""
        self._residual()
        return self._summed_losses()

    def gradient(self) -> np.ndarray:
        """Gradient of half of :meth:`squared_error` in the parameters of splats of weight 1, (n, 8)
        float32."""
        self._residual()
        return self._adjoint(self._error)

    def error_picture(self) -> np.ndarray:
        """The weighted error of the last :meth:`squared_error`, (height, width, 3) float32."""
        out = np.empty((self.height, self.width, 3), np.float32)
        error = self._error
        if self.normalised:
            self._render(self._base, self._error, self._active)
            error = self._settled3
            pixels.differences(self._error, self._target, self._weight, error, self._length)
        pixels.get_planes(error, out, self.rows, self.columns)
        return out

    def target_at(self, places: np.ndarray) -> np.ndarray:
        """Colours of the picture to fit, (n, 3) float32, full scale 1; places: (n, 2) pixels."""
        x, y = np.clip(places.T.astype(int), 0, [[self.width - 1], [self.height - 1]])
        return self._frame[y, x].astype(np.float32) / 255

    @property
    def weight(self) -> np.ndarray | None:
        """What :meth:`set_weight` was given; None where all pixels count alike."""
        return self._weights

    def apply_normal(self, colours: np.ndarray) -> np.ndarray:
        """G c with G the Gram matrix of the loaded splats' falloffs, or, normalised, of their
        shares in the pixels; (n, 3) to (n, 3)."""
        params = self.params()
        params[:, 5:] = colours
        self.load(params)
        self._render(self._base, self._error, self._active, keep=0.0)
        self._weigh(self._active, keep=0.0)
        return self._adjoint(self._error)[:, 5:]

    # -- integers --------------------------------------------------------------------------

    def descending(self, values: np.ndarray, params: np.ndarray) -> Descent:
        """Start a descent over integers, (n, 8) int32, whose splats are ``params``; after
        :meth:`begin`."""
        self.load(params)
        self._render(self._base, self._error, self._everywhere)
        return Descent(self, values)

    # -- GaussianImage's optimiser ---------------------------------------------------------

    def adan(self, params: np.ndarray) -> adan.Adan:
        """Start Adan from these splats, summed, (n, 8) float32; after :meth:`begin`."""
        self.load(params)
        return adan.Adan(self, params)

    def clamped_gradient(self) -> np.ndarray:
        """As :meth:`gradient`, but of the error of the picture clamped to 0..1."""
        self._project_clamped()
        return self._grads.to_numpy()[: self._n]

    # -- what changed ----------------------------------------------------------------------

    def changed(self, params: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray, float]:
        """Compare the target with rendered splats, summed.

        Parameters
        ----------
        params : (n, 8) float32
            What the decoder shows.
        threshold : float
            Growth of the error, full scale 1, above which a pixel counts as changed.

        Returns
        -------
        tiles : (strips * columns,) int32
            Number of changed pixels of each tile of 8x8.
        mass : (n,) float32
            Sum of each splat's falloff over changed pixels.
        squared_error : float
            Weighted, summed, of the whole picture.
        """
        self.load(params)
        self._render(self._target, self._error, self._everywhere)
        pixels.changed(
            self._error,
            self._settled,
            self._weight,
            self._image,
            self._active,
            threshold,
            self.rows,
            self.columns,
        )
        tiles, mass = self._active.to_numpy(), self._adjoint(self._image)[:, 5]
        self._weigh(self._everywhere)
        return tiles, mass, self._summed_losses()

    def settle(
        self, params: np.ndarray, tiles: np.ndarray | None = None, slack: float = 1e9
    ) -> None:
        """Note the error that coding left, for the next :meth:`changed`; of sums.

        Parameters
        ----------
        params : (n, 8) float32
            What the decoder shows.
        tiles : (strips * columns,) bool, optional
            Where splats were refined; everywhere by default.
        slack : float
            Most that a pixel's noted error may grow, full scale 1.
        """
        self._active = self._tile_map(tiles)
        self.load(params)
        self._render(self._target, self._error, self._everywhere)
        pixels.settle(
            self._error,
            self._settled,
            self._weight,
            self._active,
            slack,
            self.rows,
            self.columns,
        )

    # -- plumbing --------------------------------------------------------------------------

    def _allocate(self, capacity: int) -> None:
        super()._allocate(capacity)
        self._grads = ti.ndarray(ti.f32, (capacity, 8))
        self._state = ti.ndarray(ti.f32, (capacity, 16))
        self._integers = ti.ndarray(ti.i32, (capacity, 8))
        self._reference = ti.ndarray(ti.i32, (capacity, 8))

    def _residual(self) -> None:
        self._render(self._base, self._error, self._active)
        self._weigh(self._active)

    def _weigh(self, active: ti.Ndarray, keep: float = 1.0) -> None:
        picture = (self._error, self._target, keep, self._weight, active, self._losses)
        shared = (*picture, self.columns, self.rows, self.normalised)
        if self.backend.on_cpu:
            cpu.weigh(*shared, self.backend.threads)
        else:
            gpu.weigh(*shared)

    def _summed_losses(self) -> float:
        items = (
            self.rows // 8
            if self.backend.on_cpu
            else gpu_blocks.tile_count(self.columns, self.rows)
        )
        return float(self._losses.to_numpy()[:items].sum(dtype=np.float64))

    def _adjoint(self, error: ti.Ndarray) -> np.ndarray:
        self._project(error)
        return self._grads.to_numpy()[: self._n]

    def _project_clamped(self) -> None:
        self._render(self._base, self._error, self._active)
        adan.clamp(self._error, self._target, self._weight, self._length)
        self._project(self._error)

    def _project(self, error: ti.Ndarray) -> None:
        """Gradient of half the squared error in the parameters, on the device."""
        splats = (self._params, self._prepared, error, self._grads)
        size = (self._n, self.columns, self.rows, self.normalised)
        if self.backend.on_cpu:
            cpu.gradient(*splats, *size, self.backend.threads)
        else:
            gpu.gradient(*splats, *size)


def _halved(picture: np.ndarray) -> np.ndarray:
    """Means of 2x2 pixels, the last ones of an odd side twice; (H, W) or (H, W, 3) float32."""
    down = [
        np.minimum(np.arange(k, n + n % 2, 2), n - 1) for n in picture.shape[:2] for k in (0, 1)
    ]
    rows = picture[down[0]] + picture[down[1]]
    return (rows[:, down[2]] + rows[:, down[3]]) / 4


def determinant(params: np.ndarray) -> np.ndarray:
    """Of each splat's covariance, (n, 8) to (n,) float64; exact for long needles too."""
    l11, l21, l22 = params[:, 2:5].T.astype(np.float64)
    return (l11 * l22) ** 2 + BLUR * (l11**2 + l21**2 + l22**2 + BLUR)


def mass(params: np.ndarray) -> np.ndarray:
    """Integral of each splat's falloff over the plane, square pixels; (n, 8) to (n,)."""
    area = np.pi * np.sqrt(determinant(params))
    k = CUTOFF**2 / 2
    return area * (2 - 2 * np.exp(-k) * (1 + k))
