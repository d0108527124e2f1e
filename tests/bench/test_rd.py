"""The comparison with other codecs, on a tiny clip with the real encoders."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest

from tests.cli.test_cli import fails, tsplat
from tests.clips import pictures, psnr, write_clip
from tsplat.bench.curves import bd_rate
from tsplat.frames import peers

LINE = [(1000.0 * 2**k, 26.0 + 2 * k) for k in range(4)]


def test_bd_rate_of_curves_that_are_known():
    half = [(b / 2, q) for b, q in LINE]
    assert bd_rate([LINE], half, 26, 32) == pytest.approx((-0.5, 26, 32))
    assert bd_rate([half], LINE, 26, 32) == pytest.approx((1.0, 26, 32))
    shifted = [(b, q + 1) for b, q in LINE]
    change, low, high = bd_rate([LINE], shifted, 20, 40)
    assert change == pytest.approx(2**-0.5 - 1, abs=1e-3)
    assert (low, high) == pytest.approx((27, 32), abs=0.05)


def test_of_several_curves_the_best_one_counts():
    worse = [(2 * b, q) for b, q in LINE]
    for theirs in ([LINE, worse], [worse, LINE]):
        assert bd_rate(theirs, LINE, 26, 32) == pytest.approx((0, 26, 32))


def test_curves_that_do_not_meet_have_no_rate():
    assert bd_rate([LINE], [(1000.0, 40.0), (2000.0, 42.0)], 26, 32) is None


def test_points_that_give_nothing_for_their_bytes_do_not_count():
    waste = [*LINE, (9000.0, 28.5)]
    assert bd_rate([waste], LINE, 26, 32) == pytest.approx((0, 26, 32))


@pytest.mark.parametrize("name", sorted(peers.PEERS))
@pytest.mark.parametrize("shrink", [1, 2])
def test_peers_encode_and_show_every_frame(name, shrink):
    frames = pictures(6, 192, 130)
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


def test_the_command_compares(tmp_path):
    clip = write_clip(tmp_path / "talk.mp4", pictures(6))
    words = ("--peers", "x264", "--height", 54, "--frames", 6, "--crf", "10,20", "--preset", "fast")
    result = tsplat("bench", "rd", clip, *words, "--json")
    answer = json.loads(result.stdout)["clips"][0]
    assert (answer["frames"], answer["width"], answer["height"]) == (6, 96, 54)
    ours = [p for p in answer["points"] if p["codec"] == "tsplat"]
    assert ours[0]["bytes"] > ours[1]["bytes"]
    assert ours[0]["psnr_db"] > ours[1]["psnr_db"]
    assert all(0 < p["ms_ssim"] <= 1 for p in answer["points"])
    assert np.isfinite([p["psnr_db"] for p in answer["points"]]).all()
    assert result.stderr.decode().count("x264") == 14
    assert "bytes of tsplat" in tsplat("bench", "rd", clip, *words, "--quiet").stdout.decode()


def test_what_cannot_be_compared_is_one_line(tmp_path):
    assert tsplat("bench", "rd", tmp_path / "a.mp4", "--peers", "vhs").returncode == 2
    fails(tsplat("bench", "rd", tmp_path / "a.mp4"), 1, "no such file")
