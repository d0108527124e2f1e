"""Section 5: how restless still parts are when frames are put in a row."""

from __future__ import annotations

from dataclasses import replace

from tsplat.bench.measure import STILL_LEVELS
from tsplat.paper.experiments.encodings import ours
from tsplat.paper.experiments.result import Cell, Clip, Result, Table

NAME = "shimmer"
TITLE = "Section 5: Gaussian motion artifacts"
_ALONE, _QUICK_ALONE = 20, 6
"""Frames that are each an I-frame."""
_PRESETS = ("fast", "slow", "paper")


def shimmer(clip: Clip, quick: bool) -> Result:
    """Mean squared change of decoded pictures where the source is still."""
    if len(clip.frames) < 2:
        return Result(NAME, TITLE, not_run="one frame has no motion")
    rows: list[list[Cell]] = []
    values: dict = {}
    for name in _PRESETS:
        found = ours(clip, name).quality
        rows.append([name, found.shimmer, round(found.psnr_db, 2)])
        values[name] = found.shimmer
    few = replace(clip, frames=clip.frames[: _QUICK_ALONE if quick else _ALONE])
    found = ours(few, "fast", gop=1, max_span=1).quality
    label = f"fast, {len(few.frames)} frames, each an I-frame"
    rows.append([label, found.shimmer, round(found.psnr_db, 2)])
    values["I-frames"] = found.shimmer
    note = (
        "Mean squared difference of a decoded frame and the one before, grey levels squared, where "
        f"the source changes by {STILL_LEVELS} levels at most. The last row is what the paper "
        "describes: splats of consecutive frames that were fitted independently. A dash: the "
        "source is nowhere still."
    )
    table = Table("Shimmer", ["tsplat", "grey levels squared", "PSNR, dB"], rows, note)
    return Result(NAME, TITLE, [table], values=values)
