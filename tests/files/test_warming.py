"""Kernels that were made ready are there for the next process."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.cli.test_cli import TSPLAT
from tests.clips import pictures, write_clip


@pytest.mark.slow
def test_encoding_after_it_compiles_nothing_more(tmp_path):
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}

    def run(*words: object) -> bytes:
        command = [TSPLAT, *map(str, words)]
        return subprocess.run(command, capture_output=True, check=True, env=environment).stdout

    def compiled() -> set[str]:
        return {p.name for p in tmp_path.rglob("*.tic")}

    answer = json.loads(run("doctor", "--warm", "--json"))
    assert answer["cache"].startswith(str(tmp_path))
    ready = compiled()
    assert len(ready) >= 12
    clip = write_clip(tmp_path / "talk.mkv", pictures(5))
    for preset in ("realtime", "slow"):
        out = tmp_path / f"{preset}.tsplat"
        run("encode", clip, out, "--preset", preset, "--quiet")
        run("decode", out, tmp_path / f"{preset}.rgb", "--quiet")
    assert compiled() == ready
