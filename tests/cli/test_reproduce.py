"""``tsplat reproduce`` as a process, on clips too small for most of it."""

from __future__ import annotations

import json

import pytest

from tests.cli.commands import fails, tsplat
from tests.clips import pictures, write_clip


@pytest.mark.parametrize(
    ("count", "size"), [(1, (16, 16)), pytest.param(4, (48, 32), marks=pytest.mark.slow)]
)
def test_what_does_not_suit_a_clip_is_not_run(tmp_path, count, size):
    clip = write_clip(tmp_path / "tiny.mp4", pictures(count, *size))
    out = tmp_path / "report"
    result = tsplat("reproduce", clip, "--quick", "--out", out)
    assert result.returncode == 0, result.stderr.decode()
    lines = result.stdout.decode().splitlines()
    assert lines[-1].startswith("iterations_ratio null  time_ratio null  bits_saved ")
    found = json.loads((out / "report.json").read_text())
    assert found["clips"][0]["width"] == size[0]
    assert "too small" in found["clips"][0]["experiments"]["initialisation"]["not_run"]
    assert (out / "index.html").exists()
    fails(tsplat("reproduce", clip, "--quick", "--out", out), 1, "exists already")


def test_a_missing_clip_is_one_line(tmp_path):
    result = tsplat("reproduce", tmp_path / "absent.mp4", "--quick", "--out", tmp_path / "r")
    fails(result, 1, "absent.mp4")
    assert not list(tmp_path.iterdir())


def test_json_is_one_object(tmp_path):
    clip = write_clip(tmp_path / "tiny.mp4", pictures(1, 16, 16))
    result = tsplat("reproduce", clip, "--quick", "--json", "--quiet", "--out", tmp_path / "r")
    assert result.stderr == b""
    assert json.loads(result.stdout)["summary"]["iterations_ratio"] is None
