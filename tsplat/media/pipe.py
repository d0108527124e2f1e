"""A pipe that can be let go of while it waits."""

from __future__ import annotations

import os
import select
import sys
import threading

_POLL = 0.1
"""Seconds between looks at whether the bytes are still wanted."""


class Pipe:
    """Bytes of a file descriptor as they come.

    A thread that waits in an ordinary read can be neither stopped nor joined; this one sees the
    end of its input when :meth:`stop` was called. Nor does it wait until a buffer is full, which
    would hold frames back.

    Parameters
    ----------
    descriptor : int
    closing : bool
        It was opened for this alone, and :meth:`close` closes it.

    Attributes
    ----------
    count : int
        Bytes that came.
    """

    def __init__(self, descriptor: int, closing: bool = False):
        self._descriptor, self._closing = descriptor, closing
        self.count = 0
        self._ahead = b""
        self._stopped = threading.Event()
        self.interrupted: BaseException | None = None

    def peek(self, size: int) -> bytes:
        """The next bytes, which stay to be read; fewer at the end."""
        while len(self._ahead) < size and (more := self._read(size - len(self._ahead))):
            self._ahead += more
        return self._ahead[:size]

    def read(self, size: int) -> bytes:
        if self._ahead:
            ahead, self._ahead = self._ahead[:size], self._ahead[size:]
            return ahead
        return self._read(size)

    def _read(self, size: int) -> bytes:
        try:
            while not self._stopped.is_set():
                # Windows selects sockets alone: there a read waits.
                if sys.platform == "win32" or select.select([self._descriptor], [], [], _POLL)[0]:
                    data = os.read(self._descriptor, size)
                    self.count += len(data)
                    return data
        except KeyboardInterrupt as error:
            # FFmpeg's libraries, which call this, would read on; so it ends, and is remembered.
            self.interrupted = error
            self.stop()
        return b""

    def stop(self) -> None:
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        """The end that it came to is not its own."""
        return self._stopped.is_set()

    def close(self) -> None:
        if self._closing:
            self._closing = False
            os.close(self._descriptor)
