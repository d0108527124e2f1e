"""Pictures from whatever FFmpeg's libraries open, from image files, or from a pipe."""

from __future__ import annotations

import os
import re
import stat
import sys
import time as clock
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

import av
import av.error
import numpy as np

from tsplat.errors import ConfigError, MediaError, reason_of
from tsplat.media.camera import is_camera, open_camera
from tsplat.media.clip import UNSPECIFIED, Clip, Source, scaled_size
from tsplat.media.images import IMAGE_ENDINGS, open_folder, open_image, open_masks
from tsplat.media.pipe import Pipe
from tsplat.media.places import STANDARD
from tsplat.media.rgb import SDR, ToRgb, is_hdr, is_wide, upright_size
from tsplat.media.timing import LONGEST, Clock, fraction, nominal_rate, small_aspect

_POLL = 0.002
"""Seconds to wait where a camera has no new frame yet and says so."""
_SURVEYED = 120
"""Packets of a file whose times are looked at before it is read."""
_AHEAD = 20
"""Packets of a pipe whose times are looked at, where no rate is said: as many as FFmpeg itself has
read by then, to guess one."""
_USUAL = 120
"""Frames a second; more than that may be the fineness of a clock."""
_TS_PACKETS = (188, 192, 204)
"""Bytes of MPEG-TS packets: as broadcast, on discs, with error correction."""
_Y4M = b"YUV4MPEG2"


def open_source(path: str | Path, height: int | None = None, alpha: bool = False) -> Source:
    """Open a clip.

    Parameters
    ----------
    path : str or Path
        A file, a named pipe, a folder of images (in the order of the numbers in their names),
        ``-`` for standard input, or ``camera:0``, ``camera:/dev/video0``.
    height : int, optional
        Scale pictures to this many lines; the width follows from the aspect ratio.
    alpha : bool
        Pictures of a video that has alpha are (H, W, 4), RGBA; otherwise it is dropped.

    Raises
    ------
    MediaError
        There is no picture to be had from it; the message says what was found instead.
    """
    if height is not None and not 1 <= height <= 8192:
        raise ConfigError(f"height: got {height}, expected 1..8192")
    if is_camera(path):
        return _Video(str(path), open_camera(path)).source(height, alpha)
    if str(path) == STANDARD:
        return _from_pipe("standard input", Pipe(_standard_input()), height, alpha)
    if not str(path) or not os.path.exists(path):
        raise MediaError(f"{path}: no such file")
    if os.path.isdir(path):
        return open_folder(Path(path), height)
    if not stat.S_ISREG(os.stat(path).st_mode):
        pipe = Pipe(os.open(path, os.O_RDONLY), closing=True)
        return _from_pipe(str(path), pipe, height, alpha)
    if os.stat(path).st_size == 0:
        raise MediaError(f"{path}: the file is empty")
    if Path(path).suffix.lower() in IMAGE_ENDINGS:
        return open_image(Path(path), height)
    survey = _survey(str(path))
    return _Video(str(path), _opened(str(path), _file(path)), survey).source(height, alpha)


def masks(path: str | Path, height: int | None = None) -> Iterator[np.ndarray]:
    """Masks of a folder of images, of an image or of a video: each (H, W) uint8, 255 inside.

    A video's are its alpha, if it has it, or else its lightest channel.

    Raises
    ------
    MediaError
        There are none to be had from it.
    """
    if os.path.isdir(path) or Path(path).suffix.lower() in IMAGE_ENDINGS:
        yield from open_masks(Path(path), height)
        return
    with open_source(path, height, alpha=True) as source:
        for _, picture in source:
            yield picture[..., 3] if picture.shape[2] == 4 else picture.max(-1)


def _standard_input() -> int:
    if sys.stdin is None:
        raise MediaError("standard input is closed")
    return sys.stdin.fileno()


