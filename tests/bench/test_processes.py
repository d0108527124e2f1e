"""Processes are timed and weighed, and their failures are told."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.clips import pictures, write_clip
from tsplat.bench import processes
from tsplat.errors import MediaError


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clip") / "talk.mp4", pictures(4))


def test_memory_is_that_of_the_command_and_not_of_who_asks(monkeypatch):
    asking = np.ones(300 << 20, np.uint8)
    peaks = []
    for mib in (1, 200):
        program = f"import time; x = bytes(1) * ({mib} << 20); time.sleep(0.5); print(len(x))"
        monkeypatch.setattr(processes, "TSPLAT", (sys.executable, "-c", program))
        ended = processes.run("anything")
        assert int(ended.output) == mib << 20
        assert ended.seconds >= 0.5
        assert 0 < ended.cpu_seconds <= ended.seconds - 0.4
        peaks.append(ended.peak_mib)
    assert peaks[0] < 100 < asking.nbytes >> 20
    assert peaks[1] - peaks[0] == pytest.approx(199, abs=10)


def test_a_command_that_fails_is_one_line(tmp_path):
    with pytest.raises(MediaError, match=r"exit code 1: tsplat: .*no such file"):
        processes.run("encode", tmp_path / "no.mp4", tmp_path / "out.tsplat")


def test_an_encode_is_reported_and_its_kernels_are_cached_where_it_is_told(clip, tmp_path):
    row = processes.encoding(clip, tmp_path, "realtime", 54, 4)
    assert 0 < row["frames_per_s"] < row["unverified_frames_per_s"]
    assert row["process_s"] > 4 / row["frames_per_s"]
    assert row["peak_mib"] > 50
    assert row["ms"]["total"] == pytest.approx(1e3 / row["frames_per_s"], rel=0.01)
    cache = tmp_path / "cache"
    processes.run("decode", tmp_path / "realtime.tsplat", tmp_path / "o.rgb", cache=cache)
    assert any(path.is_file() for path in cache.rglob("*"))
    assert (tmp_path / "o.rgb").stat().st_size == 4 * 96 * 54 * 3
