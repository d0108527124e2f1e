"""Frames a second of tsplat and of other codecs, from RGB in memory to packets and back.

Kernels and models are loaded before a clock runs. All codecs work on the same pictures with all
threads of the machine; other codecs besides with one, as far as they heed it. None of them
verifies what it wrote.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np

from tsplat.bench import codecs as peers
from tsplat.bench.pictures import Pictures
from tsplat.config import preset
from tsplat.decoding.decoder import Decoder
from tsplat.encoding.encoder import Encoder
from tsplat.files.ahead import ahead
from tsplat.files.reader import Reader
from tsplat.files.session import AHEAD, SPAN
from tsplat.files.warming import warm
from tsplat.region import Region
from tsplat.roi.matting import Matting
from tsplat.roi.tracker import Tracker

STAGES = ("init", "flow", "intra", "inter", "code")
"""Of :data:`tsplat.encoding.encoder.STAGES`, those of a clip without a background of video."""
_ROUNDS = 3
"""Of what is over in a moment; the median counts."""


class Clock:
    """Measures a block: wall time, the processors' time, and how many cores were at work."""

    def __enter__(self) -> Clock:
        self._began = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._began[0]
        self.cpu_seconds = time.process_time() - self._began[1]
        self.cores = self.cpu_seconds / self.seconds


def encode(clip: Pictures, name: str) -> tuple[bytes, dict]:
    """Encode a clip as ``tsplat encode`` does by default, matting included.

    Parameters
    ----------
    clip : Pictures
    name : str
        A preset.

    Returns
    -------
    bytes, dict
        The stream; ``preset``, ``frames_per_s``, ``cores`` at work, ``cpu_ms`` of the processors a
        frame, which a busy machine changes less, ``bytes``, and ``ms`` a frame by stage. Matting
        works ahead, in a thread of its own, beside the other stages; ``waiting`` is for it, and
        ``rest`` is what no stage took. All but ``matting`` together are the time of a frame.
    """
    height, width = clip.frames[0].shape[:2]
    config = preset(name, max_span=SPAN)
    matting = Matting()
    matting(clip.frames[0])
    tracker = Tracker(width, height, matting)
    warm(config)
    encoder = Encoder(width, height, clip.rate, config, regions=True)
    spent = dict.fromkeys(("matting", "waiting"), 0.0)

    def found() -> Iterator[tuple[np.ndarray, Region]]:
        for frame in clip.frames:
            yield frame, _spend(spent, "matting", lambda frame=frame: tracker(frame))

    with Clock() as clock:
        parts = [encoder.header]
        coming = ahead(found(), AHEAD)
        while (item := _spend(spent, "waiting", lambda: next(coming, None))) is not None:
            parts.append(encoder.encode(item[0], region=item[1]))
        parts.append(encoder.finish())
    stages = {stage: encoder.statistics.seconds[stage] for stage in STAGES}
    rest = clock.seconds - spent["waiting"] - sum(stages.values())
    seconds = spent | stages | {"rest": rest}
    stream = b"".join(parts)
    return stream, {
        "preset": name,
        "frames_per_s": len(clip.frames) / clock.seconds,
        "cores": clock.cores,
        "cpu_ms": 1e3 * clock.cpu_seconds / len(clip.frames),
        "bytes": len(stream),
        "ms": {stage: 1e3 * s / len(clip.frames) for stage, s in seconds.items()},
    }


def decode(path: Path, name: str) -> dict:
    """Decode a file to pictures in memory.

    Returns
    -------
    dict
        ``preset``, ``frames_per_s``, ``cores`` and ``cpu_ms`` of iterating over a Reader, and
        ``ms`` a frame by stage, of a decoder fed packet by packet: ``parse`` and ``render``.
    """
    frames, clock = _timed(lambda: sum(1 for _ in Reader(path)))
    spent = dict.fromkeys(("parse", "render"), 0.0)
    reader = Reader(path)
    decoder = Decoder(reader.header)
    for packet in reader.packets():
        _spend(spent, "parse", lambda packet=packet: decoder.advance(packet))
        for place in packet.places:
            _spend(spent, "render", lambda place=place: decoder.picture(place))
    return {
        "preset": name,
        "frames_per_s": frames / clock.seconds,
        "cores": clock.cores,
        "cpu_ms": 1e3 * clock.cpu_seconds / frames,
        "ms": {stage: 1e3 * s / frames for stage, s in spent.items()},
    }


def peer(clip: Pictures, name: str, size: int, threads: int) -> dict:
    """Encode and decode a clip with another codec.

    Parameters
    ----------
    clip : Pictures
    name : str
        Of :data:`tsplat.bench.codecs.PEERS`.
    size : int
        Bytes: the worst quality that takes as many is the one that is timed.
    threads : int
        Of encoder and decoder, which SVT-AV1 and x265 take for advice.

    Returns
    -------
    dict
        ``codec``, ``threads``, ``crf``, ``bytes``; ``encode_frames_per_s``, from RGB,
        ``encode_cores`` and ``encode_cpu_ms``; ``decode_frames_per_s``, to RGB, ``decode_cores``
        and ``decode_cpu_ms``;
        ``decode_yuv_frames_per_s``, without that conversion.
    """

    def coded(crf: int) -> peers.Stream:
        return peers.encode(clip.frames, name, crf, rate=clip.rate, threads=threads)

    crfs = peers.PEERS[name].codec.crfs
    number = bisect_left(crfs, size, key=lambda crf: coded(crf).bytes)
    crf = crfs[min(number, len(crfs) - 1)]
    stream, encoding = _timed(lambda: coded(crf))
    count, decoding = _timed(lambda: sum(1 for _ in peers.decode(stream, threads)))
    _, bare = _timed(lambda: peers.decode_only(stream, threads))
    return {
        "codec": name,
        "threads": threads,
        "crf": crf,
        "bytes": stream.bytes,
        "encode_frames_per_s": count / encoding.seconds,
        "encode_cores": encoding.cores,
        "encode_cpu_ms": 1e3 * encoding.cpu_seconds / count,
        "decode_frames_per_s": count / decoding.seconds,
        "decode_cores": decoding.cores,
        "decode_cpu_ms": 1e3 * decoding.cpu_seconds / count,
        "decode_yuv_frames_per_s": count / bare.seconds,
    }


def ratios(encoded: list[dict], decoded: list[dict], beside: list[dict]) -> list[dict]:
    """Frames a second of tsplat over those of each other codec, by preset: ``encode``, ``decode``,
    and ``decode_yuv``, of which only tsplat's pictures are RGB."""
    return [
        {
            "preset": ours["preset"],
            "codec": other["codec"],
            "threads": other["threads"],
            "encode": ours["frames_per_s"] / other["encode_frames_per_s"],
            "decode": shown["frames_per_s"] / other["decode_frames_per_s"],
            "decode_yuv": shown["frames_per_s"] / other["decode_yuv_frames_per_s"],
        }
        for ours, shown in zip(encoded, decoded)
        for other in beside
    ]


def _timed(work: Callable) -> tuple:
    """What a repeated work gives, and the clock of its median round."""
    rounds = []
    for _ in range(_ROUNDS):
        with Clock() as clock:
            result = work()
        rounds.append((clock.seconds, clock))
    middle = median(seconds for seconds, _ in rounds)
    return result, next(clock for seconds, clock in rounds if seconds == middle)


def _spend(spent: dict[str, float], stage: str, work: Callable):
    began = time.perf_counter()
    result = work()
    spent[stage] += time.perf_counter() - began
    return result
