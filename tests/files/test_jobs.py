"""Several processes write the bytes that one writes, and refuse what they could not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clips import pictures, write_clip
from tsplat.config import preset
from tsplat.errors import ConfigError
from tsplat.files import jobs
from tsplat.files.encoding import encode
from tsplat.files.jobs import plan
from tsplat.media.source import open_source

CUT, FRAMES, GOP = 8, 14, 5
STARTS = [0, 5, 8, 13]


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """A clip with a scene cut in it."""
    shown = pictures(FRAMES)
    shown[CUT:] = [255 - p[:, ::-1] for p in shown[CUT:]]
    return write_clip(tmp_path_factory.mktemp("clip") / "cut.mp4", shown)


def test_parts_begin_at_scene_cuts_and_after_a_gop(clip):
    with open_source(clip) as source:
        planned, warnings = plan(clip, None, source.clip, preset("fast", gop=GOP), None)
    assert [j.start for j in planned] == STARTS
    assert [j.scene for j in planned] == [0, 0, 1, 1]
    assert [len(j.ticks) for j in planned] == [5, 3, 5, 1]
    assert warnings == []


@pytest.mark.parametrize("low_delay", [False, True])
def test_two_processes_write_the_bytes_of_one(clip, tmp_path, low_delay):
    one, two = tmp_path / "one.tsplat", tmp_path / "two.tsplat"
    settings = {"gop": GOP, "roi": "off", "gaussians": 60, "arch": "cpu", "low_delay": low_delay}
    first, second = encode(clip, one, **settings), encode(clip, two, jobs=2, **settings)
    assert one.read_bytes() == two.read_bytes()
    assert first["i_frames"] == len(STARTS)
    same = ("frames", "i_frames", "p_frames", "b_frames", "bytes", "splats", "duration_s")
    assert [first[k] for k in same] == [second[k] for k in same]
    assert second["psnr_db"] == pytest.approx(first["psnr_db"])
    assert second["changed_splats_per_p_frame"] == first["changed_splats_per_p_frame"]


def test_after_an_i_frame_that_nobody_foresaw_the_scene_is_encoded_in_one_go(clip, monkeypatch):
    class Now:
        def __init__(self, *_, **__): ...
        def submit(self, work, job):
            self.value = work(job)
            asked.append((job.start, len(job.ticks)))
            found = jobs.Part(b"", [(job.start, 0)] * (2 if job.start == 0 else 1), 0.0, None)
            return type("Future", (), {"result": lambda self: found})()

        def shutdown(self, **_): ...

    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(jobs, "ProcessPoolExecutor", Now)
    monkeypatch.setattr(jobs, "encode_job", lambda job: None)
    with open_source(clip) as source:
        planned, _ = plan(clip, None, source.clip, preset("fast", gop=GOP), None)
    assert len(list(jobs.encoded(planned, 2, "cpu", 1))) == 3
    assert asked == [(0, 5), (5, 3), (8, 5), (13, 1), (0, 8)]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"jobs": 0}, "jobs: got 0"),
        ({"jobs": 2}, "region of interest"),
        ({"jobs": 2, "roi": "off", "bitrate": 20}, "bitrate"),
        ({"jobs": 2, "roi": "off", "psnr": 30}, "psnr"),
        ({"jobs": 2, "roi": "off", "select": "paper"}, "paper"),
        ({"jobs": 2, "roi": "off", "live": True}, "live"),
    ],
)
def test_what_carries_state_is_refused(clip, tmp_path, settings, words):
    with pytest.raises(ConfigError, match=words):
        encode(clip, tmp_path / "out.tsplat", **settings)
    with pytest.raises(ConfigError, match="only once"):
        encode("-", tmp_path / "out.tsplat", jobs=2, roi="off")
    assert not any(tmp_path.iterdir())
