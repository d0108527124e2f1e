"""How fast the codec is on this machine, beside others, in one run, on the CPU."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tsplat.bench import codecs as peers
from tsplat.bench import cost, processes, throughput
from tsplat.bench.machine import machine
from tsplat.bench.pictures import load
from tsplat.bench.portrait import write_portrait
from tsplat.bench.roofline import roofline
from tsplat.config import PRESETS, preset
from tsplat.errors import ConfigError
from tsplat.kernels import runtime

_PEERS_BESIDE = ("fast", "realtime", "slow")
"""The first of these that is measured says how many bytes the others may take."""
_PEERS = ("x264", "x265", "svtav1-p8")


def speed(
    clip: Path | None = None,
    *,
    height: int = 360,
    frames: int = 60,
    presets: Sequence[str] = PRESETS,
    tell: Callable[[str], None] = lambda line: None,
) -> dict:
    """Measure the codec.

    Parameters
    ----------
    clip : Path, optional
        The talking portrait by default.
    height, frames : int
        Lines to scale to, and frames to take.
    presets : sequence of str
        Some of :data:`tsplat.config.PRESETS`.
    tell : callable
        Given a line for each part of the work.

    Returns
    -------
    dict
        What ``tsplat bench speed --json`` prints: ``machine``, ``clip``; ``encode``, ``decode``,
        ``peers`` and ``ratios`` as :mod:`tsplat.bench.throughput` says; ``command``,
        ``first_frame`` and ``peak_memory`` as :mod:`tsplat.bench.processes`; ``roofline`` as
        :func:`tsplat.bench.roofline.roofline`; ``cost`` as :func:`tsplat.bench.cost.sweeps`.

    Raises
    ------
    ConfigError, MediaError, ModelError, BackendError
        As :func:`tsplat.encode`; this build of FFmpeg's libraries lacks a peer.
    """
    for name in presets:
        preset(name)
    if str(clip) == "-":
        raise ConfigError("bench: standard input can be read only once; give a file or a folder")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if clip is None:
            clip = folder / "portrait.mkv"
            write_portrait(clip, frames)
        pictures = load(clip, height, frames)
        lines, width = pictures.frames[0].shape[:2]
        result: dict = {
            "machine": machine(runtime.start("cpu")),
            "clip": {
                "name": clip.name,
                "width": width,
                "height": lines,
                "frames": len(pictures.frames),
                "rate": str(pictures.rate),
            },
        }
        encoded, decoded = [], []
        for name in presets:
            tell(f"{name}: encode, decode")
            stream, row = throughput.encode(pictures, name)
            encoded.append(row)
            coded = folder / "memory.tsplat"
            coded.write_bytes(stream)
            decoded.append(throughput.decode(coded, name))
        size = next(r["bytes"] for n in _PEERS_BESIDE for r in encoded if r["preset"] == n)
        beside = []
        for name in _PEERS:
            if peers.fits(name, width, lines, 1):
                tell(f"{name}: encode, decode")
                for threads in sorted({1, result["machine"]["threads"]}):
                    beside.append(throughput.peer(pictures, name, size, threads))
        tell("the whole command, by preset")
        commands = [
            processes.encoding(clip, folder, name, lines, len(pictures.frames)) for name in presets
        ]
        tell("first frame, cold and warm")
        first_frame = processes.first_frame(clip, folder, lines)
        tell(f"memory, {processes.LARGE[0]}x{processes.LARGE[1]}")
        peak_memory = processes.peak_memory(pictures, folder)
    tell("kernels")
    kernels = roofline()
    tell("the cost of a frame")
    return result | {
        "encode": encoded,
        "decode": decoded,
        "peers": beside,
        "ratios": throughput.ratios(encoded, decoded, beside),
        "command": commands,
        "first_frame": first_frame,
        "peak_memory": peak_memory,
        "roofline": kernels,
        "cost": cost.sweeps(pictures),
    }


def write(folder: Path, result: dict) -> None:
    """Write ``speed.json``, and the cost of a frame as a drawing, ``cost.svg``.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cost.plot(folder / "cost.svg", result["cost"])
    (folder / "speed.json").write_text(json.dumps(result, indent=1) + "\n")
