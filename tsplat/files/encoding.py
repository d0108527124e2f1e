"""A clip in, a ``.tsplat`` file out."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from tsplat.config import default_gaussians
from tsplat.config import preset as make_config
from tsplat.decoder import Decoder
from tsplat.encoder import Encoder
from tsplat.errors import ConfigError
from tsplat.files import Announce, Progress
from tsplat.files.metrics import mean_squared_error, psnr_of
from tsplat.frames.sink import check_distinct, replacing
from tsplat.frames.source import open_source, timeline
from tsplat.kernels import runtime


def encode(
    source: str | Path,
    target: str | Path,
    *,
    preset: str = "fast",
    gaussians: int | None = None,
    psnr: float | None = None,
    gop: int | None = None,
    threshold: float | None = None,
    height: int | None = None,
    frames: int | None = None,
    init: str | None = None,
    arch: str = "auto",
    threads: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> dict:
    """Encode a clip.

    Parameters
    ----------
    source : str or Path
        A file that FFmpeg's libraries open, a folder of images, or ``-`` for y4m on standard
        input.
    target : str or Path
        The ``.tsplat`` file. It is written beside its place and moved there when it is whole.
    preset : {"fast", "slow"}
        See :func:`tsplat.config.preset`.
    gaussians, gop, threshold, init : optional
        Fields of :class:`tsplat.config.EncoderConfig`; the preset's by default.
    psnr : float, optional
        Fits stop when this is reached, dB.
    height : int, optional
        Scale the pictures to this many lines first.
    frames : int, optional
        Encode no more than this many.
    arch : {"auto", "cpu", "cuda", "vulkan", "metal"}
        Backend.
    threads : int, optional
        CPU threads.
    overwrite : bool
        Replace ``target`` if it exists.
    progress : callable, optional
        Called after every frame with the number done and the number in all, or None.
    announce : callable, optional
        Called with a line of text when ``auto`` falls back to the CPU.

    Returns
    -------
    dict
        What ``tsplat encode --json`` prints: ``frames``, ``i_frames``, ``p_frames``, ``bytes``,
        ``bpp`` (of the whole file), ``kbit_s``, ``psnr_db`` (of the decoded file, RGB),
        ``encode_frames_per_s``, ``seconds`` by stage, ``warnings`` and more.

    Raises
    ------
    ConfigError, MediaError, BackendError
        A setting is out of range; the source cannot be read or the target cannot be written;
        the backend is not there. Nothing is left behind.
    """
    if frames is not None and frames < 1:
        raise ConfigError(f"frames: got {frames}, expected 1 or more")
    settings = {"gaussians": gaussians, "gop": gop, "threshold": threshold, "init": init}
    config = make_config(preset, psnr=psnr, **{k: v for k, v in settings.items() if v is not None})
    check_distinct(source, target)
    with replacing(Path(target), overwrite) as beside, open_source(source, height) as pictures:
        clip = pictures.clip
        backend = runtime.start(arch, threads)
        runtime.announce_fallback(backend, announce)
        encoder = Encoder(
            clip.width, clip.height, clip.rate, config, aspect=clip.aspect, colour=clip.colour
        )
        check = Decoder(encoder.header)
        total = clip.frames if frames is None else min(frames, clip.frames or frames)
        seconds = {"read": 0.0, "write": 0.0, "verify": 0.0}
        squared_error, duration = 0.0, Fraction(0)
        began = time.perf_counter()
        with open(beside, "wb") as file:
            file.write(encoder.header)
            for ticks, frame in _paced(pictures, clip.rate, frames, seconds):
                packet = encoder.encode(frame, ticks)
                duration += ticks
                clock = time.perf_counter()
                file.write(packet)
                seconds["write"] += time.perf_counter() - clock
                clock = time.perf_counter()
                squared_error += mean_squared_error(check.decode(packet), frame)
                seconds["verify"] += time.perf_counter() - clock
                if progress:
                    progress(encoder.statistics.frames, total)
            file.write(encoder.finish())
            size = file.tell()
        elapsed = time.perf_counter() - began
    done = encoder.statistics
    length = float((duration + 1000) / 1000 / clip.rate)
    return {
        "input": str(source),
        "output": str(target),
        "width": clip.width,
        "height": clip.height,
        "rate": str(clip.rate),
        "preset": preset,
        "gaussians": config.gaussians or default_gaussians(clip.width, clip.height),
        "frames": done.frames,
        "i_frames": done.i_frames,
        "p_frames": done.p_frames,
        "changed_splats_per_p_frame": round(done.changed_splats / max(1, done.p_frames), 1),
        "duration_s": round(length, 6),
        "bytes": size,
        "bpp": size * 8 / (clip.width * clip.height * done.frames),
        "kbit_s": size * 8 / length / 1000,
        "psnr_db": psnr_of(squared_error / done.frames),
        "encode_frames_per_s": done.frames / elapsed,
        "arch": backend.arch,
        "threads": backend.threads,
        "seconds": {
            k: round(v, 4) for k, v in (seconds | done.seconds | {"total": elapsed}).items()
        },
        "warnings": pictures.warnings,
    }


def _paced(
    pictures, rate: Fraction, most: int | None, seconds: dict[str, float]
) -> Iterator[tuple[int, np.ndarray]]:
    """Ticks and picture of each frame; counts the time that reading takes."""
    limited = itertools.islice(iter(pictures), most)
    clocked = _clocked(limited, seconds)
    times, frames = itertools.tee(clocked)
    pace = timeline((t for t, _ in times), rate)
    for ticks, (_, frame) in zip(pace, frames):
        yield ticks, frame


def _clocked(items: Iterator, seconds: dict[str, float]) -> Iterator:
    while True:
        clock = time.perf_counter()
        item = next(items, None)
        seconds["read"] += time.perf_counter() - clock
        if item is None:
            return
        yield item
