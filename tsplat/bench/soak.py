"""Whether a long encode keeps its rate and its memory.

::

    python -m tsplat.bench.soak CLIP [--minutes 10] [--height 360] [--preset realtime] [--live]

The clip's frames go forwards and backwards, again and again, into ``tsplat encode -``: as fast as
it takes them, or, with ``--live``, as a camera gives them. A line a minute: frames that it took,
and its memory.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from tsplat.bench.pictures import Pictures, load
from tsplat.bench.processes import TSPLAT
from tsplat.config import PRESETS
from tsplat.errors import TsplatError
from tsplat.media.clip import Clip
from tsplat.media.sink import Y4m

_MOST_FRAMES = 300
"""Of the clip, that are kept in memory."""


def to_and_fro(frames: list[np.ndarray]) -> Iterator[np.ndarray]:
    """The frames forwards and backwards, for ever: a scene without cuts.

    >>> list(itertools.islice(to_and_fro([1, 2, 3]), 6))
    [1, 2, 3, 2, 1, 2]
    """
    return itertools.cycle([*frames, *frames[-2:0:-1]])


def soak(
    clip: Pictures, preset: str, minutes: float, live: bool, each: float = 60.0
) -> Iterator[tuple[float, float, float]]:
    """Encode for some time.

    Parameters
    ----------
    clip : Pictures
    preset : str
    minutes : float
    live : bool
        Feed it by the clock.
    each : float
        Seconds from one report to the next.

    Yields
    ------
    (float, float, float)
        Minutes since the first frame was taken, frames taken a second since the last report, and
        the encoder's resident memory, MiB.

    Raises
    ------
    TsplatError
        The encoder ended with an error.
    """
    height, width = clip.frames[0].shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        words = ["--preset", preset, "--arch", "cpu", "--quiet", *(["--live"] if live else [])]
        command = [*TSPLAT, "encode", "-", str(Path(folder) / "long.tsplat"), *words]
        opened = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sys.stderr)
        # An encoder that ends early says why itself.
        with suppress(BrokenPipeError), opened as encoder:
            assert encoder.stdin is not None
            sink = Y4m(cast(BinaryIO, encoder.stdin), Clip(width, height, clip.rate))
            began = last = time.monotonic()
            reported = 0
            for count, frame in enumerate(to_and_fro(clip.frames), 1):
                due = count / clip.rate
                if live:
                    time.sleep(max(0.0, began + float(due) - time.monotonic()))
                sink.write(frame, due)
                now = time.monotonic()
                if now - last >= each:
                    yield (
                        (now - began) / 60,
                        (count - reported) / (now - last),
                        resident_mib(encoder.pid),
                    )
                    last, reported = now, count
                if now - began >= 60 * minutes:
                    break
        if opened.returncode:
            raise TsplatError(f"the encoder ended with {opened.returncode}")


def resident_mib(process: int) -> float:
    """Resident memory of a process, MiB; ``ps`` gives KiB."""
    command = ["ps", "-o", "rss=", "-p", str(process)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--preset", default="realtime", choices=PRESETS)
    parser.add_argument("--live", action="store_true")
    options = parser.parse_args()
    try:
        clip = load(options.clip, options.height, _MOST_FRAMES)
        print("minute  frames/s       MiB")
        for minute, rate, rss in soak(clip, options.preset, options.minutes, options.live):
            print(f"{minute:6.1f} {rate:9.1f} {rss:9.0f}", flush=True)
    except TsplatError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
