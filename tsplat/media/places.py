"""Where bytes go: files and folders that appear when they are whole, devices, pipes.

What is being written lies beside its place, under a hidden name of ours, and is moved there in the
end; what a killed process left behind goes with the next one that writes to the same place.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tsplat.errors import MediaError, reason_of

STANDARD = "-"
"""The name of standard input and output."""
_PARTIAL = "partial"


def check_free(path: Path, overwrite: bool) -> None:
    """Refuse what must not be overwritten, before any work is done.

    Raises
    ------
    MediaError
    """
    if is_written_through(path):
        return
    if not _real(path).parent.is_dir():
        raise MediaError(f"{path}: the folder {_real(path).parent} does not exist")
    if path.is_dir():
        raise MediaError(f"{path}: is a folder")
    if path.exists() and not overwrite:
        raise MediaError(f"{path}: exists already; --overwrite replaces it")


def check_distinct(source: str | Path, target: str | Path) -> None:
    """Refuse to write over what is being read.

    Raises
    ------
    MediaError
    """
    if STANDARD in (str(source), str(target)) or is_written_through(Path(target)):
        return
    if os.path.exists(source) and os.path.exists(target) and os.path.samefile(source, target):
        raise MediaError(f"{target}: output and input are the same file")


def is_written_through(path: Path) -> bool:
    """A device, a pipe or a socket: it is written to as it is, and never replaced."""
    return path.exists() and not path.is_file() and not path.is_dir()


@contextmanager
def replacing(path: Path, overwrite: bool) -> Iterator[Path]:
    """A path of a file to write, beside ``path``, and moved there if the block succeeds.

    A symbolic link is followed: what it names is replaced. A device or a pipe is given itself.

    Raises
    ------
    MediaError
        ``path`` exists and may not be overwritten, its folder does not exist, or it cannot be
        written.
    """
    check_free(path, overwrite)
    if is_written_through(path):
        try:
            yield path
        except OSError as error:
            raise _unwritable(path, error) from error
        return
    place = _real(path)
    beside = _beside(place)
    try:
        yield beside
        os.replace(beside, place)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def replacing_folder(
    path: Path, overwrite: bool, foreign: Callable[[list[str]], str | None]
) -> Iterator[Path]:
    """A folder to write files into, which are in ``path`` if the block succeeds.

    Parameters
    ----------
    path : Path
    overwrite : bool
        Replace what a run before wrote.
    foreign : callable
        Given the names in a folder that exists, one that no run of ours writes; None if all are.

    Raises
    ------
    MediaError
        The folder holds something else, which stays; or what may not be overwritten; or it cannot
        be written.
    """
    exists = path.exists()
    if exists and not path.is_dir():
        raise MediaError(f"{path}: is not a folder")
    if not exists and not _real(path).parent.is_dir():
        raise MediaError(f"{path}: the folder {_real(path).parent} does not exist")
    beside = _beside(_real(path) / _PARTIAL if exists else _real(path))
    before = [entry.name for entry in path.iterdir()] if exists else []
    stranger = foreign(before)
    if stranger is None:
        stranger = next((name for name in before if not (path / name).is_file()), None)
    if stranger is not None:
        raise MediaError(
            f"{path}: holds {stranger}, which was not written here; name another folder"
        )
    if before and not overwrite:
        raise MediaError(f"{path}: exists already; --overwrite replaces it")
    try:
        beside.mkdir()
        yield beside
        if not exists:
            os.replace(beside, path)
            return
        written = {entry.name for entry in beside.iterdir()}
        for name in written:
            os.replace(beside / name, path / name)
        for name in set(before) - written:
            (path / name).unlink()
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def written(target: str | Path, overwrite: bool, following: bool) -> Iterator[BinaryIO]:
    """A binary file to write to, that becomes ``target`` if the block succeeds.

    ``-`` is standard output; a device or a pipe is written to as it is. With ``following``, for
    others to read it while it grows, a file has its name from the first byte on, and keeps what
    was written whatever happens.

    Raises
    ------
    MediaError
        As :func:`replacing`.
    """
    if str(target) == STANDARD:
        yield standard_output()
        standard_output().flush()
        return
    path = Path(target)
    check_free(path, overwrite)
    if following and not is_written_through(path):
        growing = _Growing(path)
        try:
            yield growing  # type: ignore[misc]
        finally:
            growing.close()
    else:
        with replacing(path, overwrite) as beside, open(beside, "wb") as file:
            yield file


def standard_output() -> BinaryIO:
    """Standard output, for bytes.

    Raises
    ------
    MediaError
        It is closed.
    """
    if sys.stdout is None:
        raise MediaError("standard output is closed")
    return sys.stdout.buffer


class _Growing:
    """A file that is opened, and emptied, when its first bytes are there."""

    def __init__(self, path: Path):
        self._path = path
        self._file: BinaryIO | None = None

    def write(self, data: bytes) -> int:
        if self._file is None:
            try:
                self._file = open(self._path, "wb")  # noqa: SIM115
            except OSError as error:
                raise _unwritable(self._path, error) from error
        return self._file.write(data)

    def flush(self) -> None:
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _real(path: Path) -> Path:
    """Where a path, or a symbolic link, leads."""
    return Path(os.path.realpath(path))


def _beside(place: Path) -> Path:
    """A hidden name beside a place, of any length of its own name; those of dead processes go."""
    key = hashlib.sha256(os.fsencode(place.name)).hexdigest()[:12]
    name = re.compile(rf"\.tsplat-{key}-(\d+)\.{_PARTIAL}")
    for entry in place.parent.iterdir() if place.parent.is_dir() else ():
        owner = name.fullmatch(entry.name)
        if owner and not _is_alive(int(owner[1])):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
    return place.with_name(f".tsplat-{key}-{os.getpid()}.{_PARTIAL}")


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass
    return True


def _unwritable(path: Path, error: OSError) -> OSError:
    """The error to raise in its place: one that names the path, unless it says enough."""
    if isinstance(error, (MediaError, BrokenPipeError)):
        return error
    return MediaError(f"{path}: cannot be written ({reason_of(error)})")
