"""The main job in one command: a clip, encoded, decoded, and what that gave.

::

    python -m tsplat.bench.demo FOLDER [FRAMES]
"""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tsplat.bench.portrait import write_portrait
from tsplat.files.decoding import decode
from tsplat.files.evaluate import evaluate
from tsplat.files.run import Run
from tsplat.files.session import encode


def main(folder: Path, frames: int = 90) -> None:
    """Make the portrait clip, encode it, decode it, and print a table."""
    folder.mkdir(parents=True, exist_ok=True)
    source, stream, video = (
        folder / name for name in ("portrait.mp4", "portrait.tsplat", "decoded.mp4")
    )
    write_portrait(source, frames)
    encoded = encode(source, stream, run=Run(overwrite=True))
    decoded = decode(stream, video, run=Run(overwrite=True))
    quality = evaluate(source, stream)
    rows = {
        "frames": f"{encoded['frames']} of {encoded['width']}x{encoded['height']}",
        "file": f"{encoded['bytes']} bytes",
        "rate": f"{encoded['kbit_s']:.1f} kbit/s, {encoded['bpp']:.4f} bpp",
        "PSNR": f"{quality['psnr_db']:.2f} dB (worst frame {quality['psnr_worst_db']:.2f} dB)",
        "encode": f"{encoded['encode_frames_per_s']:.1f} frames/s",
        "decode": f"{decoded['decode_frames_per_s']:.1f} frames/s, H.264 encoding included",
        "original": str(source),
        "stream": str(stream),
        "decoded": str(video),
    }
    table = Table(title="tsplat: a talking portrait", show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    Console(width=100).print(table)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(int(n) for n in sys.argv[2:3]))
