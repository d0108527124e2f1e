"""Other codecs, with the real encoders."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from tests.clips import pictures, psnr
from tsplat.bench import codecs as peers
from tsplat.bench.peers import sweep
from tsplat.errors import ConfigError


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    return pictures(6, 192, 130)


@pytest.mark.parametrize("name", sorted(peers.PEERS))
@pytest.mark.parametrize("shrink", [1, 2])
def test_peers_encode_and_show_every_frame(name, shrink, frames):
    assert peers.fits(name, 192, 130, shrink)
    sizes = []
    for crf in (20, 45):
        stream = peers.encode(frames, name, crf, shrink, Fraction(30))
        shown = list(peers.decode(stream))
        assert stream.keyframes == 1
        assert len(shown) == 6
        assert all(psnr(a, b) > 17 for a, b in zip(shown, frames))
        sizes.append(stream.bytes)
    assert sizes[0] > 1.5 * sizes[1]


@pytest.mark.parametrize("name", sorted(peers.PEERS))
def test_a_high_quality_gives_back_the_frames_in_their_order(name, frames):
    """Also where sides are odd: 4:2:0 is what is left of the error."""
    odd = [np.ascontiguousarray(frame[:129, :191]) for frame in frames]
    stream = peers.encode(odd, name, 4)
    shown = list(peers.decode(stream))
    for k, picture in enumerate(shown):
        errors = [psnr(picture, frame) for frame in odd]
        assert picture.shape == (129, 191, 3)
        assert errors[k] == max(errors) > 34


@pytest.mark.parametrize("name", sorted(peers.PEERS))
def test_more_threads_show_as_many_frames(name, frames):
    stream = peers.encode(frames, name, 30, threads=2)
    assert len(list(peers.decode(stream, 2))) == 6
    assert peers.decode_only(stream, 2) == peers.decode_only(stream) == 6


def test_streams_hold_nothing_that_a_decoder_does_not_need(frames):
    for name in sorted(peers.PEERS):
        packets = peers.encode(frames, name, 30).packets
        if peers.PEERS[name].codec is peers.AV1:
            assert all(packet[0] >> 3 & 15 != 2 for packet in packets)
        else:
            assert name[:4].encode() not in b"".join(packets)


@pytest.mark.parametrize("name", [name for name in peers.PEERS if name.endswith("-ld")])
def test_low_delay_shows_a_frame_before_it_is_given_the_next(name, frames):
    stream = peers.encode(frames, name, 30)
    assert len(stream.packets) == len(frames)
    for count in range(1, len(frames)):
        begun = replace(stream, packets=stream.packets[:count])
        assert peers.decode_only(begun) == count
    if peers.PEERS[name].codec is peers.AV1:
        assert [coded_frames(packet) for packet in stream.packets] == [1] * len(frames)


def coded_frames(data: bytes) -> int:
    """Frames in the units of an AV1 packet, shown or not; AV1 specification, 5.3 and 4.10.5."""
    count = 0
    while data:
        kind, at = data[0] >> 3 & 15, 2 if data[0] & 4 else 1
        size = shift = 0
        while True:
            byte = data[at]
            size |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if not byte & 128:
                break
        count += kind in (3, 6)
        data = data[at + size :]
    return count


def test_worse_qualities_take_fewer_bytes_up_to_the_worst(frames):
    for name, crfs in {"x264": (45, 51), "svtav1-p8": (60, 63, 70)}.items():
        sizes = [peers.encode(frames, name, crf).bytes for crf in crfs]
        assert sizes == sorted(sizes, reverse=True)
        assert len(set(sizes)) == len(sizes)


def test_a_sweep_goes_from_the_worst_until_it_is_good_enough(frames):
    found = list(sweep("x264", frames, Fraction(30), 28.0))
    assert {shrink for shrink, *_ in found} == {1, 2}
    full = [(size, quality.psnr_db) for shrink, _, size, _, quality in found if shrink == 1]
    assert full == sorted(full)
    assert full[-2][1] < 28 <= full[-1][1]


def test_what_cannot_be_coded_is_refused(frames):
    with pytest.raises(ConfigError, match="vhs"):
        peers.encode(frames, "vhs", 30)
    with pytest.raises(ConfigError, match="no pictures"):
        peers.encode([], "x264", 30)
    with pytest.raises(ConfigError, match="too small"):
        peers.encode([frame[:40, :40] for frame in frames], "svtav1-p8", 30)


def test_pictures_too_narrow_for_x265_are_refused():
    assert not peers.fits("x265", 48, 48, 1)
    assert peers.fits("x265", 64, 48, 1)
    with pytest.raises(ConfigError, match="too small"):
        peers.encode(pictures(2, 48, 48), "x265", 30)
