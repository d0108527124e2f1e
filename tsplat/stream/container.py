"""The packets of a ``.tsplat`` stream, as docs/FORMAT.md specifies them in section 1.

All fixed-size integers are little-endian; payloads are :mod:`tsplat.stream.payload`'s.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from tsplat.errors import BitstreamError, Fault
from tsplat.stream import varint
from tsplat.stream.header import checksum
from tsplat.stream.limits import FORMAT, Limits

TICKS = 1000
INTRA, INTER, INDEX, BACKGROUND = 1, 2, 3, 4
KIND_NAMES = {INTRA: "I", INTER: "P", INDEX: "index", BACKGROUND: "background"}

SYNC = b"TSI"
_INTER, _TIMED, _IGNORABLE, _KIND = 128, 64, 32, 31
_NUMBERS, _SHORT = 16, 7
"""A P-packet's number is counted modulo so many, and a span up to so many stands beside it."""
MAX_TICKS = 1 << 35
"""Beyond what a varint holds."""
_HEAD = 24
"""More bytes than stand before a payload, ticks of a P-packet's frames aside."""
_MAX_FRAMES = 1 << 31


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
        """As of :func:`places_of`."""
        return places_of(self.ticks)

    def follows(self, frame: int | None) -> bool:
        """Whether none is missing between it and the last coded frame, if that is known."""
        return frame is not None and self.frame == frame + self.span


def places_of(ticks: Sequence[int]) -> tuple[float, ...]:
    """Where a packet's frames are in time, from the coded frame before (0) to its own (1).

    >>> places_of([1000, 3000])
    (0.25, 1.0)
    """
    ticks = ticks if any(ticks) else [1] * len(ticks)
    return tuple(passed / sum(ticks) for passed in accumulate(ticks))


def pack_packet(kind: int, frame: int, payload: bytes, ticks: int = TICKS) -> bytes:
    """Bytes of a packet that is not a P-packet."""
    timed = _TIMED if ticks != TICKS else 0
    body = bytes([kind | timed]) + (SYNC if kind == INTRA else b"") + varint.pack(frame)
    body += varint.pack(ticks) if timed else b""
    body += varint.pack(len(payload)) + payload
    return body + checksum(body)


def pack_inter(frame: int, payload: bytes, ticks: Sequence[int]) -> bytes:
    """Bytes of a P-packet.

    Parameters
    ----------
    frame : int
        Number of the coded frame.
    payload : bytes
    ticks : sequence of int
        Time of each frame since the one before, from the first that is interpolated.
    """
    timed = any(t != TICKS for t in ticks)
    extended = timed or len(ticks) > _SHORT
    first = frame % _NUMBERS << 3 | (0 if extended else len(ticks))
    body = bytes([_INTER | first]) + varint.pack(len(payload))
    if extended:
        body += varint.pack(2 * (len(ticks) - 1) + timed)
    if timed:
        body += b"".join(varint.pack(t) for t in ticks)
    body += payload
    return body + _inter_check(body, frame)


def unpack_packet(data, at: int = 0, before: int | None = None, limits: Limits = FORMAT) -> Packet:
    """Read the packet at a position; the inverse of :func:`pack_packet` and :func:`pack_inter`.

    Parameters
    ----------
    data : bytes-like
    at : int
    before : int, optional
        Number of the last coded frame.
    limits : Limits
        What the packet may claim.

    Raises
    ------
    BitstreamError
        The packet is damaged or cut off, of a kind that this reader must know and does not, beyond
        a limit, or a P-packet after none. Others may be missing before it (:meth:`Packet.follows`).
    """
    head = packet_head(data, at, limits)
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


def _unpack_inter(data, at: int, head: Head, before: int | None) -> Packet:
    end = head.start + head.size
    expected = None if before is None else before + len(head.ticks)
    if end + 2 > len(data):
        raise BitstreamError(Fault.CUT_OFF, "packet cut off", offset=at, frame=expected)
    if expected is None:
        raise missing_reference(at)
    # The first frame from the expected one on that has these bits.
    frame = expected + (head.frame - expected) % _NUMBERS
    if frame >= _MAX_FRAMES:
        raise BitstreamError(Fault.LIMIT, f"packet claims frame {frame}", field="frame", offset=at)
    if _inter_check(bytes(data[at:end]), frame) != bytes(data[end : end + 2]):
        raise BitstreamError(
            Fault.CHECKSUM, "packet is damaged: wrong checksum", offset=at, frame=expected
        )
    return Packet(INTER, frame, head.ticks, bytes(data[head.start : end]), at, end + 2 - at)


def missing_reference(offset: int | None = None, frame: int | None = None) -> BitstreamError:
    """The error of a P-packet that does not follow the last coded frame."""
    message = "the frame before is missing; waiting for an I-frame"
    return BitstreamError(Fault.MISSING, message, offset=offset, frame=frame)


@dataclass(frozen=True)
class Head:
    """What stands before a payload; frame: of a P-packet, its four bits."""

    kind: int
    ignorable: bool
    frame: int
    ticks: tuple[int, ...]
    start: int
    size: int


def packet_head(data, at: int, limits: Limits = FORMAT) -> Head:
    """What a packet says of itself; parameters and errors as of :func:`unpack_packet`."""
    head = bytes(data[at : at + _HEAD])
    if not head:
        raise BitstreamError(Fault.CUT_OFF, "packet cut off", offset=at)
    if head[0] & _INTER:
        return _inter_head(data, at, limits)
    kind, position = head[0], 1
    try:
        if kind & _KIND == INTRA:
            if head[1:4] != SYNC[: len(head) - 1]:
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
    if frame >= _MAX_FRAMES or size > limits.packet_bytes:
        field = "frame" if frame >= _MAX_FRAMES else "packet_bytes"
        raise BitstreamError(
            Fault.LIMIT, f"packet claims frame {frame}, {size} bytes", field=field, offset=at
        )
    if kind & _KIND == INTER:
        raise BitstreamError(Fault.PACKET, "no packet where one should start", offset=at)
    ignorable = bool(kind & _IGNORABLE)
    return Head(kind & _KIND, ignorable, frame, (ticks,), at + position, size)


def _inter_head(data, at: int, limits: Limits) -> Head:
    wanted = _HEAD
    head = bytes(data[at : at + wanted])
    try:
        size, position = varint.unpack(head, 1)
        span, timed = head[0] & _SHORT, 0
        if not span:
            more, position = varint.unpack(head, position)
            span, timed = (more >> 1) + 1, more & 1
        if span > limits.span:
            raise BitstreamError(
                Fault.LIMIT, f"packet claims {span} frames", field="span", offset=at
            )
        ticks = [TICKS] * span
        if timed:
            wanted += varint.LONGEST * span
            head = bytes(data[at : at + wanted])
            for k in range(span):
                ticks[k], position = varint.unpack(head, position)
    except BitstreamError as error:
        if error.offset is not None:
            raise
        raise _no_head(len(head) < wanted, at) from None
    if size > limits.packet_bytes:
        raise BitstreamError(
            Fault.LIMIT, f"packet claims {size} bytes", field="packet_bytes", offset=at
        )
    number = (head[0] & 127) // (_SHORT + 1)
    return Head(INTER, False, number, tuple(ticks), at + position, size)


def _no_head(cut_off: bool, at: int) -> BitstreamError:
    kind = Fault.CUT_OFF if cut_off else Fault.PACKET
    return BitstreamError(kind, "packet's head is damaged or cut off", offset=at)


def _inter_check(body: bytes, frame: int) -> bytes:
    return checksum(body + struct.pack("<I", frame))[:2]
