"""Several processes write the bytes that one writes, and refuse what they could not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clips import pictures, write_clip
from tests.coding import encode
from tsplat.config import preset
from tsplat.errors import ConfigError
from tsplat.files import jobs
from tsplat.files.jobs import Whole, plan
from tsplat.files.reader import Reader
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
        planned = plan(Whole(str(clip), None, source.clip, preset("fast", gop=GOP)), None, source)
    assert [j.start for j in planned] == STARTS
    assert [j.scene for j in planned] == [0, 0, 1, 1]
    assert [len(j.ticks) for j in planned] == [5, 3, 5, 1]


@pytest.mark.parametrize("low_delay", [False, True])
def test_two_processes_write_the_bytes_of_one(clip, tmp_path, low_delay):
    one, two = tmp_path / "one.tsplat", tmp_path / "two.tsplat"
    span = 1 if low_delay else None
    settings = {"preset": "realtime", "gop": GOP, "gaussians": 60, "max_span": span}
    first = encode(clip, one, **settings)
    second = encode(clip, two, run={"jobs": 2}, **settings)
    assert one.read_bytes() == two.read_bytes()
    assert first["i_frames"] == len(STARTS)
    same = ("frames", "i_frames", "p_frames", "b_frames", "bytes", "splats", "duration_s")
    assert [first[k] for k in same] == [second[k] for k in same]
    assert second["psnr_db"] == pytest.approx(first["psnr_db"])
    assert second["changed_splats_per_p_frame"] == first["changed_splats_per_p_frame"]


def test_spans_begin_anew_at_every_i_frame(tmp_path):
    """They grow on what stands still, and a part's first one would not be the whole clip's."""
    one, two = tmp_path / "one.tsplat", tmp_path / "two.tsplat"
    clip = write_clip(tmp_path / "still.mp4", pictures(1, 48, 28) * 48)
    settings = {"preset": "realtime", "gop": 24, "gaussians": 20}
    encode(clip, one, **settings)
    encode(clip, two, run={"jobs": 2}, **settings)
    assert one.read_bytes() == two.read_bytes()
    spans = [p.span for p in Reader(one).packets()]
    assert spans == [1, 4, 8, 11] * 2


def test_after_an_i_frame_that_nobody_foresaw_the_scene_is_encoded_in_one_go(clip, monkeypatch):
    class Now:
        def __init__(self, *_, **__): ...
        def submit(self, work, job):
            self.value = work(job)
            asked.append((job.start, len(job.ticks)))
            found = jobs.Part(b"", 0, [(job.start, 0)] * (2 if job.start == 0 else 1), 0.0, None)
            return type("Future", (), {"result": lambda self: found})()

        def shutdown(self, **_): ...

    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(jobs, "ProcessPoolExecutor", Now)
    monkeypatch.setattr(jobs, "encode_job", lambda job: None)
    with open_source(clip) as source:
        planned = plan(Whole(str(clip), None, source.clip, preset("fast", gop=GOP)), None, source)
    assert len(list(jobs.encoded(planned, 2, "cpu", 1))) == 3
    assert asked == [(0, 5), (5, 3), (8, 5), (13, 1), (0, 8)]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"run": {"jobs": 0}}, "jobs: got 0"),
        ({"run": {"jobs": 2}, "roi": "auto"}, "region of interest"),
        ({"run": {"jobs": 2}, "bitrate": 20}, "bitrate"),
        ({"run": {"jobs": 2}, "psnr": 30}, "psnr"),
        ({"run": {"jobs": 2}, "preset": "paper"}, "paper"),
        ({"run": {"jobs": 2, "live": True}}, "live"),
    ],
)
def test_what_carries_state_is_refused(clip, tmp_path, settings, words):
    with pytest.raises(ConfigError, match=words):
        encode(clip, tmp_path / "out.tsplat", **settings)
    with pytest.raises(ConfigError, match="only once"):
        encode("-", tmp_path / "out.tsplat", run={"jobs": 2})
    assert not any(tmp_path.iterdir())
