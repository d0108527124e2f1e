"""What an application refuses of a stream that the format allows."""

from __future__ import annotations

from dataclasses import fields
from fractions import Fraction

import numpy as np
import pytest

from tests.stream.test_fuzz import peak_memory
from tsplat.decoding.decoder import Decoder
from tsplat.errors import BitstreamError, ConfigError, Fault
from tsplat.files.reader import Reader
from tsplat.media.background import MOST_DECODED, BackgroundEncoder
from tsplat.region import Region
from tsplat.splats import QuantizedSplats, Steps
from tsplat.stream import container, payload
from tsplat.stream.container import BACKGROUND, INTRA
from tsplat.stream.header import Header
from tsplat.stream.limits import FORMAT, Limits

HEADER = Header(160, 128, Fraction(30), Steps(256, 256, 655, 655), cell=4, outside="video", codec=1)
ONE = [80, 64, 30, 0, 30, 50, 0, 0]
SPLATS = QuantizedSplats(np.array([ONE] * 20, np.int32), HEADER.steps)


@pytest.fixture(scope="module")
def packets() -> list[bytes]:
    """A background, an I-packet of 20 splats, a P-packet of two frames that adds one."""
    room, everywhere = np.zeros((128, 160, 3), np.uint8), np.ones((128, 160), bool)
    backdrop = BackgroundEncoder(160, 128, Fraction(30)).encode(room, everywhere, True)
    intra, state = payload.encode_intra(SPLATS, Region.everywhere(160, 128, 4), HEADER)
    values = np.concatenate([SPLATS.values, SPLATS.values[:1]])
    inter, _ = payload.encode_inter(state, np.ones(20, bool), values, state.region, HEADER)
    return [
        container.pack_packet(BACKGROUND, 0, b"\1" + backdrop),
        container.pack_packet(INTRA, 0, intra),
        container.pack_inter(2, inter, [1000, 1000]),
    ]


ENOUGH = {
    "pixels": 160 * 128,
    "cells": 40 * 32,
    "splats": 21,
    "overlap": 21,
    "span": 2,
    "background_side": 160,
}
"""What the stream claims of each; bytes of packets are counted."""
IN_HEADER = ("pixels", "cells")


@pytest.mark.parametrize("name", [*ENOUGH, "packet_bytes"])
def test_a_limit_is_reached_and_not_exceeded(name, packets, tmp_path):
    path = tmp_path / "clip.tsplat"
    path.write_bytes(HEADER.pack() + b"".join(packets))
    largest = max(len(p.payload) for p in Reader(path).packets())
    enough = (ENOUGH | {"packet_bytes": largest})[name]
    assert len(list(Reader(path, limits=Limits(**{name: enough})))) == 3
    less = Limits(**{name: enough - 1})
    if name in IN_HEADER:
        for header in (HEADER, HEADER.pack()):
            with pytest.raises(BitstreamError) as caught:
                Decoder(header, limits=less)
        error = caught.value
        with pytest.raises(BitstreamError, match=r"clip\.tsplat: header: "):
            Reader(path, limits=less)
    else:
        reader = Reader(path, limits=less)
        list(reader)
        error = reader.damage[0].error
        with pytest.raises(BitstreamError) as caught:
            Decoder(HEADER, limits=less).decode(b"".join(packets))
        assert caught.value.kind is error.kind
    assert error.kind is Fault.LIMIT
    assert error.field in (name, None if name == "background_side" else name)


def test_the_limits_of_a_stream_are_refused_before_memory_is_taken():
    crowd = b"\1" + b"\xff\xff\x03" + b"\0" * 40
    header = HEADER.pack()

    def refused() -> None:
        with pytest.raises(BitstreamError):
            Header.unpack(header, Limits(pixels=100))
        with pytest.raises(BitstreamError):
            payload.decode_intra(crowd, HEADER, Limits(splats=1000))
        with pytest.raises(BitstreamError):
            container.unpack_packet(b"\4\0\xff\xff\x7f", limits=Limits(packet_bytes=1000))

    assert peak_memory(refused) < 1 << 16


def test_limits_can_be_lowered_alone():
    for field in fields(Limits):
        assert getattr(FORMAT, field.name) == field.default
        for wrong in (0, -1, field.default + 1):
            with pytest.raises(ConfigError, match=rf"{field.name}: got {wrong}, expected 1\.\."):
                Limits(**{field.name: wrong})
    assert FORMAT.background_side == MOST_DECODED
