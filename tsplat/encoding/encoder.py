"""Wires the encoding stages: frame -> roi -> init -> fit -> descent -> code -> packet."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial

import numpy as np

from tsplat.between import between
from tsplat.config import EncoderConfig, FitConfig, Quality, RateConfig
from tsplat.encoding import inter as rate
from tsplat.encoding.control import Control
from tsplat.encoding.fit.grow import START
from tsplat.encoding.init.superpixel import superpixel
from tsplat.encoding.inter import Change
from tsplat.encoding.intra import intra
from tsplat.encoding.predict.cut import Cuts
from tsplat.encoding.predict.flow import REST, Flow
from tsplat.encoding.predict.moving import Uncovered, reaching
from tsplat.encoding.quantise import within_overlap
from tsplat.errors import BitstreamError, ConfigError
from tsplat.kernels.canvas import Canvas
from tsplat.paper import changed as paper
from tsplat.paper.regressor import regressor
from tsplat.paper.scatter import scatter
from tsplat.region import Region, default_cell, grid
from tsplat.splats import MAX_SPLATS, QuantizedSplats, Splats
from tsplat.stream import container, payload
from tsplat.stream.container import BACKGROUND, INTRA, TICKS, Header
from tsplat.stream.payload import State

STAGES = ("roi", "background", "init", "flow", "intra", "inter", "code")
_OUTSIDE_WEIGHT = {"splats": 0.1, "blur": 0.02, "none": 0.0, "video": 0.0}
"""Weight of a pixel's squared error outside the region, by kind of background."""
_OUTSIDE_SPLATS = {"splats": 0.3, "blur": 0.05, "none": 0.0, "video": 0.0}
"""Splats for a pixel outside the region over those for one inside."""
_ROOM = 1.3
"""Splats that P-frames may bring an I-frame's to."""
_NEW_REGION = 0.4
"""An I-frame follows when this share of the region has no splats yet."""
_STARTS: dict[str, Callable[..., Splats]] = {
    "superpixel": superpixel,
    "lsc": partial(superpixel, cut="lsc"),
    "regressor": regressor,
}
"""What gives the first splats, given a picture, their number, and where; random ones aside."""
_BACKGROUND_CODEC = "av1"
_BACKGROUND_EVERY = 8
"""Frames for each picture of a background's video, at least."""


