"""Frames as they come: the newest one is coded, those that nobody had time for are dropped."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np

from tsplat.errors import MediaError
from tsplat.media.clip import Source

Result = TypeVar("Result")
STALL = 5.0
"""Seconds without a frame after which a camera is given up."""
_POLL = 0.1
_PATIENCE = 2.0
"""Seconds to wait for the reading thread when nobody wants its frames any more."""


class Ending:
    """How a live encode is told to end: after the frame in work, or at once if none was coded."""

    def __init__(self) -> None:
        self.asked = False
        self.safe = False

    def ask(self, *_: object) -> None:
        """To be called in the encoding thread, by a signal, say.

        Raises
        ------
        KeyboardInterrupt
            Nothing was written that could be kept.
        """
        self.asked = True
        if not self.safe:
            raise KeyboardInterrupt


class Live:
    """The newest picture of a source each time that one is asked for. Iterate once, then close.

    Parameters
    ----------
    source : Source
    name : str
        Of the source, for messages.
    ending : Ending
    paced : bool
        The source gives pictures faster than they were taken: wait for the time of each.
    stall : float or None
        Seconds without a picture after which the source is given up.
    spent : callable
        Called after each picture with the seconds it was worked on.

    Attributes
    ----------
    dropped : int
        Pictures that came while another one was waiting, which they replaced.
    warnings : list of str
        Why the source ended, if not in the way that was expected.

    Yields
    ------
    (Fraction, (H, W, 3) uint8)
        As the source's.
    """

    def __init__(
        self,
        source: Source,
        name: str,
        ending: Ending,
        *,
        paced: bool,
        stall: float | None,
        spent: Callable[[float], None],
    ):
        self._source, self._name, self._ending = source, name, ending
        self._paced, self._stall, self._spent = paced, stall, spent
        self.dropped = 0
        self.warnings: list[str] = []
        self._latencies: list[float] = []
        self._arrived = 0.0
        self._changed = threading.Condition()
        self._slot: tuple[float, tuple[Fraction, np.ndarray]] | None = None
        self._done = False
        self._error: BaseException | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, name="live", daemon=True)

    def __iter__(self) -> Iterator[tuple[Fraction, np.ndarray]]:
        self._thread.start()
        while True:
            taken = self._next()
            if taken is None:
                return
            self._arrived, picture = taken
            began = time.perf_counter()
            yield picture
            self._spent(time.perf_counter() - began)

    def sent(self) -> None:
        """The packet of the last picture is with its readers."""
        self._latencies.append(time.perf_counter() - self._arrived)
        self._ending.safe = True

    def report(self) -> dict[str, Any]:
        """``dropped_frames`` and, from arrival to packet, ``latency_median_ms`` and
        ``latency_worst_ms``."""
        milliseconds = [1000 * s for s in self._latencies]
        return {
            "dropped_frames": self.dropped,
            "latency_median_ms": round(statistics.median(milliseconds), 2),
            "latency_worst_ms": round(max(milliseconds), 2),
        }

    def close(self) -> None:
        self._over.set()
        self._source.stop()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE)
            if self._thread.is_alive():
                self._source.abandon()

    def _next(self) -> tuple[float, tuple[Fraction, np.ndarray]] | None:
        since = time.monotonic()
        with self._changed:
            while not self._ending.asked:
                if self._slot is not None:
                    taken, self._slot = self._slot, None
                    return taken
                if self._done:
                    self._ended()
                    return None
                if self._stall is not None and time.monotonic() - since > self._stall:
                    self.warnings.append(f"{self._name}: no frame for {self._stall:g} s, given up")
                    return None
                self._changed.wait(_POLL)
        return None

    def _ended(self) -> None:
        """What was coded stays, whatever became of the source."""
        if isinstance(self._error, MediaError):
            self.warnings.append(str(self._error))
        elif self._error is not None:
            raise self._error
        elif self._stall is not None and not self._source.warnings:
            self.warnings.append(f"{self._name}: gives no more frames")

    def _read(self) -> None:
        """The reading thread."""
        began = None
        try:
            for picture in self._source:
                now = time.perf_counter()
                began = now if began is None else began
                if self._paced and self._over.wait(max(0.0, began + float(picture[0]) - now)):
                    return
                with self._changed:
                    self.dropped += self._slot is not None
                    self._slot = (time.perf_counter(), picture)
                    self._changed.notify()
                if self._over.is_set():
                    return
        except BaseException as error:
            self._error = error
        finally:
            with self._changed:
                self._done = True
                self._changed.notify()


def within(seconds: float, what: Callable[[], Result], name: str) -> Result:
    """A result that may never come, such as a camera's first frame.

    Raises
    ------
    MediaError
        It did not come in time. A thread goes on waiting for it.
    """
    found: list[Result] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            found.append(what())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, name="opening", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not found:
        raise MediaError(f"{name}: no frame for {seconds:g} s")
    return found[0]
