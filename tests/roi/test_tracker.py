"""Regions from mattes: steady, clean, and decided scene by scene."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from tsplat.errors import ConfigError, ModelError
from tsplat.region import Region, default_cell, grid
from tsplat.roi.tracker import Tracker, clean

WIDTH, HEIGHT = 320, 180
CELL = default_cell(WIDTH, HEIGHT)
GRID = grid(WIDTH, HEIGHT, CELL)
NOBODY = np.zeros((HEIGHT, WIDTH), np.float32)


def frame(number: int) -> np.ndarray:
    """Pictures that have nothing in common: no scene is still."""
    return np.random.default_rng(number).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def disc(x: float, y: float = 90, radius: float = 50, soft: float = 4) -> np.ndarray:
    """Opacity of a disc, (H, W) float32."""
    v, u = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    away = np.hypot(u - x, v - y) - radius
    return np.clip(0.5 - away / soft, 0, 1).astype(np.float32)


class Script:
    """A matting model that says what it was told to say, frame by frame."""

    def __init__(self, mattes: Callable[[int], np.ndarray]):
        self._mattes = mattes
        self.calls: list[int] = []
        self.now = 0

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        self.calls.append(self.now)
        return self._mattes(self.now)


def run(
    mattes: Callable[[int], np.ndarray],
    frames: int,
    policy: str = "person",
    pictures: Callable[[int], np.ndarray] = frame,
) -> tuple[list[Region], Tracker, Script]:
    script = Script(mattes)
    tracker = Tracker(WIDTH, HEIGHT, script, policy)
    regions = []
    for script.now in range(frames):
        regions.append(tracker(pictures(script.now)))
    return regions, tracker, script


def iou(region: Region, matte: np.ndarray) -> float:
    a = region.cells.repeat(CELL, 0).repeat(CELL, 1)[:HEIGHT, :WIDTH]
    b = matte > 0.5
    return (a & b).sum() / (a | b).sum()


def covered(region: Region, matte: np.ndarray) -> float:
    """Share of the person's pixels that the region shows in full."""
    alpha = region.alpha(WIDTH, HEIGHT, (CELL, CELL))
    return float((alpha[matte > 0.5] == 1).mean())


@pytest.mark.parametrize("policy", ["auto", "person"])
def test_a_disc_that_stands_is_its_cells(policy):
    matte = disc(160)
    regions, tracker, _ = run(lambda k: matte, 8, policy)
    assert all(region == regions[0] for region in regions)
    assert iou(regions[0], matte) > 0.95
    assert covered(regions[0], matte) > 0.99
    assert not tracker.absent
    assert tracker.cell == CELL
    assert regions[0].cells.shape == GRID


@pytest.mark.parametrize(("speed", "least"), [(0.5, 0.93), (1, 0.92), (1.5, 0.9), (4, 0.8)])
def test_a_disc_that_moves_is_followed_and_covered(speed, least):
    regions, _, _ = run(lambda k: disc(60 + speed * k), 40)
    for k, region in enumerate(regions[3:], 3):
        assert iou(region, disc(60 + speed * k)) > least
        assert covered(region, disc(60 + speed * k)) > 0.97


def test_a_disc_that_moves_leaves_no_trail():
    regions, _, _ = run(lambda k: disc(60 + 3 * min(k, 40)), 60)
    assert iou(regions[-1], disc(180)) > 0.95


def turned(regions: list[Region]) -> int:
    """Cells that change from one region to the next, in all."""
    return sum(int((a.cells ^ b.cells).sum()) for a, b in pairwise(regions))


def test_a_matte_that_flickers_at_the_edge_gives_a_region_that_does_not():
    regions, _, _ = run(lambda k: disc(160, radius=50 + 2 * (k % 2)), 60)
    assert turned(regions[3:]) == 0
    cut = [Region(disc(160, radius=50 + 2 * (k % 2))[::CELL, ::CELL] > 0.45) for k in (0, 1)]
    assert turned(cut) > 100


@pytest.mark.parametrize(("pixels", "share"), [(1, 0.03), (2, 0.12)])
def test_a_matte_that_wobbles_gives_a_region_that_hardly_does(pixels, share):
    radii = 50 + np.random.default_rng(0).uniform(-pixels, pixels, 60)
    regions, _, _ = run(lambda k: disc(160, radius=radii[k]), 60)
    cut = [Region(disc(160, radius=r)[::CELL, ::CELL] > 0.45) for r in radii]
    assert turned(regions[10:]) < share * turned(cut[10:])


