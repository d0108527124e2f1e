"""Parts of one clip, encoded by several processes to the bytes that one would write."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from tsplat.code import container
from tsplat.config import EncoderConfig
from tsplat.decoder import Decoder
from tsplat.encoder import Encoder, Statistics
from tsplat.errors import ConfigError
from tsplat.files.metrics import squared_error
from tsplat.frames.camera import is_camera
from tsplat.frames.source import Clip, open_source, timeline
from tsplat.kernels import runtime
from tsplat.predict.cut import Cuts


@dataclass(frozen=True)
class Job:
    """Frames from one I-frame to another; each process reads the clip for itself.

    Attributes
    ----------
    start : int
        Number of the first frame.
    ticks : tuple of int
        Of each frame.
    scene : int
        Which scene they belong to.
    """

    source: str
    height: int | None
    clip: Clip
    config: EncoderConfig
    start: int
    ticks: tuple[int, ...]
    scene: int


@dataclass(frozen=True)
class Part:
    """What became of a job.

    Attributes
    ----------
    intra : list of (int, int)
        Number and offset, in ``packets``, of each I-frame.
    squared_errors : float
        Mean over each picture's pixels, summed over the pictures.
    """

    packets: bytes
    intra: list[tuple[int, int]]
    squared_errors: float
    statistics: Statistics


def check_jobs(source: str | Path, roi: str | Path, config: EncoderConfig) -> None:
    """Refuse what carries state from one I-frame to the next.

    Raises
    ------
    ConfigError
    """
    if str(source) == "-" or is_camera(source) or Path(source).is_fifo():
        raise ConfigError(f"jobs: {source} can be read only once, and by one process")
    if roi != "off":
        raise ConfigError("jobs: a region of interest follows the clip in order; --roi off")
    if config.bitrate is not None or config.psnr is not None:
        raise ConfigError("jobs: --bitrate and --psnr follow the clip in order; --crf does not")
    if config.select == "paper":
        raise ConfigError("jobs: --select paper makes I-frames that cannot be foreseen")


def plan(
    source: str | Path,
    height: int | None,
    clip: Clip,
    config: EncoderConfig,
    frames: int | None,
) -> tuple[list[Job], list[str]]:
    """Jobs that begin where an encoder makes I-frames, and warnings of the source."""
    cuts, starts, scene = Cuts(), list[tuple[int, int]](), 0
    with open_source(source, height) as pictures:
        times = _seen(itertools.islice(iter(pictures), frames), config, cuts, starts, scene)
        ticks = list(timeline(times, clip.rate))
        warnings = pictures.warnings
    ends = [*(start for start, _ in starts[1:]), len(ticks)]
    jobs = [
        Job(str(source), height, clip, config, start, tuple(ticks[start:end]), scene)
        for (start, scene), end in zip(starts, ends)
    ]
    return jobs, warnings


def _seen(
    pictures: Iterator[tuple[Fraction, np.ndarray]],
    config: EncoderConfig,
    cuts: Cuts,
    starts: list[tuple[int, int]],
    scene: int,
) -> Iterator[Fraction]:
    """Times of the pictures; notes where I-frames come, and in which scene."""
    for number, (time, frame) in enumerate(pictures):
        cut = cuts.is_cut(frame)
        scene += cut
        if cut or not starts or number - starts[-1][0] >= config.gop:
            starts.append((number, scene))
        yield time


def encoded(jobs: Sequence[Job], count: int, arch: str, threads: int | None) -> Iterator[Part]:
    """The jobs' parts in order, by so many processes.

    An encoder may make an I-frame that nobody could foresee, where splats are crowded; those that
    follow by number then come elsewhere. The rest of that scene is encoded in one go.
    """
    threads = threads or max(1, (os.cpu_count() or 1) // count)
    there = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, context, initializer=_begin, initargs=(arch, threads))
    try:
        parts = [pool.submit(encode_job, job) for job in jobs]
        at = 0
        while at < len(jobs):
            rest = [j for j in jobs[at:] if j.scene == jobs[at].scene]
            part = parts[at].result()
            if len(part.intra) > 1 and len(rest) > 1:
                ticks = tuple(t for j in rest for t in j.ticks)
                part = pool.submit(encode_job, replace(jobs[at], ticks=ticks)).result()
                at += len(rest)
            else:
                at += 1
            yield part
        pool.shutdown()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - there:
            process.terminate()


def _begin(arch: str, threads: int) -> None:
    """Of a process: Ctrl-C is for the one that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    runtime.start(arch, threads)


def encode_job(job: Job) -> Part:
    """In a process of its own: an encoder that begins with the job's I-frame."""
    clip = job.clip
    encoder = Encoder(
        clip.width,
        clip.height,
        clip.rate,
        job.config,
        aspect=clip.aspect,
        colour=clip.colour,
        first=job.start,
    )
    check, error = Decoder(encoder.header), 0.0
    waiting: list[np.ndarray] = []
    done, intra = bytearray(), list[tuple[int, int]]()

    def take(packets: bytes) -> None:
        nonlocal error
        at = 0
        while at < len(packets):
            packet = container.unpack_packet(packets, at, check.frame, check.header.span)
            if packet.kind == container.INTRA:
                intra.append((packet.frame, len(done) + at))
            at += packet.size
            check.advance(packet)
            for place in packet.places:
                shown, frame = check.picture(place), waiting.pop(0)
                error += squared_error(shown, frame) / (clip.width * clip.height)
        done.extend(packets)

    with open_source(job.source, job.height) as pictures:
        wanted = itertools.islice(iter(pictures), job.start, job.start + len(job.ticks))
        for ticks, (_, frame) in zip(job.ticks, wanted):
            waiting.append(frame)
            take(encoder.encode(frame, ticks))
    take(encoder.flush())
    return Part(bytes(done), intra, error, encoder.statistics)
