"""Spans follow what moves: as long as interpolation costs less than another packet."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tsplat
from tests.clips import HEIGHT, WIDTH, pictures
from tsplat.choices import BLENDS
from tsplat.config import EncoderConfig, preset
from tsplat.encoding.coder import Coder, Trial
from tsplat.encoding.spans import Spans, steady
from tsplat.stream.container import INTRA, Packet, places_of
from tsplat.stream.header import Header
from tsplat.stream.scan import packets

COST = 1.0
"""Of a packet, as a squared error."""
CODED = 4.0
"""Error of every coded frame."""


def judged(spans: Spans, excess: float, count: int | None = None) -> int:
    """What becomes of a trial of so many frames, of those wanted by default: each frame between
    has so much more error than the coded ones."""
    count = count or spans.wanted
    errors = np.full(count, CODED)
    errors[:-1] += excess
    return spans.shorter(errors, np.array(places_of([1000] * count)), CODED, COST)


def tried(spans: Spans, good: int, rounds: int) -> list[int]:
    """Spans that are coded, and those that are tried in vain, these negative, of a clip in which
    spans up to ``good`` cost nothing."""
    out: list[int] = []
    for _ in range(rounds):
        count = spans.wanted
        while (shorter := judged(spans, 0.0 if count <= good else 2 * COST, count)) != count:
            out.append(-count)
            count = shorter
        out.append(count)
    return out


def test_spans_grow_on_stillness_up_to_the_most():
    assert tried(Spans(16), 255, 5) == [4, 8, 16, 16, 16]
    assert tried(Spans(255), 255, 8) == [4, 8, 16, 32, 64, 128, 255, 255]
    assert tried(Spans(11), 255, 4) == [4, 8, 11, 11]
    for most in (1, 2, 3):
        assert tried(Spans(most), 255, 3) == [most] * 3


def test_spans_halve_on_motion_down_to_one():
    assert tried(Spans(16), 1, 2) == [-4, -2, 1, -2, 1]
    spans = Spans(7)
    tried(spans, 255, 2)
    assert tried(spans, 2, 1) == [-7, -4, 2]


def test_what_grew_in_vain_waits_twice_as_long_each_time():
    found = tried(Spans(16), 4, 200)
    assert set(found) == {4, -8}
    failures = np.flatnonzero(np.array(found) == -8)
    assert (np.diff(failures) - 1).tolist()[:6] == [2, 4, 8, 16, 32, 32]


def test_what_grew_with_success_waits_no_longer_than_at_first():
    spans = Spans(16)
    tried(spans, 2, 30)
    assert tried(spans, 255, 30)[-1] == 16
    # Once more a bad time, and the pauses begin at one.
    found = tried(spans, 8, 6)
    assert found[:3] == [-16, 8, -16]


def test_a_span_that_interpolation_nearly_pays_for_stays():
    """It costs less than a packet, and no longer one is tried."""
    spans = Spans(16)
    for _ in range(5):
        assert judged(spans, 0.5 * COST / 3) == spans.wanted == 4
    assert judged(spans, 1.1 * COST / 3) == spans.wanted == 2


def test_a_frame_of_three_decibels_more_is_seen():
    """However dear a packet is; of the coded frames around it, each as near as it is in time."""
    for excess, shorter in ((0.9 * CODED, 4), (1.1 * CODED, 2)):
        errors = np.full(4, CODED)
        errors[1] += excess
        places = np.array(places_of([1000] * 4))
        assert Spans(16).shorter(errors, places, CODED, 1e9) == shorter
    errors = np.array([3.0, 2.0])
    for ticks, count in (([1000, 3000], 1), ([3000, 1000], 2)):
        assert Spans(2).shorter(errors, np.array(places_of(ticks)), 1.0, 1e9) == count


@pytest.mark.parametrize("before", [0, 5])
def test_masks_between_are_about_those_of_their_frames(before):
    """A region of 20 columns that moves at its pace, stops and jumps, or is gone."""

    def at(*left: float) -> list[np.ndarray]:
        return [np.tile(np.abs(np.arange(60) - 20 - x) < 10, (30, 1)) for x in left]

    thirds = places_of([1000] * 3)
    assert steady(at(before, before + 1), (1.0,))
    assert steady(at(before, 30 + before), (1.0,))
    assert steady(at(*[before] * 4), thirds)
    assert steady(at(before, before, before + 1, before + 1), thirds)
    assert not steady(at(before, before, before, before + 9), thirds)
    assert not steady(at(before, before, 999, 999), thirds)
    assert not steady(at(before, 999, 999, 999), thirds)
    assert steady(at(999, 999, 999, 999), thirds)
    assert steady(at(before, before, before, 999), places_of([0, 0, 1000]))


@given(
    st.integers(1, 255),
    st.lists(st.tuples(st.floats(0, 5), st.integers(1, 255)), max_size=60),
)
def test_spans_stay_within_bounds_and_end(most, rounds):
    """Whatever the errors are, and however few frames there are at the end of a clip."""
    spans = Spans(most)
    for excess, there in rounds:
        count = min(there, spans.wanted)
        while (shorter := judged(spans, excess, count)) != count:
            assert 1 <= shorter < count
            count = shorter
        assert 1 <= spans.wanted <= most
    assert judged(spans, 1e9, 1) == 1


# --- Clips ------------------------------------------------------------------------------------


def coded(frames, config: EncoderConfig | None = None, ticks=1000, keyframes=()) -> list[Packet]:
    """Packets of the frames, all of which come back, each with its time."""
    config = config or preset("realtime", gaussians=60, max_span=16)
    height, width = frames[0].shape[:2]
    encoder = tsplat.Encoder(width, height, 30, config)
    times = [ticks] * len(frames) if isinstance(ticks, int) else ticks
    data = encoder.header
    for k, (frame, time) in enumerate(zip(frames, times)):
        data += encoder.encode(frame, time, keyframe=k in keyframes)
    data += encoder.finish()
    found = [p for p in packets(data) if isinstance(p, Packet)][:-1]
    assert [t for p in found for t in p.ticks] == times
    assert [p.frame for p in found] == (np.cumsum([p.span for p in found]) - 1).tolist()
    assert encoder.statistics.frames == len(frames)
    decoder = tsplat.Decoder(Header.unpack(data))
    assert sum(len(list(decoder.pictures(packet))) for packet in found) == len(frames)
    return found


def spans_of(found: list[Packet]) -> list[int]:
    return [p.span for p in found]


def kinds_of(found: list[Packet]) -> list[int]:
    return [p.frame for p in found if p.kind == INTRA]


def test_a_still_picture_has_the_longest_spans():
    frames = pictures(1) * 46
    assert spans_of(coded(frames)) == [1, 4, 8, 16, 16, 1]
    assert spans_of(coded(frames[:6], preset("realtime", gaussians=60))) == [1] * 6


def test_a_pattern_that_jumps_has_spans_of_one():
    """Two noises in turn, a quarter of the picture: no cut, and nothing to interpolate."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 2, (2, 4, 6, 1)).repeat(6, 1).repeat(8, 2) * np.uint8(255)
    frames = [f.copy() for f in pictures(1) * 24]
    for k, frame in enumerate(frames):
        frame[:24, :48] = blocks[k % 2]
    found = spans_of(coded(frames, preset("realtime", crf=12, max_span=16)))
    assert found[-8:] == [1] * 8


