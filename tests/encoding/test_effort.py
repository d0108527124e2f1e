"""Effort between a floor and the preset's, by the load of the last frames."""

from __future__ import annotations

import pytest

from tsplat.config import preset
from tsplat.encoding.effort import Effort

CONFIG = preset("fast")
PERIOD = 1 / 30


def effort(*, loads: list[float], keyframe: bool = False) -> Effort:
    """After frames that took so many periods each."""
    found = Effort(CONFIG, PERIOD)
    for load in loads:
        found.spent(load * PERIOD, keyframe)
    return found


def work(found: Effort) -> list[float]:
    """All that it says, more being more work."""
    rates = found.rates
    return [
        *(found.intra.iterations, rates.intra_passes, rates.passes, rates.motion, rates.added),
        *(rates.proposal.iterations, -rates.worth),
    ]


def test_it_begins_between_and_is_the_preset_s_when_there_is_time():
    floor, start, most = (work(effort(loads=loads)) for loads in ([20.0] * 30, [], [0.1] * 30))
    easy = effort(loads=[0.1] * 30)
    easy.spent(0.1 * PERIOD, keyframe=True)
    assert easy.rates.proposal == CONFIG.rates.proposal
    assert easy.rates.worth == CONFIG.rates.worth
    assert floor[2:] < start[2:] < most[2:]
    assert all(a <= b <= c for a, b, c in zip(floor, start, most))


@pytest.mark.parametrize(("keyframe", "load"), [(False, 1.5), (True, 8.0)])
def test_i_and_p_frames_have_loads_of_their_own(keyframe, load):
    """An I-frame may take six frames' time."""
    before, after = effort(loads=[]), effort(loads=[load], keyframe=keyframe)
    assert (after.intra.iterations < before.intra.iterations) == keyframe
    assert (after.rates.worth > before.rates.worth) != keyframe
    assert effort(loads=[5.0], keyframe=True).intra == before.intra


def test_a_load_between_easy_and_too_much_changes_nothing():
    assert work(effort(loads=[0.85] * 9)) == work(effort(loads=[]))


def test_a_single_late_frame_lowers_it_by_half_at_most_and_it_comes_back():
    full = [0.1] * 30
    once = effort(loads=[*full, 100.0]).rates.proposal.iterations
    assert once == pytest.approx(CONFIG.rates.proposal.iterations / 2, abs=1)
    assert work(effort(loads=[*full, 100.0, *full])) == work(effort(loads=full))


def test_a_preset_below_the_floor_is_not_raised():
    small = preset("fast", intra=CONFIG.intra.part(0.05, 0.1))
    assert small.intra.iterations == 40
    assert Effort(small, PERIOD).intra.iterations == 40
