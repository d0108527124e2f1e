"""Figure 4: how long coding a frame takes, measured here, and as others have published it.

I-frames and P-frames apart are of a clip of which every frame is coded and none interpolated, each
from the frame in memory to its packet, and from its packet to its picture.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

from tsplat.bench import codecs as peers
from tsplat.config import PRESETS, preset
from tsplat.decoding.decoder import Decoder
from tsplat.encoding.encoder import Encoder
from tsplat.errors import MediaError
from tsplat.files.warming import warm
from tsplat.paper.experiments.encodings import ours
from tsplat.paper.experiments.result import Cell, Clip, Result, Table

NAME = "latency"
TITLE = "Fig. 4: milliseconds to encode and to decode a frame"
_CRFS = {"x264": 30, "x265": 30, "svtav1-p8": 45}
PUBLISHED: list[list[Cell]] = [
    ["GaussianImage, to 30 dB", 13_100.0, None, "RTX 3090 Ti, 360p", "the paper, table 1"],
    ["GaussianImage, decoding", None, 0.5, "not named there", "its release: 2000 frames/s"],
    ["the paper, I-frame to 30 dB", 1500.0, None, "RTX 3090 Ti, 360p", "the paper, table 1"],
    ["GSVC", None, 0.667, "1080p, not named there", "arXiv 2501.12060: 1500 frames/s"],
    ["NeRV", None, None, "", "no figure for a frame was found"],
    ["HNeRV", None, None, "", "no figure for a frame was found"],
    ["DCVC-DC", 66.7, None, "RTX 3090 Ti", "the paper, section 4.6: 15 frames/s"],
    ["DCVC-RT", 7.99, 8.87, "A100, 1080p", "arXiv 2502.20762: 125.2 and 112.8 frames/s"],
    ["DCVC-RT, I-frame", 24.6, 22.6, "A100, 1080p", "its release: 40.7 and 44.2 frames/s"],
]
"""Encoding, decoding, ms a frame; on what; said where."""


def latency(clip: Clip, quick: bool) -> Result:
    """Figure 4: tsplat's presets and codecs of pixels on this clip, and published figures."""
    if len(clip.frames) < 2:
        return Result(NAME, TITLE, not_run="one frame is too short to be timed")
    note = (
        "Encoding is everything from a frame in memory to its packet; a clip's I-frame is part of "
        "the mean, and so are tsplat's interpolated frames, which take no time to encode. Apart: "
        "tsplat with every frame coded, the I-frame's time and the median of P-frames. x264 and "
        "x265 medium, SVT-AV1 preset 8, one thread each; tsplat's kernels with all threads. "
        "Decoding ends with RGB in memory. A dash: pictures too small for it, not in this build, "
        "or not measured apart."
    )
    measured = Table("Measured here", _HEAD, list(_measured(clip)), note)
    published = Table(
        "Published, on other hardware and other clips",
        ["", "encode, ms", "decode, ms", "hardware, pictures", "source"],
        PUBLISHED,
        "A dash: not found in what could be read.",
    )
    return Result(NAME, TITLE, [measured, published])


_HEAD = ["", "encode, ms", "decode, ms", "I: encode", "P: encode", "I: decode", "P: decode"]


def _measured(clip: Clip) -> Iterator[list[Cell]]:
    for name in PRESETS:
        warm(preset(name))
        found = ours(clip, name)
        times = (found.encode_ms, found.decode_ms, *apart(clip, name))
        yield [f"tsplat {name}", *(round(ms, 2) for ms in times)]
    for name, crf in _CRFS.items():
        yield [name, *_timed(clip, name, crf), None, None, None, None]


def apart(clip: Clip, name: str) -> tuple[float, float, float, float]:
    """Milliseconds to encode the I-frame and a P-frame, and to decode them."""
    height, width = clip.frames[0].shape[:2]
    encoder = Encoder(width, height, clip.rate, preset(name, max_span=1, gop=65535))
    decoder = Decoder(encoder.header)
    first: list[float] = []
    later: list[tuple[float, float]] = []
    for frame in clip.frames:
        clock = time.perf_counter()
        packet = encoder.encode(frame)
        encoded = time.perf_counter()
        list(decoder.pictures(packet))
        times = 1000 * (encoded - clock), 1000 * (time.perf_counter() - encoded)
        if first:
            later.append(times)
        else:
            first += times
    p_encode, p_decode = (median(values) for values in zip(*later))
    return first[0], p_encode, first[1], p_decode


def _timed(clip: Clip, name: str, crf: int) -> tuple[float | None, float | None]:
    """Milliseconds a frame; None where the codec is not there or the pictures are too small."""
    height, width = clip.frames[0].shape[:2]
    if not peers.fits(name, width, height, 1):
        return None, None
    try:
        clock = time.perf_counter()
        stream = peers.encode(clip.frames, name, crf, 1, clip.rate)
        encoded = time.perf_counter() - clock
        clock = time.perf_counter()
        count = sum(1 for _ in peers.decode(stream))
        decoded = time.perf_counter() - clock
    except MediaError:
        return None, None
    return round(1000 * encoded / count, 2), round(1000 * decoded / count, 2)
