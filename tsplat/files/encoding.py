"""A clip in, a ``.tsplat`` file out."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tsplat.config import EncoderConfig
from tsplat.config import preset as make_config
from tsplat.encoding.effort import Effort
from tsplat.encoding.encoder import Encoder
from tsplat.errors import ConfigError, MediaError
from tsplat.files import Announce, Progress
from tsplat.files.ahead import ahead
from tsplat.files.backgrounds import to_encode
from tsplat.files.check import Check
from tsplat.files.jobs import Part, check_jobs, encoded, plan
from tsplat.files.live import STALL, Ending, Live, within
from tsplat.files.warming import warm
from tsplat.kernels import runtime
from tsplat.media.camera import is_camera
from tsplat.media.clip import Clip, Source
from tsplat.media.sink import check_distinct, written
from tsplat.media.source import open_source
from tsplat.media.timing import timeline
from tsplat.region import Region
from tsplat.roi.masks import Masks
from tsplat.roi.tracker import POLICIES, Matte, Tracker
from tsplat.splats import MAX_PIXELS, MAX_SIDE
from tsplat.stream import container

AHEAD = 4
"""Frames that are read, and in which the person is found, before they are encoded."""
SPAN = 3
"""Frames from one P-frame to the next in a file, unless low delay is asked for."""
_CAMERA_SECONDS = 15.0
"""That a camera may take to give its first frame."""
_RATE_EXCESS, _PSNR_LACK = 1.05, 0.5
"""How far a file may miss what was asked for without a word: part of the bit rate, dB."""


def encode(
    source: str | Path,
    target: str | Path,
    *,
    preset: str = "fast",
    crf: float | None = None,
    bitrate: float | None = None,
    psnr: float | None = None,
    gaussians: int | None = None,
    low_delay: bool = False,
    select: str | None = None,
    motion: str | None = None,
    entropy: str | None = None,
    gop: int | None = None,
    threshold: float | None = None,
    height: int | None = None,
    frames: int | None = None,
    init: str | None = None,
    optimizer: str | None = None,
    quant: str | None = None,
    roi: str | Path = "auto",
    matting: str | Path | Matte = "auto",
    background: str = "splats",
    background_kbps: float | None = None,
    arch: str = "auto",
    threads: int | None = None,
    overwrite: bool = False,
    jobs: int = 1,
    live: bool = False,
    ending: Ending | None = None,
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> dict:
    """Encode a clip.

    Parameters
    ----------
    source : str or Path
        A file that FFmpeg's libraries open, a folder of images, or ``-`` for y4m on standard
        input, or ``camera:0``, ``camera:/dev/video0``, which is live.
    target : str or Path
        The ``.tsplat`` file. It is written beside its place and moved there when it is whole. If
        live, it may be ``-``, standard output, or a named pipe.
    preset : {"realtime", "fast", "slow"}
        See :func:`tsplat.config.preset`.
    crf, bitrate, psnr : float, optional
        Constant quality, 0..63, less is better, about 6 more halve the bytes (the default, 24);
        or kbit/s to keep to; or a PSNR to hold, dB. One of them. What cannot be reached is
        approached, with a warning that says how far it went.
    low_delay : bool
        No interpolated frames: every frame's packet is complete with it.
    gaussians, gop, threshold, init, select, motion, entropy : optional
        Fields of :class:`tsplat.config.EncoderConfig`; the preset's by default.
    optimizer, quant : optional
        See :func:`tsplat.config.preset`.
    height : int, optional
        Scale the pictures to this many lines first.
    frames : int, optional
        Encode no more than this many.
    roi : {"auto", "person", "off"} or path
        The region of interest: the person where there is one, else the whole frame; the person,
        always; the whole frame; or grey masks, a folder or a video, one for each frame (which
        then are all coded, none interpolated).
    matting : str, path or callable
        Model that finds the person: see :class:`tsplat.roi.Matting`; or anything that maps a
        frame, (H, W, 3) uint8, to opacities, (H, W) float.
    background : str
        "splats", "none", "blur", "video" (:class:`tsplat.config.EncoderConfig`), or a colour,
        "#rrggbb" or a name: nothing, and players show that colour.
    background_kbps : float, optional
        Rate of a background of video, kbit/s.
    arch : {"auto", "cpu", "cuda", "vulkan", "metal"}
        Backend.
    threads : int, optional
        CPU threads.
    overwrite : bool
        Replace ``target`` if it exists.
    jobs : int
        Processes that encode parts of the clip, to the same bytes; for a constant quality, without
        a region of interest.
    live : bool
        Keep up with the clock: frames that come while another one is coded and another one waits
        are dropped, the effort follows the time that there is, up to the preset's, there are no
        interpolated frames, and packets are flushed as they are made. A file's frames come at
        their times.
    ending : Ending, optional
        Ends a live encode early, the file whole up to there.
    progress : callable, optional
        Called after every frame with the number done and the number in all, or None.
    announce : callable, optional
        Called with a line of text when ``auto`` falls back to the CPU, or when it takes another
        region of interest.

    Returns
    -------
    dict
        What ``tsplat encode --json`` prints: ``frames``, ``i_frames``, ``p_frames``, ``bytes``,
        ``bpp`` (of the whole file), ``kbit_s``, ``psnr_db`` and ``psnr_region_db`` (of the
        decoded file, RGB, over the whole frame and inside the region), ``region_share``,
        ``background_bytes``, ``encode_frames_per_s``, ``seconds`` by stage, ``warnings``...; if
        live, also ``dropped_frames``, ``latency_median_ms`` and ``latency_worst_ms``, from a
        frame's arrival to its packet.

    Raises
    ------
    ConfigError, MediaError, ModelError, BackendError
        A setting is out of range; the source cannot be read, is too large, has no person in it
        or does not suit its masks, or the target cannot be written; the matting model does not
        work; the backend is not there. Nothing is left behind.
    """
    if frames is not None and frames < 1:
        raise ConfigError(f"frames: got {frames}, expected 1 or more")
    live = live or is_camera(source)
    settings: dict[str, Any] = {
        "crf": crf,
        "bitrate": bitrate,
        "psnr": psnr,
        "gaussians": gaussians,
        "gop": gop,
        "entropy": entropy,
    }
    settings |= {"threshold": threshold, "init": init, "optimizer": optimizer, "quant": quant}
    settings |= {"select": select, "motion": motion}
    settings |= to_encode(background) | {"background_kbps": background_kbps}
    config = _configured(preset, str(roi), live, low_delay, background, settings)
    if jobs != 1:
        check_jobs(jobs, source, roi, live, config)
    check_distinct(source, target)
    with ExitStack() as stack:
        output = _Output(stack.enter_context(written(target, overwrite, following=live)), live)
        pictures = stack.enter_context(_opened(source, height))
        clip = pictures.clip
        _check_size(source, clip)
        finder = _finder(stack, roi, matting, clip, height)
        backend = runtime.start(arch, threads)
        runtime.announce_fallback(backend, announce)
        regions: deque[Region] = deque()
        encoder = Encoder(
            clip.width,
            clip.height,
            clip.rate,
            config,
            aspect=clip.aspect,
            colour=clip.colour,
            roi=(lambda frame: regions.popleft()) if finder else None,
        )
        check = Check(encoder.header)
        if live:
            # Before the clock runs: it takes as long as dozens of frames.
            warm(config)
        now = _live(source, pictures, encoder, ending or Ending()) if live else None
        total = clip.frames if frames is None else min(frames, clip.frames or frames)
        seconds = {"read": 0.0, "roi": 0.0}
        began = time.perf_counter()
        output.write(encoder.header)
        cautions: list[str] = []
        if jobs > 1:
            planned, cautions = plan(source, height, clip, config, frames)
            parts = encoded(planned, jobs, arch, threads)
            _put_parts(parts, encoder, check, output, lambda n: progress and progress(n, total))
            duration = sum(sum(job.ticks) for job in planned)
        else:
            found = _found(_paced(now or pictures, clip.rate, frames, seconds), finder, seconds)
            if now:
                # A frame that were made ready ahead of time would be an older one.
                stack.callback(now.close)
                total = None
            else:
                found = stack.enter_context(closing(ahead(found, AHEAD)))
            duration = 0
            for count, item in enumerate(found, 1):
                duration += item.ticks
                if item.region is not None:
                    regions.append(item.region)
                check.expect(item.frame)
                packets = encoder.encode(item.frame, item.ticks)
                output.write(packets)
                if now:
                    now.sent()
                check.take(packets)
                if progress:
                    progress(count, total)
                if announce and item.news:
                    announce(item.news)
            rest = encoder.flush()
            check.take(rest)
            output.write(rest + encoder.finish())
        done = encoder.statistics
        length = float(Fraction(duration + container.TICKS, container.TICKS) / clip.rate)
        kbps = (output.size - done.background_bytes) * 8 / length / 1000
        inside = check.psnr_inside()
        warnings = [
            *pictures.warnings,
            *cautions,
            *(now.warnings if now else []),
            *_checked(finder, source, done.frames, frames),
            *_missed(source, config, kbps, check.psnr() if inside is None else inside),
        ]
        seconds |= {"write": output.seconds, "verify": check.seconds}
        seconds |= {"total": time.perf_counter() - began}
    return {
        "input": str(source),
        "output": str(target),
        "width": clip.width,
        "height": clip.height,
        "rate": str(clip.rate),
        "preset": preset,
        "gaussians": done.gaussians,
        "splats": done.splats,
        "roi": str(roi),
        "region_share": done.region_share / done.frames if finder else None,
        "person_frames": done.frames - len(finder.absent) if finder else None,
        "background": background,
        "background_bytes": done.background_bytes,
        "frames": done.frames,
        "i_frames": done.i_frames,
        "p_frames": done.p_frames,
        "b_frames": done.between,
        "changed_splats_per_p_frame": round(done.changed_splats / max(1, done.p_frames), 1),
        "duration_s": round(length, 6),
        "bytes": output.size,
        "bpp": output.size * 8 / (clip.width * clip.height * done.frames),
        "kbit_s": output.size * 8 / length / 1000,
        "psnr_db": check.psnr(),
        "psnr_region_db": inside,
        "encode_frames_per_s": done.frames / seconds["total"],
        "arch": backend.arch,
        "threads": backend.threads,
        "seconds": {k: round(v, 4) for k, v in (done.seconds | seconds).items()},
        "warnings": warnings,
        **(now.report() if now else {}),
    }


def _configured(
    preset: str,
    roi: str,
    live: bool,
    low_delay: bool,
    background: str,
    settings: dict[str, Any],
) -> EncoderConfig:
    """A preset with what was asked for besides, if it goes together."""
    given = {name: value for name, value in settings.items() if value is not None}
    if len(given.keys() & {"crf", "bitrate", "psnr"}) > 1:
        raise ConfigError("crf, bitrate and psnr exclude one another")
    masks = roi not in (*POLICIES, "off")
    if live and masks:
        raise ConfigError(f"roi: masks are one a frame, of which live drops some; got {roi}")
    config = make_config(preset, span=1 if live or low_delay or masks else SPAN, **given)
    if roi == "off" and config.background != "splats":
        raise ConfigError(f"background: {background} needs a region of interest, not --roi off")
    return config


@dataclass
class _Output:
    """The file, how many bytes it has, and how long writing took."""

    file: BinaryIO
    follow: bool
    size: int = 0
    seconds: float = 0.0

    def write(self, data: bytes) -> None:
        clock = time.perf_counter()
        self.file.write(data)
        self.size += len(data)
        if self.follow:
            self.file.flush()
        self.seconds += time.perf_counter() - clock


def _put_parts(
    parts: Iterable[Part],
    encoder: Encoder,
    check: Check,
    output: _Output,
    progress: Callable[[int], object],
) -> None:
    """Write what other processes have encoded and checked, and count it as if it were done here."""
    intra_offsets: list[tuple[int, int]] = []
    for part in parts:
        intra_offsets += [(number, output.size + at) for number, at in part.intra]
        output.write(part.packets)
        check.squared_error += part.squared_error
        check.frames += part.statistics.frames
        encoder.statistics.add(part.statistics)
        progress(encoder.statistics.frames)
    frames = encoder.statistics.frames
    output.write(container.pack_index(frames, container.TICKS, intra_offsets))


def _opened(source: str | Path, height: int | None) -> Source:
    if not is_camera(source):
        return open_source(source, height)
    return within(_CAMERA_SECONDS, lambda: open_source(source, height), str(source))


def _live(source: str | Path, pictures: Source, encoder: Encoder, ending: Ending) -> Live:
    """The pictures as they come, and an encoder that keeps up with them."""
    effort = Effort(encoder.config, float(1 / pictures.clip.rate))
    intra_frames = 0

    def spent(seconds: float) -> None:
        nonlocal intra_frames
        before, intra_frames = intra_frames, encoder.statistics.i_frames
        effort.spent(seconds, keyframe=intra_frames > before)
        encoder.adapt(effort.intra, effort.rates)

    encoder.adapt(effort.intra, effort.rates)
    camera = is_camera(source)
    return Live(
        pictures,
        str(source),
        ending,
        paced=not (camera or str(source) == "-" or Path(source).is_fifo()),
        stall=STALL if camera else None,
        spent=spent,
    )


def _finder(
    stack: ExitStack, roi: str | Path, matting: str | Path | Matte, clip: Clip, height: int | None
) -> Tracker | Masks | None:
    """What finds the region of each frame."""
    if roi == "off":
        return None
    if roi not in POLICIES:
        if not Path(roi).exists():
            raise ConfigError(f"roi: got {str(roi)!r}, expected auto, person, off, or masks")
        masks = stack.enter_context(open_source(roi, height))
        return Masks((mask for _, mask in masks), str(roi), clip.width, clip.height)
    if not callable(matting):
        from tsplat.roi.matting import Matting

        matting = Matting(matting)
    return Tracker(clip.width, clip.height, matting, str(roi))


def _checked(
    finder: Tracker | Masks | None, source: str | Path, count: int, limit: int | None
) -> list[str]:
    """Warnings about frames without a person; refuses a clip or masks that have none at all."""
    if isinstance(finder, Masks):
        finder.finish(clip_ended=limit is None or count < limit)
    elif finder is None or finder.policy == "auto":
        return []
    elif len(finder.absent) == count:
        raise MediaError(
            f"{source}: no person found in any of {count} frames; --roi off encodes them whole"
        )
    if not finder.absent:
        return []
    what = "empty masks" if isinstance(finder, Masks) else "no person found"
    return [f"{source}: {what} in frames {_ranges(finder.absent)}"]


def _check_size(source: str | Path, clip: Clip) -> None:
    if max(clip.width, clip.height) > MAX_SIDE or clip.width * clip.height > MAX_PIXELS:
        raise MediaError(
            f"{source}: {clip.width}x{clip.height} is too large: sides up to {MAX_SIDE} and "
            f"{MAX_PIXELS} pixels; --height scales it"
        )


def _missed(source: str | Path, config: EncoderConfig, kbps: float, psnr: float) -> list[str]:
    """Warnings that what was asked for was not reached.

    kbps: of the file without a background of video, whose rate is a setting of its own. psnr:
    inside the region, where there is one, as that is what is held.
    """
    if config.bitrate is not None and kbps > _RATE_EXCESS * config.bitrate:
        return [f"{source}: {kbps:.1f} kbit/s, more than the {config.bitrate:g} asked for"]
    if config.psnr is not None and psnr < config.psnr - _PSNR_LACK:
        return [f"{source}: PSNR {psnr:.2f} dB, less than the {config.psnr:g} asked for"]
    return []


def _ranges(numbers: list[int]) -> str:
    """Runs of numbers, in ascending order.

    >>> _ranges([0, 1, 2, 7, 9, 10])
    '0-2, 7, 9-10'
    """
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return ", ".join(f"{a}-{b}" if a < b else str(a) for a, b in runs)


@dataclass(frozen=True)
class _Item:
    """A frame, its region if one is looked for, and what there is to say about it."""

    ticks: int
    frame: np.ndarray
    region: Region | None
    news: str


def _found(
    paced: Iterator[tuple[int, np.ndarray]],
    finder: Tracker | Masks | None,
    seconds: dict[str, float],
) -> Iterator[_Item]:
    """Find each frame's region."""
    for number, (ticks, frame) in enumerate(paced):
        clock = time.perf_counter()
        region, news = finder(frame) if finder else None, ""
        seconds["roi"] += time.perf_counter() - clock
        if isinstance(finder, Tracker) and finder.decisions and finder.decisions[-1][0] == number:
            news = f"roi: the {finder.decisions[-1][1]}, from frame {number}"
        yield _Item(ticks, frame, region, news)


def _paced(
    pictures, rate: Fraction, most: int | None, seconds: dict[str, float]
) -> Iterator[tuple[int, np.ndarray]]:
    """Ticks and picture of each frame; counts the time that reading takes."""
    limited = itertools.islice(iter(pictures), most)
    clocked = _clocked(limited, seconds)
    # Not itertools.tee, which keeps up to 57 frames that nobody needs any more.
    shown: deque[np.ndarray] = deque()

    def times() -> Iterator[Fraction]:
        for when, frame in clocked:
            shown.append(frame)
            yield when

    for ticks in timeline(times(), rate):
        yield ticks, shown.popleft()


def _clocked(items: Iterator, seconds: dict[str, float]) -> Iterator:
    while True:
        clock = time.perf_counter()
        item = next(items, None)
        seconds["read"] += time.perf_counter() - clock
        if item is None:
            return
        yield item
