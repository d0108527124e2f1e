"""What an encoder did, and how long its stages took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

STAGES = ("background", "init", "flow", "intra", "inter", "code")


@dataclass
class Statistics:
    """What the encoder did so far.

    Attributes
    ----------
    i_frames, p_frames, between : int
        Frames coded, and frames interpolated between them.
    bytes : int
        Of all packets.
    gaussians, splats : int
        With which the last I-frame was fitted, and which it kept.
    changed_splats : int
        Splats that P-frames changed or added, summed.
    background_bytes : int
        Of background packets.
    region_share : float
        Part of the picture that is in the region, summed over frames.
    seconds : dict of str to float
        Wall time by stage: :data:`STAGES`.
    """

    i_frames: int = 0
    p_frames: int = 0
    between: int = 0
    bytes: int = 0
    gaussians: int = 0
    splats: int = 0
    changed_splats: int = 0
    background_bytes: int = 0
    region_share: float = 0.0
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))

    @property
    def frames(self) -> int:
        return self.i_frames + self.p_frames + self.between

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Count the time that the block takes."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - start

    def add(self, later: Statistics) -> None:
        """Count what another encoder did, of the frames that follow."""
        for name in ("i_frames", "p_frames", "between", "bytes", "changed_splats"):
            setattr(self, name, getattr(self, name) + getattr(later, name))
        self.gaussians, self.splats = later.gaussians, later.splats
        for stage, seconds in later.seconds.items():
            self.seconds[stage] += seconds
