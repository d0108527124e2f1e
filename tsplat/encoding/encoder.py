"""Wires the encoding stages: frame -> region -> first splats -> fit -> descent -> packet."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from tsplat.config import EncoderConfig, FitConfig, Quality, RateConfig
from tsplat.encoding.behind import Behind
from tsplat.encoding.coder import Coder, Frame, Ways
from tsplat.encoding.control import Control
from tsplat.encoding.focus import Focus
from tsplat.encoding.predict.cut import Cuts
from tsplat.encoding.spans import Spans, steady
from tsplat.encoding.statistics import Statistics
from tsplat.encoding.ways import Scene
from tsplat.errors import ConfigError
from tsplat.kernels.canvas import Canvas
from tsplat.region import Region, default_cell
from tsplat.splats import QuantizedSplats
from tsplat.stream.container import MAX_TICKS, TICKS, places_of
from tsplat.stream.header import Header
from tsplat.stream.index import pack_index

_NEW_REGION = 0.4
"""An I-frame follows when this share of the region has no splats yet."""


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
    regions : bool
        Every frame comes with its region of interest; else the whole picture is coded alike.
    first : int
        Number of the first frame, for the end of a clip whose beginning another encoder codes.
    ways : Ways, optional
        How frames get their integers, if not in the codec's own way.

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
        regions: bool = False,
        first: int = 0,
        ways: Ways | None = None,
    ):
        self.config = config = config or EncoderConfig()
        ways = ways or Ways()
        rate = Fraction(rate).limit_denominator(1_000_000)
        control = Control(config, width * height, float(rate))
        if config.background != "splats" and not regions:
            raise ConfigError(f"background: {config.background} needs a region of interest")
        self._behind = (
            Behind(width, height, rate, config.background_kbps)
            if config.background == "video"
            else None
        )
        self._header = Header(
            width,
            height,
            rate,
            config.steps or Quality.of(control.crf, width * height, config.tuning).steps,
            aspect,
            colour,
            cell=default_cell(width, height) if regions else 0,
            outside="colour" if config.background == "none" else config.background,
            backdrop=config.backdrop,
            codec=self._behind.codec if self._behind else 0,
            blend=config.blend,
            bits_back=ways.bits_back,
        )
        self.header = self._header.pack()
        self.statistics = Statistics()
        self._spans = Spans(config.max_span or 1)
        self._canvas = Canvas(width, height, normalised=config.blend == "normalised")
        self._focus = Focus(width, height, config.background, config.tune)
        scene = Scene(self._canvas, self._focus, self._header, self.statistics.timed)
        self._coder = Coder(scene, ways, ways.inter(config), control, self.statistics)
        self._cuts = Cuts()
        self._waiting: list[Frame] = []
        self._frame = first - 1
        self._since_intra = 0
        self._offset = len(self.header)
        self._intra_offsets: list[tuple[int, int]] = []

    def encode(
        self,
        frame: np.ndarray,
        ticks: int = TICKS,
        keyframe: bool = False,
        region: Region | np.ndarray | None = None,
    ) -> bytes:
        """Take the next frame; the packets that are complete with it, to be sent at once.

        Parameters
        ----------
        frame : (height, width, 3) uint8
            RGB. A frame that has to wait for others is copied.
        ticks : int
            Time since the frame before, 1/1000 of a frame, below 2**35.
        keyframe : bool
            Make this an I-frame.
        region : Region or (height, width) array, with ``regions``
            What of it matters: cells of :func:`~tsplat.region.default_cell` pixels, as
            :class:`tsplat.roi.Tracker` finds them, or opacities (:meth:`Region.of`).

        Returns
        -------
        bytes
            With a span of 1 the packet of this frame; else none, or those of the frames that
            waited for this one.

        Raises
        ------
        ConfigError
            The frame is not of the encoder's size or type, the ticks are out of range, or a region
            is missing, of another size, or not expected.
        """
        expected = (self._header.height, self._header.width, 3)
        if np.shape(frame) != expected or frame.dtype != np.uint8:
            found = f"{np.shape(frame)} {getattr(frame, 'dtype', type(frame).__name__)}"
            raise ConfigError(f"frame: got {found}, expected {expected} uint8")
        if not 0 <= ticks < MAX_TICKS:
            raise ConfigError(f"ticks: got {ticks}, expected 0..{MAX_TICKS - 1}")
        region = self._region(region)
        self._frame += 1
        self._since_intra += 1
        if region is not None:
            self.statistics.region_share += region.share
        counts = self._focus.inside if self._focus.cut_out else None
        fresh = self._cuts.is_cut(frame, counts) or keyframe
        fresh = fresh or self._since_intra >= self.config.gop
        new = Frame(frame, ticks, region, self._frame)
        if self._coder.state is None or fresh:
            ahead = self._flush()
            return self._put(ahead + self._intra_packets(new, len(ahead)))
        self._waiting.append(new)
        packets = self._put(self._flush(wait=True))
        if self._waiting:
            # It may be that the caller fills the same array with the next frame.
            self._waiting[-1] = replace(new, pixels=frame.copy())
        return packets

    def flush(self) -> bytes:
        """The frames that still wait: what :meth:`finish` gives, without the index."""
        return self._put(self._flush())

    def finish(self, last_ticks: int = TICKS) -> bytes:
        """The frames that still wait, and the index, for random access; a file without an index
        is whole all the same."""
        return self.flush() + pack_index(self._frame + 1, last_ticks, self._intra_offsets)

    def adapt(self, intra: FitConfig, rates: RateConfig) -> None:
        """Work harder, or less hard, from the next frame on, such as
        :class:`tsplat.encoding.effort.Effort` says. Decoders see nothing of it."""
        self.config = replace(self.config, intra=intra, rates=rates)

    @property
    def rate(self) -> Fraction:
        """Frames a second, as in the header."""
        return self._header.rate

    @property
    def splats(self) -> QuantizedSplats | None:
        """What a decoder of the packets so far has."""
        state = self._coder.state
        return state.splats if state else None

    @property
    def region(self) -> Region | None:
        """The last coded frame's region; None without a region of interest."""
        return self._focus.region

    def _region(self, region: Region | np.ndarray | None) -> Region | None:
        """As cells, of the right number."""
        header = self._header
        if (region is None) != (header.cell == 0):
            raise ConfigError(
                "region: one a frame is needed with regions=True, and none without it"
            )
        if region is None or isinstance(region, Region):
            return region
        if np.shape(region) != (header.height, header.width):
            raise ConfigError(
                f"region: got {np.shape(region)}, expected a Region or opacities of shape "
                f"{(header.height, header.width)}"
            )
        return Region.of(region, header.cell)

    def _put(self, packets: bytes) -> bytes:
        self._offset += len(packets)
        self.statistics.bytes += len(packets)
        return packets

    def _flush(self, wait: bool = False) -> bytes:
        """Packets of the frames that wait, or of those of whole spans."""
        packets = b""
        while len(self._waiting) >= (self._spans.wanted if wait else 1):
            packets += self._span_packets(len(packets))
        return packets

    def _span_packets(self, ahead: int) -> bytes:
        """Packets of one span, which come after some bytes that are not in the stream yet."""
        count = min(len(self._waiting), self._spans.wanted)
        while True:
            frames = self._waiting[:count]
            if not self._steady(frames):
                count = (count + 1) // 2
                continue
            self._focus.turn(frames[-1].region, frames[-1].pixels, self._canvas)
            full = self._focus.uncovered <= _NEW_REGION
            trial = self._coder.inter(frames, self.config) if full else None
            if trial is None:
                if count > 1:
                    count = (count + 1) // 2
                    continue
                self._waiting = self._waiting[1:]
                return self._intra_packets(frames[-1], ahead)
            cost = trial.price * 8 * len(trial.packet)
            shorter = self._spans.shorter(trial.errors, trial.places, self._coder.error, cost)
            if shorter == count:
                break
            count = shorter
        self._waiting = self._waiting[count:]
        return self._background_packet(frames[-1], False) + self._coder.take(trial)

    def _steady(self, frames: list[Frame]) -> bool:
        """Whether what is shown between of the region's mask, if it is shown, is about right."""
        state = self._coder.state
        if state is None or state.region is None or self._header.outside == "splats":
            return True
        cells = [frame.region.cells for frame in frames if frame.region]
        return steady([state.region.cells, *cells], places_of([f.ticks for f in frames]))

    def _intra_packets(self, frame: Frame, ahead: int) -> bytes:
        """An I-frame's packets, which come after some bytes that are not in the stream yet."""
        self._focus.turn(frame.region, frame.pixels, self._canvas)
        behind = self._background_packet(frame, True)
        self._intra_offsets.append((frame.number, self._offset + ahead))
        self._since_intra = self._frame - frame.number
        # Nothing goes from one I-frame to the next: parts of a clip may be encoded apart.
        self._spans = Spans(self.config.max_span or 1)
        return behind + self._coder.intra(frame, self.config)

    def _background_packet(self, frame: Frame, keyframe: bool) -> bytes:
        """Background packet, in a stream that has them, when it is time for one."""
        if self._behind is None:
            return b""
        with self.statistics.timed("background"):
            hidden = ~self._focus.inside
            packet = self._behind.packet(frame.pixels, hidden, frame.number, keyframe)
        self.statistics.background_bytes += len(packet)
        return packet
