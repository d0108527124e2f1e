"""Wires the encoding stages: frame -> init or select -> fit -> quantise -> code. No maths here."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from tsplat.code import container, payload
from tsplat.code.container import INTER, INTRA, TICKS, Header
from tsplat.code.quantise import quantise, within_overlap
from tsplat.config import EncoderConfig, FitConfig, default_gaussians
from tsplat.errors import ConfigError
from tsplat.fit.colours import solve
from tsplat.fit.loop import fit, fitted_error, squared_error_at
from tsplat.init.scatter import scatter
from tsplat.init.superpixel import superpixel
from tsplat.kernels.canvas import Canvas
from tsplat.predict.select import Selection, select
from tsplat.splats import QuantizedSplats, Splats

STAGES = ("init", "select", "fit", "quantise", "code", "settle")
_SLACK = 1 / 255
"""Growth of a pixel's error that a P-frame accepts as its new normal; more would let the
picture fade, less would refine noise for ever."""
_IN_HAND = 0.93
"""A fit with a target stops at this share of the error allowed; quantising takes the rest."""


@dataclass
class Statistics:
    """What the encoder did so far.

    Attributes
    ----------
    i_frames, p_frames : int
    bytes : int
        Of all packets.
    changed_splats : int
        Splats that P-frames changed, summed.
    seconds : dict of str to float
        Wall time by stage: :data:`STAGES`.
    """

    i_frames: int = 0
    p_frames: int = 0
    bytes: int = 0
    changed_splats: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))

    @property
    def frames(self) -> int:
        return self.i_frames + self.p_frames


class Encoder:
    """Frames in, packets out, one by one: what live use needs.

    Parameters
    ----------
    width, height : int
        Size of the frames, pixels.
    rate : int, float or Fraction
        Frames a second.
    config : EncoderConfig, optional
        See :func:`tsplat.preset`.
    aspect : Fraction
        Width of a pixel over its height.
    colour : (int, int, int)
        Primaries, transfer and matrix of the source, H.273; 2 is unspecified.
    weight : (height, width) float32, optional
        Region of interest: splats are placed by it and errors are weighted by it.

    Attributes
    ----------
    header : bytes
        To be written before the first packet.
    statistics : Statistics

    Raises
    ------
    ConfigError
        A size, rate or weight is out of range.

    Examples
    --------
    ::

        encoder = Encoder(640, 360, 30)
        stream.write(encoder.header)
        for frame in camera:
            stream.write(encoder.encode(frame))
        stream.write(encoder.finish())
    """

    def __init__(
        self,
        width: int,
        height: int,
        rate: int | float | Fraction,
        config: EncoderConfig | None = None,
        *,
        aspect: Fraction = Fraction(1),
        colour: tuple[int, int, int] = (2, 2, 2),
        weight: np.ndarray | None = None,
    ):
        self.config = config or EncoderConfig()
        rate = Fraction(rate).limit_denominator(1_000_000)
        self._header = Header(width, height, rate, self.config.steps, aspect, colour)
        self.header = self._header.pack()
        if weight is not None and (
            weight.shape != (height, width) or not np.isfinite(weight).all() or weight.min() < 0
        ):
            raise ConfigError(f"weight: expected ({height}, {width}), finite, not negative")
        self.statistics = Statistics()
        self._weight = weight
        self._weight_sum = float(width * height if weight is None else weight.sum())
        self._count = self.config.gaussians or default_gaussians(width, height)
        self._canvas = Canvas(width, height)
        self._canvas.set_weight(weight)
        self._state: QuantizedSplats | None = None
        self._changed = np.zeros(0, bool)
        self._frame = -1
        self._since_intra = 0
        self._offset = len(self.header)
        self._intra_offsets: list[tuple[int, int]] = []

    def encode(self, frame: np.ndarray, ticks: int = TICKS, keyframe: bool = False) -> bytes:
        """The packet of the next frame; final, to be sent or written at once.

        Parameters
        ----------
        frame : (height, width, 3) uint8
            RGB.
        ticks : int
            Time since the frame before, 1/1000 of a frame.
        keyframe : bool
            Make this an I-frame.

        Raises
        ------
        ConfigError
            The frame is not of the encoder's size or type.
        """
        expected = (self._header.height, self._header.width, 3)
        if frame.shape != expected or frame.dtype != np.uint8:
            raise ConfigError(f"frame: got {frame.shape} {frame.dtype}, expected {expected} uint8")
        self._canvas.set_target(frame)
        self._frame += 1
        self._since_intra += 1
        packet = None
        if self._state is not None and self._since_intra < self.config.gop and not keyframe:
            with self._timed("select"):
                selection = select(self._canvas, self._state.dequantise(), self.config.threshold)
            if not selection.scene_cut:
                packet = self._inter(self._state, selection, ticks)
        if packet is None:
            packet = self._intra(frame, ticks)
        self._offset += len(packet)
        self.statistics.bytes += len(packet)
        return packet

    def finish(self, last_ticks: int = TICKS) -> bytes:
        """The index, for random access; a file without it is whole all the same."""
        return container.pack_index(self._frame + 1, last_ticks, self._intra_offsets)

    @property
    def splats(self) -> QuantizedSplats | None:
        """What a decoder of the packets so far shows."""
        return self._state

    def _intra(self, frame: np.ndarray, ticks: int) -> bytes:
        config, header = self.config, self._header
        with self._timed("init"):
            if config.init == "superpixel":
                splats = superpixel(frame, self._count, self._weight)
            else:
                splats = scatter(frame, self._count, config.seed, self._weight)
        with self._timed("fit"):
            self._canvas.begin()
            splats = fit(self._canvas, splats, config.intra, self._allowed(config.intra))
        with self._timed("quantise"):
            state = self._quantise(splats, config.intra)
            state = within_overlap(state, header.width, header.height)
            order = payload.order(state, header.width, header.height)
            state = replace(state, values=state.values[order])
        with self._timed("code"):
            data = payload.encode_intra(state, header.width, header.height)
        self._state, self._changed = state, np.ones(len(state), bool)
        self._since_intra = 0
        self._intra_offsets.append((self._frame, self._offset))
        self.statistics.i_frames += 1
        self._settle(state, None)
        return container.pack_packet(INTRA, self._frame, data, ticks)

    def _inter(self, reference: QuantizedSplats, selection: Selection, ticks: int) -> bytes:
        config, header = self.config, self._header
        chosen = selection.splats
        state = reference
        if chosen.any():
            params = reference.dequantise().params
            with self._timed("fit"):
                self._canvas.begin(params[~chosen], selection.tiles)
                start = Splats(params[chosen])
                allowed = self._allowed(config.inter, selection, start)
                splats = fit(self._canvas, start, config.inter, allowed)
            with self._timed("quantise"):
                part = self._quantise(splats, config.inter, reference.values[chosen])
                values = reference.values.copy()
                values[chosen] = part.values
                state = QuantizedSplats(values, config.steps)
                if within_overlap(state, header.width, header.height) is not state:
                    state = reference
        with self._timed("code"):
            data, self._changed = payload.encode_inter(state, reference, self._changed)
        self._state = state
        self.statistics.p_frames += 1
        self.statistics.changed_splats += int(self._changed.sum())
        self._settle(state, selection.tiles if chosen.any() else np.zeros(self._canvas.tiles, bool))
        return container.pack_packet(INTER, self._frame, data, ticks)

    def _quantise(
        self, splats: Splats, config: FitConfig, reference: np.ndarray | None = None
    ) -> QuantizedSplats:
        """Geometry first; then the colours that suit the rounded geometry best."""
        steps = self.config.steps
        geometry = quantise(self._canvas, splats, steps, reference).dequantise().params
        rounded = splats.params.copy()
        rounded[:, :5] = geometry[:, :5]
        solved = solve(self._canvas, rounded, config.solve)
        return quantise(self._canvas, Splats(solved), steps, reference)

    def _allowed(
        self, config: FitConfig, selection: Selection | None = None, start: Splats | None = None
    ) -> float | None:
        """Error at which a fit may stop: what the target allows, less what it cannot reach."""
        if config.target_db is None:
            return None
        allowed = _IN_HAND * squared_error_at(config.target_db, self._weight_sum)
        if selection is not None and start is not None:
            allowed -= selection.squared_error - fitted_error(self._canvas, start)
        return allowed

    def _settle(self, state: QuantizedSplats, tiles: np.ndarray | None) -> None:
        """Note the error that this frame leaves, for the next one's selection."""
        with self._timed("settle"):
            params = state.dequantise().params
            if tiles is None:
                self._canvas.settle(params)
            else:
                self._canvas.settle(params, tiles, _SLACK)

    def _timed(self, stage: str) -> _Timer:
        return _Timer(self.statistics.seconds, stage)


class _Timer:
    def __init__(self, seconds: dict[str, float], stage: str):
        self._seconds, self._stage = seconds, stage

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._seconds[self._stage] += time.perf_counter() - self._start
