"""The packets of a ``.tsplat`` stream, as docs/FORMAT.md specifies them in section 1.

All fixed-size integers are little-endian; payloads are :mod:`tsplat.stream.payload`'s.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from tsplat.errors import BitstreamError, Fault
from tsplat.stream import varint
from tsplat.stream.arriving import Arriving, Data, Whole
from tsplat.stream.header import HEADER_BYTES, MAX_SPAN, checksum

TICKS = 1000
INTRA, INTER, INDEX, BACKGROUND = 1, 2, 3, 4
KIND_NAMES = {INTRA: "I", INTER: "P", INDEX: "index", BACKGROUND: "background"}

_SYNC = b"TSI"
_JOIN = re.compile(rb"[\x01\x41]TSI")
_INTER, _TIMED, _IGNORABLE, _KIND = 128, 64, 32, 31
MAX_TICKS = 1 << 35
"""Beyond what a varint holds."""
_HEAD = 24
"""More bytes than stand before a payload, ticks of a P-packet's frames aside."""
_FOOTER = b"\x1aXST"
_MAX_PAYLOAD = 1 << 24
_MAX_FRAMES = 1 << 31
_SEARCH = 4
"""Times the file's length (and the largest payload's) that a search for I-packets may check."""
_ATTEMPT = 64
"""What an attempt costs besides the payload, bytes."""


@dataclass(frozen=True)
class Packet:
    """One packet.

    Attributes
    ----------
    kind : int
        :data:`INTRA`, :data:`INTER`, :data:`INDEX` or :data:`BACKGROUND`.
    frame : int
        Number of the frame; of frames, for the index.
    ticks : tuple of int
        Time of each of its frames since the one before, 1/1000 frame.
    payload : bytes
    offset : int
        Where the packet starts in the file.
    size : int
        Bytes of the whole packet.
    """

    kind: int
    frame: int
    ticks: tuple[int, ...]
    payload: bytes
    offset: int = 0
    size: int = 0

    @property
    def span(self) -> int:
        """Frames that it adds."""
        return len(self.ticks)

    @property
    def places(self) -> tuple[float, ...]:
        """Where each of its frames is in time, from the coded frame before (0) to its own (1).

        >>> Packet(INTER, 9, (1000, 3000), b"").places
        (0.25, 1.0)
        """
        ticks = self.ticks if any(self.ticks) else (1,) * self.span
        return tuple(passed / sum(ticks) for passed in accumulate(ticks))


@dataclass(frozen=True)
class Damage:
    """A place where packets could not be read; reading goes on after it.

    Attributes
    ----------
    error : BitstreamError
    cut_off : bool
        The data ends here, inside a packet: the file was cut off.
    """

    error: BitstreamError
    cut_off: bool = False


def pack_packet(kind: int, frame: int, payload: bytes, ticks: int = TICKS) -> bytes:
    """Bytes of a packet that is not a P-packet."""
    timed = _TIMED if ticks != TICKS else 0
    body = bytes([kind | timed]) + (_SYNC if kind == INTRA else b"") + varint.pack(frame)
    body += varint.pack(ticks) if timed else b""
    body += varint.pack(len(payload)) + payload
    return body + checksum(body)


def pack_inter(frame: int, payload: bytes, ticks: Sequence[int], span: int) -> bytes:
    """Bytes of a P-packet.

    Parameters
    ----------
    frame : int
        Number of the coded frame.
    payload : bytes
    ticks : sequence of int
        Time of each frame since the one before, from the first that is interpolated.
    span : int
        The header's.
    """
    timed = any(t != TICKS for t in ticks)
    extended = timed or len(ticks) != span
    body = bytes([_INTER | frame & 127]) + varint.pack(2 * len(payload) + extended)
    if extended:
        body += varint.pack(len(ticks) - 1) + bytes([timed])
    if timed:
        body += b"".join(varint.pack(t) for t in ticks)
    body += payload
    return body + _inter_check(body, frame)


def unpack_packet(data, at: int = 0, before: int | None = None, span: int = 1) -> Packet:
    """Read the packet at a position; the inverse of :func:`pack_packet` and :func:`pack_inter`.

    Parameters
    ----------
    data : bytes-like
    at : int
    before : int, optional
        Number of the last coded frame.
    span : int
        The header's.

    Raises
    ------
    BitstreamError
        The packet is damaged or cut off, of a kind that this reader must know and does not, or
        does not follow the frame before.
    """
    packet = _unpack(data, at, before, span)
    if packet.kind == INTER and not _follows(packet, before):
        raise _missing(packet)
    return packet


