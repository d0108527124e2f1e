"""Commands as a user runs them: whole processes, their time and their memory, on the CPU."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from tsplat.bench.pictures import Pictures
from tsplat.errors import MediaError
from tsplat.media.clip import Clip
from tsplat.media.sink import open_sink

_WATCH = """
import json, os, sys, time
began = time.perf_counter()
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(child, 0)
seconds = time.perf_counter() - began
with open(sys.argv[1], "w") as report:
    cpu = used.ru_utime + used.ru_stime
    json.dump([seconds, cpu, used.ru_maxrss, os.waitstatus_to_exitcode(status)], report)
"""
"""Runs a command and notes what it took. A process of its own, and a bare one: the peak that a
system counts for a command begins with the memory of the process that started it."""
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes, of ``ru_maxrss``."""
TSPLAT = (sys.executable, "-m", "tsplat_cli.main")
_WARM_RUNS = 3
LARGE = (1920, 1080)
"""Width and height at which memory is measured, pixels."""
LARGE_FRAMES = 12
"""In the shorter of two clips of that size; the other one has twice as many."""


@dataclass(frozen=True)
class Ended:
    """A process that ended well.

    Attributes
    ----------
    seconds : float
        From its start to its end, the interpreter's own included.
    cpu_seconds : float
        Of the processors, likewise.
    peak_mib : float
        Largest resident memory, MiB.
    output : str
        What it wrote on standard output.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float
    output: str


def run(*words: object, cache: Path | None = None) -> Ended:
    """Run ``tsplat`` with these words, on the CPU.

    Parameters
    ----------
    *words
        ``encode``, ``decode`` and what follows.
    cache : Path, optional
        The folder to take for the user's caches.

    Raises
    ------
    MediaError
        It failed: the last line that it said.
    """
    command = [*TSPLAT, *map(str, words), "--arch", "cpu", "--quiet"]
    environment = os.environ | ({"XDG_CACHE_HOME": str(cache)} if cache else {})
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        watcher = [sys.executable, "-I", "-S", "-c", _WATCH, str(report), *command]
        done = subprocess.run(watcher, env=environment, capture_output=True, text=True)
        said = done.stderr.strip().splitlines() or ["no message"]
        if done.returncode:
            raise MediaError(f"tsplat {words[0]}: could not be started ({said[-1]})")
        seconds, cpu, peak, code = json.loads(report.read_text())
    if code:
        raise MediaError(f"tsplat {words[0]}: exit code {code}: {said[-1]}")
    return Ended(seconds, cpu, peak * _RSS_UNIT / 2**20, done.stdout)


def encoding(clip: Path, folder: Path, preset: str, height: int, frames: int) -> dict:
    """``tsplat encode``, all of it.

    Returns
    -------
    dict
        ``preset``; ``frames_per_s`` from the first frame read to the file being whole, as the
        command says it, and ``unverified_frames_per_s``, without decoding what was written;
        ``process_s``, from the start of the process to its end, and ``process_cpu_s``, of the
        processors; ``peak_mib``; ``ms`` a frame by stage, of which some overlap.
    """
    out = folder / f"{preset}.tsplat"
    words = ("--preset", preset, "--height", height, "--frames", frames)
    ended = run("encode", clip, out, *words, "--overwrite", "--json")
    said = json.loads(ended.output)
    seconds = said["seconds"]
    return {
        "preset": preset,
        "frames_per_s": said["encode_frames_per_s"],
        "unverified_frames_per_s": said["frames"] / (seconds["total"] - seconds["verify"]),
        "process_s": ended.seconds,
        "process_cpu_s": ended.cpu_seconds,
        "peak_mib": ended.peak_mib,
        "ms": {stage: 1e3 * s / said["frames"] for stage, s in seconds.items()},
    }


def first_frame(clip: Path, folder: Path, height: int) -> dict[str, dict[str, float]]:
    """Seconds of a process that encodes or decodes one frame, ``realtime``.

    Returns
    -------
    dict
        ``encode`` and ``decode``: each ``cold_s``, with an empty cache of kernels, and ``warm_s``,
        afterwards, the median of some runs.
    """
    stream = folder / "one.tsplat"
    words = ("--preset", "realtime", "--height", height, "--frames", 1, "--overwrite")
    return {
        "encode": _cold_and_warm(folder / "encode", "encode", clip, stream, *words),
        "decode": _cold_and_warm(
            folder / "decode", "decode", stream, folder / "one.rgb", "--overwrite"
        ),
    }


def _cold_and_warm(cache: Path, *words: object) -> dict[str, float]:
    cold = run(*words, cache=cache).seconds
    if not cache.exists():
        raise MediaError(f"tsplat {words[0]}: its cache is not where XDG_CACHE_HOME says")
    warm = median(run(*words, cache=cache).seconds for _ in range(_WARM_RUNS))
    return {"cold_s": cold, "warm_s": warm}


def peak_memory(clip: Pictures, folder: Path) -> list[dict]:
    """Memory of encoding and decoding large pictures, ``realtime``, of two lengths.

    Returns
    -------
    list of dict
        ``command``, ``width``, ``height``, ``frames``, ``peak_mib``.
    """
    width, height = LARGE
    large = folder / "large.mkv"
    with open_sink(str(large), Clip(width, height, clip.rate), overwrite=True) as sink:
        most = 2 * LARGE_FRAMES
        for number, frame in enumerate(itertools.islice(itertools.cycle(clip.frames), most)):
            picture = cv2.resize(frame, LARGE, interpolation=cv2.INTER_CUBIC)
            sink.write(np.ascontiguousarray(picture), number / clip.rate)
        sink.close(most / clip.rate)
    rows = []
    for frames in (LARGE_FRAMES, most):
        stream, shown = folder / f"{frames}.tsplat", folder / f"{frames}.rgb"
        words = ("--preset", "realtime", "--frames", frames, "--overwrite")
        peaks = {
            "encode": run("encode", large, stream, *words).peak_mib,
            "decode": run("decode", stream, shown, "--overwrite").peak_mib,
        }
        shown.unlink()
        size = {"width": width, "height": height, "frames": frames}
        rows += [{"command": name, **size, "peak_mib": peak} for name, peak in peaks.items()]
    return rows
