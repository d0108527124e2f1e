"""A bad file for every way in which one can be bad."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from tsplat.errors import BitstreamError, Fault
from tsplat.files.reader import Reader
from tsplat.region import Region
from tsplat.splats import QuantizedSplats, Steps
from tsplat.stream import container, payload
from tsplat.stream.container import BACKGROUND, INTRA
from tsplat.stream.header import HEADER_BYTES, Header, checksum
from tsplat.stream.index import pack_index

HEADER = Header(16, 16, Fraction(30), Steps(256, 256, 655, 655), cell=4)
VIDEO = replace(HEADER, outside="video", codec=2)
SPLATS = QuantizedSplats(np.array([[8, 8, 4, 0, 4, 50, 0, 0]], np.int32), HEADER.steps)
INTRA_PACKET = container.pack_packet(
    INTRA, 0, payload.encode_intra(SPLATS, Region.everywhere(16, 16, 4), HEADER)[0]
)
INTER_PACKET = container.pack_inter(1, b"\0", [1000])
LATER_PACKET = container.pack_inter(2, b"\0", [1000])
GOOD = HEADER.pack() + INTRA_PACKET + INTER_PACKET + LATER_PACKET
SECOND = HEADER_BYTES + len(INTRA_PACKET)


def with_header(at: int, field: bytes) -> bytes:
    """The good file with another field in its header, and the checksum that belongs to it."""
    header = GOOD[:at] + field + GOOD[at + len(field) : HEADER_BYTES - 4]
    return header + checksum(header) + GOOD[HEADER_BYTES:]


def flipped(at: int) -> bytes:
    return GOOD[:at] + bytes([GOOD[at] ^ 1]) + GOOD[at + 1 :]


BAD: dict[Fault, tuple[Callable[[], bytes], str | None, int | None]] = {
    Fault.NOT_TSPLAT: (lambda: b"RIFF" + GOOD, None, 0),
    Fault.VERSION: (lambda: with_header(8, b"\1"), "version", 8),
    Fault.FEATURE: (lambda: with_header(36, b"\2"), "required features", 36),
    Fault.HEADER: (lambda: with_header(30, b"\0\0"), "step of cholesky", 30),
    Fault.CUT_OFF: (lambda: GOOD[:-1], None, len(GOOD) - len(LATER_PACKET)),
    Fault.CHECKSUM: (lambda: flipped(SECOND + 2), None, SECOND),
    Fault.PACKET: (lambda: GOOD[:SECOND] + b"\1nothing", None, SECOND),
    Fault.PAYLOAD: (
        lambda: GOOD[:SECOND] + container.pack_inter(1, b"\x20", [1000]),
        "parts",
        SECOND,
    ),
    Fault.BACKGROUND: (
        lambda: VIDEO.pack() + container.pack_packet(BACKGROUND, 0, b"\1none") + INTRA_PACKET,
        None,
        HEADER_BYTES,
    ),
    Fault.MISSING: (lambda: GOOD[:SECOND] + LATER_PACKET, None, SECOND),
    Fault.LIMIT: (
        lambda: GOOD[:SECOND] + b"\4\0\x81\x80\x80\x08" + bytes(9),
        "packet_bytes",
        SECOND,
    ),
}
"""How each is made of the good one, the field that is named, and the place."""


def error_of(path) -> BitstreamError:
    """The first that reading a file meets."""
    try:
        reader = Reader(path)
    except BitstreamError as error:
        return error
    list(reader.frames())
    return reader.damage[0].error


@pytest.mark.parametrize("kind", Fault)
def test_every_fault_is_told(kind, tmp_path):
    made, field, offset = BAD[kind]
    path = tmp_path / "bad.tsplat"
    path.write_bytes(made())
    error = error_of(path)
    assert (error.kind, error.field, error.offset) == (kind, field, offset), error


def test_the_good_file_is_good(tmp_path):
    path = tmp_path / "good.tsplat"
    path.write_bytes(GOOD + pack_index(3, 1000, [(0, HEADER_BYTES)]))
    reader = Reader(path)
    assert (len(list(reader)), reader.damage) == (3, [])


def test_errors_cross_processes():
    error = BitstreamError(Fault.LIMIT, "too much", field="pixels", offset=12, frame=3)
    other = pickle.loads(pickle.dumps(error))
    assert str(other) == str(error) == "too much (frame 3, byte 12)"
    assert vars(other) == vars(error)
