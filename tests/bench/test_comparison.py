"""What is made of the points of a comparison, on points that are known."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tsplat.bench.comparison import Comparison, Point
from tsplat.bench.measure import Quality
from tsplat.bench.rd import summary

PICTURE = np.zeros((2, 2, 3), np.uint8)


def point(codec: str, size: int, db: float, shrink: int = 1, shimmer: float | None = 1.0) -> Point:
    """With a similarity that is as many decibels from 1 as the PSNR is."""
    quality = Quality(db, db + 1, db + 2, db - 3, 1 - 10 ** (-db / 10), shimmer, PICTURE)
    return Point(codec, shrink, 30.0, size, 1.0, quality)


def comparison(*points: Point, names: tuple[str, ...] = ("x264",)) -> Comparison:
    return Comparison("clip", None, 60, Fraction(30), PICTURE, (0, 0), names, list(points))


OURS = [point("tsplat", 1000 * 2**k, 24 + 3 * k, shimmer=2.0 + k) for k in range(5)]
TWICE = [point("x264", 2000 * 2**k, 24 + 3 * k) for k in range(5)]
HALF_SIZE = [point("x264", 500 * 2**k, 24 + 3 * k, shrink=2) for k in range(2)]


def test_over_what_bytes_are_compared():
    found = comparison(*OURS, *TWICE)
    close = found.against("x264", "full_size", "low_to_high")
    assert (close["from_db"], close["to_db"]) == (26, 32)
    wide = found.against("x264", "full_size", "shared")
    assert (wide["from_db"], wide["to_db"]) == (24, 36)
    alike = found.against("x264", "full_size", "ms_ssim")
    assert alike["from"] == pytest.approx(1 - 10**-2.4)
    luma = found.against("x264", "full_size", "psnr_y")
    assert (luma["from_db"], luma["to_db"]) == (25, 37)
    worst = found.against("x264", "full_size", "worst")
    assert (worst["from_db"], worst["to_db"]) == (21, 33)
    for change in (close, wide, alike, luma, worst):
        assert change["change"] == pytest.approx(-0.5)


def test_losses_are_counted_where_another_size_is_better():
    found = comparison(*OURS, *TWICE, *HALF_SIZE)
    assert found.against("x264", "full_size", "shared")["change"] == pytest.approx(-0.5)
    assert found.against("x264", "best_size", "shared")["change"] > -0.3
    assert [p.shrink for p in found.best("x264")] == [2, 2, 1, 1, 1]


def test_what_does_not_meet_has_no_change():
    found = comparison(*OURS, point("x264", 10, 60.0), point("x264", 20, 62.0))
    assert found.against("x264", "full_size", "shared") is None


def test_shimmer_is_taken_at_equal_psnr_and_only_where_it_is_reached():
    found = comparison(*OURS[:3], *TWICE)
    assert found.shimmer("tsplat", "full_size") == [
        pytest.approx(2 + 2 / 3),
        pytest.approx(2 + 4 / 3),
        4.0,
        None,
    ]
    unmeasured = comparison(point("x264", 10, 20.0, shimmer=None))
    assert unmeasured.shimmer("x264", "best_size") == [None] * 4


def test_gaussianimage_is_compared_at_every_point_of_ours():
    alone = [point("gaussianimage", 10_000 * 2**k, 27 + 3 * k, shimmer=None) for k in range(3)]
    found = comparison(*OURS, *alone, names=("x264", "gaussianimage")).result()
    sizes = [row["bytes"] for row in found["gaussianimage"]]
    assert sizes == [None, 10_000, 20_000, 40_000, None]
    assert found["gaussianimage"][1]["change"] == pytest.approx(2000 / 10_000 - 1)
    assert list(found["bd_rate"]["gaussianimage"]) == ["full_size"]
    shared = found["bd_rate"]["gaussianimage"]["full_size"]["shared"]
    assert shared["change"] == pytest.approx(-0.8)
    assert "gaussianimage" not in found["shimmer"]


def test_means_are_over_the_clips_that_have_a_figure():
    thrice = [point("x264", 3000 * 2**k, 24 + 3 * k) for k in range(5)]
    none = [point("x264", 10, 60.0)]
    answer = summary([comparison(*OURS, *theirs) for theirs in (TWICE, thrice, none)], preset="x")
    assert answer["preset"] == "x"
    mean = answer["mean_bd_rate"]["x264"]["full_size"]["low_to_high"]
    assert mean == {"change": pytest.approx((-1 / 2 - 2 / 3) / 2), "clips": 2}
    nothing = summary([comparison(*OURS, *none)])
    assert nothing["mean_bd_rate"]["x264"]["best_size"]["shared"] == {"change": None, "clips": 0}
