"""The format does not change by accident."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import pytest

from tests.golden.regenerate import FOLDER
from tests.golden.streams import STREAMS, without_backgrounds
from tsplat.decoding.decoder import Decoder
from tsplat.files.reader import Reader
from tsplat.stream.container import BACKGROUND, INTER, INTRA

EXACT = ("small", "small_sum", "plain", "blur", "bits_back")
"""Streams without packets of other codecs, which change with their versions."""
PARTS = {
    # 1 region + 2 dropped + 4 changed + 8 added + 16 motion
    "small": [4, 0, 11, 7, 20, 3, 4],
    "small_sum": [4, 0, 11, 7, 20, 3, 4],
    "plain": [4] * 9 + [26, 0, 8],
    "blur": [1, 1, 1, 1],
    "bits_back": [4, 4, 31, 0, 2, 4],
    "av1": [0] * 4,
    "av1_span": [0] * 4,
    "h264": [0] * 4,
}


@pytest.fixture(params=STREAMS)
def name(request) -> str:
    return request.param


def pictures(name: str) -> np.ndarray:
    return np.load(FOLDER / f"{name}.npz")["arr_0"]


def near(a: np.ndarray, b: np.ndarray, levels: int = 1) -> bool:
    return np.abs(a.astype(int) - b).max() <= levels


def levels(name: str) -> int:
    """How far pictures may be off: the splats' by one; FFmpeg's scaling may round otherwise."""
    return 1 if name in EXACT else 4


def test_integers_regions_times_and_pictures_are_read_exactly(name):
    stream = STREAMS[name]()
    reader = Reader(FOLDER / f"{name}.tsplat")
    assert reader.header == stream.header
    decoder = Decoder(reader.header)
    packets = list(reader.packets())
    assert not reader.damage
    coded = iter(stream.frames)
    shown, parts = [], []
    for packet in packets:
        if packet.kind == BACKGROUND:
            decoder.advance(packet)
            continue
        expected = next(coded)
        assert packet.kind == (INTRA if expected.stay is None else INTER)
        assert packet.ticks == expected.ticks
        shown += decoder.pictures(packet)
        assert np.array_equal(decoder.splats.values, expected.values)
        assert decoder.region == expected.region
        if expected.stay is not None:
            parts.append(packet.payload[0])
            origin = decoder.state.origin
            assert np.array_equal(origin[origin >= 0], np.flatnonzero(expected.stay))
    assert next(coded, None) is None
    assert parts == PARTS[name]
    assert len(shown) == len(pictures(name))
    assert all(near(*pair, levels(name)) for pair in zip(shown, pictures(name)))


def test_frames_between_have_their_times_and_any_can_be_asked_for(name):
    reader = Reader(FOLDER / f"{name}.tsplat")
    wanted = pictures(name)
    got = list(reader.frames())
    assert [p.frame for p in got] == list(range(len(wanted)))
    assert all(near(p.pixels, picture, levels(name)) for p, picture in zip(got, wanted))
    ticks = [t for coded in STREAMS[name]().frames for t in coded.ticks]
    assert [p.time * reader.header.rate * 1000 for p in got] == list(
        accumulate(ticks[1:], initial=0)
    )
    for k in (len(wanted) - 1, 4, 1, 0, len(wanted) - 3, 5):
        assert near(reader[k], wanted[k], levels(name))


def test_streams_are_written_exactly(name):
    data = b"".join(STREAMS[name]().parts())
    golden = (FOLDER / f"{name}.tsplat").read_bytes()
    # The index holds offsets, which depend on the background packets' sizes.
    count = None if name in EXACT else -1
    assert without_backgrounds(data)[:count] == without_backgrounds(golden)[:count]
    assert name not in EXACT or data == golden


def test_what_is_behind_the_region_is_seen():
    assert (pictures("small")[12] == (20, 200, 90)).all()
    for name in ("av1", "h264"):
        first, later = pictures(name)[[0, 2]].astype(int)
        assert np.abs(first - later).max() > 30


def test_every_feature_is_in_some_stream():
    frames = [coded for make in STREAMS.values() for coded in make().frames]
    regions = [c.region for c in frames if c.region is not None]
    assert {(r.whole, r.empty) for r in regions} == {(True, False), (False, True), (False, False)}
    assert any(c.region is None for c in frames)
    for intra in (True, False):
        own = [c for c in frames if (c.stay is None) == intra]
        assert any(len(c.ticks) > 1 for c in own) != intra
        assert any(set(c.ticks) != {1000} for c in own)
        assert any(not len(c.values) for c in own)
    heads = {(len(c.ticks) > 7, set(c.ticks) != {1000}) for c in frames if c.stay is not None}
    assert len(heads) == 4
    headers = [make().header for make in STREAMS.values()]
    assert {h.outside for h in headers} == {"splats", "colour", "blur", "video"}
    assert {h.codec for h in headers} == {0, 1, 2}
    assert {h.blend for h in headers} == {"normalised", "sum"}
    assert {h.bits_back for h in headers} == {False, True}
    mask = 0
    for parts in PARTS.values():
        for part in parts:
            mask |= part
    assert mask == 31


def test_the_contexts_forget_in_a_stream():
    reader = Reader(FOLDER / "plain.tsplat")
    decoder, seen = Decoder(reader.header), 0
    for packet in reader.packets():
        before = None if decoder.frame is None else decoder.state.contexts.counts.sum(1)
        decoder.advance(packet)
        if packet.kind == INTER and before is not None:
            seen += (decoder.state.contexts.counts.sum(1) < before).any()
    assert seen
