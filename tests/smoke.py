"""What a newcomer does, with whatever versions are installed: ``python -m tests.smoke``.

A clip is made, encoded with and without a person, decoded to every kind of output, compared, and
read from Python; it is quick, and says the versions that it ran with.
"""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import tsplat
from tests.clips import pictures, psnr, write_clip

PACKAGES = (
    "numpy",
    "av",
    "pillow",
    "constriction",
    "click",
    "rich",
    "platformdirs",
    "scikit-image",
    "opencv-python-headless",
    "onnxruntime",
)
OUTPUTS = ("out.mp4", "out.mkv", "out.webm", "out.mov", "out.y4m", "out.rgb", "frames")


def command(*words: object) -> bytes:
    """The command as installed, which must say nothing on stderr but what region it took."""
    program = [sys.executable, "-m", "tsplat_cli.main", *map(str, words)]
    done = subprocess.run(program, capture_output=True, check=False)
    said = [line for line in done.stderr.splitlines() if b"roi: the" not in line]
    assert done.returncode == 0, (words, done.stderr.decode())
    assert not said, (words, said)
    return done.stdout


def main() -> None:
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in PACKAGES)
    print(f"Python {platform.python_version()}: {versions}", flush=True)
    frames = pictures(12, 160, 90)
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        clip = write_clip(here / "talk.mp4", frames)
        whole, person = here / "whole.tsplat", here / "person.tsplat"
        command("encode", clip, whole, "--roi", "off", "--crf", 20)
        command("encode", clip, person, "--background", "none", "--frames", 6)
        command("eval", clip, whole)
        command("info", person, "--frames")
        for name in OUTPUTS:
            command("decode", whole, here / name)
        command("decode", person, here / "cut.webm", "--alpha")
        command("decode", person, here / "blue.mp4", "--background", "blue", "--size", "2x")
        assert command("decode", whole, "-", "--quiet").startswith(b"YUV4MPEG2")
        shown = list(tsplat.Reader(whole))
        assert len(shown) == len(frames)
        assert min(map(psnr, shown, frames)) > 18
        raw = np.fromfile(here / "out.rgb", np.uint8).reshape(len(frames), 90, 160, 3)
        assert all(np.array_equal(a, b) for a, b in zip(raw, shown))
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
