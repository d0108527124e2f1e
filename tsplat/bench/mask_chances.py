"""Count how likely cells of real regions are, and write ``tsplat/stream/mask_chances.py``.

::

    python -m tsplat.bench.mask_chances CLIP... [--frames 90]

Counts are shared between mirror images, and pulled towards those of all steps together where
there are few.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tsplat.media.source import open_source
from tsplat.region import Region
from tsplat.roi.matting import Matting
from tsplat.roi.tracker import Tracker
from tsplat.stream import mask

OUT = Path(mask.__file__).with_name("mask_chances.py")
ROWS = 9
PULL = 12.0
"""Weight of what all steps together say, in cells."""
HEAD = '''"""Chances of :mod:`tsplat.stream.mask`; by ``python -m tsplat.bench.mask_chances``."""

from __future__ import annotations

import numpy as np

CHANCES = np.array(
    (
'''


def regions(clip: Path, frames: int) -> Iterator[Region]:
    """The regions of a clip, at 360 lines."""
    with open_source(clip, 360) as pictures:
        tracker = Tracker(pictures.clip.width, pictures.clip.height, Matting(), "person")
        for (_, frame), _ in zip(pictures, range(frames)):
            yield tracker(frame)


def count(region: Region, past: Region | None, counts: np.ndarray) -> None:
    """Add a region's cells to counts, (rows, 5, 5, 2)."""
    flat = np.append(region.cells.ravel(), False)
    state = mask.pasts(past, region.cells.shape)
    for cells, neighbours, row in mask.steps(*region.cells.shape):
        place = (flat[neighbours].sum(1), state[cells], flat[cells].astype(int))
        np.add.at(counts[row], place, 1)


def chances(counts: np.ndarray) -> np.ndarray:
    """Counts to probabilities in 1/65536, (rows, 5, 5) int."""
    n_on, past = np.indices((5, 5))
    odds = np.array([1, 0.01, 0.3, 3, 100])[past] * np.array([0.002, 0.15, 1, 7, 500])[n_on]
    belief = odds / (1 + odds)
    pooled = (counts[1:, ..., 1].sum(0) + PULL * belief) / (counts[1:].sum((0, 3)) + PULL)
    p = (counts[..., 1] + PULL * pooled) / (counts.sum(3) + PULL)
    return np.clip(np.round(p * 65536), 24, 65536 - 24).astype(int)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=90)
    options = parser.parse_args()
    counts = np.zeros((ROWS, 5, 5, 2))
    for clip in options.clips:
        past = None
        for region in regions(clip, options.frames):
            for flip in (slice(None), slice(None, None, -1)):
                now = Region(region.cells[:, flip])
                if past is None or region != past:
                    count(now, None, counts)
                    if past is not None:
                        count(now, Region(past.cells[:, flip]), counts)
            past = region
    with open(OUT, "w") as file:
        file.write(HEAD)
        for row in chances(counts).tolist():
            file.write(f"        {tuple(map(tuple, row))},\n")
        file.write("    ),\n    np.int64,\n)\n")


if __name__ == "__main__":
    main()
