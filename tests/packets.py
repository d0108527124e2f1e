"""Packets of any kind, as tests need them."""

from __future__ import annotations

from tsplat.stream import container
from tsplat.stream.container import INTER, TICKS


def packed(kind: int, frame: int, payload: bytes, ticks: int = TICKS) -> bytes:
    """A packet's bytes; a P-packet's of one frame."""
    if kind == INTER:
        return container.pack_inter(frame, payload, [ticks])
    return container.pack_packet(kind, frame, payload, ticks)


def parsed(data: bytes) -> list[container.Packet]:
    """The packets that an encoder's call gave; of a P-packet's number, four bits."""
    found, at = [], 0
    while at < len(data):
        head = container.packet_head(data, at)
        end = head.start + head.size
        found.append(container.Packet(head.kind, head.frame, head.ticks, data[head.start : end]))
        at = end + (2 if head.kind == INTER else 4)
    return found
