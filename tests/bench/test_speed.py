"""The command that measures speed, with processes that are only pretended."""

from __future__ import annotations

import json
import os
from pathlib import Path
from statistics import median

import pytest
from click.testing import CliRunner
from tsplat_cli.bench_command import command

from tests.cli.test_cli import fails, tsplat
from tests.clips import pictures, write_clip
from tsplat.bench import cost, processes
from tsplat.bench.machine import machine
from tsplat.config import PRESETS
from tsplat.kernels import runtime


class Pretended:
    """Processes that only count: the k-th takes k s, of which it works half, and k MiB.

    Attributes
    ----------
    ran : list of (words, cache)
        Without folders.
    """

    def __init__(self) -> None:
        self.ran: list[tuple[list[str], Path | None]] = []

    def __call__(self, *words: object, cache: Path | None = None) -> processes.Ended:
        self.ran.append(([Path(str(word)).name for word in words], cache))
        if cache is not None:
            cache.mkdir(exist_ok=True)
        Path(str(words[2])).write_bytes(b"")
        k = len(self.ran)
        said = {
            "frames": 4,
            "encode_frames_per_s": 2 / k,
            "seconds": {"total": 2.0 * k, "verify": 1.0 * k},
        }
        return processes.Ended(float(k), k / 2, float(k), json.dumps(said))

    def with_words(self, *words: str) -> list[int]:
        """Which of them were run with these words, from 1."""
        return [k for k, (ran, _) in enumerate(self.ran, 1) if set(words) <= set(ran)]


@pytest.fixture
def small(monkeypatch) -> Pretended:
    pretended = Pretended()
    monkeypatch.setattr(processes, "run", pretended)
    monkeypatch.setattr(processes, "LARGE", (160, 90))
    monkeypatch.setattr(cost, "LINES", (36, 72))
    monkeypatch.setattr(cost, "SPLATS", (20, 40))
    monkeypatch.setattr(cost, "SHARES", (0.0, 1.0))
    return pretended


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clip") / "talk.mp4", pictures(6, 128, 72))


def test_the_command_measures_and_prints_json(small, clip, tmp_path):
    pytest.importorskip("matplotlib")
    words = ["speed", str(clip), "--frames", "4", "--height", "72", "--presets", "realtime,fast"]
    done = CliRunner().invoke(command, [*words, "--json", "--quiet", "--out", str(tmp_path)])
    assert done.exception is None
    r = json.loads(done.stdout)
    assert r["clip"] == {"name": "talk.mp4", "width": 128, "height": 72, "frames": 4, "rate": "30"}
    presets = ["realtime", "fast"]
    for part in ("encode", "decode", "command"):
        assert [row["preset"] for row in r[part]] == presets
    assert {row["codec"] for row in r["peers"]} == {"x264", "x265", "svtav1-p8"}
    assert len(r["ratios"]) == 2 * len(r["peers"])
    for ratio in r["ratios"]:
        ours = {part: r[part][presets.index(ratio["preset"])] for part in ("encode", "decode")}
        other = next(
            row
            for row in r["peers"]
            if (row["codec"], row["threads"]) == (ratio["codec"], ratio["threads"])
        )
        for work in ("encode", "decode"):
            quotient = ours[work]["frames_per_s"] / other[f"{work}_frames_per_s"]
            assert ratio[work] == pytest.approx(quotient)
    for row, preset in zip(r["command"], presets):
        (k,) = small.with_words("encode", preset, "72", "4")
        assert (row["process_s"], row["process_cpu_s"], row["peak_mib"]) == (k, k / 2, k)
        assert row["frames_per_s"] == pytest.approx(2 / k)
        assert row["unverified_frames_per_s"] == pytest.approx(4 / k)
        assert row["ms"] == {"total": pytest.approx(500 * k), "verify": pytest.approx(250 * k)}
    for work in ("encode", "decode"):
        cached = [k for k in small.with_words(work) if small.ran[k - 1][1] is not None]
        assert len({small.ran[k - 1][1] for k in cached}) == 1
        cold, *warm = cached
        assert r["first_frame"][work] == {"cold_s": cold, "warm_s": median(warm)}
    for row in r["peak_memory"]:
        assert [row["peak_mib"]] == small.with_words(row["command"], f"{row['frames']}.tsplat")
    assert [row["frames"] for row in r["peak_memory"]] == [12, 12, 24, 24]
    assert {"scene", "kernels", "operations_per_s"} < set(r["roofline"])
    assert set(r["cost"]) == {"pixels", "splats", "changed"}
    assert r["machine"]["threads"] >= 1
    assert {path.name for path in tmp_path.iterdir()} == {"speed.json", "cost.svg"}
    written = (tmp_path / "speed.json").read_text()
    assert json.loads(written) == r
    assert str(clip.parent) not in written


def test_tables_show_it_and_the_portrait_is_there_without_a_clip(small, monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (64.0, 0.0, 0.0), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    words = ["speed", "--frames", "3", "--height", "72", "--presets", "realtime"]
    done = CliRunner().invoke(command, words)
    assert done.exception is None
    for shown in (
        "portrait.mkv: 3 frames of 128x72",
        "matting",
        "svtav1-p8",
        "cold s",
        "160x90",
        "CPU s",
    ):
        assert shown in done.stdout
    assert "load 64.0" in done.stdout
    assert "it was busy at the start" in done.stdout
    for shown in ("backward", "share", "100% moves", "realtime / x264"):
        assert shown in done.stdout
    assert "tsplat: kernels" in done.stderr


def test_presets_of_the_command_are_those_of_the_codec():
    from tsplat_cli import bench_speed

    assert bench_speed._PRESETS == PRESETS


def test_a_machine_has_a_name():
    found = machine(runtime.start("cpu"))
    assert found["cpu"]
    assert found["tsplat"]


@pytest.mark.skipif(not hasattr(os, "getloadavg"), reason="no load to be had")
def test_a_busy_machine_is_named(monkeypatch):
    for load, busy in ((0.0, False), (float(os.cpu_count()), True)):
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, 0.0, 0.0))
        assert machine(runtime.start("cpu"))["busy"] == busy


def test_what_cannot_be_measured_is_one_line(tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("hello")
    fails(tsplat("bench", "speed", tmp_path / "a.mp4"), 1, "no such file")
    fails(tsplat("bench", "speed", text), 1, "not a video")
    fails(tsplat("bench", "speed", "-"), 2, "standard input")
    for words in (("--presets", "vhs"), ("--presets", ","), ("--frames", 1)):
        assert tsplat("bench", "speed", *words).returncode == 2
