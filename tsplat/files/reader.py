"""A ``.tsplat`` file, or a stream of one, as pictures."""

from __future__ import annotations

import mmap
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, chain
from itertools import count as count_from
from pathlib import Path

import numpy as np

from tsplat.decoding.decoder import Decoder
from tsplat.decoding.outside import Backdrop
from tsplat.errors import BitstreamError, Fault, MediaError, reason_of
from tsplat.stream import scan
from tsplat.stream.arriving import Arriving, Data, Whole
from tsplat.stream.container import BACKGROUND, INDEX, INTER, INTRA, TICKS, Packet
from tsplat.stream.header import HEADER_BYTES, Header
from tsplat.stream.index import Index, parse_index, read_index
from tsplat.stream.limits import FORMAT, Limits
from tsplat.stream.scan import Damage

STANDARD = "-"
_Times = tuple[Fraction, ...]
_Taken = tuple[_Times, Packet, Decoder, BitstreamError | None]
"""When a packet's frames are shown, the packet, a decoder, and why it did not take it in."""


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
    """A ``.tsplat`` file: iterate over its pictures, or ask for one: ``reader[-1]``.

    A pipe, a device or ``-``, standard input, is read as it comes: once, from the start, and how
    many frames there are is known at its end.

    Parameters
    ----------
    path : str or Path
    size : (int, int), optional
        Width and height to render at, pixels.
    background : str, tuple or array
        As for :class:`~tsplat.decoding.decoder.Decoder`.
    cutout : bool
        Pictures are RGBA: the region alone, with straight alpha.
    limits : Limits
        As for :class:`~tsplat.decoding.decoder.Decoder`.

    Attributes
    ----------
    header : Header
    damage : list of Damage
        What could not be read, in the order in which it was met; complete after iteration.
    lost : list of (int, int)
        First and last number of the frames that are missing in a row, for that reason; complete
        after iteration.

    Raises
    ------
    MediaError
        The file cannot be opened.
    BitstreamError
        It is not a ``.tsplat`` file that this version reads, or beyond a limit.
    ConfigError
        As for :class:`~tsplat.decoding.decoder.Decoder`.
    """

    def __init__(
        self,
        path: str | Path,
        size: tuple[int, int] | None = None,
        background: Backdrop = "keep",
        cutout: bool = False,
        limits: Limits = FORMAT,
    ):
        self._name = "standard input" if str(path) == STANDARD else str(path)
        self._source, self._index = _opened(path, self._name)
        while len(self._source) < HEADER_BYTES and self._source.more():
            pass
        try:
            self.header = Header.unpack(self._source[0:HEADER_BYTES], limits)
        except BitstreamError as error:
            error.message = f"{self._name}: {error.message}"
            raise
        self._limits = limits
        self.damage: list[Damage] = []
        self.lost: list[tuple[int, int]] = []
        self.show(size, background, cutout)
        self._begun = False
        self._seen = 0, 0
        self._whole: tuple[int, int] | None = None
        self._random: tuple[list[_Taken], Iterator[_Taken]] = [], iter(())

    def show(
        self,
        size: tuple[int, int] | None = None,
        background: Backdrop = "keep",
        cutout: bool = False,
    ) -> None:
        """How pictures are shown from now on; parameters and errors as of the class."""
        self._size, self._background, self._cutout = size, background, cutout
        self._decoder()

    @property
    def sequential(self) -> bool:
        """It can be read only once, as it comes."""
        return isinstance(self._source, Arriving)

    @property
    def bytes(self) -> int:
        """Length of the file; of what was read of a stream."""
        return len(self._source)

    @property
    def truncated(self) -> bool:
        """The file was cut off; known after iteration."""
        return any(d.cut_off for d in self.damage) or self._index is None

    @property
    def known_length(self) -> int | None:
        """Number of frames, if it is known before all of them were read."""
        return None if self.sequential else len(self)

    def packets(self) -> Iterator[Packet]:
        """All packets but the index, in the order of the file; notes damage."""
        return (packet for _, packet in self.timed_packets())

    def timed_packets(self) -> Iterator[tuple[_Times, Packet]]:
        """As :meth:`packets`, and when each of a packet's frames is shown, seconds."""
        self.damage, self.lost = [], []
        for ticks, packet in self._clocked(self.damage):
            yield tuple(self._seconds(t) for t in ticks), packet

    def _clocked(self, damage: list[Damage]) -> Iterator[tuple[tuple[int, ...], Packet]]:
        """As :meth:`timed_packets`, in ticks; a frame that is missing took its nominal time."""
        if self.sequential and self._begun:
            raise MediaError(f"{self._name}: can be read only once")
        self._begun = True
        now, before = 0, None
        for item in self._scanned(HEADER_BYTES):
            if isinstance(item, Damage):
                damage.append(item)
            elif item.kind == BACKGROUND:
                yield (now,), item
            elif item.kind == INDEX:
                self._index = self._index or parse_index(item)
            else:
                if before is None:
                    now = -item.ticks[0]
                else:
                    now += TICKS * max(0, item.frame - before - item.span)
                times = tuple(accumulate(item.ticks, initial=now))[1:]
                now, before = times[-1], item.frame
                self._seen = item.frame + 1, now
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
            if end is not None and packet.frame >= end - 1:
                return

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

    def _decoded(self, start: int) -> Iterator[tuple[_Times, Packet, Decoder]]:
        """I- and P-packets from the last I-packet up to a frame on, each taken in; notes what is
        not."""
        join, _ = self._join(start)
        good = join - 1
        for times, packet, decoder, error in self._taken(join, self.timed_packets()):
            if error is not None:
                self.damage.append(Damage(error))
            elif packet.kind != BACKGROUND:
                self._miss(good + 1, packet.frame - packet.span)
                good = packet.frame
                yield times, packet, decoder
        self._miss(good + 1, len(self) - 1)

    def _taken(self, join: int, packets: Iterable[tuple[_Times, Packet]]) -> Iterator[_Taken]:
        """Packets from that of a frame on, as a decoder takes them in, or does not, and why; those
        that build on one that it does not are left out."""
        decoder, waiting = self._decoder(), False
        for times, packet in packets:
            if packet.frame < join or (waiting and packet.kind == INTER):
                continue
            error = None
            try:
                decoder.advance(packet)
            except BitstreamError as found:
                error = found
            if packet.kind != BACKGROUND:
                waiting = error is not None
            yield times, packet, decoder, error

    def _join(self, frame: int) -> tuple[int, int]:
        """Number of the last I-frame up to a frame that the index names, and where it is."""
        known = self._index.intra if self._index else []
        return max((place for place in known if place[0] <= frame), default=(0, HEADER_BYTES))

    def _miss(self, first: int, last: int) -> None:
        if first <= last:
            self.lost.append((first, last))

    def _decoder(self) -> Decoder:
        return Decoder(self.header, self._size, self._background, self._limits)

    def _scanned(self, at: int) -> Iterator[Packet | Damage]:
        return scan.packets(self._source, at, limits=self._limits)

    def _shown(self, decoder: Decoder, at: float = 1.0) -> np.ndarray:
        return decoder.cutout(at) if self._cutout else decoder.picture(at)

    def end(self) -> Fraction:
        """When the clip's last frame ends, seconds from the start; of a stream, once it was
        read."""
        return self._seconds(self._extent()[1] + (self._index.last_ticks if self._index else TICKS))

    def _extent(self) -> tuple[int, int]:
        """Frames, and when the last begins, in ticks; of a stream, so far."""
        if self.sequential:
            return self._seen
        if self._whole is None:
            for _ in self._clocked([]):
                pass
            self._whole = self._seen
        return self._whole

    def __iter__(self) -> Iterator[np.ndarray]:
        return (picture.pixels for picture in self.frames())

    def __len__(self) -> int:
        return self._index.frames if self._index else self._extent()[0]

    def __getitem__(self, frame: int) -> np.ndarray:
        """Picture of a frame, (H, W, 3) uint8; negative ones count from the end. The next frame
        after it comes at no extra cost.

        Raises
        ------
        IndexError
            There is no such frame.
        BitstreamError
            It does not decode.
        MediaError
            It is a stream, which can be read only in order.
        """
        if self.sequential:
            raise MediaError(f"{self._name}: is a stream; iterate over it")
        count = len(self)
        if not -count <= frame < count:
            raise IndexError(f"frame {frame}: {self._name} has {count}")
        frame %= count
        held, coming = self._random
        at = held[0][1] if held else None
        if at is None or not at.frame - at.span < frame or self._join(frame)[0] > at.frame:
            held, coming = [], self._seek(frame)
        self._random = [], iter(())
        why: BitstreamError | None = None
        for taken in chain(held, coming):
            _, packet, decoder, error = taken
            if packet.frame < frame:
                why = error
            elif error or frame <= packet.frame - packet.span:
                why = error or why
                break
            else:
                self._random = [taken], coming
                return self._shown(decoder, packet.places[frame - packet.frame - 1])
        raise why or BitstreamError(Fault.MISSING, "frame is missing from the file", frame=frame)

    def _seek(self, frame: int) -> Iterator[_Taken]:
        """I- and P-packets, untimed, from where the index says that a frame can be joined."""
        join, offset = self._join(frame)
        items = self._scanned(offset)
        packets = (p for p in items if isinstance(p, Packet) and p.kind != INDEX)
        taken = self._taken(join, (((), packet) for packet in packets))
        return (t for t in taken if t[1].kind != BACKGROUND)


def _opened(path: str | Path, name: str) -> tuple[Data, Index | None]:
    """A file's bytes and its index, or a stream's bytes as they come."""
    try:
        if str(path) == STANDARD:
            if sys.stdin is None:
                raise MediaError("standard input is closed")
            return _arriving(sys.stdin.fileno()), None
        if not stat.S_ISREG(os.stat(path).st_mode) and not os.path.isdir(path):
            return _arriving(os.open(path, os.O_RDONLY)), None
        with open(path, "rb") as file:
            empty = file.seek(0, 2) == 0
            data = b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        if isinstance(error, MediaError):
            raise
        raise MediaError(f"{name}: cannot be read ({reason_of(error)})") from error
    return Whole(data), read_index(data)


def _arriving(descriptor: int) -> Arriving:
    return Arriving(lambda size: os.read(descriptor, size))
