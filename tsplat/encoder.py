"""Wires the encoding stages: frame -> roi -> init or select -> fit -> quantise -> code."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from tsplat.code import container, payload
from tsplat.code.container import BACKGROUND, INTER, INTRA, TICKS, Header
from tsplat.code.payload import State
from tsplat.code.quantise import quantise, within_overlap
from tsplat.config import EncoderConfig, FitConfig, default_gaussians
from tsplat.errors import ConfigError
from tsplat.fit.colours import solve
from tsplat.fit.loop import fit, fitted_error, squared_error_at
from tsplat.init.scatter import scatter
from tsplat.init.superpixel import superpixel
from tsplat.kernels.canvas import Canvas
from tsplat.predict.moving import Uncovered, reaching
from tsplat.predict.select import Selection, select, tiles_of
from tsplat.region import Region, default_cell, grid
from tsplat.splats import MAX_SPLATS, QuantizedSplats, Splats

STAGES = ("roi", "background", "init", "select", "fit", "quantise", "code", "settle")
_SLACK = 1 / 255
"""Growth of a pixel's error that a P-frame accepts as its new normal; more would let the
picture fade, less would refine noise for ever."""
_IN_HAND = 0.93
"""A fit with a target stops at this share of the error allowed; quantising takes the rest."""
_OUTSIDE_WEIGHT = {"splats": 0.1, "blur": 0.02, "none": 0.0, "video": 0.0}
"""Weight of a pixel's squared error outside the region, by kind of background."""
_OUTSIDE_SPLATS = {"splats": 0.3, "blur": 0.05, "none": 0.0, "video": 0.0}
"""Splats for a pixel outside the region over those for one inside."""
_NEW_REGION = 0.4
"""An I-frame follows when this share of the region has no splats yet."""
_FREE = -(1 << 30)
"""Reference of a splat that has none: no value is near it."""
_BACKGROUND_CODEC = "av1"
_BACKGROUND_EVERY = 8
"""Frames for each picture of a background's video."""


