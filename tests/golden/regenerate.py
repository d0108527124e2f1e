"""Make the golden streams anew, when the format changes: ``python -m tests.golden.regenerate``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.golden.streams import STREAMS
from tsplat.files.reader import Reader
from tsplat.kernels import runtime

FOLDER = Path(__file__).parent


def main() -> None:
    runtime.start("cpu")
    for name, make in STREAMS.items():
        path = FOLDER / f"{name}.tsplat"
        path.write_bytes(b"".join(make().parts()))
        np.savez_compressed(path.with_suffix(".npz"), np.stack(list(Reader(path))))


if __name__ == "__main__":
    main()
