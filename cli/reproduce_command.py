"""``tsplat reproduce``."""

from __future__ import annotations

from pathlib import Path

import click

from .console import note, show
from .options import group, report_options


@click.command("reproduce")
@click.argument("clips", nargs=-1, metavar="[CLIP]...", type=click.Path(path_type=Path))
@click.option("--quick", is_flag=True, help="Fewer frames, points and iterations.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reproduce"),
    show_default=True,
    metavar="DIR",
    help="Write the report there: index.html, report.json and pictures.",
)
@click.option("--overwrite", is_flag=True, help="Replace a report that is there.")
@report_options(group("Options"))
def command(clips: tuple[Path, ...], out: Path, as_json: bool, quiet: bool, **settings) -> None:
    """Run the paper's experiments anew, its figures beside those measured here.

    CLIP is any file that FFmpeg's libraries open, or a folder of images; a talking portrait made
    from a bundled photograph by default.
    """
    from tsplat.paper.experiments.run import reproduce

    def tell(line: str) -> None:
        if not quiet:
            note(line)

    result = reproduce(clips, out=out, tell=tell, **settings)
    show(result, as_json, lambda r: [*_lines(r), f"{out / 'index.html'}", _last(r["summary"])])


def _lines(r: dict) -> list[str]:
    lines = []
    for clip in r["clips"]:
        lines.append(f"{clip['clip']}: {clip['frames']} frames of {clip['width']}x{clip['height']}")
        for name, found in clip["experiments"].items():
            if found["not_run"]:
                lines.append(f"  {name}: not run: {found['not_run']}")
    return lines


def _last(summary: dict) -> str:
    """The three numbers in one line; null where no clip gave one."""
    patterns = {"iterations_ratio": ".1f", "time_ratio": ".1f", "bits_saved": ".3f"}
    values = (
        f"{name} {'null' if summary[name] is None else format(summary[name], pattern)}"
        for name, pattern in patterns.items()
    )
    return "  ".join(values)
