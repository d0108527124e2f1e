"""Count how likely changes of splats are, and write ``tsplat/stream/change_chances.py``.

::

    python -m tsplat.bench.change_chances CLIP... [--frames 60] [--crf 20,27,34]
"""

from __future__ import annotations

import argparse
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np

from tsplat.bench.pictures import load
from tsplat.config import EncoderConfig
from tsplat.encoding.clip import encode_clip
from tsplat.kernels import runtime
from tsplat.stream import container, delta, payload, scan
from tsplat.stream.contexts import Contexts
from tsplat.stream.header import Header

OUT = Path(delta.__file__).with_name("change_chances.py")
PULL = 4.0
"""Weight of an even chance, in bits."""
HEAD = '''"""Chances of :mod:`tsplat.stream.delta`, by ``python -m tsplat.bench.change_chances``."""

# fmt: off
CHANCES = (
'''


class Counted(Contexts):
    """Contexts that count all that is seen in them; the counts start at 0 in ``total``."""

    total = np.zeros((delta.COUNT, 2))

    def learned(self, seen: list[tuple[np.ndarray, np.ndarray]]) -> Contexts:
        for contexts, bits in seen:
            np.add.at(self.total, (contexts, bits.astype(np.int64)), 1)
        return Counted(super().learned(seen).counts)


def count(frames: list[np.ndarray], crf: float) -> None:
    """Encode frames, and take the packets apart."""
    encoded = encode_clip(frames, EncoderConfig(crf=crf, max_span=16, gop=65535))
    header = Header.unpack(encoded.header)
    state = None
    for packet in scan.packets(encoded.stream):
        if isinstance(packet, scan.Damage):
            continue
        if packet.kind == container.INTRA:
            state = payload.decode_intra(packet.payload, header)
        elif packet.kind == container.INTER and state is not None:
            state = replace(state, contexts=Counted(state.contexts.counts))
            state = payload.decode_inter(packet.payload, state, header)


def chances(total: np.ndarray) -> list[int]:
    """Counts of zeros and ones, (C, 2), to chances of a one in 1/256."""
    ones = (total[:, 1] + PULL / 2) / (total.sum(1) + PULL)
    return np.clip(np.round(256 * ones), 1, 255).astype(int).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--crf", default="20,27,34")
    options = parser.parse_args()
    runtime.start("auto")
    for clip in options.clips:
        frames = load(clip, 360, options.frames).frames
        for crf in map(float, options.crf.split(",")):
            count(frames, crf)
    found = chances(Counted.total)
    with open(OUT, "w") as file:
        file.write(HEAD)
        for name, part in delta.NAMED:
            numbers = textwrap.indent(textwrap.fill(", ".join(map(str, found[part])), 90), "    ")
            file.write(f"    # {name}\n{numbers},\n")
        file.write(")\n")


if __name__ == "__main__":
    main()
