"""Clips encoded as tests need it: on the CPU, without a region unless one is asked for."""

from __future__ import annotations

from pathlib import Path

import tsplat
from tsplat.choices import PAPER
from tsplat.files.backgrounds import to_encode
from tsplat.paper.codec import codec


def encode(
    source: str | Path,
    target: str | Path,
    *,
    preset: str = "fast",
    roi: str | Path = "off",
    matting="auto",
    background: str = "splats",
    height: int | None = None,
    frames: int | None = None,
    run: dict | None = None,
    **settings,
) -> dict:
    """:func:`tsplat.encode`, with its configuration's fields as arguments."""
    settings |= to_encode(background)
    ways = None
    if preset == PAPER:
        config, ways = codec(**settings)
    else:
        config = tsplat.preset(preset, **settings)
    return tsplat.encode(
        source,
        target,
        config,
        height=height,
        frames=frames,
        person=tsplat.Person(roi, matting),
        ways=ways,
        run=tsplat.Run(**({"arch": "cpu"} | (run or {}))),
    )
