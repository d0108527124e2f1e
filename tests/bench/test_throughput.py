"""What is timed is whole: every frame, every stage, the same pictures for all."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.clips import pictures, psnr
from tsplat.bench import codecs as peers
from tsplat.bench import throughput
from tsplat.bench.pictures import Pictures
from tsplat.files.reader import Reader


@pytest.fixture(scope="module")
def clip() -> Pictures:
    return Pictures(pictures(8, 128, 72), Fraction(30))


@pytest.fixture(scope="module")
def coded(clip, tmp_path_factory):
    stream, row = throughput.encode(clip, "realtime")
    path = tmp_path_factory.mktemp("coded") / "clip.tsplat"
    path.write_bytes(stream)
    return path, row


def test_the_stream_is_the_clip_and_its_stages_are_its_time(clip, coded):
    path, row = coded
    shown = list(Reader(path))
    assert len(shown) == 8
    assert all(psnr(a, b) > 15 for a, b in zip(shown, clip.frames))
    assert row["bytes"] == path.stat().st_size
    assert set(throughput.STAGES) < set(row["ms"])
    assert min(row["ms"].values()) >= 0
    assert row["ms"]["matting"] > 0
    assert row["cpu_ms"] == pytest.approx(row["cores"] * 1e3 / row["frames_per_s"])
    beside = sum(ms for stage, ms in row["ms"].items() if stage != "matting")
    assert beside == pytest.approx(1e3 / row["frames_per_s"])


def test_decoding_is_timed_by_stage(coded):
    row = throughput.decode(coded[0], "realtime")
    assert row["frames_per_s"] > 0
    assert list(row["ms"]) == ["parse", "render"]
    assert min(row["ms"].values()) > 0


def test_a_peer_takes_as_many_bytes_at_the_worst_quality_that_does(clip):
    crfs = peers.H264.crfs
    worst, worse, chosen = (peers.encode(clip.frames, "x264", q).bytes for q in crfs[:3])
    row = throughput.peer(clip, "x264", (worse + chosen) // 2, 2)
    assert (row["codec"], row["threads"], row["crf"]) == ("x264", 2, crfs[2])
    assert row["bytes"] > (worse + chosen) // 2
    assert worst < worse < chosen
    assert row["decode_yuv_frames_per_s"] > 0
    # Not even the best quality takes as many: it is the one.
    assert throughput.peer(clip, "x264", 10**9, 1)["crf"] == crfs[-1]


def test_ratios_are_quotients_of_what_is_reported():
    encoded = [{"preset": "fast", "frames_per_s": 10.0}, {"preset": "slow", "frames_per_s": 5.0}]
    decoded = [{"preset": "fast", "frames_per_s": 300}, {"preset": "slow", "frames_per_s": 240}]
    beside = [
        {
            "codec": "x264",
            "threads": 1,
            "encode_frames_per_s": 200,
            "decode_frames_per_s": 600,
            "decode_yuv_frames_per_s": 1200,
        }
    ]
    fast, slow = throughput.ratios(encoded, decoded, beside)
    assert fast["preset"] == "fast"
    assert (fast["encode"], fast["decode"], fast["decode_yuv"]) == (0.05, 0.5, 0.25)
    assert (slow["encode"], slow["decode"], slow["decode_yuv"]) == (0.025, 0.4, 0.2)