def _from_pipe(name: str, pipe: Pipe, height: int | None, alpha: bool) -> Source:
    try:
        # Nothing has to be guessed of y4m, which would hold its first frames back.
        kind = "yuv4mpegpipe" if pipe.peek(len(_Y4M)) == _Y4M else None
        return _Video(name, _opened(name, pipe, kind), pipe=pipe).source(height, alpha)
    except BaseException as error:
        pipe.close()
        if pipe.interrupted and isinstance(error, MediaError):
            raise pipe.interrupted from None
        raise


def _file(path: str | Path) -> str:
    """A name in which FFmpeg sees neither a protocol nor a pattern."""
    return f"file:{os.fsdecode(path)}"


def _opened(name: str, file: str | Pipe, kind: str | None = None) -> av.container.InputContainer:
    try:
        return av.open(file, "r", format=kind, options={"pattern_type": "none"})
    except (av.error.FFmpegError, ValueError, UnicodeError) as error:
        raise MediaError(
            f"{name}: not a video that FFmpeg can open ({reason_of(error)})"
        ) from error


def _chosen(name: str, container: av.container.InputContainer) -> av.VideoStream:
    """The video that a player would show: no cover, no thumbnail."""
    stream = container.streams.best("video")
    cover = stream is not None and "attached_pic" in (stream.disposition.name or "")
    if not isinstance(stream, av.VideoStream) or cover:
        found = ", ".join(sorted({str(s.type) for s in container.streams})) or "no streams"
        what = "a cover picture and no video" if cover else f"no video in it, found {found}"
        raise MediaError(f"{name}: {what}")
    return stream


class _Survey:
    """What the first packets say of a clip's times.

    Parameters
    ----------
    kind : str
        FFmpeg's name of the container.
    packets : iterable of av.Packet
    base : Fraction or None
        Seconds of a tick of theirs.

    Attributes
    ----------
    times : list of Fraction
        Of frames, in the order in which they are shown, seconds; where a clock starts again, so do
        they.
    by_order : bool
        They are those of decoding: some frames have no time of presentation.
    """

    def __init__(self, kind: str, packets: Iterable[av.Packet], base: Fraction | None):
        stamps = [(p.pts, p.dts) for p in packets if p.size] if base else []
        # AVI has no times of presentation; FFmpeg's are those of decoding, and go to and fro.
        self.by_order = kind == "avi" or any(p is None and d is not None for p, d in stamps)
        runs: list[list[Fraction]] = [[]]
        latest = None
        for pts, dts in stamps:
            if dts is not None:
                if latest is not None and dts < latest:
                    runs.append([])
                latest = dts
            stamp = dts if self.by_order else pts
            if stamp is not None and base:
                runs[-1].append(stamp * base)
        self.times = [time for run in runs for time in sorted(run)]


def _survey(path: str) -> _Survey:
    with _opened(path, _file(path)) as container:
        stream = _chosen(path, container)
        packets: list[av.Packet] = []
        with suppress(av.error.FFmpegError):
            packets.extend(islice(container.demux(stream), _SURVEYED))
        return _Survey(container.format.name, packets, fraction(stream.time_base))


