"""Pipes, as tests need them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def piped(data: bytes) -> Iterator[str]:
    """The name of a pipe through which these bytes come."""
    read, write = os.pipe()

    def send() -> None:
        with suppress(BrokenPipeError), open(write, "wb") as file:
            file.write(data)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield f"/dev/fd/{read}"
    finally:
        os.close(read)
        thread.join()
