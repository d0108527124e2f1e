"""From a file or a camera to a ``.tsplat`` file."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from tsplat.config import EncoderConfig, preset
from tsplat.encoding.coder import Ways
from tsplat.encoding.effort import Effort
from tsplat.encoding.encoder import Encoder
from tsplat.errors import ConfigError, MediaError
from tsplat.files import jobs, report
from tsplat.files.ahead import ahead
from tsplat.files.check import Check
from tsplat.files.items import Item, Pace
from tsplat.files.live import STALL, Ending, Live, within
from tsplat.files.person import Person
from tsplat.files.run import Run
from tsplat.files.warming import warm
from tsplat.kernels import runtime
from tsplat.media.camera import is_camera
from tsplat.media.clip import Clip, Source
from tsplat.media.places import STANDARD, check_distinct, written
from tsplat.media.sink import VIDEO_ENDINGS
from tsplat.media.source import open_source
from tsplat.media.timing import ticks_of
from tsplat.splats import MAX_PIXELS, MAX_SIDE
from tsplat.stream import container
from tsplat.stream.index import pack_index

SPAN = 16
"""Frames from one P-frame to the next, where interpolated frames may come late."""
AHEAD = 4
"""Frames that are read, and in which the person is found, before they are encoded."""
_CAMERA_SECONDS = 15.0
"""That a camera may take to give its first frame."""


def encode(
    source: str | Path,
    target: str | Path,
    config: EncoderConfig | None = None,
    *,
    height: int | None = None,
    frames: int | None = None,
    person: Person | None = None,
    ways: Ways | None = None,
    run: Run | None = None,
) -> dict:
    """Encode a clip.

    Parameters
    ----------
    source : str or Path
        A file that FFmpeg's libraries open, a folder of images, a pipe or ``-`` for standard
        input, or ``camera:0``, ``camera:/dev/video0``, which is live.
    target : str or Path
        The ``.tsplat`` file. It is written beside its place and moved there when it is whole; a
        pipe, a device or ``-``, standard output, is written to as packets come.
    config : EncoderConfig, optional
        See :func:`tsplat.preset`. What cannot be reached, such as a bit rate, is approached, with
        a warning that says how far it went.
    height : int, optional
        Scale the pictures to this many lines first.
    frames : int, optional
        Encode no more than this many.
    person : Person, optional
        The region of interest.
    ways : Ways, optional
        Other ways of coding frames, such as the paper's.
    run : Run, optional
        Backend, processes, live.

    Returns
    -------
    dict
        What ``tsplat encode --json`` prints: ``frames``, ``i_frames``, ``p_frames``, ``bytes``,
        ``bpp`` (of the whole file), ``kbit_s``, ``psnr_db`` and ``psnr_region_db`` (of the
        decoded file, RGB, over the whole frame and inside the region), ``region_share``,
        ``background_bytes``, ``encode_frames_per_s``, ``seconds`` by stage, ``notes`` (what of the
        source is not coded, or was converted), ``warnings``...; if live, also ``dropped_frames``,
        ``latency_median_ms`` and ``latency_worst_ms``, from a frame's arrival to its packet.

    Raises
    ------
    ConfigError, MediaError, ModelError, BackendError
        A setting is out of range; the source cannot be read, is too large, has no person in it
        or does not suit its masks, or the target cannot be written; the matting model does not
        work; the backend is not there. Nothing is left behind, but of what is live.
    """
    config, run, ways = config or preset("fast"), run or Run(), ways or Ways()
    run = replace(run, live=run.live or is_camera(source))
    person = (person or Person()).behind(config.background)
    _check_fit(run, person, ways, frames)
    if config.max_span is None:
        config = replace(config, max_span=1 if run.live or person.has_masks else SPAN)
    if run.jobs != 1:
        jobs.check(run.jobs, source, person.roi, run.live, config, ways)
    check_distinct(source, target)
    _check_name(target)
    began = time.perf_counter()
    with ExitStack() as stack:
        output = Output(stack.enter_context(written(target, run.overwrite, run.live)), run.live)
        pictures = stack.enter_context(_opened(source, height))
        clip = pictures.clip
        _check_size(source, clip)
        finder = person.finder(clip.width, clip.height, height)
        backend = runtime.start(run.arch, run.threads)
        if ways.learn:
            config = ways.learn(pictures.peek(), config)
        encoder = Encoder(
            clip.width,
            clip.height,
            clip.rate,
            config,
            aspect=clip.aspect,
            colour=clip.colour,
            regions=finder is not None,
            ways=ways,
        )
        session = Session(encoder, Check(encoder.header), output, run)
        if run.jobs > 1:
            parts = jobs.plan(jobs.Whole(str(source), height, clip, config), frames, pictures)
            session.join(jobs.encoded(parts, run.jobs, run.arch, run.threads), clip, frames)
        elif run.live:
            # Before the clock runs: it takes as long as dozens of frames.
            warm(config)
            live = stack.enter_context(closing(_live(source, pictures, encoder, run.ending)))
            session.code(Pace(live, clip.rate, frames).items(finder), None, live)
        else:
            items = Pace(pictures, clip.rate, frames, session.seconds).items(finder)
            total = clip.frames if frames is None else min(frames, clip.frames or frames)
            session.code(stack.enter_context(closing(ahead(items, AHEAD))), total)
        session.finish(pictures.last)
        if finder is not None:
            finder.finish(frames, encoder.statistics.frames, str(source))
        seconds = time.perf_counter() - began
    about = {
        "input": str(source),
        "output": str(target),
        "roi": str(person.roi),
        "arch": backend.arch,
        "threads": backend.threads,
    }
    result = report.report(about, session, pictures, finder, seconds)
    result["warnings"] += backend.warnings
    return result


class Session:
    """What an encode has done: frames go in, packets are written, checked and counted.

    Parameters
    ----------
    encoder : Encoder
    check : Check
        Decodes what is written.
    output : Output
    run : Run

    Attributes
    ----------
    ticks : int
        Duration of the frames so far, but for the last one's.
    last_ticks : int
        Of the last frame; known after :meth:`finish`.
    seconds : dict of str to float
        That reading, finding regions and writing took.
    live : Live or None
        Where the frames come from, if they come as they are made.
    """

    def __init__(self, encoder: Encoder, check: Check, output: Output, run: Run):
        self.encoder, self.check, self.output, self._run = encoder, check, output, run
        self.ticks, self.last_ticks = 0, container.TICKS
        self.seconds = {"read": 0.0, "roi": 0.0}
        self.live: Live | None = None
        self._intra: list[tuple[int, int]] | None = None

    def code(self, items: Iterable[Item], total: int | None, live: Live | None = None) -> None:
        """Encode frames as they come."""
        self.live = live
        # A file that grows has no name before there is something to see in it.
        ahead = self.encoder.header
        for count, item in enumerate(items, 1):
            self.ticks += item.ticks
            self.check.expect(item.frame)
            packets = self.encoder.encode(item.frame, item.ticks, region=item.region)
            self.output.write(ahead + packets)
            ahead = b""
            if live:
                live.sent()
            self.check.take(packets)
            if self._run.progress:
                self._run.progress(count, total)
            if self._run.announce and item.news:
                self._run.announce(item.news)
        rest = self.encoder.flush()
        self.check.take(rest)
        self.output.write(rest)

    def join(self, parts: Iterator[jobs.Part], clip: Clip, most: int | None) -> None:
        """Write what other processes have encoded and checked, and count it as if done here."""
        self._intra = []
        self.output.write(self.encoder.header)
        done = self.encoder.statistics
        total = clip.frames if most is None else min(most, clip.frames or most)
        for part in parts:
            self._intra += [(number, self.output.size + at) for number, at in part.intra]
            self.output.write(part.packets)
            self.ticks += part.ticks
            self.check.squared_error += part.squared_error
            self.check.frames += part.statistics.frames
            done.add(part.statistics)
            if self._run.progress:
                self._run.progress(done.frames, total)

    def finish(self, last: Fraction | None) -> None:
        """The index; last: seconds for which a clip's last picture is shown, if that is known."""
        if last is not None:
            rate = self.encoder.rate
            self.last_ticks = min(
                ticks_of(float(last * rate) * 1000, rate), container.MAX_TICKS - 1
            )
        if self._intra is None:
            self.output.write(self.encoder.finish(self.last_ticks))
        else:
            frames = self.encoder.statistics.frames
            self.output.write(pack_index(frames, self.last_ticks, self._intra))