@dataclass
class Statistics:
    """What the encoder did so far.

    Attributes
    ----------
    i_frames, p_frames, between : int
        Frames coded, and frames interpolated between them.
    bytes : int
        Of all packets.
    gaussians, splats : int
        With which the last I-frame was fitted, and which it kept.
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
    between: int = 0
    bytes: int = 0
    gaussians: int = 0
    splats: int = 0
    changed_splats: int = 0
    background_bytes: int = 0
    region_share: float = 0.0
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))

    @property
    def frames(self) -> int:
        return self.i_frames + self.p_frames + self.between

    def add(self, later: Statistics) -> None:
        """Count what another encoder did, of the frames that follow."""
        for name in ("i_frames", "p_frames", "between", "bytes", "changed_splats"):
            setattr(self, name, getattr(self, name) + getattr(later, name))
        self.gaussians, self.splats = later.gaussians, later.splats
        for stage, seconds in later.seconds.items():
            self.seconds[stage] += seconds


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
    first : int
        Number of the first frame, for the end of a clip whose beginning another encoder codes.

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
        first: int = 0,
    ):
        self.config = config or EncoderConfig()
        rate = Fraction(rate).limit_denominator(1_000_000)
        self._control = Control(self.config, width * height, float(rate))
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
            self.config.steps
            or Quality.of(self._control.crf, width * height, self.config.tuning).steps,
            aspect,
            colour,
            cell=default_cell(width, height) if roi else 0,
            outside="colour" if background == "none" else background,
            backdrop=self.config.backdrop,
            codec=self._backdrop.codec if self._backdrop else 0,
            span=self.config.span,
            bits_back=self.config.entropy == "bits-back",
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
        self._flow, self._cuts = Flow(), Cuts()
        self._state: State | None = None
        self._waiting: list[_Frame] = []
        self._frame = first - 1
        self._since_intra = 0
        self._offset = len(self.header)
        self._intra_offsets: list[tuple[int, int]] = []

    def encode(self, frame: np.ndarray, ticks: int = TICKS, keyframe: bool = False) -> bytes:
        """Take the next frame; the packets that are complete with it, to be sent at once.

        Parameters
        ----------
        frame : (height, width, 3) uint8
            RGB.
        ticks : int
            Time since the frame before, 1/1000 of a frame.
        keyframe : bool
            Make this an I-frame.

        Returns
        -------
        bytes
            With a span of 1 the packet of this frame; else none, or those of the frames that
            waited for this one.

        Raises
        ------
        ConfigError
            The frame is not of the encoder's size or type.
        """
        expected = (self._header.height, self._header.width, 3)
        if frame.shape != expected or frame.dtype != np.uint8:
            raise ConfigError(f"frame: got {frame.shape} {frame.dtype}, expected {expected} uint8")
        self._frame += 1
        self._since_intra += 1
        with self._timed("roi"):
            region = self._roi(frame) if self._roi else None
        if region is not None:
            self.statistics.region_share += region.share
        counts = None if _OUTSIDE_WEIGHT[self.config.background] else self._inside
        fresh = self._cuts.is_cut(frame, counts) or keyframe
        fresh = fresh or self._since_intra >= self.config.gop
        new = _Frame(frame, ticks, region, self._frame)
        if self._state is None or fresh:
            ahead = self._flush()
            return self._put(ahead + self._intra_packets(new, len(ahead)))
        self._waiting.append(new)
        return self._put(self._flush()) if len(self._waiting) == self.config.span else b""

    def flush(self) -> bytes:
        """The frames that still wait: what :meth:`finish` gives, without the index."""
        return self._put(self._flush())

    def finish(self, last_ticks: int = TICKS) -> bytes:
        """The frames that still wait, and the index, for random access; a file without an index
        is whole all the same."""
        return self.flush() + container.pack_index(self._frame + 1, last_ticks, self._intra_offsets)

    def adapt(self, intra: FitConfig, rates: RateConfig) -> None:
        """Work harder, or less hard, from the next frame on, such as
        :class:`tsplat.encoding.effort.Effort` says. Decoders see nothing of it."""
        self.config = replace(self.config, intra=intra, rates=rates)

    @property
    def splats(self) -> QuantizedSplats | None:
        """What a decoder of the packets so far has."""
        return self._state.splats if self._state else None

    @property
    def region(self) -> Region | None:
        """The last coded frame's region; None without a region of interest."""
        return self._region

    def _put(self, packets: bytes) -> bytes:
        self._offset += len(packets)
        self.statistics.bytes += len(packets)
        return packets

    def _flush(self) -> bytes:
        """Packets of the frames that wait: a P-frame for the last one."""
        waiting, self._waiting = self._waiting, []
        if not waiting or self._state is None:
            return b""
        last = waiting[-1]
        if self._turn(last.region) <= _NEW_REGION:
            packet = self._inter(self._state, waiting)
            if packet is not None:
                return self._behind(last, False) + packet
        self._waiting = waiting[:-1]
        ahead = self._flush()
        return ahead + self._intra_packets(last, len(ahead))

    def _intra_packets(self, frame: _Frame, ahead: int) -> bytes:
        """An I-frame's packets, which come after some bytes that are not in the stream yet."""
        self._turn(frame.region)
        behind = self._behind(frame, True)
        self._intra_offsets.append((frame.number, self._offset + ahead))
        return behind + self._intra(frame)

    def _turn(self, region: Region | None) -> float:
        """Work on this region from now on; the share of it that has no splats yet."""
        if region is None:
            return 0.0
        header, outside = self._header, _OUTSIDE_WEIGHT[self.config.background]
        expected = grid(header.width, header.height, header.cell)
        if region.cells.shape != expected:
            raise ConfigError(f"region: got {region.cells.shape} cells, expected {expected}")
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

    def _behind(self, frame: _Frame, keyframe: bool) -> bytes:
        """Background packet, in a stream that has them, when it is time for one."""
        if self._backdrop is None:
            return b""
        with self._timed("background"):
            packet = self._backdrop.packet(frame.pixels, ~self._inside, frame.number, keyframe)
        self.statistics.background_bytes += len(packet)
        return packet

    def _pixels(self) -> float:
        """How many pixels count, those outside the region in part."""
        inside = float(self._inside.sum())
        return inside + _OUTSIDE_SPLATS[self.config.background] * (self._inside.size - inside)

    def _intra(self, frame: _Frame) -> bytes:
        config, header, control = self.config, self._header, self._control
        self._canvas.set_target(frame.pixels)
        self._flow.forget()
        with self._timed("flow"):
            # For the next frame, whose flow begins here.
            self._motion(frame.pixels)
        while True:
            quality = control.intra(self._pixels())
            start = START if config.intra.grow else 1.0
            with self._timed("init"):
                first = self._first(frame.pixels, max(1, round(quality.gaussians * start)))
            with self._timed("intra"):
                splats = intra(
                    self._canvas,
                    first,
                    quality.gaussians,
                    config.intra,
                    header,
                    quality.lagrange if config.select == "rate" else 0.0,
                    config.rates.intra_passes,
                )
            if not control.again(self._psnr(splats)):
                break
        with self._timed("code"):
            data, self._state = payload.encode_intra(splats, self._region, header)
        self._since_intra = 0
        self._uncovered.clear()
        self.statistics.i_frames += 1
        self.statistics.gaussians, self.statistics.splats = quality.gaussians, len(splats)
        if config.select == "paper":
            self._canvas.settle(splats.dequantise().params)
        packet = container.pack_packet(INTRA, frame.number, data, frame.ticks)
        control.intra_coded(len(packet))
        return packet

    def _first(self, frame: np.ndarray, count: int) -> Splats:
        """The splats that an I-frame starts from."""
        config = self.config
        inside = float(self._inside.sum())
        outside = self._pixels() - inside
        if inside + outside == 0:
            return Splats(np.zeros((0, 8), np.float32))
        if config.init == "random":
            return scatter(frame, count, config.seed, self._weight)
        start = _STARTS[config.init]
        if inside == self._inside.size:
            return start(frame, count)
        there = round(count * outside / (inside + outside))
        parts = ((self._inside, count - there), (~self._inside, there))
        found = [start(frame, n, part).params for part, n in parts if n]
        return Splats(np.concatenate(found))

    def _inter(self, before: State, frames: list[_Frame]) -> bytes | None:
        """P-packet of the last frame, over those before it; None if the scene has changed."""
        config, header, frame = self.config, self._header, frames[-1]
        self._canvas.set_target(frame.pixels)
        with self._timed("flow"):
            flow = self._motion(frame.pixels)
        with self._timed("inter"):
            change = self._change(before, flow, frame)
        if change is None:
            return None
        state = QuantizedSplats(change.values, header.steps)
        crowded = within_overlap(state, header.width, header.height) is not state
        if crowded or len(state) > MAX_SPLATS:
            return None
        try:
            with self._timed("code"):
                data, self._state = payload.encode_inter(
                    before, change.stay, change.values, self._region, header, change.vectors
                )
        except BitstreamError:
            if not header.bits_back:
                raise
            # Differences too far apart for a set's models.
            return None
        self.statistics.p_frames += 1
        self.statistics.between += len(frames) - 1
        self.statistics.changed_splats += int(self._state.changed.sum())
        packet = container.pack_inter(frame.number, data, [f.ticks for f in frames], header.span)
        held = self._span_psnr(before, self._state, frames) if config.psnr else None
        self._control.inter_coded(len(packet), len(frames), held)
        return packet

    def _motion(self, frame: np.ndarray) -> np.ndarray | None:
        """The flow that a P-frame's vectors start from; None if there are to be none."""
        if self.config.select == "paper":
            return None
        if self.config.motion == "flow":
            return self._flow.next(frame)
        return REST if self.config.motion == "grid" else None

    def _span_psnr(self, before: State, now: State, frames: list[_Frame]) -> float:
        """Weighted PSNR of all frames that a P-packet shows, interpolated ones included, dB."""
        first, last = before.splats.dequantise(), now.splats.dequantise()
        errors = []
        for number, frame in enumerate(frames, 1):
            self._canvas.set_target(frame.pixels)
            shown = between(first, last, now.origin, number / len(frames))
            errors.append(10 ** (-self._psnr_of(shown) / 10))
        return -10 * math.log10(sum(errors) / len(errors))

    def _change(self, before: State, flow: np.ndarray | None, frame: _Frame) -> Change | None:
        config = self.config
        cut = not _OUTSIDE_WEIGHT[config.background]

        def near(params: np.ndarray) -> np.ndarray:
            return reaching(params, self._inside)

        def newcomers(params: np.ndarray) -> np.ndarray:
            return self._newcomers(len(before.splats), params, frame.pixels)

        if config.select == "paper":
            counted = float(self._inside.sum() if cut else self._inside.size)
            return paper.inter(
                self._canvas,
                before,
                near if cut else None,
                newcomers,
                config.threshold,
                self._header,
                counted,
            )
        return rate.inter(
            self._canvas,
            before,
            flow,
            near if cut else None,
            newcomers,
            config.rates,
            self._header,
            self._control.inter(self._pixels()),
            round(_ROOM * self.statistics.splats),
        )

    def _newcomers(self, count: int, params: np.ndarray, frame: np.ndarray) -> np.ndarray:
        """Splats for pixels that entered the region, (K, 8) float32."""
        nothing = np.zeros((0, 8), np.float32)
        if self._uncovered.share(self._inside) == 0:
            return nothing
        white = params.copy()
        white[:, 5:] = 1
        self._uncovered.cover(self._canvas.picture(white)[..., 0] > 127)
        pixels, wanted = self._uncovered.take(self._inside.sum() / max(1, count))
        return superpixel(frame, wanted, pixels).params if wanted else nothing

    def _psnr(self, splats: QuantizedSplats) -> float:
        """Weighted PSNR of splats against the canvas's target, dB."""
        return self._psnr_of(splats.dequantise())

    def _psnr_of(self, splats: Splats) -> float:
        self._canvas.begin()
        self._canvas.load(splats.params)
        error = self._canvas.squared_error() / max(1e-9, 3 * self._weight_sum)
        return -10 * math.log10(max(error, 1e-10))

    def _timed(self, stage: str) -> _Timer:
        return _Timer(self.statistics.seconds, stage)


