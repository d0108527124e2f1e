"""Public data sets of which users have copies of their own: which files of a folder are of them.

References
----------
Naderi et al., VCD: A Video Conferencing Dataset for Video Compression, ICASSP 2024: 160 clips in
folders by scenario, as .yuv and as .mp4, https://github.com/microsoft/VCD.
Bossen, Common test conditions and software reference configurations, JCTVC-L1100: Class E is
FourPeople, Johnny and KristenAndSara.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tsplat.errors import ConfigError, MediaError

_ENDINGS = (".yuv", ".y4m", ".mp4")
"""The first of these that is there is taken: a recoding is no source."""
_RAW = re.compile(r".*_(\d+)x(\d+)_(\d+)")
"""Name of a .yuv file, without its ending: width, height and frames a second."""


@dataclass(frozen=True)
class Dataset:
    """A data set.

    Attributes
    ----------
    name : str
    names : re.Pattern
        Of its clips, as its authors publish them, without their endings.
    clips : int
        How many there are.
    """

    name: str
    names: re.Pattern[str]
    clips: int


DATASETS = (
    Dataset("VCD", re.compile(r"[0-9a-f]{32}_(1920x1080|1080x1920)_30"), 160),
    Dataset("Class E", re.compile(r"(FourPeople|Johnny|KristenAndSara)_1280x720_60"), 3),
)


def clips_in(folder: Path) -> tuple[str, list[Path]]:
    """What a folder and the folders in it hold of a data set.

    Returns
    -------
    str, list of Path
        Which data set it is and how much of it, in words; and the clips, in the order of their
        names.

    Raises
    ------
    ConfigError
        It holds nothing of any, or of more than one.
    """
    files = sorted(p for p in folder.rglob("*") if p.suffix in _ENDINGS and p.is_file())
    files.sort(key=lambda p: (p.stem, _ENDINGS.index(p.suffix)))
    there: list[tuple[Dataset, list[Path]]] = []
    for dataset in DATASETS:
        by_name: dict[str, Path] = {}
        for path in files:
            if dataset.names.fullmatch(path.stem):
                by_name.setdefault(path.stem, path)
        if by_name:
            there.append((dataset, list(by_name.values())))
    if len(there) != 1:
        how = "clips of more than one" if there else "no clip"
        names = " or ".join(dataset.name for dataset in DATASETS)
        raise ConfigError(f"dataset: {folder} has {how}, expected {names}")
    dataset, clips = there[0]
    endings = ", ".join(sorted({path.suffix for path in clips}))
    return f"{dataset.name}, {len(clips)} of {dataset.clips} clips, as {endings}", clips


@contextmanager
def readable(path: Path, frames: int) -> Iterator[Path]:
    """A clip as FFmpeg can open it: a .yuv file, 4:2:0 of 8 bits, gets the header it lacks.

    Parameters
    ----------
    path : Path
    frames : int
        How many are wanted, from the first.

    Yields
    ------
    Path
        Of the file itself, or of one that is there until the block ends.

    Raises
    ------
    MediaError
        The name of a .yuv file does not say its size and rate, as ``NAME_1280x720_60.yuv`` does.
    OSError
        It cannot be read.
    """
    if path.suffix != ".yuv":
        yield path
        return
    said = _RAW.fullmatch(path.stem)
    if said is None:
        raise MediaError(f"{path.name}: expected its size and rate in its name, as _1280x720_60")
    width, height, rate = map(int, said.groups())
    chroma = -(-width // 2) * -(-height // 2)
    with TemporaryDirectory() as folder:
        whole = Path(folder) / f"{path.stem}.y4m"
        with path.open("rb") as raw, whole.open("wb") as out:
            out.write(f"YUV4MPEG2 W{width} H{height} F{rate}:1 Ip A1:1 C420mpeg2\n".encode())
            for _ in range(frames):
                picture = raw.read(width * height + 2 * chroma)
                if len(picture) < width * height + 2 * chroma:
                    break
                out.write(b"FRAME\n" + picture)
        yield whole
