"""The format does not change by accident."""

from __future__ import annotations

import numpy as np

from tests.golden.regenerate import FOLDER, HEADER, TICKS, encode, frames
from tsplat.decoder import Decoder, Reader


def test_the_golden_stream_is_read_exactly():
    reader = Reader(FOLDER / "small.tsplat")
    assert reader.header == HEADER
    decoder = Decoder(reader.header)
    pictures = np.load(FOLDER / "pictures.npy")
    packets = list(reader.packets())
    assert [p.ticks for p in packets] == [(t,) for t in TICKS]
    # Its parts: nothing; region, dropped and added; region, dropped and changed; region, dropped.
    assert [p.payload[0] for p in packets[1:]] == [4, 0, 11, 7, 3]
    for packet, (_, values, region), picture in zip(packets, frames(), pictures, strict=True):
        got = decoder.decode(packet)
        assert np.array_equal(decoder.splats.values, values)
        assert decoder.region == region
        assert np.abs(got.astype(int) - picture).max() <= 1
    assert (pictures[-1] == HEADER.backdrop).all()


def test_the_golden_stream_is_written_exactly():
    assert encode() == (FOLDER / "small.tsplat").read_bytes()
