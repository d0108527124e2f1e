"""A clip coded by tsplat and, frame by frame, by GaussianImage: what experiments compare."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass

import numpy as np

from tsplat.bench.measure import Quality, quality
from tsplat.config import EncoderConfig, FitConfig, preset
from tsplat.decoding.decoder import Decoder
from tsplat.encoding.clip import encode_clip
from tsplat.encoding.coder import Ways
from tsplat.encoding.fit.grow import START, fit_growing
from tsplat.encoding.init.superpixel import superpixel
from tsplat.files.metrics import mean_squared_error, psnr_of
from tsplat.kernels.canvas import Canvas
from tsplat.paper.codec import codec
from tsplat.paper.experiments.gaussianimage import Quantisers, pack, unpack
from tsplat.paper.experiments.result import Clip

_FIT = FitConfig(1000, grow=3, presolve=5, solve=8)
"""Of GaussianImage's pictures, before their quantisers are trained."""
_TRAINING, _QUICK_TRAINING = 6000, 1500
"""Iterations of that training."""


@dataclass(frozen=True)
class Coding:
    """A clip encoded and decoded.

    Attributes
    ----------
    bytes : int
        Of the whole stream, its header and index included.
    quality : Quality
    encode_ms, decode_ms : float
        A frame, milliseconds.
    """

    bytes: int
    quality: Quality
    encode_ms: float
    decode_ms: float


@dataclass(frozen=True)
class Alone:
    """Frames that GaussianImage codes one by one.

    Attributes
    ----------
    splats : int
        Of a frame.
    account, bytes : float
        Of a frame: as its release counts, and of the stream.
    psnr_db, unrounded_db : float
        Of the mean squared error over the frames that were coded: as a decoder shows them, and
        before their splats were quantised.
    """

    splats: int
    account: float
    bytes: float
    psnr_db: float
    unrounded_db: float


@functools.lru_cache(maxsize=64)
def ours(clip: Clip, name: str, **settings) -> Coding:
    """Code a clip with a preset, or as the "paper", one keyframe, the whole frame, as files are."""
    settings = {"max_span": 3, "gop": 65535} | settings
    if name == "paper":
        return coded(clip, *codec(**settings))
    return coded(clip, preset(name, **settings))


def coded(clip: Clip, config: EncoderConfig, ways: Ways | None = None) -> Coding:
    """Code a clip, and decode it."""
    encoded = encode_clip(clip.frames, config, clip.rate, ways=ways)
    decoder = Decoder(encoded.header)
    clock = time.perf_counter()
    shown = [picture for data in encoded.packets for picture in decoder.pictures(data)]
    decoding = time.perf_counter() - clock
    count = len(clip.frames)
    found = quality(iter(shown), clip.frames)
    return Coding(
        len(encoded.stream), found, 1000 * encoded.seconds / count, 1000 * decoding / count
    )


@functools.lru_cache(maxsize=64)
def alone(clip: Clip, count: int, quick: bool) -> Alone:
    """Code the first, the middle and the last frame as GaussianImage does, so many splats each; if
    quick, the middle one alone.

    Its quantisers are trained from tsplat's fit, which favours it: on the bundled portrait, 1000
    splats from its own random start, 15,000 iterations and the same training end 1.5 dB lower.
    """
    middle = len(clip.frames) // 2
    chosen = [middle] if quick else sorted({0, middle, len(clip.frames) - 1})
    height, width = clip.frames[0].shape[:2]
    canvas = Canvas(width, height)
    account, size, errors, before = [], [], [], []
    for k in chosen:
        frame = clip.frames[k]
        canvas.set_target(frame)
        canvas.begin()
        first = superpixel(frame, max(1, round(count * START)))
        fitted = fit_growing(canvas, first, count, _FIT)
        before.append(mean_squared_error(canvas.picture(fitted.params), frame))
        quantisers = Quantisers(fitted, width, height)
        quantisers.train(canvas, _QUICK_TRAINING if quick else _TRAINING)
        stream = pack(quantisers.coded())
        shown = canvas.picture(unpack(stream).splats(width, height).params)
        account.append(quantisers.coded().account)
        size.append(len(stream))
        errors.append(mean_squared_error(shown, frame))
    means = (float(np.mean(values)) for values in (account, size))
    return Alone(count, *means, *(psnr_of(float(np.mean(e))) for e in (errors, before)))
