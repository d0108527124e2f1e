"""Motion of the source, and vectors that follow it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.reference import random_splats
from tsplat.encoding.predict.flow import Flow, vectors_of
from tsplat.motion import GRID

HEIGHT, WIDTH = 96, 128


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH + 20, 3), np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX)


def seen(scene: np.ndarray, left: int) -> np.ndarray:
    """A window on the scene that begins so many pixels from its left edge."""
    return np.ascontiguousarray(scene[:, left : left + WIDTH])


def test_a_flow_is_in_pixels_of_the_full_size(scene):
    flow = Flow()
    flow.keep(seen(scene, 10))
    found = flow.to(seen(scene, 6))
    assert found is not None
    assert found.shape == (HEIGHT // 2, WIDTH // 2, 2)
    middle = found[10:-10, 10:-10]
    assert np.median(middle[..., 0]) == pytest.approx(4, abs=0.5)
    assert np.abs(np.median(middle[..., 1])) < 0.5


def test_what_stands_still_has_none(scene):
    flow = Flow()
    flow.keep(seen(scene, 10))
    assert flow.to(seen(scene, 10)) is None
    assert flow.to(seen(scene, 6)) is not None


def test_a_flow_begins_at_the_frame_kept_whatever_was_tried_since(scene):
    flow = Flow()
    assert flow.to(seen(scene, 6)) is None
    flow.keep(seen(scene, 10))
    found = flow.to(seen(scene, 6))
    flow.to(seen(scene, 8))
    assert np.array_equal(flow.to(seen(scene, 6)), found)


def test_pictures_that_are_too_small_have_none():
    flow = Flow()
    flow.keep(np.zeros((63, 200, 3), np.uint8))
    assert flow.to(np.full((63, 200, 3), 200, np.uint8)) is None


def test_vectors_follow_a_flow_in_half_pixels():
    flow = np.zeros((HEIGHT // 2, WIDTH // 2, 2), np.float32)
    flow[..., 0], flow[..., 1] = 3, -1
    params = random_splats(300, HEIGHT, WIDTH, 1)
    found = vectors_of(flow, params, WIDTH, HEIGHT)
    np.testing.assert_allclose(found, np.broadcast_to([6, -2], (GRID, GRID, 2)), atol=0.05)