@pytest.mark.parametrize("blend", BLENDS)
def test_errors_that_are_judged_are_those_of_what_is_shown(monkeypatch, blend):
    """Of a picture that grows brighter, at uneven times: what a decoder draws of it."""
    trials: list[Trial] = []
    take = Coder.take
    monkeypatch.setattr(Coder, "take", lambda self, it: trials.append(it) or take(self, it))
    config = preset("realtime", gaussians=60, max_span=4, blend=blend)
    encoder = tsplat.Encoder(WIDTH, HEIGHT, 30, config)
    decoder, shown = tsplat.Decoder(encoder.header), []
    times = [1000, 200, 0, 2500, 300, 100, 3000, 1, 700]
    passed = np.cumsum(times) / sum(times)
    frames = [(pictures(1)[0] * (0.5 + 0.2 * share)).astype(np.uint8) for share in passed]
    for frame, ticks in zip(frames, times):
        shown += decoder.pictures(encoder.encode(frame, ticks))
    shown += decoder.pictures(encoder.flush())
    errors = [((a / 255.0 - b / 255.0) ** 2).sum() for a, b in zip(shown, frames, strict=True)]
    np.testing.assert_allclose(np.concatenate([t.errors for t in trials]), errors[1:], rtol=0.03)
    assert [len(t.frames) for t in trials] == [4, 4]


