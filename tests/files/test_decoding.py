"""Files decoded at other frame rates, looked into and compared, from a stream made by hand."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tsplat_cli.info_command import _lines

import tsplat
from tests.golden.regenerate import FOLDER
from tests.golden.streams import small as small_stream
from tsplat.errors import BitstreamError, ConfigError
from tsplat.files.evaluate import evaluate
from tsplat.files.inspect import inspect
from tsplat.files.reader import Reader
from tsplat.media.source import open_source

GOLDEN = FOLDER / "small.tsplat"
COUNT = 16
HEADER = small_stream().header
TICKS = [coded.ticks for coded in small_stream().frames]


def raw(path: Path) -> np.ndarray:
    return np.fromfile(path, np.uint8).reshape(-1, HEADER.height, HEADER.width, 3)


@pytest.mark.parametrize(
    ("rate", "shown"),
    [(60, "60"), (12.5, "25/2"), (Fraction(30000, 1001), "30000/1001"), (30, "30"), (1, "1")],
)
def test_any_rate_may_be_asked_for(rate, shown, tmp_path):
    answer = tsplat.decode(GOLDEN, tmp_path / "out.rgb", rate=rate)
    reader = Reader(GOLDEN)
    expected = [p.pixels for p in reader.frames_at(Fraction(rate))]
    assert answer["rate"] == shown
    assert answer["frames"] == len(expected) == -(-reader.end() * Fraction(rate) // 1)
    assert np.array_equal(raw(tmp_path / "out.rgb"), expected)


def test_a_video_has_the_rate_that_was_asked_for(tmp_path):
    tsplat.decode(GOLDEN, tmp_path / "out.mkv", rate=60)
    with open_source(tmp_path / "out.mkv", None) as pictures:
        times = [float(t) for t, _ in pictures]
    assert len(times) == -(-Reader(GOLDEN).end() * 60 // 1)
    assert np.diff(times) == pytest.approx([1 / 60] * (len(times) - 1), abs=0.0011)


def test_start_and_frames_count_at_the_rate(tmp_path):
    tsplat.decode(GOLDEN, tmp_path / "all.rgb", rate=120)
    whole = raw(tmp_path / "all.rgb")
    assert len(whole) > 3 * COUNT
    start = 2 * COUNT + 1
    answer = tsplat.decode(GOLDEN, tmp_path / "part.rgb", rate=120, start=start, frames=5)
    assert answer["frames"] == 5
    assert np.array_equal(raw(tmp_path / "part.rgb"), whole[start : start + 5])
    message = rf"start: got {len(whole)}, .* has {len(whole)} frames"
    with pytest.raises(ConfigError, match=message):
        tsplat.decode(GOLDEN, tmp_path / "none.rgb", rate=120, start=len(whole))
    with pytest.raises(ConfigError, match=r"start: got 2, .* has 1 frames"):
        tsplat.decode(GOLDEN, tmp_path / "none.rgb", rate=1, start=2)


@pytest.mark.parametrize("rate", [0, -1, 1001, Fraction(1, 10**9)])
def test_rates_have_bounds(rate, tmp_path):
    with pytest.raises(ConfigError, match="rate: got"):
        tsplat.decode(GOLDEN, tmp_path / "none.rgb", rate=rate)
    assert not list(tmp_path.iterdir())


def test_every_packet_is_listed_with_its_span():
    found = inspect(GOLDEN, each=True)
    assert (found["frames"], found["longest_span"]) == (COUNT, 3)
    assert (found["i_frames"], found["p_frames"], found["b_frames"]) == (2, 7, 7)
    assert [f["span"] for f in found["frame_list"]] == [len(t) for t in TICKS]
    assert [f["frame"] for f in found["frame_list"]] == [0, 2, 3, 5, 7, 10, 12, 13, 15]
    sizes = [f["bytes"] for f in found["frame_list"]]
    assert sum(sizes) == found["i_bytes"] + found["p_bytes"]
    lines = [line.split() for line in _lines(found) if "splats changed" in line]
    assert [line[1] for line in lines] == list("IPPPPPPIP")
    spans = [int(line[line.index("span") + 1].rstrip(",")) for line in lines]
    assert spans == [len(t) for t in TICKS]
    assert [int(line[line.index("bytes") - 1]) for line in lines] == sizes


def test_interpolated_frames_are_compared(tmp_path):
    tsplat.decode(GOLDEN, tmp_path / "reference")
    same = evaluate(tmp_path / "reference", GOLDEN)
    assert (same["frames"], same["psnr_db"]) == (COUNT, 100.0)
    # A frame between, changed: the worst one, and only that.
    files = sorted((tmp_path / "reference").iterdir())
    files[4].write_bytes(files[12].read_bytes())
    other = evaluate(tmp_path / "reference", GOLDEN)
    assert (other["frames"], other["worst_frame"]) == (COUNT, 4)


def test_a_lost_packet_is_named_and_the_rest_decoded(tmp_path):
    data = GOLDEN.read_bytes()
    lost = inspect(GOLDEN, each=True)["frame_list"][3]
    damaged = tmp_path / "lost.tsplat"
    damaged.write_bytes(data[: lost["offset"]] + data[lost["offset"] + lost["bytes"] :])
    answer = tsplat.decode(damaged, tmp_path / "out.rgb")
    assert answer["frames"] == 4 + 3
    assert len(answer["damage"]) == 1
    assert "frame before is missing; waiting for an I-frame (frame 7" in answer["damage"][0]
    # At a rate the last good frame stays, so the clip lasts as long as it did.
    held = tsplat.decode(damaged, tmp_path / "held.rgb", rate=30)
    whole = tsplat.decode(GOLDEN, tmp_path / "whole.rgb", rate=30)
    assert abs(held["frames"] - whole["frames"]) <= 1
    assert np.array_equal(raw(tmp_path / "held.rgb")[5], raw(tmp_path / "whole.rgb")[3])
    data = damaged.read_bytes()
    first = inspect(GOLDEN, each=True)["frame_list"][0]
    headless = tmp_path / "headless.tsplat"
    headless.write_bytes(data[:56] + data[56 + first["bytes"] : lost["offset"]])
    with pytest.raises(BitstreamError, match=r"no frame of it can be decoded.*missing"):
        tsplat.decode(headless, tmp_path / "none.rgb")
