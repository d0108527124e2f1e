"""Pictures of the report: curves, and pictures side by side, as PNG files."""

from __future__ import annotations

import io

import cv2
import numpy as np

Points = list[tuple[float, float]]
_GAP = 6
"""Pixels between pictures."""


def curves(series: dict[str, Points], x: str, y: str, *, log: bool = False) -> bytes:
    """Lines through points, one for each name; x and y are what the axes say."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    for name, points in series.items():
        if points:
            panel.plot(*zip(*sorted(points)), marker=".", label=name)
    if log:
        panel.set_xscale("log")
    panel.set_xlabel(x)
    panel.set_ylabel(y)
    panel.grid(alpha=0.25)
    panel.legend(fontsize="small")
    out = io.BytesIO()
    figure.savefig(out, dpi=110, format="png")
    return out.getvalue()


def side_by_side(rows: list[list[np.ndarray]]) -> bytes:
    """Rows of pictures of one size, (H, W, 3) uint8 RGB."""
    return png(np.concatenate([_spaced(row) for row in rows]))


def png(picture: np.ndarray) -> bytes:
    """A picture, (H, W, 3) uint8 RGB, as a file."""
    written, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert written
    return data.tobytes()


def _spaced(row: list[np.ndarray]) -> np.ndarray:
    edges = [np.pad(p, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=255) for p in row]
    return np.concatenate(edges, 1)
