"""The folder of compiled kernels: one that can be written, without locks of dead processes."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_IN_USE = "in-use"
"""A file that every process which uses the folder holds a shared lock on while it lives."""
_LOCK = "ticache.lock"
"""Taichi's own: who finds it goes without the cache, and a process that was killed leaves it."""
_held: dict[Path, int] = {}
"""Files that this process holds a lock on, by folder."""


@dataclass(frozen=True)
class Cache:
    """Where compiled kernels are kept.

    Attributes
    ----------
    folder : Path or None
        None: nowhere; every process compiles them anew.
    warnings : tuple of str
    """

    folder: Path | None
    warnings: tuple[str, ...] = ()

    def options(self) -> dict[str, object]:
        """What Taichi is told. Without a cache, too, it looks for the folder when it ends, and
        crashes if there is none: it is given one that is there, and writes nothing to it."""
        folder = self.folder or Path(os.path.abspath(os.sep))
        return {"offline_cache": self.folder is not None, "offline_cache_file_path": str(folder)}

    @classmethod
    def open(cls, folder: Path) -> Cache:
        """Use a folder, or none where it cannot be written."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Taichi reports a folder that it cannot write to by crashing at the end.
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            slow = "kernels are compiled anew by every command"
            warning = f"{folder}: no cache can be kept there ({error.strerror}): {slow}"
            return cls(None, (warning,))
        _clear(folder)
        return cls(folder)


def _clear(folder: Path) -> None:
    """Take away the lock of a process that is gone: nobody else uses the folder."""
    if fcntl is None or folder in _held:
        return
    try:
        file = _held[folder] = os.open(folder / _IN_USE, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            for lock in folder.rglob(_LOCK):
                lock.unlink(missing_ok=True)
        fcntl.flock(file, fcntl.LOCK_SH)
    except OSError:
        # A file system without locks: as it was.
        return


def locked(folder: Path) -> bool:
    """Taichi's lock is there: its owner is at work, or was killed."""
    return any(os.path.lexists(lock) for lock in folder.rglob(_LOCK)) if folder.is_dir() else False
