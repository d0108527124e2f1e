"""The format does not change by accident."""

from __future__ import annotations

import numpy as np

from tests.golden.regenerate import FOLDER, HEADER, encode, states
from tsplat.decoder import Decoder, Reader


def test_the_golden_stream_is_read_exactly():
    reader = Reader(FOLDER / "small.tsplat")
    assert reader.header == HEADER
    decoder = Decoder(reader.header)
    pictures = np.load(FOLDER / "pictures.npy")
    packets = list(reader.packets())
    assert [p.ticks for p in packets] == [1000, 1000, 2500]
    for packet, state, picture in zip(packets, states(), pictures):
        got = decoder.decode(packet)
        assert np.array_equal(decoder.splats.values, state)
        assert np.abs(got.astype(int) - picture).max() <= 1


def test_the_golden_stream_is_written_exactly():
    assert encode() == (FOLDER / "small.tsplat").read_bytes()