def test_cells_that_come_and_go_by_one_frame_do_not_show():
    """Noise in single cells at the edge, all the time."""

    def noisy(k: int) -> np.ndarray:
        matte = disc(160)
        edge = (matte > 0.02) & (matte < 0.98)
        noise = np.random.default_rng(k).random((HEIGHT, WIDTH))
        return np.where(edge, np.clip(matte + 0.6 * (noise - 0.5), 0, 1), matte)

    regions, _, _ = run(noisy, 40)
    cut = [Region(noisy(k)[::CELL, ::CELL] > 0.45) for k in range(40)]
    assert turned(regions[8:]) < 0.01 * turned(cut[8:])


def test_specks_and_holes_are_removed():
    matte = disc(160)
    expected, _, _ = run(lambda k: matte, 3)
    spotted = matte.copy()
    spotted[10:15, 10:15] = 1  # a lamp
    spotted[88:93, 158:163] = 0  # a button
    spotted[120:123, 140:142] = 0
    regions, _, _ = run(lambda k: spotted, 3)
    assert regions[-1] == expected[-1]


def test_two_people_stay_two():
    matte = np.maximum(disc(80, radius=35), disc(240, radius=35))
    regions, _, _ = run(lambda k: matte, 3)
    assert iou(regions[-1], matte) > 0.92