def _unpack(data, at: int, before: int | None, span: int) -> Packet:
    """As :func:`unpack_packet`; a P-packet may follow others that are missing."""
    head = _packet_head(data, at, span)
    if head.kind == INTER:
        return _unpack_inter(data, at, head, before)
    end = head.start + head.size
    if end + 4 > len(data):
        raise BitstreamError(Fault.CUT_OFF, "packet cut off", offset=at, frame=head.frame)
    if checksum(bytes(data[at:end])) != bytes(data[end : end + 4]):
        raise BitstreamError(
            Fault.CHECKSUM, "packet is damaged: wrong checksum", offset=at, frame=head.frame
        )
    if head.kind not in KIND_NAMES and not head.ignorable:
        raise BitstreamError(
            Fault.FEATURE,
            f"packet of kind {head.kind}, which this version of tsplat does not know: "
            "use a newer one",
            offset=at,
        )
    payload = bytes(data[head.start : end])
    return Packet(head.kind, head.frame, head.ticks, payload, at, end + 4 - at)


def _unpack_inter(data, at: int, head: _Head, before: int | None) -> Packet:
    end = head.start + head.size
    expected = None if before is None else before + len(head.ticks)
    if end + 2 > len(data):
        raise BitstreamError(Fault.CUT_OFF, "packet cut off", offset=at, frame=expected)
    if expected is None:
        raise BitstreamError(
            Fault.MISSING, "the frame before is missing; waiting for an I-frame", offset=at
        )
    # The first frame from the expected one on that has these seven bits.
    frame = expected + (head.frame - expected & 127)
    if frame >= _MAX_FRAMES:
        raise BitstreamError(Fault.LIMIT, f"packet claims frame {frame}", field="frame", offset=at)
    if _inter_check(bytes(data[at:end]), frame) != bytes(data[end : end + 2]):
        raise BitstreamError(
            Fault.CHECKSUM, "packet is damaged: wrong checksum", offset=at, frame=expected
        )
    return Packet(INTER, frame, head.ticks, bytes(data[head.start : end]), at, end + 2 - at)


def _follows(packet: Packet, before: int | None) -> bool:
    return before is not None and packet.frame == before + packet.span


def _missing(packet: Packet) -> BitstreamError:
    return BitstreamError(
        Fault.MISSING,
        "the frame before is missing; waiting for an I-frame",
        offset=packet.offset,
        frame=packet.frame,
    )


def packets(
    data, at: int = HEADER_BYTES, span: int = 1, before: int | None = None
) -> Iterator[Packet | Damage]:
    """All packets from a position on, and the places where there are none to be read.

    After damage, reading goes on at the next intact I-packet; after a lost packet, P-packets are
    left out up to the next I-packet. Unknown packets that may be ignored are left out. The index,
    if it is met, comes last.

    Parameters
    ----------
    data : bytes-like or Arriving
    at : int
        Where to start.
    span : int
        The header's.
    before : int, optional
        Number of the last coded frame, where it is known.
    """
    source = data if isinstance(data, Arriving | Whole) else Whole(data)
    search = _Search(source)
    lost = False
    while at < len(source) or source.more():
        source.drop(at)
        try:
            packet = _unpack(source, at, before, span)
        except BitstreamError as error:
            cut_off = error.kind is Fault.CUT_OFF
            if cut_off and source.more():
                continue
            join = search.next_join(at + 1)
            yield Damage(error, cut_off and join is None)
            if join is None:
                return
            at = join
            continue
        at += packet.size
        if packet.kind in (INTRA, INTER):
            gap = packet.kind == INTER and not _follows(packet, before)
            if gap and not lost:
                yield Damage(_missing(packet))
            lost = gap or (lost and packet.kind == INTER)
            before = packet.frame
        if packet.kind in KIND_NAMES and not (lost and packet.kind == INTER):
            yield packet
        if packet.kind == INDEX:
            return


class _Search:
    """Looks for intact I-packets, for a time in proportion to the data."""

    def __init__(self, source: Data):
        self._source = source
        self._spent = 0

    def next_join(self, at: int) -> int | None:
        """Where the next one starts, or None if there is none, or it would take too long."""
        source = self._source
        while True:
            found = source.search(_JOIN, at)
            if found is None:
                # The pattern may have begun at the end of what is there.
                at = max(at, len(source) - 3)
                source.drop(at)
                if not source.more():
                    return None
                continue
            try:
                size = _packet_head(source, found, 1).size
                self._spent += _ATTEMPT + min(size, len(source) - found)
                if self._spent > _SEARCH * (len(source) + _MAX_PAYLOAD):
                    return None
                _unpack(source, found, None, 1)
                return found
            except BitstreamError as error:
                if error.kind is not Fault.CUT_OFF or not source.more():
                    at = found + 1
            source.drop(at)


def pack_index(frames: int, last_ticks: int, intra: list[tuple[int, int]]) -> bytes:
    """Index packet and footer.

    Parameters
    ----------
    frames : int
        Number of frames in the file.
    last_ticks : int
        Duration of the last one, 1/1000 frame.
    intra : list of (int, int)
        Frame and byte offset of every I-packet.
    """
    payload = varint.pack(last_ticks) + varint.pack(len(intra))
    before = (0, 0)
    for entry in intra:
        payload += b"".join(varint.pack(b - a) for a, b in zip(before, entry))
        before = entry
    packet = pack_packet(INDEX, frames, payload)
    return packet + struct.pack("<I", len(packet)) + _FOOTER