@dataclass
class Output:
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
        paced=not (camera or str(source) == STANDARD or Path(source).is_fifo()),
        stall=STALL if camera else None,
        spent=spent,
    )


def _check_fit(run: Run, person: Person, ways: Ways, frames: int | None) -> None:
    """Refuse what does not go together."""
    if frames is not None and frames < 1:
        raise ConfigError(f"frames: got {frames}, expected 1 or more")
    if run.live and person.has_masks:
        raise ConfigError(f"roi: masks are one a frame, of which live drops some; got {person.roi}")
    if run.live and not ways.steady:
        raise ConfigError("live: the paper's ways heed no clock")


def _check_name(target: str | Path) -> None:
    ending = Path(target).suffix.lower()
    if ending in (*VIDEO_ENDINGS, ".y4m", ".rgb", ".png", ".gif", ".avi"):
        raise ConfigError(
            f"{target}: what is encoded is a .tsplat file, and no {ending}; decode writes videos"
        )


def _check_size(source: str | Path, clip: Clip) -> None:
    if max(clip.width, clip.height) > MAX_SIDE or clip.width * clip.height > MAX_PIXELS:
        raise MediaError(
            f"{source}: {clip.width}x{clip.height} is too large: sides up to {MAX_SIDE} and "
            f"{MAX_PIXELS} pixels; --height scales it"
        )