@dataclass
class Statistics:
    """What the encoder did so far.

    Attributes
    ----------
    i_frames, p_frames : int
    bytes : int
        Of all packets.
    splats : int
        Of the last I-frame.
    changed_splats : int
        Splats that P-frames changed or added, summed.
    background_bytes : int
        Of background packets.
    region_share : float
        Part of the picture that is in the region, summed over frames.
    seconds : dict of str to float
        Wall time by stage: :data:`STAGES`.
    """

    i_frames: int = 0
    p_frames: int = 0
    bytes: int = 0
    splats: int = 0
    changed_splats: int = 0
    background_bytes: int = 0
    region_share: float = 0.0
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
    roi : callable, optional
        The region of interest of each frame: (height, width, 3) uint8 to a
        :class:`~tsplat.region.Region` of :func:`~tsplat.region.default_cell` cells, such as
        :class:`tsplat.roi.Tracker`. Without it the whole picture is coded alike.

    Attributes
    ----------
    header : bytes
        To be written before the first packet.
    statistics : Statistics

    Raises
    ------
    ConfigError
        A size or rate is out of range, or there is a background without a region.

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
        roi: Callable[[np.ndarray], Region] | None = None,
    ):
        self.config = config or EncoderConfig()
        rate = Fraction(rate).limit_denominator(1_000_000)
        background = self.config.background
        if background != "splats" and not roi:
            raise ConfigError(f"background: {background} needs a region of interest")
        self._backdrop = (
            _Backdrop(width, height, rate, self.config.background_kbps)
            if background == "video"
            else None
        )
        self._header = Header(
            width,
            height,
            rate,
            self.config.steps,
            aspect,
            colour,
            cell=default_cell(width, height) if roi else 0,
            outside="colour" if background == "none" else background,
            backdrop=self.config.backdrop,
            codec=self._backdrop.codec if self._backdrop else 0,
        )
        self.header = self._header.pack()
        self.statistics = Statistics()
        self._roi = roi
        self._region: Region | None = None
        self._inside = np.ones((height, width), bool)
        self._uncovered = Uncovered((height, width))
        self._weight: np.ndarray | None = None
        self._weight_sum = float(width * height)
        self._canvas = Canvas(width, height)
        self._state: State | None = None
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
        with self._timed("roi"):
            uncovered = self._turn(self._roi(frame)) if self._roi else 0.0
        packet = None
        state = self._state
        fresh = keyframe or self._since_intra >= self.config.gop or uncovered > _NEW_REGION
        if state and not fresh:
            packet = self._inter(state, frame, ticks)
        behind = b""
        if packet is None:
            behind = self._behind(frame, True)
            self._intra_offsets.append((self._frame, self._offset))
            packet = self._intra(frame, ticks)
        elif self._frame % _BACKGROUND_EVERY == 0:
            behind = self._behind(frame, False)
        packet = behind + packet
        self._offset += len(packet)
        self.statistics.bytes += len(packet)
        return packet

    def finish(self, last_ticks: int = TICKS) -> bytes:
        """The index, for random access; a file without it is whole all the same."""
        return container.pack_index(self._frame + 1, last_ticks, self._intra_offsets)

    @property
    def splats(self) -> QuantizedSplats | None:
        """What a decoder of the packets so far has."""
        return self._state.splats if self._state else None

    @property
    def region(self) -> Region | None:
        """The last frame's region; None without a region of interest."""
        return self._region

    def _turn(self, region: Region) -> float:
        """Work on this region from now on; the share of it that has no splats yet."""
        header, outside = self._header, _OUTSIDE_WEIGHT[self.config.background]
        expected = grid(header.width, header.height, header.cell)
        if region.cells.shape != expected:
            raise ConfigError(f"region: got {region.cells.shape} cells, expected {expected}")
        self.statistics.region_share += region.share
        if region != self._region:
            alpha = region.alpha(header.width, header.height, (header.cell, header.cell))
            inside = alpha > 0
            if not outside:
                self._uncovered.update(self._inside, inside)
            self._inside, self._region = inside, region
            self._weight = np.float32(outside) + np.float32(1 - outside) * alpha
            self._weight_sum = float(self._weight.sum(dtype=np.float64))
            self._canvas.set_weight(self._weight)
        return self._uncovered.share(self._inside)

    def _behind(self, frame: np.ndarray, keyframe: bool) -> bytes:
        """Background packet, in a stream that has them."""
        if self._backdrop is None:
            return b""
        with self._timed("background"):
            packet = self._backdrop.packet(frame, ~self._inside, self._frame, keyframe)
        self.statistics.background_bytes += len(packet)
        return packet

    def _intra(self, frame: np.ndarray, ticks: int) -> bytes:
        config, header = self.config, self._header
        with self._timed("init"):
            splats = self._first(frame)
        with self._timed("fit"):
            self._canvas.begin()
            splats = fit(self._canvas, splats, config.intra, self._allowed(config.intra))
        with self._timed("quantise"):
            quantised = self._quantise(splats, config.intra)
            quantised = within_overlap(quantised, header.width, header.height)
            order = payload.order(quantised.values, header)
            quantised = replace(quantised, values=quantised.values[order])
        with self._timed("code"):
            data, self._state = payload.encode_intra(quantised, self._region, header)
        self._since_intra = 0
        self._uncovered.clear()
        self.statistics.i_frames += 1
        self.statistics.splats = len(quantised)
        self._settle(quantised, None)
        return container.pack_packet(INTRA, self._frame, data, ticks)

    def _first(self, frame: np.ndarray) -> Splats:
        """The splats that an I-frame starts from."""
        config = self.config
        beyond = _OUTSIDE_SPLATS[config.background]
        inside = float(self._inside.sum())
        outside = beyond * (self._inside.size - inside)
        count = config.gaussians or default_gaussians(inside + outside)
        if inside + outside == 0:
            return Splats(np.zeros((0, 8), np.float32))
        if config.init == "random":
            return scatter(frame, count, config.seed, self._weight)
        if inside == self._inside.size:
            return superpixel(frame, count)
        there = round(count * outside / (inside + outside))
        parts = ((self._inside, count - there), (~self._inside, there))
        found = [superpixel(frame, n, part).params for part, n in parts if n]
        return Splats(np.concatenate(found))

    def _inter(self, before: State, frame: np.ndarray, ticks: int) -> bytes | None:
        """P-packet; None if the scene has changed."""
        config, header = self.config, self._header
        stay = np.ones(len(before.splats), bool)
        with self._timed("select"):
            if not _OUTSIDE_WEIGHT[config.background]:
                stay = reaching(before.splats.dequantise().params, self._inside)
            reference = QuantizedSplats(before.splats.values[stay], config.steps)
            params = reference.dequantise().params
            counted = (
                self._inside.size if _OUTSIDE_WEIGHT[config.background] else self._inside.sum()
            )
            selection = select(self._canvas, Splats(params), config.threshold, float(counted))
        if selection.scene_cut:
            return None
        chosen = selection.splats
        with self._timed("init"):
            added = self._newcomers(before, params, frame)
        tiles, values = selection.tiles, reference.values.copy()
        arrivals = np.zeros((0, 8), np.int32)
        if chosen.any() or len(added):
            tiles = tiles | tiles_of(self._canvas, added)
            start = Splats(np.concatenate([params[chosen], added]))
            with self._timed("fit"):
                self._canvas.begin(params[~chosen], tiles)
                allowed = self._allowed(config.inter, selection, Splats(params[chosen]))
                splats = fit(self._canvas, start, config.inter, allowed)
            with self._timed("quantise"):
                free = np.full((len(added), 8), _FREE, np.int32)
                part = self._quantise(splats, config.inter, np.concatenate([values[chosen], free]))
                values[chosen], arrivals = np.split(part.values, [int(chosen.sum())])
                arrivals = payload.addable(arrivals, before, header)
        values = np.concatenate([values, arrivals])
        state = QuantizedSplats(values, config.steps)
        crowded = within_overlap(state, header.width, header.height) is not state
        if crowded or len(values) > MAX_SPLATS:
            return None
        with self._timed("code"):
            data, self._state = payload.encode_inter(before, stay, values, self._region, header)
        self.statistics.p_frames += 1
        self.statistics.changed_splats += int(self._state.changed.sum())
        self._settle(state, tiles)
        return container.pack_packet(INTER, self._frame, data, ticks)

    def _newcomers(self, before: State, params: np.ndarray, frame: np.ndarray) -> np.ndarray:
        """Splats for pixels that entered the region, (K, 8) float32."""
        if not before.models or self._uncovered.share(self._inside) == 0:
            return np.zeros((0, 8), np.float32)
        white = params.copy()
        white[:, 5:] = 1
        self._uncovered.cover(self._canvas.picture(white)[..., 0] > 127)
        area = self._inside.sum() / max(1, len(before.splats))
        pixels, count = self._uncovered.take(area)
        return superpixel(frame, count, pixels).params if count else np.zeros((0, 8), np.float32)

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


class _Backdrop:
    """The video stream behind the region."""

    def __init__(self, width: int, height: int, rate: Fraction, kbps: float | None):
        from tsplat.frames.background import BACKGROUND_CODECS, BackgroundEncoder

        pace = rate / _BACKGROUND_EVERY
        self._encoder = BackgroundEncoder(width, height, pace, kbps=kbps, codec=_BACKGROUND_CODEC)
        self.codec = BACKGROUND_CODECS[_BACKGROUND_CODEC]

    def packet(self, frame: np.ndarray, keep: np.ndarray, number: int, keyframe: bool) -> bytes:
        data = self._encoder.encode(frame, keep, keyframe)
        return container.pack_packet(BACKGROUND, number, bytes([keyframe]) + data)


class _Timer:
    def __init__(self, seconds: dict[str, float], stage: str):
        self._seconds, self._stage = seconds, stage

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._seconds[self._stage] += time.perf_counter() - self._start
