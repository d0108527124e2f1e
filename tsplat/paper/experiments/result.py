"""What an experiment gives: tables, pictures and numbers, or the reason why it did not run."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

Cell = str | float | int | None
"""Of a table; None where nothing was measured."""


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames to experiment on.

    Attributes
    ----------
    name : str
    frames : list of (H, W, 3) uint8
        RGB.
    rate : Fraction
        Frames a second.
    source : str
        What the command names to get it; empty for the one that it has.
    """

    name: str
    frames: list[np.ndarray]
    rate: Fraction
    source: str = ""


@dataclass(frozen=True)
class Table:
    """Rows under a heading. A cell that was not measured is None, and no other number.

    Attributes
    ----------
    title : str
    columns : list of str
    rows : list of list of Cell
        Each as long as ``columns``.
    note : str
        What a reader has to know besides.
    """

    title: str
    columns: list[str]
    rows: list[list[Cell]]
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """A picture of the report: a file's name without its ending, what it shows, a PNG file."""

    name: str
    caption: str
    png: bytes


@dataclass(frozen=True)
class Result:
    """Of one experiment.

    Attributes
    ----------
    name : str
        Its key in the report.
    title : str
    tables : list of Table
    figures : list of Figure
    values : dict
        Numbers for the report's JSON.
    not_run : str
        Why there is nothing; empty where there is.
    """

    name: str
    title: str
    tables: list[Table] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    values: dict = field(default_factory=dict)
    not_run: str = ""
