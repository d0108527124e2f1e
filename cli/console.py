"""How commands speak: results on stdout, progress and messages on stderr, exit codes."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager

import click

from tsplat.errors import ConfigError, TsplatError

_SPARSE_SECONDS = 10.0
INTERRUPTED = 130


def guarded(command: click.Command) -> int:
    """Run the command; 0 success, 1 failure, 2 wrong usage, 130 interrupted."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        command.main(standalone_mode=False)
        sys.stdout.flush()
        return 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        note("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away: nothing is left to be said, nor flushed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ConfigError as error:
        note(str(error))
        return 2
    except TsplatError as error:
        note(str(error))
        return 1
    except ModuleNotFoundError as error:
        note(f"{error.name} is not installed; encoding needs: pip install 'tsplat[encode]'")
        return 1
    except (OSError, MemoryError) as error:
        note(getattr(error, "strerror", None) or str(error) or type(error).__name__)
        return 1


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def on_signals(ask: Callable[..., None]) -> None:
    """Call this, and nothing else, on Ctrl-C and on SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)


def note(message: str) -> None:
    """One line on stderr."""
    click.echo(f"tsplat: {' '.join(message.split())}", err=True)


def show(result: dict, as_json: bool, lines: Callable[[dict], list[str]]) -> None:
    """The result on stdout: one JSON object, or lines for people."""
    click.echo(json.dumps(result) if as_json else "\n".join(lines(result)))


@contextmanager
def progress(label: str, quiet: bool):
    """A function to call with (done, total): a bar on a terminal, sparse lines otherwise."""
    if quiet:
        yield None
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
def _bar(label: str):
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

        yield update


def backend_options(function: Callable) -> Callable:
    """--arch and --threads."""
    function = click.option(
        "--threads", type=click.IntRange(1, 1024), help="CPU threads; all by default."
    )(function)
    return click.option(
        "--arch",
        type=click.Choice(["auto", "cpu", "cuda", "vulkan", "metal"]),
        default="auto",
        show_default=True,
        help="What the kernels run on; auto takes a GPU where there is one.",
    )(function)


def report_options(function: Callable) -> Callable:
    """--json and --quiet."""
    function = click.option("--quiet", is_flag=True, help="No progress on stderr.")(function)
    return click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")(
        function
    )