def test_a_cut_inside_a_span_loses_no_frame():
    """Frames that wait are coded before it, as one span of what is there."""
    frames = pictures(1) * 17 + [255 - pictures(1)[0]] * 9
    found = coded(frames)
    assert kinds_of(found) == [0, 17]
    assert spans_of(found) == [1, 4, 8, 4, 1, 4, 4]


def test_a_change_that_no_cut_shows_inside_a_span_loses_no_frame():
    """Slow enough for no cut, and too much for one packet's interpolation."""
    start, end = pictures(1)[0].astype(float), 255.0 - pictures(1)[0]
    share = np.clip((np.arange(40) - 14) / 12, 0, 1)
    frames = [(start * (1 - s) + end * s).astype(np.uint8) for s in share]
    assert min(spans_of(coded(frames))[3:]) < 16


@pytest.mark.parametrize("keyframes", [(3,), (1, 2), (7, 8, 30), (39,)])
def test_keyframes_asked_for_inside_a_span_are_there(keyframes):
    found = coded(pictures(1) * 40, keyframes=keyframes)
    assert kinds_of(found) == [0, *keyframes]


def test_the_longest_gop_counts_frames_that_wait():
    found = coded(pictures(1) * 40, preset("realtime", gaussians=60, max_span=16, gop=11))
    assert kinds_of(found) == [0, 11, 22, 33]


def test_a_flush_gives_all_that_wait_and_encoding_goes_on():
    encoder = tsplat.Encoder(WIDTH, HEIGHT, 30, preset("realtime", gaussians=60, max_span=16))
    decoder, shown = tsplat.Decoder(encoder.header), 0
    for k, frame in enumerate(pictures(1) * 30):
        shown += len(list(decoder.pictures(encoder.encode(frame))))
        if k in (6, 7, 21):
            shown += len(list(decoder.pictures(encoder.flush())))
            assert shown == k + 1
            assert encoder.flush() == b""
    shown += len(list(decoder.pictures(encoder.finish())))
    assert shown == encoder.statistics.frames == 30


def test_the_caller_may_refill_one_array_however_long_frames_wait():
    frames = pictures(1) * 9 + pictures(12)
    config = preset("realtime", gaussians=60, max_span=16)
    streams = []
    for refilled in (False, True):
        encoder = tsplat.Encoder(WIDTH, HEIGHT, 30, config)
        array, data = np.empty_like(frames[0]), b""
        for frame in frames:
            array[:] = frame
            data += encoder.encode(array if refilled else frame)
        streams.append(data + encoder.finish())
    assert streams[0] == streams[1]


@pytest.mark.parametrize("count", [1, 2, 5, 23])
@pytest.mark.parametrize("name", ["noise", "black", "tiny"])
def test_any_pictures_come_back(name, count):
    rng = np.random.default_rng(0)
    shape = {"noise": (54, 96, 3), "black": (40, 56, 3), "tiny": (16, 16, 3)}[name]
    frames = [rng.integers(0, 256, shape, np.uint8) for _ in range(count)]
    coded([frame * (name != "black") for frame in frames])


@pytest.mark.parametrize("background", ["none", "blur"])
def test_a_person_who_leaves_inside_a_span_is_there_until_then(tmp_path, background):
    config = preset("realtime", gaussians=60, max_span=16, background=background)
    encoder = tsplat.Encoder(WIDTH, HEIGHT, 30, config, regions=True)
    there, gone = np.zeros((2, HEIGHT, WIDTH), np.uint8)
    there[10:50, 20:70] = 255
    data = encoder.header
    for k, frame in enumerate(pictures(1) * 40):
        data += encoder.encode(frame, region=there if k < 23 else gone)
    (tmp_path / "leaves.tsplat").write_bytes(data + encoder.finish())
    shown = [p.alpha.max() for p in tsplat.Reader(tmp_path / "leaves.tsplat").frames()]
    assert shown == [255] * 23 + [0] * 17
    assert encoder.statistics.p_frames < 15


def test_blends_have_spans_alike():
    for blend in BLENDS:
        config = preset("realtime", gaussians=60, max_span=16, blend=blend)
        assert spans_of(coded(pictures(1) * 13, config)) == [1, 4, 8]
