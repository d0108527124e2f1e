"""``tsplat models``."""

from __future__ import annotations

import sys
from contextlib import contextmanager

import click

from .console import note, show

_NAME = click.argument("name", metavar="NAME")
_MAYBE_NAME = click.argument("name", metavar="[NAME]", required=False)
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


@click.group("models")
def command() -> None:
    """Matting models: what there is, what is here, and getting more."""


@command.command("list")
@_JSON
def list_(as_json: bool) -> None:
    """List the known models."""
    from tsplat.roi import models

    entries = models.manifest().values()
    shown = ("name", "file", "bytes", "licence", "attribution", "source", "bundled", "description")
    rows = [
        {**{key: getattr(e, key) for key in shown}, "path": str(e.path), "here": e.path.is_file()}
        for e in entries
    ]
    show({"folder": str(models.cache_folder()), "models": rows}, as_json, _list_lines)


@command.command("fetch")
@_NAME
@click.option("--accept-licence", is_flag=True, help="Consent to a licence that asks for it.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def fetch(name: str, accept_licence: bool, quiet: bool) -> None:
    """Get a model into the cache folder; prints its path."""
    from tsplat.roi import models

    with _progress(f"fetch {name}", quiet) as update:
        path = models.fetch(name, accept_licence=accept_licence, progress=update)
    click.echo(path)


@command.command("verify")
@_MAYBE_NAME
@_JSON
def verify(name: str | None, as_json: bool) -> None:
    """Check the files that are here, or that of one model, against their checksums."""
    from tsplat.errors import ModelError
    from tsplat.roi import models

    entries = [models.entry(name)] if name else list(models.manifest().values())
    rows = []
    for entry in entries:
        if name is None and not entry.path.exists():
            continue
        row = {"name": entry.name, "path": str(entry.path), "ok": True, "error": None}
        try:
            models.verify(entry)
        except ModelError as error:
            row.update(ok=False, error=str(error))
        rows.append(row)
    show({"models": rows}, as_json, _verify_lines)
    wrong = [row["name"] for row in rows if not row["ok"]]
    if wrong:
        raise ModelError(f"not usable: {', '.join(map(str, wrong))}")


@command.command("path")
@_MAYBE_NAME
def path(name: str | None) -> None:
    """Print where a model's file is or has to be, or the folder of fetched models."""
    from tsplat.roi import models

    click.echo(models.entry(name).path if name else models.cache_folder())


def _list_lines(r: dict) -> list[str]:
    lines = []
    for m in r["models"]:
        state = "shipped" if m["bundled"] else "here" if m["here"] else "-"
        size = f"{m['bytes'] / 1e6:.1f} MB" if m["bytes"] else ""
        lines.append(f"{m['name']:18} {state:8} {m['licence']:11} {size:>8}  {m['description']}")
    return [*lines, f"fetched models are in {r['folder']}"]


def _verify_lines(r: dict) -> list[str]:
    return [f"{m['name']}: ok" if m["ok"] else m["error"] for m in r["models"]]


@contextmanager
def _progress(label: str, quiet: bool):
    """A function to call with (bytes, bytes in all): a bar on a terminal, else a line at last."""
    if quiet:
        yield None
    elif not sys.stderr.isatty():
        fetched = 0

        def count(done: int, total: int | None) -> None:
            nonlocal fetched
            fetched = done

        yield count
        if fetched:
            note(f"{label}: {fetched} bytes")
    else:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
        from rich.progress import TransferSpeedColumn as Speed

        columns = (TextColumn(label), BarColumn(), DownloadColumn(), Speed())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(label, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