@dataclass(frozen=True)
class _Frame:
    """A frame that is to be coded, or to be interpolated."""

    pixels: np.ndarray
    ticks: int
    region: Region | None
    number: int


class _Backdrop:
    """The video stream behind the region."""

    def __init__(self, width: int, height: int, rate: Fraction, kbps: float | None):
        from tsplat.media.background import BACKGROUND_CODECS, BackgroundEncoder

        pace = rate / _BACKGROUND_EVERY
        self._encoder = BackgroundEncoder(width, height, pace, kbps=kbps, codec=_BACKGROUND_CODEC)
        self.codec = BACKGROUND_CODECS[_BACKGROUND_CODEC]
        self._last = 0

    def packet(self, frame: np.ndarray, keep: np.ndarray, number: int, keyframe: bool) -> bytes:
        """Packet of a frame, if it is time for one; keep: (H, W) bool, what is to be seen."""
        if not keyframe and number < self._last + _BACKGROUND_EVERY:
            return b""
        self._last = number
        data = self._encoder.encode(frame, keep, keyframe)
        return container.pack_packet(BACKGROUND, number, bytes([keyframe]) + data)


class _Timer:
    def __init__(self, seconds: dict[str, float], stage: str):
        self._seconds, self._stage = seconds, stage

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._seconds[self._stage] += time.perf_counter() - self._start
