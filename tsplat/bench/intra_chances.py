"""Count how likely shapes and colours are, and write ``tsplat/stream/intra_chances.py``.

::

    python -m tsplat.bench.intra_chances CLIP... [--frames 121] [--every 30] [--crf 18,23,28,33,38]
"""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path

import numpy as np

from tsplat.bench.change_chances import chances
from tsplat.bench.pictures import load
from tsplat.config import EncoderConfig
from tsplat.encoding.encoder import Encoder
from tsplat.kernels import runtime
from tsplat.stream import intra
from tsplat.stream.contexts import Contexts
from tsplat.stream.entropy import Writer

OUT = Path(intra.__file__).with_name("intra_chances.py")
HEAD = '''"""Chances of :mod:`tsplat.stream.intra`, by ``python -m tsplat.bench.intra_chances``."""

# fmt: off
CHANCES = (
'''


class Counted(Contexts):
    """Contexts that count all that is seen in them in ``total``, and learn nothing."""

    total = np.zeros((intra.COUNT, 2))

    def learned(self, seen: list[tuple[np.ndarray, np.ndarray]]) -> Contexts:
        for contexts, bits in seen:
            np.add.at(self.total, (contexts, bits.astype(np.int64)), 1)
        return self


def count(values: np.ndarray) -> None:
    """Count what an I-packet of splats, (N, 8), would code."""
    model = intra.Model(intra.Model.of(values).modes, Counted(intra.INITIAL.counts))
    intra.code(Writer().bits, model, values[:, :2], values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=121)
    parser.add_argument("--every", type=int, default=30)
    parser.add_argument("--crf", default="18,23,28,33,38")
    options = parser.parse_args()
    runtime.start("auto")
    for clip in options.clips:
        pictures = load(clip, 360, options.frames)
        height, width = pictures.frames[0].shape[:2]
        for crf in map(float, options.crf.split(",")):
            for frame in pictures.frames[:: options.every]:
                encoder = Encoder(width, height, pictures.rate, EncoderConfig(crf=crf))
                encoder.encode(frame)
                if encoder.splats is not None:
                    count(encoder.splats.values)
    write()


def write() -> None:
    """All that was counted."""
    found = chances(Counted.total)
    with open(OUT, "w") as file:
        file.write(HEAD)
        for name, channel in zip(("l11", "l22", "l21", "Y", "Cb", "Cr"), intra.CHANNELS):
            file.write(f"    # {name}\n")
            for part in intra.rows(channel):
                numbers = ", ".join(map(str, found[part]))
                file.write(textwrap.indent(textwrap.fill(numbers, 90), "    ") + ",\n")
        file.write(")\n")


if __name__ == "__main__":
    main()
