"""The metadata of the paper's P-frames (section 3.2 C): changed pixels, and their splats."""

from __future__ import annotations

import itertools
import statistics
import time
from dataclasses import dataclass

import cv2
import numpy as np

from tsplat.bench.sheet import ellipses
from tsplat.decoding.decoder import Decoder
from tsplat.encoding.encoder import Encoder
from tsplat.paper.changed import THRESHOLD
from tsplat.paper.codec import codec
from tsplat.paper.experiments.plots import png
from tsplat.paper.experiments.result import Cell, Clip, Figure, Result, Table
from tsplat.paper.metadata import pixel_map
from tsplat.splats import Splats

_SPLATS = 1000
_FRAMES, _QUICK_FRAMES = 31, 7
_TITLE = "Metadata of P-frames: changed pixels and their splats"
_COLUMNS = ["what counts as changed", "pixels", "of the picture", "splats that reach them"]
_SHOWN_RESIDUAL = 4
"""What the residual is multiplied by in the picture."""


@dataclass(frozen=True)
class _Frame:
    """One P-frame.

    Attributes
    ----------
    source, residual : (H, W, 3) uint8
        The frame, and how far what the decoder shows before it is from it.
    over, grown : (H, W) bool
        Pixels whose residual is over the threshold, and whose residual grew by more than that.
    reached : (int, int)
        How many splats reach these.
    chosen : Splats
        Those that reach the pixels that grew.
    splats, refined : int
        All there are, and those that the P-frame then changed.
    milliseconds : float
        That the map took.
    """

    source: np.ndarray
    residual: np.ndarray
    over: np.ndarray
    grown: np.ndarray
    reached: tuple[int, int]
    chosen: Splats
    splats: int
    refined: int
    milliseconds: float


def metadata(clip: Clip, quick: bool) -> Result:
    """Count changed pixels and their splats along a real encode, and show one frame."""
    frames = clip.frames[: _QUICK_FRAMES if quick else _FRAMES]
    threshold = THRESHOLD
    found = _p_frames(clip, frames, threshold)
    if not found:
        return Result("metadata", _TITLE, not_run=f"{clip.name}: no P-frame")
    total = statistics.mean(f.splats for f in found)
    pixels = found[0].over.size
    over = statistics.mean(int(f.over.sum()) for f in found)
    grown = statistics.mean(int(f.grown.sum()) for f in found)
    by_over, by_grown = (statistics.mean(f.reached[k] for f in found) for k in (0, 1))
    counted = (
        (f"residual over {threshold} grey levels (the paper)", over, by_over),
        (f"residual grown by more than {threshold} (selection=growth)", grown, by_grown),
    )
    refined = statistics.mean(f.refined for f in found)
    rows: list[list[Cell]] = [
        [
            name,
            round(n),
            f"{n / pixels:.1%}",
            round(k),
            f"{k / total:.1%}",
            "number lost in its text",
        ]
        for name, n, k in counted
    ]
    last = "really changed by the P-frame (selection=growth)"
    rows.append([last, None, None, round(refined), f"{refined / total:.1%}", None])
    milliseconds = statistics.median(f.milliseconds for f in found)
    note = (
        f"Means of {len(found)} P-frames, {total:.0f} splats; the map of a frame takes "
        f"{milliseconds:.0f} ms. An encoder refines the splats of which 3 % lie on changed pixels."
    )
    table = Table(clip.name, [*_COLUMNS, "of the splats", "paper"], rows, note)
    shown = max(found, key=lambda f: int(f.grown.sum()))
    caption = (
        f"{clip.name}: source and residual (times {_SHOWN_RESIDUAL}) above; pixels whose residual "
        "grew, and the splats that reach them, below"
    )
    values = {
        "splats": total,
        "pixels_over": over,
        "pixels_grown": grown,
        "reached_over": by_over,
        "reached_grown": by_grown,
        "refined": refined,
        "map_ms": milliseconds,
    }
    figure = Figure("metadata", caption, png(_sheet(shown)))
    return Result("metadata", _TITLE, [table], [figure], values)


def _p_frames(clip: Clip, frames: list[np.ndarray], threshold: float) -> list[_Frame]:
    height, width = frames[0].shape[:2]
    count = max(1, min(_SPLATS, width * height // 16))
    config, ways = codec(selection="growth", gaussians=count, gop=len(frames))
    encoder = Encoder(width, height, clip.rate, config, ways=ways)
    decoder = Decoder(encoder.header)
    decoder.advance(encoder.encode(frames[0]))
    found: list[_Frame] = []
    for before, frame in itertools.pairwise(frames):
        there, picture = decoder.splats.dequantise(), decoder.picture()
        count = encoder.statistics.changed_splats
        decoder.advance(encoder.encode(frame))
        if encoder.statistics.p_frames == len(found):
            break
        residual = cv2.absdiff(frame, picture)
        size = residual.max(2).astype(np.float32)
        over, grown = size > threshold, size - cv2.absdiff(before, picture).max(2) > threshold
        clock = time.perf_counter()
        reaching = pixel_map(there.params, width, height)
        spent = time.perf_counter() - clock
        by_over, by_grown = reaching.of(over), reaching.of(grown)
        found.append(
            _Frame(
                frame,
                residual,
                over,
                grown,
                (len(by_over), len(by_grown)),
                Splats(there.params[by_grown]),
                len(there),
                encoder.statistics.changed_splats - count,
                1e3 * spent,
            )
        )
    return found


def _sheet(frame: _Frame) -> np.ndarray:
    """Source, residual; changed pixels, their splats: (2 H, 2 W, 3) uint8."""
    changed = np.where(frame.grown[..., None], np.uint8(255), frame.source // 4)
    above = [frame.source, cv2.convertScaleAbs(frame.residual, alpha=_SHOWN_RESIDUAL)]
    below = [changed, ellipses(frame.chosen, frame.grown.shape)]
    return np.concatenate([np.concatenate(above, 1), np.concatenate(below, 1)])
