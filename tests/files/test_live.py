"""Pictures as they come: the newest wins, stalls are noticed, cameras go on until they vanish."""

from __future__ import annotations

import os
import time
from contextlib import closing
from fractions import Fraction

import av
import numpy as np
import pytest

from tests.clips import HEIGHT, WIDTH
from tests.coding import encode
from tsplat.errors import MediaError
from tsplat.files import live, session
from tsplat.files.live import Ending, Live, within
from tsplat.media import source as source_module
from tsplat.media.clip import Clip, Source
from tsplat.media.pipe import Pipe
from tsplat.media.source import open_source

PICTURE = np.zeros((2, 2, 3), np.uint8)
CLIP = Clip(2, 2, Fraction(30))


def newest(pictures, ending=None, stall=None, spent=lambda seconds: None) -> Live:
    source = Source(CLIP, iter(pictures))
    return Live(source, "it", ending or Ending(), paced=False, stall=stall, spent=spent)


def test_the_newest_picture_wins_and_the_others_are_counted():
    with closing(newest((Fraction(k), PICTURE) for k in range(10))) as now:
        coming = iter(now)
        first = next(coming)[0]
        time.sleep(0.3)
        assert [t for t, _ in coming] == ([9] if first < 9 else [])
    assert now.dropped == (8 if first < 9 else 9)


def test_the_time_that_a_picture_was_worked_on_is_told():
    told: list[float] = []
    with closing(newest([(Fraction(0), PICTURE)], spent=told.append)) as now:
        for _ in now:
            time.sleep(0.05)
    assert len(told) == 1
    assert told[0] >= 0.05


def test_an_end_is_heard_while_waiting_and_at_once_if_nothing_was_coded():
    def stuck():
        yield Fraction(0), PICTURE
        time.sleep(1)

    ending = Ending()
    with pytest.raises(KeyboardInterrupt):
        ending.ask()
    ending = Ending()
    with closing(newest(stuck(), ending)) as now:
        for _ in now:
            now.sent()
            ending.ask()
    assert now.report()["latency_worst_ms"] > 0


def test_an_error_of_the_source_ends_it_with_a_warning_and_others_are_raised():
    def breaking(error):
        yield Fraction(0), PICTURE
        raise error

    with closing(newest(breaking(MediaError("torn")))) as now:
        assert len(list(now)) == 1
    assert now.warnings == ["torn"]
    with closing(newest(breaking(ZeroDivisionError()))) as now, pytest.raises(ZeroDivisionError):
        list(now)


def test_what_never_comes_is_given_up():
    assert within(5, lambda: 3, "it") == 3
    with pytest.raises(MediaError, match=r"camera:3: no frame for 0\.1 s"):
        within(0.1, lambda: time.sleep(2), "camera:3")
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 // 0, "it")


def test_a_pipe_that_waits_can_be_stopped():
    read, write = os.pipe()
    pipe = Pipe(read)
    os.write(write, b"abc")
    assert pipe.read(100) == b"abc"
    pipe.stop()
    assert pipe.read(100) == b""
    os.close(read)
    os.close(write)


@pytest.mark.skipif("lavfi" not in av.formats_available, reason="needs FFmpeg's lavfi")
def test_a_camera_that_vanishes_leaves_a_whole_file_and_a_warning(tmp_path, monkeypatch):
    picture = f"testsrc=size={WIDTH}x{HEIGHT}:rate=30:duration=0.5,realtime"
    monkeypatch.setattr(
        source_module, "open_camera", lambda path: av.open(picture, "r", format="lavfi")
    )
    out = tmp_path / "out.tsplat"
    answer = encode("camera:0", out, gaussians=40)
    assert answer["frames"] + answer["dropped_frames"] == 15
    assert answer["warnings"] == ["camera:0: gives no more frames"]
    assert out.exists()


def test_a_camera_that_stalls_leaves_a_whole_file_and_a_warning(tmp_path, monkeypatch):
    def opened(path, height=None):
        real = Source(Clip(WIDTH, HEIGHT, Fraction(30)), iter(()))

        def pictures():
            yield Fraction(0), np.zeros((HEIGHT, WIDTH, 3), np.uint8)
            time.sleep(3)

        real._pictures = pictures()
        return real

    monkeypatch.setattr(session, "open_source", opened)
    monkeypatch.setattr(session, "STALL", 0.3)
    monkeypatch.setattr(live, "_PATIENCE", 0.1)
    out = tmp_path / "out.tsplat"
    answer = encode("camera:0", out, gaussians=40)
    assert (answer["frames"], answer["warnings"]) == (1, ["camera:0: no frame for 0.3 s, given up"])
    assert out.exists()


@pytest.mark.skipif(os.path.exists("/dev/video7"), reason="there is a camera")
def test_a_camera_that_is_not_there_is_named():
    with pytest.raises(MediaError, match=r"camera:/dev/video7: no camera"):
        open_source("camera:/dev/video7")