def read_index(data) -> tuple[int, int, list[tuple[int, int]]] | None:
    """What :func:`pack_index` wrote at the end of the data, or None if it is not there whole."""
    tail = bytes(data[-8:])
    if len(data) < HEADER_BYTES + 8 or tail[4:] != _FOOTER:
        return None
    at = len(data) - 8 - struct.unpack("<I", tail[:4])[0]
    if at < HEADER_BYTES:
        return None
    try:
        packet = unpack_packet(data, at)
    except BitstreamError:
        return None
    index = parse_index(packet) if packet.kind == INDEX else None
    if index is None or any(offset >= len(data) for _, offset in index[2]):
        return None
    return index


def parse_index(packet: Packet) -> tuple[int, int, list[tuple[int, int]]] | None:
    """An index packet's number of frames, duration of the last, and I-packets; None if it is not
    whole."""
    try:
        last_ticks, position = varint.unpack(packet.payload, 0)
        count, position = varint.unpack(packet.payload, position)
        intra, entry = [], (0, 0)
        for _ in range(min(count, len(packet.payload))):
            frame, position = varint.unpack(packet.payload, position)
            offset, position = varint.unpack(packet.payload, position)
            entry = (entry[0] + frame, entry[1] + offset)
            intra.append(entry)
    except BitstreamError:
        return None
    return packet.frame, last_ticks, intra


@dataclass(frozen=True)
class _Head:
    """What stands before a payload; frame: of a P-packet, its seven bits."""

    kind: int
    ignorable: bool
    frame: int
    ticks: tuple[int, ...]
    start: int
    size: int


def _packet_head(data, at: int, span: int) -> _Head:
    head = bytes(data[at : at + _HEAD])
    if not head:
        raise BitstreamError(Fault.CUT_OFF, "packet cut off", offset=at)
    if head[0] & _INTER:
        return _inter_head(data, at, span)
    kind, position = head[0], 1
    try:
        if kind & _KIND == INTRA:
            if head[1:4] != _SYNC[: len(head) - 1]:
                raise BitstreamError(Fault.PACKET, "no packet where one should start", offset=at)
            position = 4
        frame, position = varint.unpack(head, position)
        ticks = TICKS
        if kind & _TIMED:
            ticks, position = varint.unpack(head, position)
        size, position = varint.unpack(head, position)
    except BitstreamError as error:
        if error.offset is not None:
            raise
        raise _no_head(len(head) < _HEAD, at) from None
    if frame >= _MAX_FRAMES or size > _MAX_PAYLOAD:
        field = "frame" if frame >= _MAX_FRAMES else "packet_bytes"
        raise BitstreamError(
            Fault.LIMIT, f"packet claims frame {frame}, {size} bytes", field=field, offset=at
        )
    if kind & _KIND == INTER:
        raise BitstreamError(Fault.PACKET, "no packet where one should start", offset=at)
    ignorable = bool(kind & _IGNORABLE)
    return _Head(kind & _KIND, ignorable, frame, (ticks,), at + position, size)


def _inter_head(data, at: int, span: int) -> _Head:
    wanted = _HEAD
    head = bytes(data[at : at + wanted])
    try:
        size, position = varint.unpack(head, 1)
        ticks = [TICKS] * span
        if size & 1:
            more, position = varint.unpack(head, position)
            if more >= MAX_SPAN:
                raise BitstreamError(
                    Fault.LIMIT, f"packet claims {more + 1} frames", field="span", offset=at
                )
            ticks = [TICKS] * (more + 1)
            if position >= len(head):
                raise BitstreamError(Fault.PACKET, "packet ends before its times")
            timed, position = head[position], position + 1
            if timed > 1:
                raise BitstreamError(Fault.PACKET, "no packet where one should start", offset=at)
            if timed:
                wanted += varint.LONGEST * len(ticks)
                head = bytes(data[at : at + wanted])
                for k in range(len(ticks)):
                    ticks[k], position = varint.unpack(head, position)
    except BitstreamError as error:
        if error.offset is not None:
            raise
        raise _no_head(len(head) < wanted, at) from None
    if size >> 1 > _MAX_PAYLOAD:
        raise BitstreamError(
            Fault.LIMIT, f"packet claims {size >> 1} bytes", field="packet_bytes", offset=at
        )
    return _Head(INTER, False, head[0] & 127, tuple(ticks), at + position, size >> 1)


def _no_head(cut_off: bool, at: int) -> BitstreamError:
    kind = Fault.CUT_OFF if cut_off else Fault.PACKET
    return BitstreamError(kind, "packet's head is damaged or cut off", offset=at)


def _inter_check(body: bytes, frame: int) -> bytes:
    return checksum(body + struct.pack("<I", frame))[:2]
