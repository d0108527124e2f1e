"""The report: written when it is whole, and honest about what was not measured."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.clips import pictures, write_clip
from tsplat.errors import ConfigError, MediaError
from tsplat.paper.experiments.plots import curves, png
from tsplat.paper.experiments.result import Clip, Figure, Result, Table
from tsplat.paper.experiments.run import RATIOS, Report, reproduce, summary


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "talk.mp4", pictures(5))


def measured(clip: Clip, quick: bool) -> Result:
    table = Table("Speeds", ["codec", "ms"], [["a <b>", 12.5], ["c", None]], "As they are.")
    figure = Figure("lines", "Lines & points", curves({"a": [(1, 2), (3, 4)]}, "x", "y"))
    values = {"iterations_ratio": 200.0, "time_ratio": 50.0, "lower_bound": True}
    return Result("first", "Speed", [table], [figure], values)


def refused(clip: Clip, quick: bool) -> Result:
    return Result("second", "Motion", not_run=f"{len(clip.frames)} frames are too few")


def test_the_report_holds_what_was_measured(clip, tmp_path):
    lines: list[str] = []
    out = tmp_path / "report"
    found = reproduce([clip], out=out, experiments=(measured, refused), tell=lines.append)
    assert found == json.loads((out / "report.json").read_text())
    assert found["summary"]["iterations_ratio"] == pytest.approx(200)
    assert found["summary"]["bits_saved"] is None
    assert found["clips"][0]["experiments"]["second"]["not_run"] == "5 frames are too few"
    assert found["hardware"]["cores"] >= 1
    page = (out / "index.html").read_text()
    for part in ("a &lt;b&gt;", "12.5", "<td>-</td>", "Not run: 5 frames", "200.0, or more"):
        assert part in page
    assert (out / "00-lines.png").read_bytes().startswith(b"\x89PNG")
    assert [line.split(": ")[1] for line in lines] == ["first", "second"]


def test_nothing_is_left_of_a_report_that_failed(clip, tmp_path):
    def breaks(clip: Clip, quick: bool) -> Result:
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        reproduce([clip], out=tmp_path / "report", experiments=(measured, breaks))
    assert not list(tmp_path.iterdir())


def test_an_experiment_that_fails_on_a_clip_is_not_run_and_says_why(clip, tmp_path):
    def fails(clip: Clip, quick: bool) -> Result:
        raise MediaError("no such codec")

    reproduce([clip], out=tmp_path / "report", experiments=(fails, measured))
    page = (tmp_path / "report" / "index.html").read_text()
    assert "Not run: no such codec" in page
    assert "12.5" in page


def test_the_command_to_repeat_it_names_the_clip_as_it_was_given(tmp_path):
    clip = write_clip(tmp_path / "my talk.mp4", pictures(2))
    found = reproduce([clip], out=tmp_path / "r", experiments=(refused,), quick=True)
    assert found["clips"][0]["command"] == f"tsplat reproduce '{clip}' --quick"
    found = reproduce(out=tmp_path / "own", experiments=(refused,), quick=True)
    assert found["clips"][0]["command"] == "tsplat reproduce --quick"


def test_a_report_is_replaced_when_asked_and_nothing_else_ever_is(clip, tmp_path):
    out = tmp_path / "report"
    for again in (False, True):
        reproduce([clip], out=out, experiments=(refused,), overwrite=again)
    with pytest.raises(MediaError, match="exists already"):
        reproduce([clip], out=out, experiments=(refused,))
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(MediaError, match="which was not written here"):
        reproduce([clip], out=tmp_path, experiments=(refused,), overwrite=True)
    assert (tmp_path / "mine.txt").exists()


def test_a_missing_clip_is_named_before_anything_runs(clip, tmp_path):
    ran: list[str] = []

    def never(clip: Clip, quick: bool) -> Result:
        ran.append(clip.name)
        return refused(clip, quick)

    with pytest.raises(MediaError, match="absent"):
        reproduce([clip, tmp_path / "absent.mp4"], out=tmp_path / "r", experiments=(never,))
    with pytest.raises(ConfigError, match="standard input"):
        reproduce([Path("-")], out=tmp_path / "r", experiments=(never,))
    assert ran == []


def test_means_are_geometric_for_ratios_and_of_those_clips_that_have_one():
    frames = [np.zeros((8, 8, 3), np.uint8)]
    values = [
        {"iterations_ratio": 100.0, "bits_saved": 0.9, "lower_bound": False},
        {"iterations_ratio": 400.0, "time_ratio": None},
        {"bits_saved": 0.8},
    ]
    reports = [
        Report(Clip("clip", frames, Fraction(30)), [Result("a", "A", values=v)]) for v in values
    ]
    found = summary(reports)
    assert found["iterations_ratio"] == pytest.approx(200)
    assert found["bits_saved"] == pytest.approx(0.85)
    assert found["time_ratio"] is None
    assert found["clips"] == dict.fromkeys(RATIOS, 0) | {"iterations_ratio": 2, "bits_saved": 2}
    assert not found["lower_bound"]


def test_pictures_keep_their_colours():
    import cv2

    red = np.zeros((4, 6, 3), np.uint8)
    red[..., 0] = 255
    assert cv2.imdecode(np.frombuffer(png(red), np.uint8), 1)[0, 0].tolist() == [0, 0, 255]
