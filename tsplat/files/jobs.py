"""Parts of one clip, encoded by several processes to the bytes that one would write."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from tsplat.config import EncoderConfig
from tsplat.encoding.coder import Ways
from tsplat.encoding.encoder import Encoder
from tsplat.encoding.predict.cut import Cuts
from tsplat.encoding.statistics import Statistics
from tsplat.errors import ConfigError
from tsplat.files.check import Check
from tsplat.kernels import runtime
from tsplat.media.camera import is_camera
from tsplat.media.clip import Clip, Source
from tsplat.media.places import STANDARD, is_written_through
from tsplat.media.source import open_source
from tsplat.media.timing import timeline


@dataclass(frozen=True)
class Whole:
    """The clip, which each process reads for itself, and how it is coded."""

    source: str
    height: int | None
    clip: Clip
    config: EncoderConfig


@dataclass(frozen=True)
class Job:
    """Frames from one I-frame to another.

    Attributes
    ----------
    whole : Whole
    start : int
        Number of the first frame.
    ticks : tuple of int
        Of each frame.
    scene : int
        Which scene they belong to.
    """

    whole: Whole
    start: int
    ticks: tuple[int, ...]
    scene: int


@dataclass(frozen=True)
class Part:
    """What became of a job.

    Attributes
    ----------
    ticks : int
        Duration of its frames.
    intra : list of (int, int)
        Number and offset, in ``packets``, of each I-frame.
    squared_error : float
        As of :class:`tsplat.files.check.Check`.
    """

    packets: bytes
    ticks: int
    intra: list[tuple[int, int]]
    squared_error: float
    statistics: Statistics


def check(
    count: int,
    source: str | Path,
    roi: str | Path,
    live: bool,
    config: EncoderConfig,
    ways: Ways,
) -> None:
    """Refuse what carries state from one I-frame to the next.

    Raises
    ------
    ConfigError
    """
    if count < 1:
        raise ConfigError(f"jobs: got {count}, expected 1 or more")
    if live:
        raise ConfigError("jobs: live encoding is one process")
    if str(source) == STANDARD or is_camera(source) or is_written_through(Path(source)):
        raise ConfigError(f"jobs: {source} can be read only once, and by one process")
    if roi != "off":
        raise ConfigError("jobs: a region of interest follows the clip in order; --roi off")
    if config.bitrate is not None or config.psnr is not None:
        raise ConfigError("jobs: --bitrate and --psnr follow the clip in order; --crf does not")
    if not ways.steady:
        raise ConfigError("jobs: the paper's ways make I-frames that cannot be foreseen")


def plan(whole: Whole, frames: int | None, pictures: Source) -> list[Job]:
    """Jobs that begin where an encoder makes I-frames; the pictures are read for it."""
    starts: list[tuple[int, int]] = []
    times = _seen(itertools.islice(iter(pictures), frames), whole.config.gop, starts)
    ticks = list(timeline(times, whole.clip.rate))
    ends = [*(start for start, _ in starts[1:]), len(ticks)]
    return [
        Job(whole, start, tuple(ticks[start:end]), scene)
        for (start, scene), end in zip(starts, ends)
    ]


def _seen(
    pictures: Iterator[tuple[Fraction, np.ndarray]], gop: int, starts: list[tuple[int, int]]
) -> Iterator[Fraction]:
    """Times of the pictures; notes where I-frames come, and in which scene."""
    cuts, scene = Cuts(), 0
    for number, (time, frame) in enumerate(pictures):
        cut = cuts.is_cut(frame)
        scene += cut
        if cut or not starts or number - starts[-1][0] >= gop:
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
        with _deaf():
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


@contextmanager
def _deaf() -> Iterator[None]:
    """What is started meanwhile does not hear Ctrl-C, not even while it loads."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(arch: str, threads: int) -> None:
    """Of a process: Ctrl-C is for the one that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    runtime.start(arch, threads)


def encode_job(job: Job) -> Part:
    """In a process of its own: an encoder that begins with the job's I-frame."""
    whole, clip = job.whole, job.whole.clip
    encoder = Encoder(
        clip.width,
        clip.height,
        clip.rate,
        whole.config,
        aspect=clip.aspect,
        colour=clip.colour,
        first=job.start,
    )
    checked, done = Check(encoder.header), bytearray()
    with open_source(whole.source, whole.height) as pictures:
        wanted = itertools.islice(iter(pictures), job.start, job.start + len(job.ticks))
        for ticks, (_, frame) in zip(job.ticks, wanted):
            checked.expect(frame)
            packets = encoder.encode(frame, ticks)
            checked.take(packets)
            done += packets
    packets = encoder.flush()
    checked.take(packets)
    return Part(
        bytes(done + packets),
        sum(job.ticks),
        checked.intra,
        checked.squared_error,
        encoder.statistics,
    )
