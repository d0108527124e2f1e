"""How commands speak: results on stdout, progress and messages on stderr, exit codes."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from tsplat.errors import BitstreamError, ConfigError, TsplatError

_SPARSE_SECONDS = 10.0
FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130
_EXTRA = "encoding needs more packages than decoding: in a clone of tsplat, pip install '.[encode]'"
_ENDING = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
"""Signals that end a command, as Ctrl-C does."""
_asked: list[int] = []
"""Signals that asked the command to end."""
_raised: list[int] = []
"""Those of them that were raised; a library that was being loaded may have passed over it."""
_shown: list[dict] = []
"""Results that stand on stdout already."""
_drawn: list = []
"""The bar on the terminal, above which messages go."""


def guarded(command: click.Command) -> int:
    """Run the command; 0 success, 1 failure, 2 wrong usage, 130 interrupted."""
    _take_streams()
    _shown.clear()
    _asked.clear()
    _raised.clear()
    for number in (signal.SIGINT, *_ENDING):
        # What is ignored from the start, as nohup has it, stays ignored.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)
    try:
        command.main(prog_name="tsplat", standalone_mode=False)
        if sys.stdout:
            sys.stdout.flush()
        return 0
    except click.UsageError as error:
        context = f"; {error.ctx.command_path} --help tells more" if error.ctx else ""
        return _failed(error, f"{error.format_message().rstrip('.')}{context}", WRONG_USAGE)
    except click.ClickException as error:
        return _failed(error, error.format_message(), error.exit_code)
    except (KeyboardInterrupt, click.Abort) as error:
        return _failed(error, "interrupted", INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output went away: nothing is left to be said, nor flushed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED
    except ConfigError as error:
        return _failed(error, str(error), WRONG_USAGE)
    except TsplatError as error:
        return _failed(error, str(error), FAILED)
    except ModuleNotFoundError as error:
        return _failed(error, f"{error.name} is not installed; {_EXTRA}", FAILED)
    except (OSError, MemoryError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        name = getattr(error, "filename", None)
        return _failed(error, f"{name}: {reason}" if name else reason, FAILED)
    except Exception as error:
        # Libraries that are interrupted while they are loaded make errors of their own of it.
        if _asked:
            return _failed(error, "interrupted", INTERRUPTED)
        raise


def _failed(error: BaseException, message: str, code: int) -> int:
    """Say it: a line on stderr and, where that was asked for, an object on stdout."""
    note(message)
    if "--json" in sys.argv and "-" not in sys.argv[2:] and not _shown:
        found = {"error": _plain(message), "kind": type(error).__name__, "exit_code": code}
        if isinstance(error, BitstreamError):
            found |= {"offset": error.offset, "frame": error.frame}
        click.echo(json.dumps(found))
    return code


def _interrupt(number: int, *_: object) -> None:
    _asked.append(number)
    _raised.append(number)
    raise KeyboardInterrupt


def _take_streams() -> None:
    """Where a standard stream is closed, the next file to be opened would take its place, and what
    libraries print would go into it."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def on_signals(ask: Callable[..., None]) -> None:
    """Call this, and nothing else, on Ctrl-C and on what ends a command."""

    def asked(number: int, *rest: object) -> None:
        _asked.append(number)
        ask(number, *rest)

    for number in (signal.SIGINT, *_ENDING):
        signal.signal(number, asked)


def note(message: str) -> None:
    """One line on stderr, above the bar where there is one."""
    line = f"tsplat: {_plain(message)}"
    if _drawn:
        _drawn[-1].print(line, markup=False, highlight=False, soft_wrap=True)
    else:
        click.echo(line, err=True)


def _plain(message: str) -> str:
    """On one line, of characters that can be written."""
    return " ".join(message.split()).encode("utf-8", "replace").decode()


def notes(result: dict, quiet: bool) -> None:
    """What a result has to say besides: warnings, and, unless quiet, notes."""
    for line in [*([] if quiet else result.get("notes", [])), *result.get("warnings", [])]:
        note(line)


def show(
    result: dict,
    as_json: bool,
    lines: Callable[[dict], list[str]],
    *,
    quiet: bool = False,
    err: bool = False,
) -> None:
    """The result on stdout: one JSON object, or, unless quiet, lines for people."""
    if as_json:
        click.echo(json.dumps(result), err=err)
        _shown.append(result)
    elif not quiet:
        text = "\n".join(lines(result))
        click.echo(text.encode("utf-8", "replace").decode(), err=err)


@contextmanager
def progress(label: str, quiet: bool) -> Iterator[Callable[[int, int | None], None]]:
    """A function to call with (done, total): a bar on a terminal, sparse lines otherwise. What was
    interrupted and went on ends there."""
    with _progress(label, quiet) as update:

        def step(done: int, total: int | None) -> None:
            if _raised:
                raise KeyboardInterrupt
            update(done, total)

        yield step


@contextmanager
def _progress(label: str, quiet: bool) -> Iterator[Callable[[int, int | None], None]]:
    if quiet or sys.stderr is None:
        yield lambda done, total: None
    elif sys.stderr.isatty():
        with _bar(label) as update:
            yield update
    else:
        yield _Sparse(label)


class _Sparse:
    def __init__(self, label: str):
        self._label, self._last, self._began = label, time.monotonic(), time.monotonic()

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._last >= _SPARSE_SECONDS:
            self._last = now
            of = f"/{total}" if total else ""
            note(f"{self._label} {done}{of} frames, {done / (now - self._began):.1f} frames/s")


@contextmanager
def _bar(label: str) -> Iterator[Callable[[int, int | None], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(label),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None, speed="")
        began = time.monotonic()

        def update(done: int, total: int | None) -> None:
            speed = f"{done / max(1e-3, time.monotonic() - began):.1f} frames/s"
            bar.update(task, completed=done, total=total, speed=speed)

        _drawn.append(bar.console)
        try:
            yield update
        finally:
            _drawn.pop()