class _Video:
    """An open container, and how its frames become a source's pictures."""

    def __init__(
        self,
        name: str,
        container: av.container.InputContainer,
        survey: _Survey | None = None,
        pipe: Pipe | None = None,
    ):
        self._name, self._container, self._pipe = name, container, pipe
        self._survey = survey or _Survey(container.format.name, [], None)
        self._damage: list[str] = []
        self._read = self._marked = 0
        """Packets that were marked as damaged, whatever the decoder made of them."""

    def source(self, height: int | None, alpha: bool) -> Source:
        try:
            self._stream = _chosen(self._name, self._container)
            self._stream.thread_type = "AUTO"
            said = self._said_colour()
            packets = self._packets()
            if self._pipe is not None and self._rate_is_guessed():
                ahead = list(islice(packets, _AHEAD))
                base = fraction(self._stream.time_base)
                self._survey = _Survey(self._container.format.name, ahead, base)
                packets = chain(ahead, packets)
            frames = self._decoded(packets)
            first = next(frames, None)
            if first is None:
                reason = f": {self._damage[0]}" if self._damage else ""
                if self._pipe is not None and "mp4" in self._container.format.name:
                    reason += "; its index is at its end: give the file's name instead"
                raise MediaError(f"{self._name}: no frame could be read from the video{reason}")
            clip = self._clip(first, height, said)
        except BaseException:
            self._container.close()
            raise
        source = Source(clip, iter(()), self._container, _pipe=self._pipe)
        if any(s.type == "audio" for s in self._container.streams):
            source.notes.append(f"{self._name}: its sound is not coded")
        rgb = ToRgb(clip.width, clip.height, alpha)
        source._pictures = self._pictures(source, chain([first], frames), rgb)
        return source

    def _rate_is_guessed(self) -> bool:
        """The container says no rate, or one that FFmpeg does not believe or nobody would."""
        guessed = fraction(self._stream.guessed_rate)
        return guessed is None or guessed > _USUAL or guessed != fraction(self._stream.average_rate)

    def _clip(self, first: av.VideoFrame, height: int | None, colour_said: tuple[int, ...]) -> Clip:
        shown = upright_size(first)
        # The container's word counts before the bitstream's, as in players.
        ratios = (self._stream.sample_aspect_ratio, self._stream.codec_context.sample_aspect_ratio)
        aspect = next((a for a in map(fraction, ratios) if a and a > 0), Fraction(1))
        if shown != (first.width, first.height):
            aspect = 1 / aspect
        colour = self._said_colour()
        # A bitstream that does not say leaves the word to its container.
        pairs = zip(colour, colour_said)
        colour = tuple(own if own not in (0, UNSPECIFIED) else other for own, other in pairs)
        if is_hdr(first) or is_wide(first):
            colour = (*SDR, 1)
        rate = nominal_rate(self._stream, self._survey.times)
        width, lines = scaled_size(*shown, height)
        frames = self._stream.frames or None
        return Clip(width, lines, rate, small_aspect(aspect), colour, frames)  # type: ignore[arg-type]

    def _said_colour(self) -> tuple[int, ...]:
        """Primaries, transfer and matrix, H.273, as far as is known by now."""
        context = self._stream.codec_context
        said = (context.color_primaries, context.color_trc, context.colorspace)
        return tuple(int(c or UNSPECIFIED) for c in said)

    def _pictures(
        self, source: Source, frames: Iterator[av.VideoFrame], rgb: ToRgb
    ) -> Iterator[tuple[Fraction, np.ndarray]]:
        clip = source.clip
        shown = Clock(clip.rate, self._survey.by_order)
        base = fraction(self._stream.time_base)
        decoded: deque[tuple[Fraction, Fraction | None]] = deque()
        count, at = 0, Fraction(0)

        def timed() -> Iterator[av.VideoFrame]:
            for frame in frames:
                at = shown.show(shown.stamp(frame, base))
                decoded.append((at, _length(frame, base, clip.rate)))
                yield frame

        for picture in rgb.convert(timed()):
            at, source.last = decoded.popleft()
            count += 1
            # At once: not everybody reads to the end.
            source.notes += [f"{self._name}: {note}" for note in rgb.notes]
            rgb.notes.clear()
            yield at, picture
        source.notes += [f"{self._name}: {note}" for note in _jumped(shown)]
        # Where recordings were joined, the clock starts again, and a packet looks damaged.
        if self._marked > len(shown.jumps):
            self._damage.append("a packet is cut off or damaged")
        ended = self._ended(count, at, clip, bool(shown.jumps))
        source.warnings += ended
        if source.last is None and not ended and not clip.frames:
            source.last = self._rest(at, clip.rate)

    def _rest(self, at: Fraction, rate: Fraction) -> Fraction | None:
        """From when the last picture appears to when the container says that it ends, seconds."""
        end = self._declared_length()
        # Less than half a frame is the end of a clock that counts no lengths.
        return end - at if end and 1 / rate / 2 <= end - at <= LONGEST else None

    def _packets(self) -> Iterator[av.Packet]:
        """What the container has, up to where it ends or breaks off."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.BlockingIOError:
                clock.sleep(_POLL)
                packets = self._container.demux(self._stream)
                continue
            except av.error.FFmpegError as error:
                if not isinstance(error, av.error.EOFError):
                    self._damage.append(reason_of(error))
                return
            if packet is None:
                return
            yield packet

    def _decoded(self, packets: Iterable[av.Packet]) -> Iterator[av.VideoFrame]:
        """Frames that decode; notes what does not."""
        for packet in packets:
            if packet.is_corrupt:
                self._marked += 1
            if packet.pos is not None and packet.pos >= 0:
                self._read = packet.pos + packet.size
            try:
                yield from packet.decode()
            except av.error.EOFError:
                return
            except av.error.FFmpegError as error:
                self._damage.append(reason_of(error))

    def _ended(self, count: int, at: Fraction, clip: Clip, jumped: bool) -> list[str]:
        """Warnings of an end that came too early; a clock that jumped says nothing of it."""
        name, length = self._name, self._declared_length()
        if self._damage and is_camera(name):
            return [f"{name}: lost after {count} frames: {self._damage[0]}"]
        if self._damage:
            return [f"{name}: damaged, {count} frames could be read: {self._damage[0]}"]
        if self._cut_frame():
            return [f"{name}: breaks off within a frame, after {count} that could be read"]
        if length is not None:
            if (
                not jumped
                and at + 2 / clip.rate < length
                and (not clip.frames or count < clip.frames)
            ):
                return [
                    f"{name}: breaks off after {count} frames, "
                    f"{float(at):.2f} of {float(length):.2f} s"
                ]
        elif clip.frames and count < clip.frames:
            return [f"{name}: breaks off after {count} frames, its header says {clip.frames}"]
        return []

    def _cut_frame(self) -> bool:
        """Something is left behind the last whole frame or packet; FFmpeg says nothing of it."""
        kind = self._container.format.name
        if self._pipe is not None and self._pipe.stopped:
            return False
        size = self._pipe.count if self._pipe else self._container.size
        if kind == "mpegts":
            return all(size % packet for packet in _TS_PACKETS)
        return kind == "yuv4mpegpipe" and 0 < self._read < size

    def _declared_length(self) -> Fraction | None:
        """How long the video should be, seconds, where the container says so."""
        stream, container = self._stream, self._container
        base = fraction(stream.time_base)
        if stream.duration and base:
            return stream.duration * base
        # What follows is when the video ends, on a clock that need not start at 0.
        start = max(0, stream.start_time or 0) * (base or 0)
        named = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
        if named:
            hours, minutes, seconds = named.groups()
            return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds) - start
        if container.duration and len(container.streams) == 1:
            return Fraction(container.duration, av.time_base) - start
        return None


def _length(frame: av.VideoFrame, base: Fraction | None, rate: Fraction) -> Fraction | None:
    """For how long a frame is shown, seconds, where it says so.

    A single tick of a fine clock is FFmpeg's guess for containers that count no lengths.
    """
    ticks = frame.duration or 0
    said = ticks * (base or Fraction(0))
    return min(said, LONGEST) if ticks > 1 or 2 * said * rate >= 1 else None


def _jumped(shown: Clock) -> list[str]:
    if not shown.jumps:
        return []
    frame, seconds = shown.jumps[0]
    others = f" (and {len(shown.jumps) - 1} times more)" if len(shown.jumps) > 1 else ""
    way = f"forward by {seconds:.0f} s" if seconds > 0 else "back"
    return [f"its clock jumps {way} at frame {frame}{others}; it is taken as going on"]
