"""How a command runs: nothing of it is seen in what it writes, but where it is live."""

from __future__ import annotations

from dataclasses import dataclass, field

from tsplat.files import Announce, Progress
from tsplat.files.live import Ending


@dataclass(frozen=True)
class Run:
    """Backend, processes, output and progress.

    Attributes
    ----------
    arch : {"auto", "cpu", "cuda", "vulkan", "metal"}
        Backend.
    threads : int, optional
        CPU threads.
    overwrite : bool
        Replace the output if it exists.
    jobs : int
        Processes that encode parts of a clip, to the same bytes; for a constant quality, without
        a region of interest.
    live : bool
        Encode as the clock goes: frames that come while another one is coded and another one waits
        are dropped, the effort follows the time that there is, up to the preset's, there are no
        interpolated frames, packets are flushed as they are made, and the file has its name from
        the first on. A file's frames come at their times.
    ending : Ending
        Ends a live encode early, the file whole up to there.
    progress : callable, optional
        Called after every frame with the number done and the number in all, or None.
    announce : callable, optional
        Called with a line of text when ``auto`` takes another region of interest.
    """

    arch: str = "auto"
    threads: int | None = None
    overwrite: bool = False
    jobs: int = 1
    live: bool = False
    ending: Ending = field(default_factory=Ending)
    progress: Progress | None = None
    announce: Announce | None = None
