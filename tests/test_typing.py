"""What type checkers and completion see of the package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tsplat

GOOD = """
import tsplat
from tsplat import Encoder, Reader, preset


class Own(tsplat.Encoder):
    pass


config = preset("slow", crf=20.0)
encoder = Own(640, 360, 30, config)
packet: bytes = encoder.encode(Reader("clip.tsplat")[-1])
done: dict[str, object] = tsplat.encode("a.mp4", "a.tsplat", config, run=tsplat.Run(jobs=2))
"""
BAD = {
    "from tsplat import Nonsense\n": "Nonsense",
    "import tsplat\ntsplat.encode(1, 2)\n": "incompatible type",
    "import tsplat\ntsplat.Encoder('wide', 360, 30)\n": "incompatible type",
}


def check(tmp_path, program: str) -> str:
    pytest.importorskip("mypy")
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "program.py"]
    command += ["--cache-dir", str(tmp_path / "cache"), "--explicit-package-bases"]
    found = {"MYPYPATH": str(Path(tsplat.__file__).parents[1])}
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | found, capture_output=True, text=True, check=False
    )
    return "".join(line for line in done.stdout.splitlines() if line.startswith("program.py"))


@pytest.mark.slow
def test_public_names_have_their_types(tmp_path):
    assert check(tmp_path, GOOD) == ""
    for program, words in BAD.items():
        assert words in check(tmp_path, program)


def test_nothing_is_loaded_until_it_is_asked_for():
    program = (
        "import sys, tsplat; dir(tsplat)\n"
        "print(sorted({'numpy', 'taichi', 'av'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"[]\n"
