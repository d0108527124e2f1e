"""What each value of :class:`~tsplat.config.Tuning` is worth.

::

    python -m tsplat.bench.tune CLIP... [--frames 30] [--height 360] [--preset fast]
                                        [--crf 20,26,32] [--factor 1.25]

Every clip is encoded with each value divided and multiplied by the factor, the others as they are.
A row is the mean over the clips of the change of bytes at equal PSNR against the present values,
over the decibels that both reach: above 0, the change is for the worse.

The shipped values come from sweeps of single values, before there was this command, and are no
optimum of it. To look for one, take what changes for the better and repeat until nothing
does, on clips that are not those by which the codec is judged.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from tsplat.bench.curves import Curve, bd_rate
from tsplat.bench.pictures import Pictures, load
from tsplat.config import PRESETS, EncoderConfig, Tuning, preset
from tsplat.encoding.clip import encode_clip
from tsplat.errors import ConfigError, TsplatError
from tsplat.files.check import Check
from tsplat.files.session import SPAN
from tsplat.kernels import runtime
from tsplat.splats import Steps

CRFS = (20.0, 26.0, 32.0)
FACTOR = 1.25
KNOBS = (
    *(field.name for field in fields(Tuning) if field.name != "steps"),
    *(f"steps.{field.name}" for field in fields(Steps)),
)


def turned(tuning: Tuning, knob: str, factor: float) -> Tuning:
    """The same but for one value, that multiplied; whole numbers stay whole.

    >>> turned(Tuning(), "steps.luma", 2).steps.luma, turned(Tuning(), "lagrange", 2).lagrange
    (3304, 0.252)
    """
    name, _, step = knob.partition(".")
    value = getattr(tuning, name)
    if step:
        return replace(tuning, steps=replace(value, **{step: round(getattr(value, step) * factor)}))
    new = value * factor
    return replace(tuning, **{name: round(new) if isinstance(value, int) else new})


def curve(clip: Pictures, config: EncoderConfig, crfs: Iterable[float]) -> Curve:
    """Bytes and PSNR of a clip, encoded and decoded at each constant quality."""
    return [_point(clip, replace(config, crf=crf)) for crf in crfs]


def _point(clip: Pictures, config: EncoderConfig) -> tuple[float, float]:
    encoded = encode_clip(clip.frames, config, clip.rate)
    return len(encoded.stream), Check.of(encoded, clip.frames).psnr()


def against(present: list[Curve], changed: list[Curve]) -> float:
    """Mean over clips of the change of bytes at equal PSNR; nan if a clip's share none."""
    changes = []
    for before, now in zip(present, changed):
        found = bd_rate([before], now, min(q for _, q in now), max(q for _, q in now))
        changes.append(found[0] if found else math.nan)
    return float(np.mean(changes))


def tune(
    clips: list[Pictures],
    config: EncoderConfig,
    crfs: Iterable[float] = CRFS,
    factor: float = FACTOR,
    knobs: Iterable[str] = KNOBS,
) -> Iterator[tuple[str, float, float]]:
    """Turn each knob down and up.

    Parameters
    ----------
    clips : list of Pictures
    config : EncoderConfig
        With the tuning to start from.
    crfs : iterable of float
        Two at least, for a curve.
    factor : float
        Above 1.
    knobs : iterable of str
        Of :data:`KNOBS`.

    Yields
    ------
    (str, float, float)
        A knob, and the change of bytes at equal PSNR with its value divided by the factor, and
        with it multiplied; nan where no PSNR is reached by both.

    Raises
    ------
    ConfigError
        A value is out of range after multiplication.
    """
    crfs = tuple(crfs)
    present = [curve(clip, config, crfs) for clip in clips]
    for knob in knobs:
        down, up = (
            against(present, [curve(clip, replace(config, tuning=tuning), crfs) for clip in clips])
            for tuning in (turned(config.tuning, knob, by) for by in (1 / factor, factor))
        )
        yield knob, down, up


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--preset", default="fast", choices=PRESETS)
    parser.add_argument("--crf", default=",".join(f"{crf:g}" for crf in CRFS))
    parser.add_argument("--factor", type=float, default=FACTOR)
    options = parser.parse_args()
    try:
        if not options.factor > 1:
            raise ConfigError(f"factor: got {options.factor}, expected more than 1")
        crfs = [float(crf) for crf in options.crf.split(",")]
        runtime.start("cpu")
        clips = [load(path, options.height, options.frames) for path in options.clips]
        # As in files: interpolated frames, one keyframe.
        config = preset(options.preset, max_span=SPAN, gop=65535)
        heads = (f"{sign} {options.factor:g}" for sign in "/x")
        print(" " * 16, *(f"{head:>9}" for head in heads))
        for knob, down, up in tune(clips, config, crfs, options.factor):
            print(f"{knob:16} {down:+9.2%} {up:+9.2%}", flush=True)
    except (TsplatError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
