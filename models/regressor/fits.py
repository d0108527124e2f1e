"""Fits that the networks of the initialisation learn from.

::

    python models/regressor/fits.py OUT.npz CLIP... [--fits 400] [--seed 0]

Crops of random frames, half of them mirrored and half of them masked by an ellipse, are cut into
superpixels and fitted. OUT.npz has the picture in cells, the superpixels' splats and the fitted
ones, as :class:`tsplat.paper.cells.Cells` describes them, those of a fit in the same order.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import cv2
import numpy as np

from tsplat.config import FitConfig
from tsplat.encoding.fit.loop import fit
from tsplat.encoding.init.superpixel import superpixel
from tsplat.kernels import runtime
from tsplat.kernels.canvas import Canvas
from tsplat.media.source import open_source
from tsplat.paper.cells import cells

WIDTH, HEIGHT = 480, 288
"""Of a crop, pixels."""
COLUMNS, ROWS = 40, 24
"""Cells of a crop, and as many splats where nothing is masked."""
FIT = FitConfig(150, presolve=5)
_SHORTEST = 0.5
"""Least share of the largest possible width that a crop has."""


def crop(frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A part of a frame, or its mirror image, (HEIGHT, WIDTH, 3) uint8."""
    height, width = frame.shape[:2]
    wide = min(width, height * WIDTH / HEIGHT) * rng.uniform(_SHORTEST, 1)
    w, h = int(wide), int(wide * HEIGHT / WIDTH)
    x, y = rng.integers(0, width - w + 1), rng.integers(0, height - h + 1)
    part = frame[y : y + h, x : x + w]
    if rng.random() < 0.5:
        part = part[:, ::-1]
    way = cv2.INTER_AREA if w > WIDTH else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(part), (WIDTH, HEIGHT), interpolation=way)


def mask(rng: np.random.Generator) -> np.ndarray | None:
    """A person's rough outline, (HEIGHT, WIDTH) float32; None, half of the time."""
    if rng.random() < 0.5:
        return None
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    cx, cy = rng.uniform(0.3, 0.7) * WIDTH, rng.uniform(0.4, 0.8) * HEIGHT
    rx, ry = rng.uniform(0.2, 0.5) * WIDTH, rng.uniform(0.4, 0.7) * HEIGHT
    return (((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1).astype(np.float32)


def fitted(canvas: Canvas, picture: np.ndarray, weight: np.ndarray | None) -> dict[str, np.ndarray]:
    """A crop in cells, and its splats before and after the fit."""
    share = 1.0 if weight is None else float(weight.mean())
    # Rounded down, so that rounding the cells up gives ROWS and COLUMNS.
    count = int(ROWS * COLUMNS * share)
    seen = cells(picture, count, weight)
    start = superpixel(picture, count, weight)
    canvas.set_target(picture)
    canvas.set_weight(weight)
    canvas.begin()
    done = fit(canvas, start, FIT)
    own, cell = seen.described(start.params)
    after, place = seen.described(done.params)
    image = (seen.image * 255 + 0.5).astype(np.uint8)
    return {"image": image, "own": own, "cell": cell, "after": after, "place": place}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--fits", type=int, default=400)
    parser.add_argument("--every", type=int, default=9, help="Frames from one to the next.")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    runtime.start("cpu")
    rng = np.random.default_rng(options.seed)
    each = -(-options.fits // len(options.clips))
    canvas = Canvas(WIDTH, HEIGHT)
    found = []
    for clip in options.clips:
        with open_source(clip, None) as pictures:
            for number, (_, frame) in enumerate(itertools.islice(pictures, each * options.every)):
                if number % options.every == 0:
                    found.append(fitted(canvas, crop(frame, rng), mask(rng)))
    image, count = np.stack([f["image"] for f in found]), [len(f["cell"]) for f in found]
    splats = {n: np.concatenate([f[n] for f in found]) for n in ("own", "cell", "after", "place")}
    np.savez_compressed(options.out, image=image, count=np.array(count), **splats)  # type: ignore[arg-type]
    print(f"{options.out}: {len(found)} fits of {np.mean(count):.0f} splats")


if __name__ == "__main__":
    main()
