"""What optical flow on splats is worth: the paper's future work (section 5), built in here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tsplat.bench.curves import Curve, bd_rate
from tsplat.config import EncoderConfig, preset
from tsplat.encoding.clip import encode_clip
from tsplat.files.check import Check
from tsplat.paper.experiments.result import Cell, Clip, Result, Table

_CRFS, _QUICK_CRFS = (18.0, 24.0, 30.0), (20.0, 28.0)
_FRAMES, _QUICK_FRAMES = 60, 13
_FROM_REST = 30
"""Iterations of the row that shows what a longer fit from rest gives."""
_COLUMNS = [
    "motion",
    "bytes",
    "PSNR, dB",
    "bytes at equal PSNR",
    "flow, ms",
    "P-frame, ms",
    "paper",
]

_Encoded = tuple[int, float, dict[str, float], int]
"""Bytes of the stream, PSNR of what it decodes to, seconds by stage, and number of P-packets."""


SPAN = 3


def motion(clip: Clip, quick: bool) -> Result:
    """Encode with vectors from optical flow, from rest, and without any."""
    title = "Motion of splats: optical flow, a grid fitted from rest, none"
    if len(clip.frames) < 2 * SPAN + 1:
        return Result("motion", title, not_run=f"{clip.name}: fewer than {2 * SPAN + 1} frames")
    frames = clip.frames[: _QUICK_FRAMES if quick else _FRAMES]
    crfs = _QUICK_CRFS if quick else _CRFS
    base = preset("fast", max_span=SPAN, gop=len(frames))
    ways = {
        "flow": ("optical flow, then fitted", base, "future work"),
        "grid": ("fitted from rest", replace(base, motion="grid"), "-"),
        "grid_longer": (
            f"fitted from rest, {_FROM_REST} iterations",
            replace(base, motion="grid", rates=replace(base.rates, motion=_FROM_REST)),
            "-",
        ),
        "none": ("none", replace(base, motion="none"), "what it has"),
    }
    _encoded(clip, frames[: SPAN + 1], base)  # The kernels load before the clock runs.
    found = {
        key: [_encoded(clip, frames, replace(config, crf=crf)) for crf in crfs]
        for key, (_, config, _) in ways.items()
    }
    rows: list[list[Cell]] = []
    values = {}
    for key, (name, _, paper) in ways.items():
        change = bd_rate([_curve(found["none"])], _curve(found[key]), 0, 99)
        more = None if change is None else f"{100 * change[0]:+.1f} %"
        for crf, (size, psnr_db, seconds, packets) in zip(crfs, found[key]):
            stages = (round(1e3 * seconds[stage] / packets, 1) for stage in ("flow", "inter"))
            rows.append([f"{name}, crf {crf:.0f}", size, round(psnr_db, 2), more, *stages, paper])
        values[key] = {
            "crf": crfs,
            "bytes": [f[0] for f in found[key]],
            "psnr_db": [f[1] for f in found[key]],
            "bytes_at_equal_psnr": None if change is None else change[0],
        }
    note = (
        f"{len(frames)} frames, preset fast, two of three interpolated; bytes at equal PSNR "
        "against none; times are of a P-frame."
    )
    return Result("motion", title, [Table(clip.name, _COLUMNS, rows, note)], values=values)


def _encoded(clip: Clip, frames: list[np.ndarray], config: EncoderConfig) -> _Encoded:
    encoded = encode_clip(frames, config, clip.rate)
    done = encoded.statistics
    size = len(encoded.header) + done.bytes
    return size, Check.of(encoded, frames).psnr(), done.seconds, max(1, done.p_frames)


def _curve(points: list[_Encoded]) -> Curve:
    return [(float(size), psnr_db) for size, psnr_db, _, _ in points]
