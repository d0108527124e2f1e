"""The format does not change by accident."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from tests.golden.regenerate import FOLDER, HEADER, TICKS, encode, frames
from tsplat.code.container import INTER, INTRA
from tsplat.decoder import Decoder, Reader

PICTURES = np.load(FOLDER / "pictures.npy")


def near(a: np.ndarray, b: np.ndarray) -> bool:
    return np.abs(a.astype(int) - b).max() <= 1


def test_the_golden_stream_is_read_exactly():
    reader = Reader(FOLDER / "small.tsplat")
    assert reader.header == HEADER
    decoder = Decoder(reader.header)
    packets = list(reader.packets())
    assert [p.ticks for p in packets] == list(TICKS)
    # Parts: nothing; region, dropped and added; region, dropped and changed; motion and changed;
    # region, dropped.
    inter = [p.payload[0] for p in packets if p.kind == INTER]
    assert inter == [4, 0, 11, 7, 20, 3, 4]
    shown = []
    for packet, coded in zip(packets, frames(), strict=True):
        assert packet.kind == (INTRA if coded.stay is None else INTER)
        shown += decoder.pictures(packet)
        assert np.array_equal(decoder.splats.values, coded.values)
        assert decoder.region == coded.region
        if packet.kind == INTER:
            assert np.array_equal(
                np.sort(decoder.state.origin[decoder.state.origin >= 0]),
                np.flatnonzero(coded.stay),
            )
    assert len(shown) == len(PICTURES) == 16
    assert all(near(*pair) for pair in zip(shown, PICTURES))
    assert (PICTURES[12] == HEADER.backdrop).all()


def test_the_golden_stream_has_its_frames_between_and_their_times():
    reader = Reader(FOLDER / "small.tsplat")
    got = list(reader.frames())
    assert [p.frame for p in got] == list(range(16))
    assert all(near(p.pixels, picture) for p, picture in zip(got, PICTURES))
    ticks = list(accumulate([0, *(t for each in TICKS for t in each)][2:], initial=0))
    assert [p.time * HEADER.rate * 1000 for p in got] == ticks
    for k in (15, 4, 9, 0, 13, 12, 5):
        assert near(reader[k], PICTURES[k])


def test_the_golden_stream_is_written_exactly():
    assert encode() == (FOLDER / "small.tsplat").read_bytes()
