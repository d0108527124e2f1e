"""The command: in this process, which is quick, or in one of its own, as people run it."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

TSPLAT = str(Path(sys.executable).with_name("tsplat"))
Done = subprocess.CompletedProcess


def tsplat(*words: object) -> Done[bytes]:
    """Run the command here: as :func:`process`, but without standard input."""
    from tsplat_cli.console import guarded
    from tsplat_cli.main import cli

    command = [TSPLAT, *map(str, words)]
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2)]
    with ExitStack() as stack:
        stack.enter_context(signals_kept())
        for name, stream in zip(("stdout", "stderr"), streams):
            stack.enter_context(mock.patch.object(sys, name, stream))
        stack.enter_context(mock.patch.object(sys, "argv", command))
        code = guarded(cli)
    out, err = (stream.buffer.getvalue() for stream in streams)  # type: ignore[attr-defined]
    return Done(command, code, out, err)


def process(*words: object, stdin: bytes | None = None, **settings) -> Done[bytes]:
    """Run the command in a process of its own."""
    command = [TSPLAT, *map(str, words)]
    settings = {"input": stdin, "capture_output": True, "timeout": 120, "check": False} | settings
    return subprocess.run(command, **settings)


@contextmanager
def signals_kept():
    """What a command does about signals ends with it."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before):
            signal.signal(number, handler)


def fails(result: Done[bytes], code: int, *words: str) -> None:
    """One line on stderr with these words, this exit code, no traceback, no result."""
    message = result.stderr.decode()
    assert result.returncode == code, message
    assert "Traceback" not in message
    assert len(message.strip().splitlines()) == 1, message
    assert result.stdout == b""
    for word in words:
        assert word in message
