"""Packets of any kind, as tests need them."""

from __future__ import annotations

from tsplat.stream import container
from tsplat.stream.container import INTER, TICKS


def packed(kind: int, frame: int, payload: bytes, ticks: int = TICKS, span: int = 1) -> bytes:
    """A packet's bytes; a P-packet's of one frame, in a stream of that span."""
    if kind == INTER:
        return container.pack_inter(frame, payload, [ticks], span)
    return container.pack_packet(kind, frame, payload, ticks)


def parsed(data: bytes) -> list[container.Packet]:
    """The packets that an encoder's call gave; P-packets' frames are known to 7 bits only."""
    found, at, before = [], 0, None
    while at < len(data):
        if data[at] & 128 and before is None:
            before = (data[at] & 127) - 1
        packet = container.unpack_packet(data, at, before)
        if packet.kind in (container.INTRA, INTER):
            before = packet.frame
        found.append(packet)
        at += packet.size
    return found
