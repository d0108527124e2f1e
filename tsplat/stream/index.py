"""The index packet and the footer that ends a file: where its I-packets are."""

from __future__ import annotations

import struct
from typing import NamedTuple

from tsplat.errors import BitstreamError
from tsplat.stream import varint
from tsplat.stream.container import INDEX, Packet, pack_packet, unpack_packet
from tsplat.stream.header import HEADER_BYTES

_FOOTER = b"\x1aXST"


class Index(NamedTuple):
    """What is known of a whole file.

    Attributes
    ----------
    frames : int
        Number of frames in the file.
    last_ticks : int
        Duration of the last one, 1/1000 frame.
    intra : list of (int, int)
        Frame and byte offset of every I-packet.
    """

    frames: int
    last_ticks: int
    intra: list[tuple[int, int]]


def pack_index(frames: int, last_ticks: int, intra: list[tuple[int, int]]) -> bytes:
    """Bytes of the index packet and the footer; parameters as of :class:`Index`."""
    payload = varint.pack(last_ticks) + varint.pack(len(intra))
    before = (0, 0)
    for entry in intra:
        payload += b"".join(varint.pack(b - a) for a, b in zip(before, entry))
        before = entry
    packet = pack_packet(INDEX, frames, payload)
    return packet + struct.pack("<I", len(packet)) + _FOOTER


def index_packet(data) -> Packet | None:
    """The packet to which the footer at the end of the data leads, or None if it is not there
    whole."""
    end = len(data) - 8
    tail = bytes(data[max(end, 0) : len(data)])
    if end < HEADER_BYTES or tail[4:] != _FOOTER:
        return None
    at = end - struct.unpack("<I", tail[:4])[0]
    try:
        packet = unpack_packet(data, at) if at >= HEADER_BYTES else None
    except BitstreamError:
        return None
    return packet if packet and packet.kind == INDEX else None


def read_index(data) -> Index | None:
    """What :func:`pack_index` wrote at the end of the data, or None if it is not there whole."""
    packet = index_packet(data)
    index = parse_index(packet) if packet else None
    if index is None or any(offset >= len(data) for _, offset in index.intra):
        return None
    return index


def parse_index(packet: Packet) -> Index | None:
    """What an index packet says, or None if it is not whole."""
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
    return Index(packet.frame, last_ticks, intra)
