"""Other codecs, with the real encoders."""

from __future__ import annotations

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
    for name, words in {"x264": b"x264", "x265": b"x265"}.items():
        assert words not in b"".join(peers.encode(frames, name, 30).packets)
    for packet in peers.encode(frames, "svtav1", 30).packets:
        assert packet[0] >> 3 & 15 != 2


def test_worse_qualities_take_fewer_bytes_up_to_the_worst(frames):
    for name, crfs in {"x264": (45, 51), "svtav1": (60, 63, 70)}.items():
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
        peers.encode([frame[:40, :40] for frame in frames], "svtav1", 30)


def test_pictures_too_narrow_for_x265_are_refused():
    assert not peers.fits("x265", 48, 48, 1)
    assert peers.fits("x265", 64, 48, 1)
    with pytest.raises(ConfigError, match="too small"):
        peers.encode(pictures(2, 48, 48), "x265", 30)
