"""What a frame costs: against its pixels, its splats, and how much of it changed.

One I-frame and some P-frames, ``realtime``, whole frame, nothing interpolated, and their pictures
rendered. The quality is higher than usual, so that splats are not left out as not worth their bits.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from tsplat.bench.pictures import Pictures
from tsplat.config import preset
from tsplat.decoding.decoder import Decoder
from tsplat.encoding.encoder import Encoder
from tsplat.files.warming import warm

LINES = (180, 360, 720)
SPLATS = (250, 500, 1000, 2000, 4000)
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
COSTS = {"intra_ms": "I-frame", "inter_ms": "P-frame", "decode_ms": "decoding"}
_PANELS = (
    ("pixels", "pixels", "pixels"),
    ("splats", "splats", "splats kept"),
    ("changed", "share", "share of the picture that moves"),
)
"""Name of a sweep, what it is drawn against, and what that is."""
_SPLATS = 1000
_FRAMES = 6
_CRF = 12.0
_DRIFT = 3
"""Pixels that the moving part of a picture moves from frame to frame."""


def sweeps(clip: Pictures) -> dict[str, list[dict]]:
    """Encode the beginning of a clip again and again.

    Returns
    -------
    dict
        ``pixels``: ``width``, ``height``, ``pixels``; ``splats``: ``wanted``; ``changed``:
        ``share`` of the picture that moves. Besides in each row: ``splats`` kept, splats
        ``changed`` in a P-frame, and the milliseconds of an I-frame, ``intra_ms``, a P-frame,
        ``inter_ms``, and of decoding one, ``decode_ms``; medians.
    """
    warm(preset("realtime", crf=_CRF))
    frames = clip.frames[:_FRAMES]
    by_pixels = []
    for lines in LINES:
        scaled = [_scaled(frame, lines) for frame in frames]
        height, width = scaled[0].shape[:2]
        size = {"width": width, "height": height, "pixels": width * height}
        by_pixels.append(size | _cost(scaled, _SPLATS))
    return {
        "pixels": by_pixels,
        "splats": [{"wanted": count} | _cost(frames, count) for count in SPLATS],
        "changed": [
            {"share": share} | _cost(list(moving(frames[0], share, _FRAMES)), _SPLATS)
            for share in SHARES
        ],
    }


def moving(picture: np.ndarray, share: float, count: int) -> Iterator[np.ndarray]:
    """Frames, (H, W, 3) uint8, of a still picture, a share of whose lines drifts to the right."""
    lines = round(share * len(picture))
    for number in range(count):
        frame = picture.copy()
        frame[:lines] = np.roll(picture[:lines], _DRIFT * number, 1)
        yield frame


def growth(rows: list[dict], over: str, cost: str) -> float | None:
    """The power of a quantity with which a cost grows, by least squares over logarithms; None
    where that is not known.

    >>> growth([{"pixels": 10, "ms": 3}, {"pixels": 40, "ms": 6}], "pixels", "ms")
    0.5
    """
    points = [(row[over], row[cost]) for row in rows if row[over] and row[cost]]
    if len({x for x, _ in points}) < 2:
        return None
    x, y = np.log(points).T
    return round(float(np.polyfit(x, y, 1)[0]), 3)


def _cost(frames: list[np.ndarray], gaussians: int) -> dict:
    height, width = frames[0].shape[:2]
    encoder = Encoder(width, height, 30, preset("realtime", crf=_CRF, gaussians=gaussians))
    decoder = Decoder(encoder.header)
    coding, showing = [], []
    for frame in frames:
        began = time.perf_counter()
        packet = encoder.encode(frame)
        coded = time.perf_counter()
        decoder.decode(packet)
        coding.append(1e3 * (coded - began))
        showing.append(1e3 * (time.perf_counter() - coded))
    done = encoder.statistics
    return {
        "splats": done.splats,
        "changed": done.changed_splats / max(1, done.p_frames),
        "intra_ms": coding[0],
        "inter_ms": median(coding[1:]) if done.p_frames else None,
        "decode_ms": median(showing[1:] or showing),
    }


def _scaled(frame: np.ndarray, lines: int) -> np.ndarray:
    size = (max(1, round(frame.shape[1] * lines / len(frame))), lines)
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)


def plot(path: Path, cost: dict[str, list[dict]]) -> None:
    """Draw the sweeps side by side; the ending of the path decides the kind."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    figure = Figure(figsize=(12, 4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 3)
    for panel, (name, over, label) in zip(panels, _PANELS):
        for measured, shown in COSTS.items():
            rows = [row for row in cost[name] if row[measured] is not None]
            values = [row[measured] for row in rows]
            panel.plot([row[over] for row in rows], values, "o-", label=shown)
        panel.set(xlabel=label, ylabel="ms a frame", yscale="log")
        if name != "changed":
            panel.set_xscale("log")
            panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
            panel.xaxis.set_minor_formatter(NullFormatter())
        panel.grid(alpha=0.25)
    panels[0].legend(fontsize="small")
    figure.savefig(path)
