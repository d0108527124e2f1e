"""How hard an encoder may work so that it keeps up with a clock."""

from __future__ import annotations

from dataclasses import replace

from tsplat.config import EncoderConfig, FitConfig, RateConfig

_SHARE = 0.9
"""Of the time from one frame to the next that a P-frame may take."""
_INTRA_FRAMES = 6.0
"""How many such times an I-frame may take: while it does, frames are dropped."""
_FIRST = 0.25
"""Level to begin with, when kernels are still to be compiled."""
_EASY, _UP, _DOWN = 0.8, 0.05, 0.5
"""Load below which the level rises, by how much, and the most that it falls to at once."""
_INTRA_ITERATIONS, _PROPOSAL_ITERATIONS = 60, 2
_WORTH = 4.0
"""At the lowest level: iterations of the fits, and how many times the preset's worth."""


class Effort:
    """Settings between a floor and a preset's, by how long the last frames took.

    Parameters
    ----------
    config : EncoderConfig
        The most that is done.
    period : float
        Seconds from one frame to the next.

    Examples
    --------
    >>> from tsplat.config import preset
    >>> effort = Effort(preset("fast"), 1 / 30)
    >>> for _ in range(30):
    ...     effort.spent(0.01, keyframe=False)
    >>> effort.rates.passes, effort.rates.proposal.iterations, effort.rates.worth
    (4, 20, 5.0)
    >>> for _ in range(30):
    ...     effort.spent(0.1, keyframe=False)
    >>> effort.rates.passes, effort.rates.proposal.iterations, effort.rates.worth
    (1, 2, 20.0)
    """

    def __init__(self, config: EncoderConfig, period: float):
        self._config = config
        self._intra, self._inter = _Level(_INTRA_FRAMES * period), _Level(_SHARE * period)

    def spent(self, seconds: float, keyframe: bool) -> None:
        """A frame took so long."""
        (self._intra if keyframe else self._inter).adjust(seconds)

    @property
    def intra(self) -> FitConfig:
        """The fit of the next I-frame."""
        fit = self._config.intra
        return replace(fit, iterations=self._intra.of(_INTRA_ITERATIONS, fit.iterations))

    @property
    def rates(self) -> RateConfig:
        """The work on the next frame's integers."""
        most, level = self._config.rates, self._inter
        iterations = level.of(_PROPOSAL_ITERATIONS, most.proposal.iterations)
        return replace(
            most,
            intra_passes=self._intra.of(1, most.intra_passes),
            passes=level.of(1, most.passes),
            proposal=replace(most.proposal, iterations=iterations),
            motion=level.of(0, most.motion),
            worth=most.worth * _WORTH ** (1 - level.level),
            added=level.of(0, most.added),
        )


class _Level:
    """Where work stands, from 0, the floor, to 1, the preset."""

    def __init__(self, allowed: float):
        self.level, self._allowed = _FIRST, allowed

    def adjust(self, seconds: float) -> None:
        load = seconds / self._allowed
        if load > 1:
            lower = self.level * max(_DOWN, 1 / load)
            self.level = lower if lower > _UP / 2 else 0.0
        elif load < _EASY:
            self.level = min(1.0, self.level + _UP)

    def of(self, floor: int, most: int) -> int:
        low = min(floor, most)
        return round(low + self.level * (most - low))
