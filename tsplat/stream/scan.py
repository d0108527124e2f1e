"""All the packets of a stream, and what is not to be read of it.

What is met is told in order: a packet, or a place where there is none. After damage, reading goes
on at the next I-packet whose checksum is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tsplat.errors import BitstreamError, Fault
from tsplat.stream.arriving import Arriving, Data, Whole
from tsplat.stream.container import (
    INDEX,
    INTER,
    INTRA,
    KIND_NAMES,
    SYNC,
    Packet,
    missing_reference,
    packet_head,
    unpack_packet,
)
from tsplat.stream.header import HEADER_BYTES
from tsplat.stream.index import index_packet
from tsplat.stream.limits import FORMAT, Limits

_JOIN = re.compile(rb"[\x01\x41]" + SYNC)
_SEARCH = 4
"""Times the file's length (and the largest payload's) that a search for I-packets may check."""
_ATTEMPT = 64
"""What an attempt costs besides the payload, bytes."""


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

    def __post_init__(self) -> None:
        # A traceback keeps what was at hand: megabytes for each packet of a few hundred bytes.
        self.error.__traceback__ = self.error.__cause__ = self.error.__context__ = None


def packets(
    data,
    at: int = HEADER_BYTES,
    before: int | None = None,
    limits: Limits = FORMAT,
) -> Iterator[Packet | Damage]:
    """All packets from a position on, and the places where there are none to be read.

    After damage, reading goes on at the next intact I-packet; after a lost packet, P-packets are
    left out up to the next I-packet. Unknown packets that may be ignored are left out. The index
    comes last, if it is met, or if the data ends in it where there is no I-packet to go on at.

    Parameters
    ----------
    data : bytes-like or Arriving
    at : int
        Where to start.
    before : int, optional
        Number of the last coded frame, where it is known.
    limits : Limits
        What packets may claim; one that claims more is damage.
    """
    source = data if isinstance(data, Arriving | Whole) else Whole(data)
    search = _Search(source, limits)
    lost = False
    while at < len(source) or source.more():
        source.drop(at)
        try:
            packet = unpack_packet(source, at, before, limits)
        except BitstreamError as error:
            cut_off = error.kind is Fault.CUT_OFF
            if cut_off and source.more():
                continue
            join = search.next_join(at + 1)
            index = index_packet(source) if join is None else None
            yield Damage(error, cut_off and join is None and index is None)
            if index is not None:
                yield index
            if join is None:
                return
            at = join
            continue
        at += packet.size
        if packet.kind in (INTRA, INTER):
            gap = packet.kind == INTER and not packet.follows(before)
            if gap and not lost:
                yield Damage(missing_reference(packet.offset, packet.frame))
            lost = gap or (lost and packet.kind == INTER)
            before = packet.frame
        if packet.kind in KIND_NAMES and not (lost and packet.kind == INTER):
            yield packet
        if packet.kind == INDEX:
            return


class _Search:
    """Looks for intact I-packets, for a time in proportion to the data."""

    def __init__(self, source: Data, limits: Limits):
        self._source, self._limits = source, limits
        self._spent = 0

    def next_join(self, at: int) -> int | None:
        """Where the next one starts, or None if there is none, or it would take too long."""
        source, limits = self._source, self._limits
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
                size = packet_head(source, found, limits).size
                self._spent += _ATTEMPT + min(size, len(source) - found)
                if self._spent > _SEARCH * (len(source) + limits.packet_bytes):
                    return None
                unpack_packet(source, found, None, limits)
                return found
            except BitstreamError as error:
                if error.kind is not Fault.CUT_OFF or not source.more():
                    at = found + 1
            source.drop(at)
