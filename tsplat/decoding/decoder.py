"""Wires the decoding stages: container -> payload -> splats -> picture. No maths here."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate
from itertools import count as count_from
from pathlib import Path

import numpy as np

from tsplat.between import between
from tsplat.decoding.outside import Backdrop, Outside
from tsplat.errors import BitstreamError, ConfigError, MediaError
from tsplat.kernels import runtime
from tsplat.kernels.screen import Screen
from tsplat.region import Region
from tsplat.splats import MAX_PIXELS, MAX_SIDE, QuantizedSplats
from tsplat.stream import container, payload
from tsplat.stream.container import BACKGROUND, INDEX, INTER, INTRA, TICKS, Damage, Header, Packet
from tsplat.stream.payload import State


class Decoder:
    """Packets in, pictures out, one by one: what live use needs.

    Parameters
    ----------
    header : bytes or Header
        The stream's first 56 bytes.
    size : (int, int), optional
        Width and height to render at, pixels; the stream's own by default. Splats have no
        pixels: a larger picture is rendered, not enlarged.
    background : str, tuple or array
        What to show outside the region: "keep" as the stream says, "blur" its own out of focus,
        a colour, (3,) 0..255, or an image, (h, w, 3) uint8, that is scaled to cover the picture.

    Raises
    ------
    BitstreamError
        The header is not one of a stream that this version reads.
    ConfigError
        The size is out of range; there is no background to blur.
    """

    def __init__(
        self,
        header: bytes | Header,
        size: tuple[int, int] | None = None,
        background: Backdrop = "keep",
    ):
        self.header = header if isinstance(header, Header) else Header.unpack(header)
        self.size = size or (self.header.width, self.header.height)
        width, height = self.size
        if not (min(self.size) >= 1 and max(self.size) <= MAX_SIDE) or width * height > MAX_PIXELS:
            raise ConfigError(
                f"size: got {width}x{height}, sides must be 1..{MAX_SIDE} and at most "
                f"{MAX_PIXELS} pixels"
            )
        self._screen: Screen | None = None
        self._state: State | None = None
        self._before: State | None = None
        self._frame: int | None = None
        self._waiting = True
        self._opacities: list[tuple[Region, np.ndarray]] = []
        self._outside = Outside(self.header, self.size, background)

    def decode(self, packet: bytes | Packet) -> np.ndarray:
        """The picture of a packet.

        Parameters
        ----------
        packet : bytes or Packet
            I- or P-packet; a P-packet's frame must follow the last one decoded. Bytes may hold
            several packets, with those of the background, as those of
            :meth:`tsplat.Encoder.encode` do.

        Returns
        -------
        (H, W, 3) uint8
            RGB, of the last of them.

        Raises
        ------
        BitstreamError
            A packet is damaged, or the frame that it builds on was not decoded; its part of
            the state stays as it was (:attr:`waiting`). Bytes' other packets were taken in, after
            damage from the next I-packet on. Or there is no I- or P-packet.
        """
        frames = sum(1 for _ in self._taken(packet))
        if not frames:
            raise BitstreamError("neither an I- nor a P-packet", offset=0)
        return self.picture()

    def pictures(self, packet: bytes | Packet) -> Iterator[np.ndarray]:
        """As :meth:`decode`, all pictures that a packet completes, in their order.

        Those between coded frames are among them. There are none, and no error, where no frame
        is complete yet. They are rendered as they are asked for, before the next packet.
        """
        if isinstance(packet, Packet) or packet:
            for taken in self._taken(packet):
                for place in taken.places:
                    yield self.picture(place)

    def advance(self, packet: bytes | Packet) -> None:
        """Take in a packet without rendering it; raises as :meth:`decode`, but needs no frame."""
        for _ in self._taken(packet):
            pass

    def _taken(self, packet: bytes | Packet) -> Iterator[Packet]:
        """I- and P-packets, each when it has been taken in; the first error comes after all."""
        items: Iterable[Packet | Damage] = [packet] if isinstance(packet, Packet) else []
        failed: BitstreamError | None = None
        if not isinstance(packet, Packet):
            if not packet:
                raise BitstreamError("packet cut off", offset=0)
            items = container.packets(packet, 0, self.header.span, self._frame)
        for item in items:
            try:
                if isinstance(item, Damage):
                    raise item.error
                if item.kind == INDEX and not isinstance(packet, Packet):
                    break
                self._advance(item)
            except BitstreamError as error:
                failed = failed or error
                self._waiting |= isinstance(item, Damage) or item.kind != BACKGROUND
                continue
            if item.kind != BACKGROUND:
                self._waiting = False
                yield item
        if failed:
            raise failed

    def _advance(self, packet: Packet) -> None:
        try:
            if packet.kind == BACKGROUND:
                self._outside.advance(packet)
                return
            if packet.kind == INTRA:
                self._outside.join(packet.frame)
                state = payload.decode_intra(packet.payload, self.header)
            elif packet.kind != INTER:
                raise BitstreamError("neither an I- nor a P-packet")
            elif self._frame is None or packet.frame != self._frame + packet.span:
                raise BitstreamError("the frame before is missing; waiting for an I-frame")
            else:
                state = payload.decode_inter(packet.payload, self.state, self.header)
        except BitstreamError as error:
            raise BitstreamError(error.message, offset=packet.offset, frame=packet.frame) from None
        self._before = None if packet.kind == INTRA else self._state
        self._state, self._frame = state, packet.frame

    def picture(self, at: float = 1.0) -> np.ndarray:
        """Render before the background, (H, W, 3) uint8.

        Parameters
        ----------
        at : float
            When, from the coded frame before the last one (0) to the last one (1). After an
            I-packet there is but that.

        Raises
        ------
        BitstreamError
            No frame was decoded yet.
        ConfigError
            There is no such time.
        """
        picture = self._rendered(at)
        region = self.region
        if region is None or self._outside.is_in_splats:
            return picture
        alpha = self.alpha(at)
        return picture if alpha.min() == 255 else self._outside.behind(picture, alpha)

    def cutout(self, at: float = 1.0) -> np.ndarray:
        """Render the region on its own, (H, W, 4) uint8 RGBA, alpha straight."""
        alpha = self.alpha(at)
        return np.dstack([self._rendered(at) * (alpha > 0)[..., None], alpha])

    def alpha(self, at: float = 1.0) -> np.ndarray:
        """Opacity of the region, (H, W) uint8; 255 everywhere in a stream without regions."""
        region = self.region
        _check_time(at)
        if region is None:
            return np.full(self.size[::-1], 255, np.uint8)
        past = self._before.region if self._before is not None and at < 1 else None
        if past is None or past == region:
            return self._opacity(region)
        first, last = self._opacity(past), self._opacity(region)
        return (first * np.float32(1 - at) + last * np.float32(at) + 0.5).astype(np.uint8)

    def _opacity(self, region: Region) -> np.ndarray:
        """Opacities of one of the last two regions are kept: pictures between need both."""
        for known, opacity in self._opacities:
            if known == region:
                return opacity
        header = self.header
        cell = header.cell * np.divide(self.size, (header.width, header.height))
        opacity = (region.alpha(*self.size, (cell[0], cell[1])) * 255 + 0.5).astype(np.uint8)
        self._opacities = [*self._opacities[-1:], (region, opacity)]
        return opacity

    @property
    def state(self) -> State:
        """The present state: splats, which ones the last packet changed, and the region."""
        if self._state is None:
            raise BitstreamError("no frame was decoded yet")
        return self._state

    @property
    def splats(self) -> QuantizedSplats:
        """The present splats."""
        return self.state.splats

    @property
    def region(self) -> Region | None:
        """The present region; None in a stream without regions."""
        return self.state.region

    @property
    def frame(self) -> int | None:
        """Number of the last coded frame that was taken in."""
        return self._frame

    @property
    def waiting(self) -> bool:
        """The last frame's packet could not be used, or there was none yet: what is shown is the
        last good frame, until an I-packet comes, or what was missing."""
        return self._waiting

    def _rendered(self, at: float) -> np.ndarray:
        _check_time(at)
        splats = self.splats.dequantise()
        if self._before is not None:
            splats = between(self._before.splats.dequantise(), splats, self.state.origin, at)
        header = self.header
        if self.size != (header.width, header.height):
            splats = splats.scaled(self.size[0] / header.width, self.size[1] / header.height)
        backend = runtime.current()
        if self._screen is None or self._screen.backend is not backend:
            self._screen = Screen(*self.size, backend)
        return self._screen.picture(splats.params)


def _check_time(at: float) -> None:
    if not 0 <= at <= 1:
        raise ConfigError(f"at: got {at}, expected 0..1")


@dataclass(frozen=True)
class Picture:
    """A decoded frame.

    Attributes
    ----------
    frame : int
        Its number.
    time : Fraction
        Seconds from the clip's start.
    pixels : (H, W, 3) or (H, W, 4) uint8
        RGB, or RGBA with straight alpha where that was asked for.
    alpha : (H, W) uint8
        Opacity of the region.
    """

    frame: int
    time: Fraction
    pixels: np.ndarray
    alpha: np.ndarray


class Reader:
    """A ``.tsplat`` file: iterate over its pictures, or ask for one: ``reader[120]``.

    Parameters
    ----------
    path : str or Path
    size : (int, int), optional
        Width and height to render at, pixels.
    background : str, tuple or array
        As for :class:`Decoder`.
    cutout : bool
        Pictures are RGBA: the region alone, with straight alpha.

    Attributes
    ----------
    header : Header
    damage : list of Damage
        What could not be read, in the order in which it was met; complete after iteration.

    Raises
    ------
    MediaError
        The file cannot be opened.
    BitstreamError
        It is not a ``.tsplat`` file that this version reads.
    ConfigError
        As for :class:`Decoder`.
    """

    def __init__(
        self,
        path: str | Path,
        size: tuple[int, int] | None = None,
        background: Backdrop = "keep",
        cutout: bool = False,
    ):
        self._path = Path(path)
        try:
            with open(self._path, "rb") as file:
                empty = file.seek(0, 2) == 0
                self._data = b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise MediaError(f"{path}: cannot be read ({reason})") from error
        try:
            self.header = Header.unpack(self._data)
        except BitstreamError as error:
            raise BitstreamError(f"{path}: {error.message}", offset=error.offset) from None
        self.damage: list[Damage] = []
        self._size, self._background, self._cutout = size, background, cutout
        self._decoder()
        self._index = container.read_index(self._data)
        self._random: tuple[Decoder, Iterator[Packet], Packet] | None = None

    @property
    def bytes(self) -> int:
        """Length of the file."""
        return len(self._data)

    @property
    def truncated(self) -> bool:
        """The file was cut off; known after iteration."""
        return any(d.cut_off for d in self.damage) or self._index is None

    def packets(self) -> Iterator[Packet]:
        """All packets but the index, in the order of the file; notes damage."""
        return (packet for _, packet in self.timed_packets())

    def timed_packets(self) -> Iterator[tuple[tuple[Fraction, ...], Packet]]:
        """As :meth:`packets`, and when each of a packet's frames is shown, seconds."""
        self.damage = []
        return self._timed(self.damage)

    def _timed(self, damage: list[Damage]) -> Iterator[tuple[tuple[Fraction, ...], Packet]]:
        for ticks, packet in self._clocked(damage):
            yield tuple(self._seconds(t) for t in ticks), packet

    def _clocked(self, damage: list[Damage]) -> Iterator[tuple[tuple[int, ...], Packet]]:
        """As :meth:`timed_packets`, in ticks; a frame that is missing took its nominal time."""
        now, before = 0, None
        for item in container.packets(self._data, span=self.header.span):
            if isinstance(item, Damage):
                damage.append(item)
            elif item.kind == BACKGROUND:
                yield (now,), item
            elif item.kind != INDEX:
                if before is None:
                    now = -item.ticks[0]
                else:
                    now += TICKS * max(0, item.frame - before - item.span)
                times = tuple(accumulate(item.ticks, initial=now))[1:]
                now, before = times[-1], item.frame
                yield times, item

    def _seconds(self, ticks: int) -> Fraction:
        return Fraction(ticks, TICKS) / self.header.rate

    def frames(self, start: int = 0, count: int | None = None) -> Iterator[Picture]:
        """Decode pictures ``start`` .. ``start + count - 1``.

        Packets that do not decode are noted in :attr:`damage`, and so are the frames that
        build on them; decoding goes on at the next I-frame.
        """
        end = None if count is None else start + count
        for times, packet, decoder in self._decoded(start):
            first = packet.frame - packet.span + 1
            for number, time, at in zip(count_from(first), times, packet.places):
                if end is not None and number >= end:
                    return
                if number >= start:
                    yield Picture(number, time, self._shown(decoder, at), decoder.alpha(at))

    def frames_at(self, rate: Fraction, start: int = 0) -> Iterator[Picture]:
        """Pictures at another frame rate, rendered at their own times between coded frames.

        Where frames are missing, the last good one stays.

        Parameters
        ----------
        rate : Fraction
            Frames a second.
        start : int
            Number of the first, at this rate.
        """
        number, before = start, Fraction(0)
        held: Picture | None = None
        for times, packet, decoder in self._decoded(0):
            while number / rate <= times[-1]:
                time = number / rate
                if packet.kind == INTRA and time < times[-1] and held is not None:
                    yield replace(held, frame=number, time=time)
                else:
                    gap = times[-1] - before
                    at = float((time - before) / gap) if gap else 1.0
                    yield Picture(number, time, self._shown(decoder, at), decoder.alpha(at))
                number += 1
            before = times[-1]
            held = Picture(number, before, self._shown(decoder), decoder.alpha())
        end = self.end()
        while held is not None and number / rate < end:
            yield replace(held, frame=number, time=number / rate)
            number += 1

    def _decoded(self, start: int) -> Iterator[tuple[tuple[Fraction, ...], Packet, Decoder]]:
        """I- and P-packets from the last I-packet up to a frame on, each taken in."""
        decoder = self._decoder()
        waiting = False
        join = max((f for f, _ in (self._index[2] if self._index else []) if f <= start), default=0)
        for times, packet in self.timed_packets():
            if packet.frame < join or (waiting and packet.kind == INTER):
                continue
            try:
                decoder.advance(packet)
            except BitstreamError as error:
                self.damage.append(Damage(error))
                waiting = waiting or packet.kind != BACKGROUND
                continue
            if packet.kind != BACKGROUND:
                waiting = False
                yield times, packet, decoder

    def _decoder(self) -> Decoder:
        return Decoder(self.header, self._size, self._background)

    def _shown(self, decoder: Decoder, at: float = 1.0) -> np.ndarray:
        return decoder.cutout(at) if self._cutout else decoder.picture(at)

    def end(self) -> Fraction:
        """When the clip's last frame ends, seconds from the start."""
        shown = max((times[-1] for times, _ in self._clocked([])), default=0)
        return self._seconds(shown + (self._index[1] if self._index else TICKS))

    def __iter__(self) -> Iterator[np.ndarray]:
        return (picture.pixels for picture in self.frames())

    def __len__(self) -> int:
        if self._index:
            return self._index[0]
        return max((p.frame + 1 for _, p in self._clocked([]) if p.kind != BACKGROUND), default=0)

    def __getitem__(self, frame: int) -> np.ndarray:
        """Picture of a frame, (H, W, 3) uint8. The next frame after it comes at no extra cost.

        Raises
        ------
        IndexError
            There is no such frame.
        BitstreamError
            It does not decode.
        """
        frame = range(len(self))[frame]
        if self._random is None or frame <= self._random[2].frame - self._random[2].span:
            self._random = None
        if self._random is None or frame - self._random[2].frame > self.header.span:
            start = max(
                (o for f, o in (self._index[2] if self._index else []) if f <= frame),
                default=container.HEADER_BYTES,
            )
            items = container.packets(self._data, start, self.header.span)
            packets: Iterator[Packet] = (
                p for p in items if isinstance(p, Packet) and p.kind != INDEX
            )
            self._random = self._decoder(), packets, Packet(INDEX, -1, (0,), b"")
        decoder, coming, packet = self._random
        self._random = None
        while packet.frame < frame or packet.kind == BACKGROUND:
            following = next(coming, None)
            if following is None:
                break
            packet = following
            try:
                decoder.advance(packet)
            except BitstreamError:
                if packet.frame >= frame and packet.kind != BACKGROUND:
                    raise
        first = packet.frame - packet.span + 1
        if packet.kind not in (INTRA, INTER) or not first <= frame <= packet.frame:
            raise BitstreamError("frame is missing from the file", frame=frame)
        self._random = decoder, coming, packet
        return self._shown(decoder, packet.places[frame - first])
