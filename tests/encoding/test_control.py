"""The price of a bit: it turns with what packets take, in their time."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tests.clips import pictures, write_clip
from tests.coding import encode
from tsplat.config import preset
from tsplat.encoding.control import Control

PIXELS = 640 * 360


def control(**settings) -> Control:
    return Control(preset("fast", **settings), PIXELS, 30.0)


@pytest.mark.parametrize(("size", "dearer"), [(400, True), (20, False)])
def test_a_packet_that_is_too_large_makes_bits_dearer(size, dearer):
    """20 kbit/s at 30 frames/s are 83 bytes a frame."""
    held = control(bitrate=20.0)
    before = held.inter(PIXELS)
    held.inter_coded(size, 1, None)
    assert (held.inter(PIXELS) > 1.2 * before) == dearer
    assert (held.inter(PIXELS) < before / 1.2) != dearer


@pytest.mark.parametrize(("found", "dearer"), [(33.0, True), (27.0, False)])
def test_a_psnr_is_held(found, dearer):
    held = control(psnr=30.0)
    before = held.inter(PIXELS)
    held.inter_coded(100, 1, found)
    assert (held.inter(PIXELS) > 1.2 * before) == dearer


def test_a_constant_quality_does_not_turn():
    held = control(crf=30.0)
    before = held.inter(PIXELS)
    held.intra_coded(100_000, 1)
    held.inter_coded(100_000, 1, None)
    assert held.inter(PIXELS) == before


def test_it_settles_where_packets_take_what_they_may():
    held, sizes = control(bitrate=20.0), []
    start = held.inter(PIXELS)
    for _ in range(300):
        # Bytes fall as the root of the price.
        sizes.append(round(83 * (4 * start / held.inter(PIXELS)) ** 0.5))
        held.inter_coded(sizes[-1], 1, None)
    assert np.mean(sizes[-90:]) == pytest.approx(83, rel=0.05)


def test_time_counts_and_not_frames():
    """Half as many frames a second may have twice the bytes each."""
    even, slow = control(bitrate=19.92), control(bitrate=19.92)
    for _ in range(60):
        even.inter_coded(83, 1, None)
        slow.inter_coded(166, 2, None)
    assert even.inter(PIXELS) == pytest.approx(slow.inter(PIXELS), rel=0.05)


def test_a_pause_is_not_saved_up_for_ever():
    held = control(bitrate=20.0, window=1.0)
    held.inter_coded(83, 9000, None)
    for _ in range(90):
        held.inter_coded(166, 1, None)
    assert held.inter(PIXELS) > control(bitrate=20.0).inter(PIXELS)


@pytest.mark.parametrize("every", [1, 3])
def test_a_bit_rate_is_kept_whatever_the_frames_spacing(tmp_path, every):
    frames = pictures(40, 160, 90)
    times = [Fraction(every * k) for k in range(len(frames))]
    clip = write_clip(tmp_path / "clip.mkv", frames, times=times, options={"crf": "18"})
    result = encode(clip, tmp_path / "out.tsplat", preset="realtime", bitrate=12.0, max_span=1)
    assert result["kbit_s"] == pytest.approx(12, rel=0.3)
