"""Bytes of a stream as they come, by their offsets."""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable
from typing import Protocol

_CHUNK = 1 << 16
_TAIL = 1 << 18
"""Last bytes that are kept whatever is dropped: the index is there, of some 50,000 I-packets."""


class Data(Protocol):
    """What packets are read from."""

    def __len__(self) -> int:
        """End of what is there so far."""

    def __getitem__(self, part: slice) -> bytes:
        """Bytes, fewer where they end; none from where they were dropped."""

    def more(self) -> bool:
        """Wait for more of them; False: there are none."""

    def search(self, pattern: re.Pattern[bytes], at: int) -> int | None:
        """Where a pattern is found from an offset on, in what is there."""

    def drop(self, at: int) -> None:
        """What lies before an offset will not be asked for any more, but for the index at the
        end."""


class Whole:
    """All bytes at once: a buffer or a mapped file."""

    def __init__(self, data: bytes | mmap.mmap):
        self._data = data

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, part: slice) -> bytes:
        return bytes(self._data[part])

    def more(self) -> bool:
        return False

    def search(self, pattern: re.Pattern[bytes], at: int) -> int | None:
        found = pattern.search(self._data, at)
        return found.start() if found else None

    def drop(self, at: int) -> None:
        pass


class Arriving:
    """Bytes that come in order, such as a pipe's: those still needed are kept, and the last ones.

    Parameters
    ----------
    read : callable
        Given a number of bytes, waits for some, at most so many; none: the end.
    """

    def __init__(self, read: Callable[[int], bytes]):
        self._read = read
        self._held = bytearray()
        self._from = 0
        self._ended = False

    def __len__(self) -> int:
        return self._from + len(self._held)

    def __getitem__(self, part: slice) -> bytes:
        if part.start < self._from:
            return b""
        return bytes(self._held[part.start - self._from : part.stop - self._from])

    def more(self) -> bool:
        if not self._ended:
            coming = self._read(_CHUNK)
            self._held += coming
            self._ended = not coming
        return not self._ended

    def search(self, pattern: re.Pattern[bytes], at: int) -> int | None:
        found = pattern.search(self._held, at - self._from)
        return found.start() + self._from if found else None

    def drop(self, at: int) -> None:
        at = min(at, len(self) - _TAIL)
        if at > self._from:
            del self._held[: at - self._from]
            self._from = at