def test_a_large_hole_stays():
    """An arm on the hip."""
    matte = disc(160, radius=70) - disc(160, radius=25)
    regions, _, _ = run(lambda k: matte, 3)
    assert not regions[-1].cells[GRID[0] // 2, GRID[1] // 2]


@pytest.mark.parametrize("fill", [False, True])
def test_cleaning_leaves_the_empty_and_the_whole_alone(fill):
    cells = np.full((9, 12), fill)
    assert np.array_equal(clean(cells), cells)


def test_cleaning_is_done_once():
    cells = np.random.default_rng(0).random((45, 80)) < 0.55
    assert np.array_equal(clean(clean(cells)), clean(cells))


def test_without_a_person_auto_takes_the_whole_picture():
    regions, tracker, _ = run(lambda k: NOBODY, 30, "auto")
    assert all(region.whole for region in regions)
    assert tracker.decisions == [(0, "whole frame")]
    assert tracker.absent == list(range(30))
    assert not tracker.person


def test_a_model_in_doubt_has_found_no_person():
    doubt = 0.6 * disc(160)
    regions, tracker, _ = run(lambda k: doubt, 10, "auto")
    assert all(region.whole for region in regions)
    assert len(tracker.absent) == 10


def test_a_person_too_small_is_none():
    regions, tracker, _ = run(lambda k: disc(160, radius=8), 10, "auto")
    assert regions[-1].whole
    assert len(tracker.absent) == 10


def test_auto_believes_a_person_who_stays_for_some_frames():
    regions, tracker, _ = run(lambda k: disc(160) if k >= 10 else NOBODY, 30, "auto")
    turn = next(k for k, region in enumerate(regions) if not region.whole)
    assert 12 <= turn <= 18
    assert all(region.whole for region in regions[:turn])
    assert iou(regions[-1], disc(160)) > 0.95
    assert tracker.decisions == [(0, "whole frame"), (turn, "person")]


def test_a_glimpse_of_a_person_changes_nothing():
    regions, tracker, _ = run(lambda k: disc(160) if 10 <= k < 13 else NOBODY, 40, "auto")
    assert all(region.whole for region in regions)
    assert len(tracker.decisions) == 1


def test_auto_believes_that_a_person_has_gone_after_more_frames():
    regions, tracker, _ = run(lambda k: disc(160) if k < 10 else NOBODY, 60, "auto")
    turn = next(k for k, region in enumerate(regions) if region.whole)
    assert 28 <= turn <= 45
    assert tracker.decisions == [(0, "person"), (turn, "whole frame")]
    assert all(region.whole for region in regions[turn:])
    gone = tracker.absent[0]
    assert 10 <= gone < 15
    assert tracker.absent == list(range(gone, 60))
    assert all(region.empty for region in regions[gone:turn])


def test_a_person_who_leaves_for_a_moment_is_still_expected():
    regions, tracker, _ = run(lambda k: NOBODY if 10 <= k < 22 else disc(160), 50, "auto")
    assert not any(region.whole for region in regions)
    assert len(tracker.decisions) == 1
    assert iou(regions[-1], disc(160)) > 0.95


def test_a_person_who_is_wanted_and_absent_is_an_empty_region():
    regions, tracker, _ = run(lambda k: disc(160) if k < 10 else NOBODY, 60, "person")
    assert not any(region.whole for region in regions)
    gone = tracker.absent[0]
    assert all(region.empty for region in regions[gone:])
    assert not any(region.empty for region in regions[:gone])
    assert tracker.absent == list(range(gone, 60))
    assert tracker.decisions == []


def test_a_wanted_person_comes_at_once():
    regions, tracker, _ = run(lambda k: disc(160) if k >= 5 else NOBODY, 10, "person")
    assert all(region.empty for region in regions[:5])
    assert tracker.absent[:5] == [0, 1, 2, 3, 4]
    assert not regions[7].empty


def test_still_scenes_ask_for_fewer_mattes():
    matte = disc(160)
    regions, tracker, script = run(lambda k: matte, 30, pictures=lambda k: frame(0))
    assert tracker.mattes == len(script.calls) == 5
    assert script.calls == [0, 6, 12, 18, 24]
    assert all(region == regions[0] for region in regions)
    _, busy, _ = run(lambda k: matte, 30)
    assert busy.mattes == 30


def test_a_scene_that_moves_again_asks_at_once():
    _, _, script = run(lambda k: disc(160), 12, pictures=lambda k: frame(max(0, k - 7)))
    assert script.calls == [0, 6, *range(8, 12)]


def test_noise_of_the_camera_is_still():
    base = frame(0) // 2 + 60

    def noisy(k: int) -> np.ndarray:
        return base + np.random.default_rng(k).integers(0, 6, base.shape, np.uint8)

    _, tracker, _ = run(lambda k: disc(160), 24, pictures=noisy)
    assert tracker.mattes == 4


def test_a_slow_drift_is_no_still_scene():
    """Each frame is near the one before, but not near the one whose matte is used."""
    _, tracker, _ = run(
        lambda k: disc(160), 20, pictures=lambda k: np.full((HEIGHT, WIDTH, 3), 3 * k, np.uint8)
    )
    assert tracker.mattes >= 10


@pytest.mark.parametrize(
    "matte",
    [
        np.zeros((HEIGHT, WIDTH + 1), np.float32),
        np.zeros((WIDTH, HEIGHT), np.float32),
        np.zeros((HEIGHT, WIDTH, 1), np.float32),
        np.full((HEIGHT, WIDTH), np.nan, np.float32),
        np.where(np.arange(WIDTH) == 7, np.inf, np.zeros((HEIGHT, 1))),
    ],
    ids=["wide", "turned", "deep", "nan", "inf"],
)
def test_mattes_of_another_shape_or_without_numbers_are_refused(matte):
    with pytest.raises(ModelError, match="matte of frame 2: got"):
        run(lambda k: matte if k == 2 else NOBODY, 4)


@pytest.mark.parametrize("kind", ["float16", "float64", "uint8", "bool"])
def test_mattes_of_any_number_type_are_taken(kind):
    regions, _, _ = run(lambda k: disc(160).round().astype(kind), 2)
    assert iou(regions[-1], disc(160)) > 0.95


def test_unknown_policies_are_refused():
    with pytest.raises(ConfigError, match="roi: got 'face', expected auto or person"):
        Tracker(WIDTH, HEIGHT, lambda f: NOBODY, "face")


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (641, 359), (97, 54)])
@pytest.mark.parametrize("person", [0, 1])
def test_any_size_of_picture_gives_its_grid(size, person):
    width, height = size
    tracker = Tracker(width, height, lambda f: np.full(f.shape[:2], person, np.float32))
    region = tracker(np.zeros((height, width, 3), np.uint8))
    assert region.cells.shape == grid(width, height, default_cell(width, height))
    assert region.whole


def test_a_tracker_leaves_the_regions_that_it_gave_alone():
    regions, _, _ = run(lambda k: disc(60 + 4 * k), 20)
    copies = [Region(region.cells.copy()) for region in regions]
    again, _, _ = run(lambda k: disc(60 + 4 * k), 20)
    assert regions == copies == again
