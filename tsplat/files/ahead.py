"""Items made ahead of time, in a thread of their own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

Item = TypeVar("Item")
_PATIENCE = 5.0
"""Seconds to wait for a source that is being read when nobody wants it any more."""


def ahead(items: Iterator[Item], room: int) -> Generator[Item, None, None]:
    """The same items, of which up to ``room`` are made while others are still in use.

    An error in ``items`` is raised here, when those before it were taken. Closing the generator
    ends the thread.

    >>> list(ahead(iter("abc"), 2))
    ['a', 'b', 'c']
    """
    made: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(room)
    over = threading.Event()

    def put(item: Item | None, error: BaseException | None) -> None:
        while not over.is_set():
            try:
                return made.put((item, error), timeout=0.1)
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in items:
                put(item, None)
                if over.is_set():
                    return
            put(None, StopIteration())
        except BaseException as error:
            put(None, error)

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = made.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]
    finally:
        over.set()
        thread.join(_PATIENCE)
