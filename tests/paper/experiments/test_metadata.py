"""The experiment on metadata: counts that nest, and a picture."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np

from tests.clips import HEIGHT, WIDTH, pictures
from tsplat.paper.experiments.metadata import metadata
from tsplat.paper.experiments.result import Clip


def test_counts_and_a_picture():
    result = metadata(Clip("small", pictures(4), Fraction(30)), True)
    (table,), (figure,) = result.tables, result.figures
    assert all(len(row) == len(table.columns) for row in table.rows)
    over, grown, _ = table.rows
    assert over[1] >= grown[1] > 0
    assert over[3] >= grown[3] > 0
    shown = cv2.imdecode(np.frombuffer(figure.png, np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (2 * HEIGHT, 2 * WIDTH, 3)
    assert all(part.any() for part in np.split(shown, 2))


def test_one_frame_is_not_run():
    assert metadata(Clip("still", pictures(1), Fraction(30)), True).not_run == "still: no P-frame"
